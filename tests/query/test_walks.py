"""Random tables walked page by page, held against what sorting the rows in Python says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName
from activerow.query.query import Query
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.walking import both_ways


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Node(Base):
    """A row with little variety, so that many are equal."""

    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[int | None]
    b: Mapped[str | None]
    c: Mapped[int]
    up_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    up: Mapped["Node | None"] = relationship(remote_side="Node.id")


@dataclass(frozen=True)
class Row:
    """A row of the table, as Python sees it; `up` is the number of an earlier row."""

    a: int | None
    b: str | None
    c: int
    up: int | None


@dataclass(frozen=True)
class Key:
    """A sort key: a column, or that of the row above; `nulls_first` None leaves it to the server."""

    name: str
    descending: bool
    nulls_first: bool | None


rows = st.lists(
    st.builds(
        Row,
        a=st.sampled_from([None, 1, 2]),
        b=st.sampled_from([None, "x", "y"]),
        c=st.integers(0, 2),
        up=st.none() | st.integers(0, 3),
    ),
    min_size=3,
    max_size=12,
)
orders = st.lists(
    st.builds(
        Key, st.sampled_from(["a", "b", "c", "up__a", "id"]), st.booleans(), st.sampled_from([None, None, True, False])
    ),
    max_size=3,
)
sizes = st.integers(1, 5)


def query_of(keys: list[Key]) -> Query[Node]:
    """The query that asks for an order."""
    query = Node.query()
    for key in keys:
        if key.nulls_first is None or key.name == "up__a":
            query = query.order_by(f"-{key.name}" if key.descending else key.name)
            continue
        column = getattr(Node, key.name)
        column = column.desc() if key.descending else column.asc()
        query = query.order_by(column.nulls_first() if key.nulls_first else column.nulls_last())
    return query


def expected(table: dict[int, Row], keys: list[Key], *, large_nulls: bool) -> list[int]:
    """The ids in the order that `keys` ask for."""
    last = keys[-1].descending if keys else False
    ids = sorted(table, reverse=last)
    for key in reversed(keys):
        ids = _sorted(ids, _value(table, key.name), key, large_nulls=large_nulls)
    return ids


def _value(table: dict[int, Row], name: str) -> Callable[[int], Any]:
    def value(id_: int) -> Any:
        if name == "id":
            return id_
        if name != "up__a":
            return getattr(table[id_], name)
        up = table[id_].up
        return None if up is None else table[up + 1].a

    return value


def _sorted(ids: list[int], value: Callable[[int], Any], key: Key, *, large_nulls: bool) -> list[int]:
    present = sorted([id_ for id_ in ids if value(id_) is not None], key=value)
    if key.descending:
        present = sorted([id_ for id_ in ids if value(id_) is not None], key=value, reverse=True)
    absent = [id_ for id_ in ids if value(id_) is None]
    says = None if key.name == "up__a" else key.nulls_first
    nulls_first = (key.descending is large_nulls) if says is None else says
    return absent + present if nulls_first else present + absent


_made: dict[tuple[str, int], Database] = {}


async def filled(make_database: MakeDatabase, backend: Backend, table: list[Row]) -> dict[int, Row]:
    """Put `table` into the test's database, which is the same for all examples; its rows by id."""
    key = (backend.name, id(make_database))
    db = _made.get(key) or await make_database(Base)
    _made.clear()
    _made[key] = db
    known = {
        number + 1: Row(row.a, row.b, row.c, row.up if row.up is not None and row.up < number else None)
        for number, row in enumerate(table)
    }
    async with db.transaction() as session:
        await session.execute(text("UPDATE nodes SET up_id = NULL"))
        await session.execute(text("DELETE FROM nodes"))
        ups = {id_: None if row.up is None else row.up + 1 for id_, row in known.items()}
        session.add_all([Node(id=id_, a=row.a, b=row.b, c=row.c, up_id=ups[id_]) for id_, row in known.items()])
    return known


few = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
many = settings(few, max_examples=400, derandomize=False)


async def every_row_comes_once(
    make_database: MakeDatabase, backend: Backend, table: list[Row], order: list[Key], size: int
) -> None:
    known = await filled(make_database, backend, table)

    ids = await both_ways(query_of(order), size)

    assert ids == expected(known, order, large_nulls=backend.dialect == "postgresql")


@few
@given(table=rows, order=orders, size=sizes)
async def test_every_row_comes_once(
    make_database: MakeDatabase, backend: Backend, table: list[Row], order: list[Key], size: int
) -> None:
    """Whatever the order, a walk shows each row once, in that order, there and back."""
    await every_row_comes_once(make_database, backend, table, order, size)


@pytest.mark.soak
@many
@given(table=rows, order=orders, size=sizes)
async def test_every_row_comes_once_for_long(
    make_database: MakeDatabase, backend: Backend, table: list[Row], order: list[Key], size: int
) -> None:
    """As above, many times."""
    await every_row_comes_once(make_database, backend, table, order, size)


@dataclass(frozen=True)
class Change:
    """What others do between two pages: delete the row with a number, and insert one."""

    deleted: int
    inserted: Row


changes = st.lists(
    st.builds(
        Change,
        deleted=st.integers(1, 15),
        inserted=st.builds(
            Row, st.sampled_from([None, 1, 2]), st.sampled_from([None, "x", "y"]), st.integers(0, 2), st.none()
        ),
    ),
    min_size=2,
    max_size=6,
)


async def rows_that_stay_come_once(
    make_database: MakeDatabase, backend: Backend, table: list[Row], order: list[Key], size: int, busy: list[Change]
) -> None:
    order = [key for key in order if key.name != "up__a"]
    known = await filled(make_database, backend, [Row(row.a, row.b, row.c, None) for row in table])
    query, came = query_of(order), 100
    large_nulls = backend.dialect == "postgresql"

    page = await query.after(size=size)
    for way in ("next", "previous"):
        here, seen = set(known), [row.id for row in page]
        while (cursor := getattr(page, way)) is not None:
            if busy:
                came += 1
                await _disturb(known, busy.pop(), came)
            page = await query.after(cursor, size)
            ids = [row.id for row in page]
            seen = seen + ids if way == "next" else ids + seen
        stayed = {id_: known[id_] for id_ in here & set(known)}
        assert len(seen) == len(set(seen))
        assert [id_ for id_ in seen if id_ in stayed] == expected(stayed, order, large_nulls=large_nulls)


async def _disturb(known: dict[int, Row], change: Change, new_id: int) -> None:
    await Node.filter_by(id=change.deleted).delete()
    known.pop(change.deleted, None)
    new = known[new_id] = change.inserted
    await Node.create(id=new_id, a=new.a, b=new.b, c=new.c)


@few
@given(table=rows, order=orders, size=sizes, busy=changes)
async def test_rows_that_stay_come_once(
    make_database: MakeDatabase, backend: Backend, table: list[Row], order: list[Key], size: int, busy: list[Change]
) -> None:
    """Rows that others insert and delete between pages neither repeat nor hide the ones that stay."""
    await rows_that_stay_come_once(make_database, backend, table, order, size, busy)


@pytest.mark.soak
@many
@given(table=rows, order=orders, size=sizes, busy=changes)
async def test_rows_that_stay_come_once_for_long(
    make_database: MakeDatabase, backend: Backend, table: list[Row], order: list[Key], size: int, busy: list[Change]
) -> None:
    """As above, many times."""
    await rows_that_stay_come_once(make_database, backend, table, order, size, busy)
