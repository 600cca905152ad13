"""What stands against the driver's own call for the rows of a model, in words."""

from typing import Any

from sqlalchemy import Computed, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, deferred, mapped_column, relationship

from activerow import ActiveRecord
from activerow.mapping import against_direct
from activerow.mixins import Timestamps, Versioned


class Base(ActiveRecord, DeclarativeBase):
    """Tables of this page."""


class Plain(Timestamps, Base):
    """Columns and relations alone."""

    __tablename__ = "plain"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    other_id: Mapped[int | None] = mapped_column(ForeignKey("late.id"))
    other: Mapped["Late | None"] = relationship()


class Late(Base):
    """A column that is not read along."""

    __tablename__ = "late"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = deferred(mapped_column(String(20)))


class Hooked(Base):
    """A method that runs before a row is written."""

    __tablename__ = "hooked"

    id: Mapped[int] = mapped_column(primary_key=True)

    def before_save(self) -> None:
        """Nothing."""


class Numbered(Versioned, Base):
    """Rows with versions, and a column that the server computes."""

    __tablename__ = "numbered"

    id: Mapped[int] = mapped_column(primary_key=True)
    twice: Mapped[int] = mapped_column(Computed("id * 2"))


def test_nothing_stands_against_a_plain_model() -> None:
    """Neither reading nor writing."""
    assert against_direct(Plain) == ((), ())


def test_what_is_not_read_along_stands_against_both() -> None:
    """Only a session knows how to fill it in."""
    reading, writing = against_direct(Late)

    assert reading == writing == ("text is deferred, or an expression",)


def test_hooks_and_versions_stand_against_writing() -> None:
    """Rows are read by the driver all the same."""
    assert against_direct(Hooked) == ((), ("it has hooks",))
    reading, writing = against_direct(Numbered)
    words: Any = "its rows have versions"
    assert reading == ()
    assert words in writing
    assert "twice is computed by the server" in writing
