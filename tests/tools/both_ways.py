"""Random programs of calls on the models of the workshop, and a player that notes what each call showed."""

# pyright: reportUnknownMemberType=none, reportUnknownVariableType=none, reportUnknownArgumentType=none

import asyncio
import pickle
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, inspect, literal, text
from sqlalchemy.ext.asyncio import AsyncSession

from activerow import Database, Q
from activerow.mapping import primary_key_names
from tests.models.workshop import (
    MODELS,
    Base,
    Box,
    Counted,
    Grade,
    Kept,
    Maker,
    Part,
    Place,
    Remark,
    Sheet,
    Stamped,
    Told,
    Use,
    heard,
    start_anew,
)
from tests.tools.showing import shown, shown_error

NAIVE = datetime.fromisoformat("2001-02-03T04:05:06.000007")

NAMES = ["ada", "Bob", "", "é'%_\\", None, None, "n" * 21, 3, b"x"]
FITTING = ["ada", "Bob", "", "é'%_\\", None]

POOLS: dict[str, list[Any]] = {
    "id": [1, 2, 3, 99, "1", 2**70],
    "code": ["a", "b", "A", "c" * 9, None],
    "name": NAMES,
    "label": ["a", "b", "c", "d", "e", "f", None, "l" * 11, literal("sql"), func.upper("up")],
    "number": [0, 1, 2, 5, -1, None, 2**70, "7", True, 1.5],
    "price": [Decimal("1.50"), Decimal(0), Decimal("12345678.90"), Decimal("1e9"), 2, 1.25, None, "9.99", "x"],
    "weight": [0.5, -1.0, 3, None, "heavy"],
    "checked": [True, False, 1, None, "yes"],
    "day": [date(2001, 2, 3), date(1999, 12, 31), None, NAIVE, "2001-02-03"],
    "local": [NAIVE, None, date(2001, 2, 3), datetime(2001, 2, 3, tzinfo=UTC)],
    "moment": [datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC), None, NAIVE],
    "token": [uuid.UUID(int=77), str(uuid.UUID(int=77)), "no", None],
    "grade": [Grade.GOOD, Grade.BAD, "BAD", "good", None],
    "loud": ["aloud", "", "x", None, 5],
    "raw": [b"\x00\xff", b"", None, "text"],
    "noted": [{"a": [1, None]}, {"a": []}, [], "s", 0, None, {1}],
    "content": [{"a": 1}, {}, None, [1]],
    "given": [7, 8, None],
    "turns": [0, 40],
    "maker_code": ["a", "b", None, "gone"],
    "part_id": [1, 2, 99, None],
    "row": [1, 2, None],
    "hall": ["x", "y", None],
    "version": [1, 2],
    "nmae": [1],
    "csrf_token": ["t"],
}
COLUMNS: dict[type[Any], list[str]] = {
    Maker: ["code", "name"],
    Part: [
        *("id", "label", "name", "number", "price", "weight", "checked", "day", "local", "moment"),
        *("token", "grade", "loud", "raw", "given", "turns", "maker_code"),
    ],
    Use: ["id", "name", "part_id"],
    Place: ["row", "number", "hall", "label"],
    Box: ["name", "content"],
    Sheet: ["id", "name", "noted"],
    Remark: ["id", "name"],
    Stamped: ["id", "name"],
    Counted: ["id", "name", "version"],
    Kept: ["id", "name"],
    Told: ["id", "name"],
}
KEYS: dict[type[Any], tuple[str, ...]] = {model: primary_key_names(model) for model in MODELS}
RELATIONS: dict[type[Any], list[str]] = {Maker: ["parts", "parts.uses"], Part: ["maker", "uses"], Use: ["part"]}
LOOKUPS: dict[type[Any], dict[str, list[Any]]] = {
    Maker: {"code": ["a", "b"], "name__isnull": [True, False], "parts__number__gte": [0, 1], "parts__label": ["a"]},
    Part: {
        "label": ["a", "b", None],
        "label__in": [["a", "b"], [], ["a", None]],
        "name__icontains": ["A", "%"],
        "name__ne": ["ada", None],
        "number__gte": [0, 1, None],
        "number__between": [(0, 2)],
        "number": [1, "1", "x"],
        "price__lt": [Decimal(2), "2"],
        "checked": [True],
        "day": [date(2001, 2, 3), "2001-02-03"],
        "day__year": [2001],
        "moment__gt": [datetime(2000, 1, 1, tzinfo=UTC), NAIVE],
        "token": [uuid.UUID(int=77), uuid.UUID(int=1)],
        "grade": [Grade.GOOD, "GOOD", "no"],
        "loud": ["aloud", "x"],
        "maker__name": ["ada", None],
        "uses__name": ["ada"],
        "nmae": [1],
        "number__near": [1],
    },
    Use: {"part__label": ["a"], "name": ["ada"], "part_id": [1]},
    Place: {"row": [1], "hall__in": [["x", "y"]], "label__startswith": ["a"]},
    Box: {"name": ["ada"], "content__a": [1]},
    Remark: {"name": ["ada", None], "deleted_at__isnull": [True]},
}


class Slim(BaseModel):
    """What all models but `Place` have."""

    model_config = ConfigDict(from_attributes=True)

    name: str | None


class Tree(BaseModel):
    """A part with what belongs to it."""

    model_config = ConfigDict(from_attributes=True)

    label: str
    maker: Slim | None
    uses: list[Slim]


@dataclass(frozen=True)
class Step:
    """One call: what kind, on which model or row, with what."""

    kind: str
    model: type[Any]
    row: int = 0
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    word: str = ""
    links: dict[str, Any] = field(default_factory=dict[str, Any])

    def __repr__(self) -> str:
        return f"{self.kind} {self.model.__name__}[{self.row}] {self.given!r} {self.word} {self.links!r}"


MAKING = ("create", "create", "create", "build", "get_or_create")
CHANGING = ("update", "update", "set", "fill")
ON_ROWS = (
    *("save", "delete", "refresh", "load", "adopt", "merge", "pickle", "behind"),
    *("in_unit", "twice", "hard", "inside"),
)
TERMINALS = (
    *("all", "first", "last", "one", "one_or_none", "count", "exists", "values", "pluck", "page", "after"),
    *("after_next", "sum", "avg", "min", "max", "json", "into", "get_many", "stream"),
)


def _chosen(pools: dict[str, list[Any]], names: list[str], least: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Values for some of the names, mostly the first ones of a pool: those that fit."""
    optional = {
        name: st.one_of(st.sampled_from(pools[name][:3] or [None]), st.sampled_from(pools[name])) for name in names
    }
    return st.lists(st.sampled_from(names), min_size=least, max_size=4, unique=True).flatmap(
        lambda some: st.fixed_dictionaries({name: optional[name] for name in some})
    )


def _steps(model: type[Any]) -> st.SearchStrategy[Step]:
    columns, lookups = COLUMNS[model], LOOKUPS.get(model, {"name": ["ada", None], "id__gte": [1]})
    needed = {"label"} if model is Part else {"code"} if model is Maker else {"row", "number"} if model is Place else ()
    given = _chosen(POOLS, columns)
    new = st.tuples(st.fixed_dictionaries({name: st.sampled_from(POOLS[name][:6]) for name in needed}), given).map(
        lambda both: {**both[1], **both[0]}
    )
    odd = st.one_of(new, new, new, _chosen(POOLS, [*columns, "nmae", "csrf_token"]))
    links = st.fixed_dictionaries(
        {"order": st.sampled_from(["", "", "-", "name"])},
        optional={
            "limit": st.sampled_from([1, 2, 0]),
            "offset": st.sampled_from([1]),
            "distinct": st.just(True),
            "include": st.sampled_from(RELATIONS.get(model, ["nothing"])),
            "only": st.just("name"),
            "negated": st.just(True),
            "where": st.just(True),
            "true": st.just(True),
        },
    )
    plain = st.fixed_dictionaries({"order": st.just("")})
    row = st.integers(0, 5)
    narrow = _chosen(lookups, list(lookups), least=1)
    settable = _chosen(POOLS, [name for name in columns if name not in KEYS[model]], least=1)
    return st.one_of(
        st.builds(Step, st.sampled_from([*MAKING, *CHANGING]), st.just(model), row, odd),
        st.builds(Step, st.sampled_from(MAKING), st.just(model), row, new),
        st.builds(Step, st.sampled_from(CHANGING), st.just(model), row, settable),
        st.builds(
            Step, st.sampled_from(ON_ROWS), st.just(model), row, settable, st.sampled_from(RELATIONS.get(model, ["x"]))
        ),
        st.builds(
            Step,
            st.just("query"),
            st.just(model),
            row,
            _chosen(lookups, list(lookups)),
            st.sampled_from(TERMINALS),
            st.one_of(plain, links),
        ),
        st.builds(
            Step,
            st.sampled_from(["get", "get_or_none"]),
            st.just(model),
            row,
            st.one_of(st.just({}), _chosen(POOLS, [key for key in KEYS[model] if key in POOLS] or ["id"])),
        ),
        st.builds(Step, st.just("set_update"), st.just(model), row, settable, st.just(""), narrow),
        st.builds(Step, st.just("set_delete"), st.just(model), row, narrow),
    )


FIRST: dict[type[Any], list[dict[str, Any]]] = {
    Maker: [{"code": "a", "name": "ada"}, {"code": "b"}],
    Part: [{"label": "a", "maker_code": "a"}, {"label": "b", "number": 1, "price": Decimal("2.50"), "loud": "aloud"}],
    Use: [{"part_id": 1, "name": "ada"}, {"part_id": 1}],
    Place: [{"row": 1, "number": 1, "hall": "x"}, {"row": 1, "number": 2, "hall": "x", "label": "b"}],
}
"""Rows that a program begins with."""


def programs(longest: int) -> st.SearchStrategy[list[Step]]:
    """Some calls, mostly on one or two models, after some rows were made."""
    families = [(Maker, Part), (Maker, Part, Use), (Part,), (Place,), *((model,) for model in MODELS)]
    return st.sampled_from(families).flatmap(
        lambda some: st.tuples(
            st.integers(0, 2).map(lambda each: _beginning(some, each)),
            st.lists(st.sampled_from(some).flatmap(_steps), min_size=3, max_size=longest),
        ).map(lambda both: [*both[0], *both[1]])
    )


def _beginning(models: tuple[type[Any], ...], each: int) -> list[Step]:
    return [
        Step("create", model, given=given)
        for model in models
        for given in FIRST.get(model, [{"name": "ada"}, {"name": None}])[:each]
    ]


class Player:
    """Carries out programs on one database."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.rows: dict[type[Any], list[Any]] = {}

    async def play(self, program: list[Step]) -> list[Any]:
        """What each call showed, and at last what the tables hold."""
        self.db.bind(Base)
        self.rows.clear()
        heard.clear()
        start_anew()
        notes: list[Any] = []
        for step in program:
            try:
                notes.append((repr(step), shown(await self._carried_out(step))))
            except Exception as error:  # noqa: BLE001  (errors are what is compared)
                notes.append((repr(step), shown_error(error)))
            notes.append(("rows", {model.__name__: shown(rows) for model, rows in self.rows.items()}))
            notes.append(("heard", shown(list(heard))))
        notes.append(("tables", await self._tables()))
        return notes

    async def _tables(self) -> Any:
        async with AsyncSession(self.db.engine) as session:
            found: dict[str, Any] = {}
            for table in Base.metadata.sorted_tables:
                rows = (await session.execute(table.select())).all()
                found[table.name] = shown(sorted([tuple(row) for row in rows], key=repr))
            return found

    async def _carried_out(self, step: Step) -> Any:
        action: Callable[..., Any] = getattr(self, f"_{step.kind}")
        if step.kind in {*ON_ROWS, "update", "set", "fill"}:
            rows = self.rows.get(step.model)
            return await action(step, rows[step.row % len(rows)]) if rows else None
        return await action(step)

    def _keep(self, row: Any) -> Any:
        if isinstance(row, Base):
            rows = self.rows.setdefault(type(row), [])
            if all(row is not other for other in rows):
                rows.append(row)
        return row

    # -- writes --------------------------------------------------------------------------------------------------

    async def _create(self, step: Step) -> Any:
        return self._keep(await step.model.create(step.given))

    async def _build(self, step: Step) -> Any:
        row = step.model(**step.given)
        return self._keep(await row.save())

    async def _get_or_create(self, step: Step) -> Any:
        row, made = await step.model.get_or_create(step.given)
        return [self._keep(row), made]

    async def _update(self, step: Step, row: Any) -> Any:
        return await row.update(step.given) is row

    async def _set(self, step: Step, row: Any) -> Any:
        for name, value in step.given.items():
            setattr(row, name, value)
        return await row.save() is row

    async def _fill(self, step: Step, row: Any) -> Any:
        return row.fill(step.given)

    async def _save(self, _: Step, row: Any) -> Any:
        return await row.save() is row

    async def _delete(self, _: Step, row: Any) -> Any:
        return await row.delete()

    async def _hard(self, _: Step, row: Any) -> Any:
        return await (row.delete(hard=True) if isinstance(row, Remark) else row.delete())

    async def _twice(self, step: Step, row: Any) -> Any:
        """Two tasks change one row."""
        both = await asyncio.gather(row.update(step.given), row.update(name="both"), return_exceptions=True)
        return [shown_error(each) if isinstance(each, BaseException) else each is row for each in both]

    async def _inside(self, step: Step, row: Any) -> Any:
        """A value is changed in place, and saved."""
        value = getattr(row, "noted" if isinstance(row, Sheet) else "content", None)
        if isinstance(value, dict):
            value["b"] = step.row
        return [await row.save() is row, await row.update(step.given) is row]

    async def _set_update(self, step: Step) -> Any:
        return await step.model.filter_by(step.links).update(step.given)

    async def _set_delete(self, step: Step) -> Any:
        return await step.model.filter_by(step.given).delete()

    # -- rows ----------------------------------------------------------------------------------------------------

    async def _refresh(self, step: Step, row: Any) -> Any:
        return await row.refresh(*list(step.given)[:1]) is row

    async def _load(self, step: Step, row: Any) -> Any:
        return await row.load(step.word) is row

    async def _pickle(self, _: Step, row: Any) -> Any:
        rows = self.rows[type(row)]
        rows[next(number for number, other in enumerate(rows) if other is row)] = pickle.loads(pickle.dumps(row))

    async def _adopt(self, step: Step, row: Any) -> Any:
        """Somebody else's session takes the row, looks and changes something."""
        async with AsyncSession(self.db.engine, expire_on_commit=False) as session:
            session.add(row)
            before = session.is_modified(row), row in session, inspect(row).persistent
            if "name" in step.given:
                row.name = "adopted"
            await session.commit()
            return [*before, shown(row)]

    async def _merge(self, _: Step, row: Any) -> Any:
        async with AsyncSession(self.db.engine) as session:
            merged = await session.merge(row, load=not inspect(row).modified)
            return [session.is_modified(merged), shown(merged)]

    async def _behind(self, step: Step, row: Any) -> Any:
        """Somebody else changes or deletes the row."""
        key = inspect(row).key
        if key is None or isinstance(row, Place | Maker):
            return
        column = KEYS[type(row)][0]
        table = type(row).__table__
        where = table.c[column] == key[1][0]
        async with self.db.engine.begin() as connection:
            if step.row % 2 and not isinstance(row, Part | Maker):
                await connection.execute(table.delete().where(where))
            else:
                await connection.execute(table.update().where(where).values({table.c[-1]: table.c[-1]}))

    async def _in_unit(self, step: Step, row: Any) -> Any:
        """The row goes through a unit, which may fail."""
        async with self.db.transaction():
            updated = await row.update(step.given)
            if step.row % 3 == 0:
                raise ValueError("changed its mind")
            return updated is row

    # -- reads ---------------------------------------------------------------------------------------------------

    async def _get(self, step: Step) -> Any:
        return self._keep(await step.model.get(self._key(step)))

    async def _get_or_none(self, step: Step) -> Any:
        return self._keep(await step.model.get_or_none(self._key(step)))

    def _key(self, step: Step) -> Any:
        rows = self.rows.get(step.model)
        if rows and (key := inspect(rows[step.row % len(rows)]).key) and len(step.given) < 2:
            return key[1] if len(key[1]) > 1 else key[1][0]
        return step.given

    async def _query(self, step: Step) -> Any:
        query: Any = step.model.query()
        links = step.links
        query = query.where(~Q(**step.given)) if "negated" in links and step.given else query.filter_by(step.given)
        if "where" in links:
            query = query.where(Q(name="ada") | ~Q(name="ada")) if step.model is not Place else query.where(Q(row=1))
        if "true" in links:
            query = query.where(literal(1) == 1)
        order = [links["order"] + key if links["order"] == "-" else key for key in KEYS[step.model]]
        query = query.order_by(*(["name"] if links["order"] == "name" else []), *order)
        for link in ("limit", "offset", "include", "only"):
            query = getattr(query, link)(links[link]) if link in links else query
        query = query.distinct() if "distinct" in links else query
        return await getattr(self, f"_{step.word}", self._plainly)(step, query)

    async def _plainly(self, step: Step, query: Any) -> Any:
        found = await getattr(query, step.word)()
        for row in found if isinstance(found, list) else [found]:
            self._keep(row)
        return found

    async def _pluck(self, step: Step, query: Any) -> Any:
        return [await query.pluck(name) for name in COLUMNS[step.model]]

    async def _values(self, step: Step, query: Any) -> Any:
        paths = {Part: ["label", "maker__name"], Use: ["part__label", "part__maker__name"]}.get(step.model, [])
        return [await query.values(), await query.values(*paths), await query.values("nmae") if step.row == 5 else None]

    async def _sum(self, step: Step, query: Any) -> Any:
        return await query.sum("number" if step.model in (Part, Place) else KEYS[step.model][0])

    async def _avg(self, step: Step, query: Any) -> Any:
        return await query.avg("price" if step.model is Part else KEYS[step.model][0])

    async def _min(self, step: Step, query: Any) -> Any:
        return [await query.min(name) for name in COLUMNS[step.model][:2]]

    async def _max(self, step: Step, query: Any) -> Any:
        return [await query.max(name) for name in ("moment", "loud", "price")] if step.model is Part else None

    async def _page(self, step: Step, query: Any) -> Any:
        return await query.page(step.row, size=2)

    async def _after(self, _: Step, query: Any) -> Any:
        return await query.after(None, 2)

    async def _after_next(self, _: Step, query: Any) -> Any:
        page = await query.after(None, 1)
        return [page, await query.after(page.next, 1)]

    async def _into(self, step: Step, query: Any) -> Any:
        return await query.into(Tree if step.model is Part else Slim)

    async def _json(self, step: Step, query: Any) -> Any:
        return (await query.json(Slim if step.row % 2 else None)).decode()

    async def _get_many(self, step: Step, query: Any) -> Any:
        keys = [inspect(row).key[1] for row in self.rows.get(step.model, []) if inspect(row).key]
        return await query.get_many([key[0] if len(key) == 1 else key for key in keys])

    async def _stream(self, _: Step, query: Any) -> Any:
        return [row async for row in query.stream()]


async def emptied(db: Database) -> None:
    """Delete all rows; keys are counted from 1 again."""
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    async with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY"))
            return
        for table in tables:
            await connection.execute(text(f"DELETE FROM {table}"))
        if connection.dialect.name == "mysql":
            for table in tables:
                await connection.execute(text(f"ALTER TABLE {table} AUTO_INCREMENT = 1"))
