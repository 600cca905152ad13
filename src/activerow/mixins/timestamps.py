"""When a row was made, and when it was last changed."""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Mapped, mapped_column

from activerow.types import UTCDateTime, utc_now, utcnow

# Behind the columns of the model, which have 0.
_LAST: Final = 10_000


class Timestamps:
    """Adds `created_at` and `updated_at`: aware UTC datetimes, kept by this process and, for other writers, the server.

    `updated_at` moves with every UPDATE that changes something, set-based ones too, unless it is given a value.
    """

    created_at: Mapped[datetime] = mapped_column(
        UTCDateTime(), default=utc_now, server_default=utcnow(), sort_order=_LAST
    )
    updated_at: Mapped[datetime] = mapped_column(
        UTCDateTime(), default=utc_now, onupdate=utc_now, server_default=utcnow(), sort_order=_LAST + 1
    )
