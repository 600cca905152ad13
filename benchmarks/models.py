"""The table that is measured."""

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord
from activerow.mixins import AutoTableName


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the benchmark."""


class User(Base):
    """A row of ordinary size."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None]
    age: Mapped[int] = mapped_column(index=True)
