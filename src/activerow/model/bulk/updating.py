"""`update_many`: other values for each of many rows, in one UPDATE that brings its rows along."""

from collections.abc import AsyncGenerator, Generator, Hashable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any, ClassVar, Final, cast

from sqlalchemy import BindParameter, Column, Update, bindparam, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.ext.mutable import MutableBase
from sqlalchemy.orm import InstanceState, PassiveFlag, Session
from sqlalchemy.orm.base import instance_state
from sqlalchemy.sql import Executable

from activerow.database.flush import in_place_columns
from activerow.errors import RecordNotFoundError, SerializationError, StaleRecordError, UsageError
from activerow.mapping import (
    SetWrite,
    applied,
    attribute_of,
    entity_of,
    hiding_of,
    is_expression,
    mapper_of,
    next_version,
    primary_key_names,
    refused_name,
    version_name,
)
from activerow.model.bulk.deciding import Names, deciding_key, key_values, matching
from activerow.model.bulk.groups import Group, Grouping, Key
from activerow.model.bulk.layout import Layout, Row, update_layout
from activerow.model.bulk.moving import fresh, moved
from activerow.model.bulk.operation import Chunk, Operation
from activerow.model.bulk.rows import Placed, RowReader
from activerow.model.bulk.shown import show_again
from activerow.model.bulk.statement import MARK, RowsText, Schemas, place_of, rows_text
from activerow.model.rows import attached, is_changed

State = InstanceState[Any]

_KEYS_PER_STATEMENT: Final = 500


class ChangedRowReader(RowReader):
    """Tells what rows set, and by what they are found: mappings by a key, instances by it and their version."""

    def __init__(self, model: type, dialect: Dialect, by: tuple[str, ...]) -> None:
        super().__init__(model, dialect)
        self._by, self._version = by, version_name(self.mapper)

    def for_class(self, kind: type) -> RowReader:
        return ChangedRowReader(kind, self.dialect, self._by)

    def layout(self, names: frozenset[str]) -> Layout:
        if names.issubset(self._by):
            raise UsageError(f"a row of {self.model.__name__}.update_many() needs values to set")
        return update_layout(self.model, self._by, names, self.dialect)

    def read_instance(self, state: State) -> Placed | None:
        if state.key is None:
            raise UsageError(f"{state.obj()!r} is not stored; update_many() changes rows that are there: create() it")
        changed = self._changed(state)
        if not changed:
            return None
        by = self._by if self._version is None else (*self._by, self._version)
        values = changed | {name: state.committed_state.get(name, state.dict.get(name)) for name in by}
        return update_layout(self.model, by, frozenset(values), self.dialect, hidden_too=True), values

    def _changed(self, state: State) -> dict[str, Any]:
        """The columns that a save would write."""
        values: dict[str, Any] = {}
        for name in state.committed_state:
            relation = self.mapper.relationships.get(name)
            if not state.get_history(name, PassiveFlag.PASSIVE_NO_INITIALIZE).has_changes():
                continue
            if name in primary_key_names(self.model) or name in self._by:
                raise refused_name(self.model, name, ())
            if relation is None:
                values[name] = state.dict[name]
            elif self.is_to_one(name):
                values |= self.key_of_relative(name, state.dict[name])
            else:
                raise UsageError(
                    f"{state.obj()!r} has changes in {name!r}, which many rows at once do not save; save() it"
                )
        for name in in_place_columns(self.mapper):
            value = state.dict.get(name)
            if value is not None and not isinstance(value, MutableBase):
                values[name] = value
        return values


class Updating(Operation):
    """Rows that are there."""

    word: ClassVar[str] = "update"

    def __init__(self, model: type, dialect: Dialect, by: Names | None) -> None:
        """Take what the caller asks for.

        Raises:
            UnknownFieldError: A name is no column.
            UsageError: `by` is no unique key.
        """
        super().__init__(model, dialect)
        self.key = deciding_key(model, primary_key_names(model) if by is None else by, self.backend)
        self._targets: dict[Key, State] = {}
        self._now: dict[Layout, Mapping[str, object]] = {}

    @property
    def form(self) -> Hashable:
        return self.word

    def grouping(self) -> Grouping:
        reader = ChangedRowReader(self.model, self.dialect, self.key.names)
        return Grouping(reader, self.word, self._key_of, _set_by)

    def _key_of(self, layout: Layout, row: Row) -> Key:
        return key_values(self.model, "update_many", self.key, layout, row)

    # -- statements ----------------------------------------------------------------------------------------------

    def one(self, layout: Layout, values: Mapping[str, Any]) -> Executable:
        return self._statement(layout, values)

    def text(self, layout: Layout, schemas: Schemas) -> RowsText:
        cells: dict[str, Any] = {
            source.name: bindparam(place_of(index), type_=source.column.type)
            for index, source in enumerate(layout.sources)
        }
        if self.backend.given_rows is not None:
            columns, binds = list(layout.columns.values()), list(cells.values())
            given = self.backend.given_rows(self.dialect, columns, binds, MARK).subquery("given")
            cells = {name: given.c[bind.key] for name, bind in cells.items()}
        return rows_text(self._statement(layout, cells), self.dialect, schemas)

    def _statement(self, layout: Layout, cells: Mapping[str, Any]) -> Update:
        changes: dict[Any, Any] = {layout.columns[name]: cells[name] for name in _set_by(layout)}
        changes |= moved(layout.table, changes, fresh(layout.table))
        changes |= _versioned(layout)
        found_by = [layout.columns[name] == cells[name] for name in layout.by]
        return update(layout.table).values(changes).where(*found_by, *self._reach(layout))

    def _reach(self, layout: Layout) -> list[Any]:
        """The conditions on the rows that may be found at all."""
        hiding = hiding_of(self.model)
        reach: list[Any] = [] if self.key.where is None else [self.key.where]
        if hiding is not None and not layout.hidden_too:
            reach.append(entity_of(layout.model).columns[hiding.mark].is_(None))
        return reach

    def same(self, layout: Layout) -> Mapping[str, object]:
        if layout not in self._now:
            versions: list[Any] = [bind for bind in _versioned(layout).values() if isinstance(bind, BindParameter)]
            self._now[layout] = fresh(layout.table) | {bind.key: bind.value for bind in versions}
        return self._now[layout]

    # -- around the rows -----------------------------------------------------------------------------------------

    @contextmanager
    def held(self, session: Session, groups: list[Group], chunk: Chunk) -> Generator[None, None, None]:
        """Take the instances among the rows into the session, and keep its flush from writing them."""
        modified: set[State] = cast("Any", session.identity_map)._modified
        targets: dict[int, State] = {}
        with ExitStack() as stack:
            for position, row in chunk.instances(self.model):
                if is_changed(row):
                    targets[position] = instance_state(stack.enter_context(attached(session, row)))
            self._targets = {
                key: targets[position]
                for group in groups
                for key, position in zip(group.keys, group.positions, strict=True)
                if position in targets
            }
            modified -= set(targets.values())
            try:
                yield
            finally:
                modified |= {state for state in targets.values() if state.modified}

    async def begin(self, connection: AsyncConnection, group: Group) -> None:
        """Lock the rows of instances whose versions are compared: afterwards every one of them would be another.

        Raises:
            RecordNotFoundError: There is no row for some of them.
            StaleRecordError: A row has another version than the instance.
        """
        version = version_name(mapper_of(self.model))
        if version is None or version not in group.layout.by:
            return
        found = await self._found(connection, group, version, lock=True)
        self._refuse_missing(group, found)
        for key, row in zip(group.keys, group.rows, strict=True):
            if found[key] != row[version]:
                raise StaleRecordError(
                    model=group.layout.model.__name__,
                    operation=self.word,
                    table=group.layout.table.name,
                    columns=(version,),
                    expected=row[version],
                    found=found[key],
                )

    @asynccontextmanager
    async def around(self, session: AsyncSession, group: Group) -> AsyncGenerator[None, None]:
        columns = [getattr(self.model, name) for name in self.key.names]
        write = SetWrite("update", self.model, dict.fromkeys(_set_by(group.layout)))
        write.targets = tuple((matching(columns, part),) for part in _parts(group.keys))
        async with applied(session, write):
            yield
            write.count = len(group.rows)

    async def count(self, connection: AsyncConnection, group: Group, written: int) -> int:
        """How many rows were written.

        Raises:
            RecordNotFoundError: There is no row for some of them.
            SerializationError: A row came or went meanwhile.
        """
        if written < len(group.rows):
            self._refuse_missing(group, await self._found(connection, group, None, lock=False))
            raise SerializationError(model=self.model.__name__, operation=self.word, reason="rows have changed")
        return len(group.rows) + group.again

    async def _found(
        self, connection: AsyncConnection, group: Group, also: str | None, *, lock: bool
    ) -> dict[Key, Any]:
        """The keys of the rows that are there, with one more column."""
        layout = group.layout
        columns = [layout.columns[name] for name in self.key.names]
        read = [*columns, layout.columns[also]] if also is not None else columns
        found: dict[Key, Any] = {}
        for part in _parts(group.keys):
            statement = select(*read).where(matching(columns, part), *self._reach(layout)).order_by(*columns)
            statement = statement.with_for_update() if lock else self.backend.newest(statement)
            rows = await connection.execute(statement)
            found.update((tuple(row[: len(columns)]), row[-1]) for row in rows)
        return found

    def _refuse_missing(self, group: Group, found: Mapping[Key, Any]) -> None:
        missing = [key for key in group.keys if key not in found]
        if missing:
            plain = [key[0] if len(key) == 1 else key for key in missing]
            error = RecordNotFoundError(self.model.__name__, {", ".join(self.key.names): plain}, plain)
            error.position = group.positions[group.keys.index(missing[0])]
            raise error

    # -- what the program sees afterwards ------------------------------------------------------------------------

    async def finish(self, session: AsyncSession, groups: list[Group]) -> None:
        """Let the rows that were given be saved, and others that the session holds show what is stored."""
        sync = session.sync_session
        for group in groups:
            for index, key in enumerate(group.keys):
                if key in self._targets:
                    self._settle(sync, self._targets[key], group, index)
        others = {key for group in groups for key in group.keys if key not in self._targets}
        await show_again(session, self.model, self.key.names, others)
        self._now.clear()

    def _settle(self, session: Session, state: State, group: Group, index: int) -> None:
        """Let an instance show what was written of it as saved, and what the database has made of it as not read."""
        internals: Any = state
        layout, row = group.layout, group.rows[index]
        state.dict.update({name: row[name] for name in _set_by(layout)} | self._moved(layout))
        internals._commit_all(state.dict, session.identity_map)
        unread = {name for name in _set_by(layout) if is_expression(row[name])} | set(self._computed(layout))
        if unread:
            session.expire(state.obj(), unread)

    def _moved(self, layout: Layout) -> dict[str, Any]:
        """Attribute to value, of what Python has moved with the UPDATE."""
        now, given = self.same(layout), set(_set_by(layout))
        names = {name: f"u{index}" for index, column in enumerate(layout.table.c) for name in _named(layout, column)}
        return {name: now[bind] for name, bind in names.items() if bind in now and name not in given}

    def _computed(self, layout: Layout) -> list[str]:
        """The attributes that the server may have changed."""
        moved_by_server = [
            name
            for name, column in entity_of(layout.model).columns.items()
            if column.server_onupdate is not None or getattr(column.onupdate, "is_clause_element", False)
        ]
        version = version_name(mapper_of(self.model))
        return moved_by_server if version is None else [*moved_by_server, version]


def _set_by(layout: Layout) -> tuple[str, ...]:
    """The attributes that rows of a layout set."""
    return tuple(name for name in layout.given if name not in layout.by)


def _versioned(layout: Layout) -> dict[Any, Any]:
    """The next version of the rows, where the model counts them and the column does not move by itself."""
    columns = entity_of(layout.model).columns
    return {
        columns[name]: bindparam("version", value, columns[name].type) if not is_expression(value) else value
        for name, value in next_version(layout.model).items()
    }


def _named(layout: Layout, column: Column[Any]) -> list[str]:
    name = attribute_of(mapper_of(layout.model), column)
    return [] if name is None else [name]


def _parts(keys: list[Key]) -> Iterator[list[Key]]:
    for start in range(0, len(keys), _KEYS_PER_STATEMENT):
        yield keys[start : start + _KEYS_PER_STATEMENT]
