"""The links and terminals of queries, each beside what says the same in plain SQLAlchemy."""

# pyright: reportUnknownVariableType=none, reportUnknownArgumentType=none, reportUnknownLambdaType=none

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import not_, or_, select
from sqlalchemy.orm import joinedload, selectinload

from activerow import Q
from activerow.aggregates import Count
from activerow.database import database_of
from activerow.errors import MultipleRecordsError, RecordNotFoundError
from tests.models.kinds import NOTES, Owner, Seen, Soft, key_columns, key_of

Statement = Any
"""A `Select` of whatever."""


# --- links ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link:
    """A link of a query, and the same of a `Select`."""

    name: str
    query: Callable[[Any, Any], Any]
    """Of the query and the model."""
    plain: Callable[[Statement, Any], Statement]
    """Of the `Select` and the model."""


def _same(statement: Statement, _model: Any) -> Statement:
    return statement


def _notes(model: Any) -> Any:
    return NOTES[model]


CONDITIONS = (
    Link("filter_by", lambda q, _: q.filter_by(number__gte=1), lambda s, m: s.where(m.number >= 1)),
    Link("isnull", lambda q, _: q.filter_by(maybe=None), lambda s, m: s.where(m.maybe.is_(None))),
    Link("in", lambda q, _: q.filter_by(word__in=["a", "b"]), lambda s, m: s.where(m.word.in_(["a", "b"]))),
    Link(
        "to one",
        lambda q, _: q.filter_by(owner__label="x"),
        lambda s, m: s.where(m.owner.has(Owner.label == "x")),
    ),
    Link(
        "to many",
        lambda q, _: q.filter_by(notes__text="n"),
        lambda s, m: s.where(m.notes.any(_notes(m).text == "n")),
    ),
    Link("where", lambda q, m: q.where(m.number != 2), lambda s, m: s.where(m.number != 2)),
    Link(
        "Q", lambda q, _: q.where(Q(number=0) | ~Q(word="a")), lambda s, m: s.where(or_(m.number == 0, m.word != "a"))
    ),
    Link("exclude", lambda q, _: q.exclude(word="b"), lambda s, m: s.where(not_(m.word == "b"))),
    Link("none", lambda q, _: q.none(), lambda s, m: s.where(m.number < -1)),
    Link("join", lambda q, m: q.join(m.owner), lambda s, m: s.join(m.owner)),
    Link(
        "outer join",
        lambda q, m: q.join(m.owner, outer=True),
        lambda s, m: s.join(m.owner, isouter=True),
    ),
    Link("join to many", lambda q, m: q.join(m.notes), lambda s, m: s.where(m.notes.any())),  # each row once
    Link("distinct", lambda q, _: q.distinct(), lambda s, _: s.distinct()),
)
LOADS = (
    Link("include one", lambda q, _: q.include("owner"), _same),
    Link("include many", lambda q, _: q.include("notes"), _same),
    Link("only", lambda q, _: q.only("number", "word", "maybe"), _same),
    Link("defer", lambda q, _: q.defer("owner_id"), _same),
    Link("joinedload", lambda q, m: q.options(joinedload(m.notes)), _same),
    Link("selectinload", lambda q, m: q.options(selectinload(m.owner)), _same),
    Link("for_update", lambda q, _: q.for_update(), _same),
)
ORDERS = (
    Link("by number", lambda q, m: q.order_by("-number"), lambda s, m: s.order_by(m.number.desc())),
    Link("by word", lambda q, m: q.order_by(m.word), lambda s, m: s.order_by(m.word)),
    Link("by key", lambda q, m: q, _same),
)
CUTS = (
    Link("limit", lambda q, _: q.limit(2), lambda s, _: s.limit(2)),
    Link("offset", lambda q, _: q.offset(1), lambda s, _: s.offset(1)),
    Link("limit 0", lambda q, _: q.limit(0), lambda s, _: s.limit(0)),
)


@dataclass(frozen=True)
class Chain:
    """The links of a query, in order: what is cut has an order in which no two rows are equal."""

    links: tuple[Link, ...] = ()
    order: Link | None = None
    cuts: tuple[Link, ...] = ()

    def __repr__(self) -> str:
        return " > ".join(link.name for link in (*self.links, *filter(None, [self.order]), *self.cuts))

    def query(self, model: Any) -> Any:
        """The query of activerow."""
        query = model.query()
        for link in self.links:
            query = link.query(query, model)
        if self.order is not None:
            query = self.order.query(query, model).order_by(*key_columns(model))
        for link in self.cuts:
            query = link.query(query, model)
        return query

    def plain(self, model: Any, of: Sequence[Any] | None = None) -> Statement:
        """The same of SQLAlchemy, for rows or the columns `of` them."""
        statement = select(model) if of is None else select(*of).select_from(model)
        if model is Soft:
            statement = statement.where(Soft.deleted_at.is_(None))
        for link in self.links:
            statement = link.plain(statement, model)
        if self.order is not None:
            statement = self.order.plain(statement, model).order_by(*key_columns(model))
        for link in self.cuts:
            statement = link.plain(statement, model)
        return statement


# --- terminals ------------------------------------------------------------------------------------------------------

Picture = tuple[Any, ...]


@dataclass(frozen=True)
class Truth:
    """What plain SQLAlchemy reads: the rows, and whether their order is said."""

    model: Any
    rows: list[Picture]
    ordered: bool
    cells: list[tuple[Any, ...]]
    """Word and number, as read without the rest of the rows."""

    everything: list[Picture]
    """All rows that reads show."""

    def sorted(self) -> list[Picture]:
        """The rows as said, else by their keys."""
        return self.rows if self.ordered else sorted(self.rows)

    @property
    def numbers(self) -> list[int]:
        return [row[1] for row in self.rows]


def picture(row: Any) -> Picture:
    """What is compared of a row: key, columns, class."""
    return key_of(row), row.number, row.maybe, row.word, type(row).__name__


async def _walk(query: Any) -> list[Picture]:
    found: list[Picture] = []
    page = await query.after(size=2)
    found += map(picture, page.items)
    while page.next is not None:
        page = await query.after(page.next, size=2)
        found += map(picture, page.items)
    return found


async def _stream(query: Any) -> list[Picture]:
    return [picture(row) async for row in query.stream(batch=2)]


async def _page(query: Any) -> Any:
    page = await query.page(2, size=2)
    return [picture(row) for row in page.items], page.total


async def _one(query: Any) -> Any:
    try:
        return picture(await query.one())
    except (RecordNotFoundError, MultipleRecordsError) as error:
        return type(error)


def _only(truth: Truth) -> Any:
    return truth.rows[0] if len(truth.rows) == 1 else MultipleRecordsError if truth.rows else RecordNotFoundError


async def _by_keys(query: Any) -> Any:
    """The rows that each of the keys from 1 to 9 finds, one by one and together."""
    model = query.model
    keys = [(number % 3, number) if len(key_columns(model)) > 1 else number for number in range(1, 10)]
    found = [row for key in keys if (row := await query.get_or_none(key)) is not None]
    together = await query.get_many(
        [key for key in keys if (key if isinstance(key, tuple) else (key,)) in {*map(key_of, found)}]
    )
    assert [*map(key_of, together)] == [*map(key_of, found)]
    return sorted(map(picture, found))


async def _delete(query: Any) -> Any:
    count = await query.delete(all_rows=True)
    return count, sorted(map(picture, await query.model.query().all()))


async def _update(query: Any) -> Any:
    count = await query.update({"number": 7}, all_rows=True)
    return count, sorted(map(picture, await query.model.query().all()))


def _updated(truth: Truth) -> Any:
    keys = {row[0] for row in truth.rows}
    changed = [(row[0], 7, *row[2:]) if row[0] in keys else row for row in truth.everything]
    return len(keys), sorted(changed)


def _deleted(truth: Truth) -> Any:
    keys = {row[0] for row in truth.rows}
    return len(keys), sorted(row for row in truth.everything if row[0] not in keys)


async def _statement(query: Any) -> list[Picture]:
    async with database_of(query.model).transaction() as session:
        return [picture(row) for row in (await session.scalars(query.statement)).unique()]


async def _json(query: Any) -> Any:
    return _by_text((row["number"], row["maybe"], row["word"]) for row in json.loads(await query.json(Seen)))


async def _into(query: Any) -> Any:
    return _by_text((row.number, row.maybe, row.word) for row in await query.into(Seen))


async def _groups(query: Any) -> Any:
    return sorted([(word, count) for word, count in await query.group_by("word").tuples(Count())])


def _grouped(truth: Truth) -> list[tuple[str, int]]:
    words = [row[3] for row in truth.rows]
    return sorted((word, words.count(word)) for word in set(words))


def _seen(truth: Truth) -> list[tuple[Any, ...]]:
    return _by_text(row[1:4] for row in truth.rows)


def _by_text(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


async def _pictures(awaitable: Awaitable[Any]) -> Any:
    rows = await awaitable
    return picture(rows) if rows is not None and not isinstance(rows, list) else rows and [*map(picture, rows)]


def _average(truth: Truth) -> float | None:
    return sum(truth.numbers) / len(truth.rows) if truth.rows else None


Terminals = dict[str, tuple[Callable[[Any], Awaitable[Any]], Callable[[Truth], Any]]]

READS: Terminals = {
    "all": (lambda q: _pictures(q.all()), lambda t: t.sorted()),
    "first": (lambda q: _pictures(q.first()), lambda t: next(iter(t.sorted()), None)),
    "last": (lambda q: _pictures(q.last()), lambda t: next(reversed(t.sorted()), None)),
    "stream": (_stream, lambda t: t.sorted()),
    "after": (_walk, lambda t: t.sorted()),
    "page": (_page, lambda t: (t.sorted()[2:4], len(t.rows))),
    "exists": (lambda q: q.exists(), lambda t: bool(t.rows)),
    "count": (lambda q: q.count(), lambda t: len(t.rows)),
    "sum": (lambda q: q.sum("number"), lambda t: sum(t.numbers) if t.rows else None),
    "avg": (lambda q: q.avg("number"), _average),
    "min": (lambda q: q.min("number"), lambda t: min(t.numbers, default=None)),
    "max": (lambda q: q.max("number"), lambda t: max(t.numbers, default=None)),
    "one": (_one, _only),
    "get": (_by_keys, lambda t: sorted(t.rows)),
    "values": (lambda q: _tuples(q.values("word", "number")), lambda t: sorted(t.cells)),
    "statement": (_statement, lambda t: t.sorted()),
    "into": (_into, _seen),
    "json": (_json, _seen),
    "group_by": (_groups, _grouped),
}
WRITES: Terminals = {
    "update": (_update, _updated),
    "delete": (_delete, _deleted),
}


async def _tuples(awaitable: Awaitable[list[dict[str, Any]]]) -> list[tuple[Any, ...]]:
    return sorted(tuple(row.values()) for row in await awaitable)
