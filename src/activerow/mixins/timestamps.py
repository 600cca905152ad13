"""When a row was made, and when it was last changed."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Mapped, mapped_column

from activerow.mapping import own_default
from activerow.types import UTCDateTime, utc_now, utcnow

# Behind the columns of the model, which have 0.
_LAST: Final = 10_000


@own_default
def _when_created(context: Any) -> datetime:
    """The moment of `created_at`: a new row was last changed when it was made."""
    created = context.current_parameters.get("created_at")
    return created if isinstance(created, datetime) else utc_now()


class Timestamps:
    """Adds `created_at` and `updated_at`: aware UTC datetimes, kept by this process and, for other writers, the server.

    They are equal in a new row. `updated_at` moves with every UPDATE that changes something, set-based ones too, unless
    it is given a value.
    """

    created_at: Mapped[datetime] = mapped_column(
        UTCDateTime(), default=utc_now, server_default=utcnow(), sort_order=_LAST
    )
    updated_at: Mapped[datetime] = mapped_column(
        UTCDateTime(), default=_when_created, onupdate=utc_now, server_default=utcnow(), sort_order=_LAST + 1
    )
