"""Every link with every terminal, of five kinds of models, held against what plain SQLAlchemy says on random rows.

A terminal gives what the `Select` gives that is built beside the query, or refuses with a `UsageError`.
"""

# pyright: reportUnknownVariableType=none, reportUnknownArgumentType=none, reportUnknownLambdaType=none

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from activerow import Database
from activerow.errors import UsageError
from activerow.types import utc_now
from tests.models.kinds import KINDS, NOTES, Base, Owner, Round, Soft, Square
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.chains import CONDITIONS, CUTS, LOADS, ORDERS, READS, WRITES, Chain, Terminals, Truth, picture

pytestmark = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")


class UndoneError(Exception):
    """What a write has done shall not stay."""


# --- rows -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """What a row of any kind holds."""

    number: int
    maybe: int | None
    word: str
    owner: int | None
    notes: tuple[str, ...]
    variant: int


rows = st.lists(
    st.builds(
        Row,
        number=st.integers(0, 3),
        maybe=st.sampled_from([None, 1, 2]),
        word=st.sampled_from(["a", "b", "c", ""]),
        owner=st.sampled_from([None, 1, 2, 3]),
        notes=st.lists(st.sampled_from(["n", "m"]), max_size=3).map(tuple),
        variant=st.integers(0, 2),
    ),
    max_size=9,
)
chains = st.builds(
    lambda links, order, cuts: Chain(tuple(links), order or (ORDERS[2] if cuts else None), tuple(cuts)),
    st.lists(st.sampled_from(CONDITIONS + LOADS), max_size=3, unique_by=lambda link: link.name),
    st.none() | st.sampled_from(ORDERS),
    st.lists(st.sampled_from(CUTS), max_size=2, unique_by=lambda link: link.name),
)


async def fill(session: AsyncSession, model: Any, table: Sequence[Row]) -> None:
    """Put `table` into the table of the model, and nothing else."""
    note = NOTES[model]
    await session.execute(delete(note))
    await session.execute(delete(model.__table__))
    if await session.scalar(select(func.count()).select_from(Owner)) == 0:
        labels = [{"id": number, "label": label} for number, label in enumerate("xyx", start=1)]
        await session.execute(insert(Owner), labels)
    for number, row in enumerate(table, start=1):
        made = _new(model, number, row)
        made.notes = [note(text=text) for text in row.notes]
        session.add(made)
    await session.flush()
    session.expunge_all()


def _new(model: Any, number: int, row: Row) -> Any:
    values = {"number": row.number, "maybe": row.maybe, "word": row.word, "owner_id": row.owner}
    if model.__name__ == "Placed":
        return model(row=number % 3, seat=number, **values)
    if model.__name__ == "Shape":
        return (model, Round, Square)[row.variant](id=number, **values)
    made = model(id=number, **values)
    if model is Soft and row.variant == 0:
        made.deleted_at = utc_now()
    return made


async def truth_of(session: AsyncSession, model: Any, chain: Chain) -> Truth | None:
    """What SQLAlchemy says; None where the server refuses its statement."""
    try:
        async with session.begin_nested():
            found = [picture(row) for row in (await session.scalars(chain.plain(model))).unique()]
            everything = [picture(row) for row in await session.scalars(Chain().plain(model))]
            cells = [tuple(row) for row in await session.execute(chain.plain(model, [model.word, model.number]))]
    except DBAPIError:
        return None
    finally:
        session.expunge_all()
    return Truth(model, found, chain.order is not None, cells, everything)


async def compare(db: Database, model: Any, chain: Chain) -> set[str]:
    """Ask each terminal alone and in a unit; those that refuse."""
    async with db.transaction() as session:
        truth = await truth_of(session, model, chain)
        if truth is None:
            return set()
        refused = {name for name in READS if not await _agrees(READS, name, chain, truth)}
    refused |= {name for name in READS if not await _agrees(READS, name, chain, truth)}
    for name in WRITES:
        with suppress(UndoneError):
            async with db.transaction():
                if not await _agrees(WRITES, name, chain, truth):
                    refused.add(name)
                raise UndoneError
    return refused


async def _agrees(terminals: Terminals, name: str, chain: Chain, truth: Truth) -> bool:
    """Whether a terminal gives the truth; False where it refuses."""
    ask, answer = terminals[name]
    try:
        got = await ask(chain.query(truth.model))
    except UsageError:
        return False
    if name in {"all", "stream", "statement"} and not truth.ordered:
        got = sorted(got)
    assert got == answer(truth), f"{truth.model.__name__}: {chain!r} > {name}"
    return True


_made: dict[tuple[str, int], Database] = {}


async def database(make_database: MakeDatabase, backend: Backend) -> Database:
    """The database of the test, which is the same for all examples."""
    key = (backend.name, id(make_database))
    db = _made.get(key) or await make_database(Base)
    _made.clear()
    _made[key] = db
    return db


GROUPED = {"group_by"}
UNREAD = GROUPED | {"update", "delete"}
SHAPED = UNREAD | {"into", "json"}
CUT = GROUPED | {"last", "after", "get"}
REFUSED = {
    "distinct": UNREAD,
    **{link.name: SHAPED for link in LOADS},
    "for_update": SHAPED | {"stream", "count", "sum", "avg", "min", "max"},
    **{order.name: GROUPED for order in ORDERS},
    **{f"{ORDERS[0].name} > {cut.name}": CUT for cut in CUTS},
}
"""By link: the terminals that say what it cannot mean to them; of streams those outside of a unit."""

SAMPLE = [
    Row(1, None, "a", 1, ("n", "m", "n"), 0),
    Row(2, 1, "b", 2, (), 1),
    Row(0, 2, "a", None, ("n",), 2),
    Row(2, None, "c", 3, ("m",), 1),
    Row(2, 1, "b", 2, ("n", "n"), 2),
    Row(3, 1, "", 1, (), 1),
]


@pytest.mark.parametrize("model", KINDS)
async def test_each_link_means_the_same_to_each_terminal(
    make_database: MakeDatabase, backend: Backend, model: Any
) -> None:
    """One link before one terminal is the statement that SQLAlchemy would send."""
    db = await make_database(Base)
    chains = [
        Chain(),
        *[Chain((link,)) for link in CONDITIONS + LOADS],
        *[Chain((), order) for order in ORDERS],
        *[Chain((), ORDERS[0], (cut,)) for cut in CUTS],
    ]

    async with db.transaction() as session:
        await fill(session, model, SAMPLE)
    refused = {repr(chain): await compare(db, model, chain) for chain in chains}

    assert {chain: names for chain, names in refused.items() if names} == REFUSED


few = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
many = settings(few, max_examples=2_000, derandomize=False)


async def chain_agrees(db: Database, model: Any, chain: Chain, table: list[Row]) -> None:
    async with db.transaction() as session:
        await fill(session, model, table)
    await compare(db, model, chain)


@few
@given(model=st.sampled_from(KINDS), chain=chains, table=rows)
async def test_chains_mean_what_sqlalchemy_says(
    make_database: MakeDatabase, backend: Backend, model: Any, chain: Chain, table: list[Row]
) -> None:
    """Whatever stands together, and whatever the rows are."""
    await chain_agrees(await database(make_database, backend), model, chain, table)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@many
@given(model=st.sampled_from(KINDS), chain=chains, table=rows)
async def test_chains_mean_what_sqlalchemy_says_for_long(
    make_database: MakeDatabase, backend: Backend, model: Any, chain: Chain, table: list[Row]
) -> None:
    """As above, many times."""
    await chain_agrees(await database(make_database, backend), model, chain, table)
