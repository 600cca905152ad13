"""Python's collector rests while many rows are made, and is afterwards as it was."""

import gc
from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import String
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activerow import ActiveRecord
from activerow.mapping import collector_paused, entity_of, row_loader


class Base(ActiveRecord, DeclarativeBase):
    """Tables of this page."""


class Seen(String):
    """A type whose values tell whether the collector runs."""

    cache_ok = True

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Note it for each value."""

        def process(value: Any) -> Any:
            states.append(gc.isenabled())
            if value == "bad":
                raise ValueError(value)
            return value

        return process


class Thing(Base):
    """A row."""

    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Seen())


states: list[bool] = []


@pytest.fixture(autouse=True)
def _as_before() -> Generator[None]:
    states.clear()
    yield
    gc.enable()


def _load(rows: list[tuple[int, str]]) -> list[Any]:
    return row_loader(entity_of(Thing), ("id", "name"), sqlite.dialect())(rows)


@pytest.mark.parametrize(("count", "runs"), [(1, True), (1000, False)])
def test_it_rests_for_many_rows_alone(count: int, runs: bool) -> None:
    """A few rows do not make it work."""
    rows = _load([(number, "x") for number in range(count)])

    assert len(rows) == count
    assert set(states) == {runs}
    assert gc.isenabled()


def test_it_runs_again_when_a_row_cannot_be_made() -> None:
    """An error leaves nothing switched off."""
    with pytest.raises(ValueError, match="bad"):
        _load([*[(number, "x") for number in range(999)], (999, "bad")])

    assert gc.isenabled()


def test_what_the_program_has_switched_off_stays_off() -> None:
    """Some programs collect between requests only."""
    gc.disable()

    _load([(number, "x") for number in range(1000)])
    with collector_paused():
        pass

    assert not gc.isenabled()
