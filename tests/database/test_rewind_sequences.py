"""Random sequences of writes and nested rollbacks, held against a simple model of what every object must show."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ForeignKey, inspect, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of this page."""


class Node(Base):
    """A row of a tree, with a value of the program's and one of the server's."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    value: Mapped[int] = mapped_column(default=0)
    given: Mapped[int] = mapped_column(server_default=text("7"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    parent: Mapped["Node | None"] = relationship(back_populates="children", remote_side="Node.id")
    children: Mapped[list["Node"]] = relationship(back_populates="parent")


class UndoError(Exception):
    """A block that changed its mind."""


@dataclass(frozen=True)
class Shown:
    """What an object must show: whether its row is stored, and the values the program gave it."""

    stored: bool
    value: int
    parent: int | None
    deleted: bool = False


@dataclass(frozen=True)
class Step:
    """One write, on a row chosen by number."""

    kind: str
    row: int
    value: int


@dataclass(frozen=True)
class Block:
    """A nested `db.transaction()`, left with an error if `undo`."""

    steps: tuple[Any, ...]
    undo: bool


steps = st.builds(
    Step,
    kind=st.sampled_from(["create", "create", "update", "update", "move", "delete", "save", "refresh"]),
    row=st.integers(0, 7),
    value=st.integers(1, 99),
)
programs = st.recursive(
    st.lists(steps, max_size=6).map(tuple),
    lambda inner: st.lists(st.one_of(steps, st.builds(Block, inner, st.booleans())), max_size=6).map(tuple),
    max_leaves=12,
)


@dataclass
class Player:
    """Plays a program on real rows, and on the model."""

    db: Database
    rows: list[Node] = field(default_factory=list[Node])
    model: list[Shown] = field(default_factory=list[Shown])

    async def play(self, program: tuple[Any, ...]) -> None:
        for step in program:
            if isinstance(step, Block):
                await self._block(step)
            elif step.kind == "create" or not self.rows:
                await self._create(step)
            else:
                await self._step(step, step.row % len(self.rows))
            self.check()

    async def _block(self, block: Block) -> None:
        before = list(self.model)
        with suppress(UndoError):
            async with self.db.transaction():
                await self.play(block.steps)
                if block.undo:
                    raise UndoError
        if block.undo:
            self.undo(before)

    def undo(self, before: list[Shown]) -> None:
        """What was stored before shows what it did; what was not is new, and keeps what the program set."""
        for number, shown in enumerate(self.model):
            was = before[number] if number < len(before) else replace(shown, stored=False, deleted=False)
            self.model[number] = was if was.stored or was.deleted else replace(shown, stored=False, deleted=False)

    async def _create(self, step: Step) -> None:
        parent = step.row % len(self.rows) if self.rows and step.value % 2 else None
        if parent is not None and not self.model[parent].stored:
            parent = None
        above = None if parent is None else self.rows[parent]
        self.rows.append(await Node.create(name=str(len(self.rows)), value=step.value, parent=above))
        self.model.append(Shown(True, step.value, parent))

    async def _step(self, step: Step, number: int) -> None:
        row, shown = self.rows[number], self.model[number]
        if shown.deleted:
            return
        if not shown.stored:
            await self._save(number)
        elif step.kind == "update":
            updated = await row.update(value=step.value)
            assert (updated is None) is (step.value == shown.value)
            self.model[number] = replace(shown, value=step.value)
        elif step.kind == "move":
            above = step.value % len(self.rows)
            if self.model[above].stored and not self._is_above(number, above):
                await row.update(parent=self.rows[above])
                self.model[number] = replace(shown, parent=above)
        elif step.kind == "delete" and not any(other.parent == number for other in self.model if not other.deleted):
            await row.delete()
            self.model[number] = replace(shown, stored=False, deleted=True)
        elif step.kind == "refresh":
            await row.refresh()

    async def _save(self, number: int) -> None:
        """Save an undone row; the parents that were undone with it come along."""
        await self.rows[number].save()
        above: int | None = number
        while above is not None and not self.model[above].stored:
            self.model[above] = replace(self.model[above], stored=True)
            above = self.model[above].parent

    def _is_above(self, number: int, other: int | None) -> bool:
        while other is not None:
            if other == number:
                return True
            other = self.model[other].parent
        return False

    def check(self) -> None:
        """Every object shows what the model says."""
        for row, shown in zip(self.rows, self.model, strict=True):
            if shown.deleted:
                continue
            assert (row.name, row.value, inspect(row).transient) == (row.name, shown.value, not shown.stored)
            assert row.changes() == {} or not shown.stored
            if shown.stored:
                assert (row.given, row.parent_id) == (7, None if shown.parent is None else self.rows[shown.parent].id)
            else:
                assert not {"id", "given"} & row.to_dict().keys()

    async def check_database(self) -> None:
        """The database holds the rows that are stored, and nothing else."""
        found = {row.name: (row.value, row.parent_id) for row in await Node.query().all()}
        assert found == {
            row.name: (shown.value, None if shown.parent is None else self.rows[shown.parent].id)
            for row, shown in zip(self.rows, self.model, strict=True)
            if shown.stored
        }

    async def go_on(self) -> None:
        """Every object can be used as if nothing had happened: new ones are saved, stored ones changed."""
        for number, shown in enumerate(self.model):
            if not shown.stored and not shown.deleted:
                await self._save(number)
        for number, shown in enumerate(self.model):
            if shown.stored:
                assert await self.rows[number].update(value=shown.value + 1000) is self.rows[number]
                self.model[number] = replace(shown, value=shown.value + 1000)
        self.check()


_made: dict[tuple[str, int], Database] = {}


async def _begin(make_database: MakeDatabase, backend: Backend) -> Player:
    """A player on the test's database, which is the same for all examples, and empty."""
    key = (backend.name, id(make_database))
    db = _made.get(key) or await make_database(Base)
    _made.clear()
    _made[key] = db
    async with db.engine.begin() as connection:
        await connection.execute(text("UPDATE nodes SET parent_id = NULL"))
        await connection.execute(text("DELETE FROM nodes"))
    return Player(db)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(before=st.lists(steps, max_size=4).map(tuple), program=programs, undo=st.booleans())
async def test_objects_show_what_the_database_holds(
    make_database: MakeDatabase, backend: Backend, before: tuple[Any, ...], program: tuple[Any, ...], undo: bool
) -> None:
    """After any sequence of writes, savepoints and rollbacks, and after what is done with the objects then."""
    player = await _begin(make_database, backend)
    await player.play(before)
    stored = list(player.model)
    with suppress(UndoError):
        async with player.db.transaction():
            await player.play(program)
            if undo:
                raise UndoError
    if undo:
        player.undo(stored)

    player.check()
    await player.check_database()
    await player.go_on()
    await player.check_database()
