"""The writes of one row as data: each knows the one statement that is enough, and the work of a Session."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Session
from sqlalchemy.orm.base import instance_state

from activerow.database.execution import Prepared, Ready, Write
from activerow.database.flush import in_place_columns, reordered
from activerow.errors import StaleRecordError
from activerow.mapping import Entity, PlainTable, check_values, entity_of, set_shown
from activerow.model.rows.attaching import attached
from activerow.model.rows.deleting import delete_row
from activerow.model.rows.nested import check_nested
from activerow.model.rows.plain_writes import (
    are_plain,
    delete_statement,
    insert_statement,
    inserted,
    update_statement,
)
from activerow.model.rows.rereading import read_again
from activerow.model.rows.saving import flush_others, flush_row, refuse_late, set_and_flush, taking_back, values_of
from activerow.model.rows.values import build, equal, fill_columns

State = InstanceState[Any]


class _RowWrite(Write[Any]):
    """A write of a row that is there, or will be."""

    __slots__ = ()

    async def read_back(self, session: AsyncSession) -> None:
        """Read the row again."""
        await read_again(session, self.row)

    def values(self) -> Mapping[str, object]:
        """What the row shows."""
        return values_of(self.row)

    def _gone(self) -> StaleRecordError:
        table: Any = entity_of(self.model).mapper.local_table
        return StaleRecordError(model=self.model.__name__, operation=self.operation, table=str(table.name))


class Insertion(_RowWrite):
    """`create`: a new row with these values, whose names are checked."""

    __slots__ = ("_checked", "_inserted", "_made", "_prepared", "given")

    operation = "insert"

    def __init__(
        self,
        model: type,
        given: Mapping[str, object],
        session: AsyncSession | None,
        auto_commit: bool | None,
        *,
        refresh: bool,
        checked: bool = False,
    ) -> None:
        super().__init__(model, None, session, auto_commit, refresh=refresh)
        self.given, self._checked = given, checked

    def values(self) -> Mapping[str, object]:
        """What the row shows, or was to show."""
        return self.given if self.row is None else values_of(self.row)

    def ready(self, shop: Prepared) -> Ready | None:
        """INSERT, for a row of columns alone."""
        entity = entity_of(self.model)
        if not (entity.writes_directly("insert") and entity.constructs_plainly()):
            return None
        plain = PlainTable.of(entity)
        if plain.against:
            return None
        if not self._checked:
            if not self.given.keys() <= plain.by_name.keys() or not are_plain(self.given.values()):
                return None
            check_values(entity.mapper, self.given, operation="insert", backend=shop.dialect.name)
        values = inserted(plain, self.given)
        if values is None:
            return None
        try:
            self._prepared, self._made = insert_statement(plain, shop, tuple(values))
        except NotImplementedError:
            return None
        self._inserted = values
        return Ready(self._prepared.command, self._prepared.parameters(tuple(values.values())))

    def written(self, rows: Collection[Sequence[Any]], count: int, key: object) -> object:  # noqa: ARG002
        """The row, which belongs to no session."""
        entity, values = entity_of(self.model), self._inserted
        if self._made:
            values.update(zip(self._made, self._prepared.load(rows)[0], strict=True))
        elif entity.keys[0] not in values:
            values[entity.keys[0]] = key
        self.row = entity.new_row(values)
        return self.row

    def inside(self, shop: Prepared, session: Session) -> Ready | None:  # noqa: ARG002
        """INSERT, for a row of columns alone."""
        return None if entity_of(self.model).manager.dispatch.load else self.ready(shop)

    def written_inside(self, rows: Collection[Sequence[Any]], count: int, key: object, session: Any) -> None:
        """The row is the session's."""
        self.written(rows, count, key)
        state: State = instance_state(self.row)
        session.adopt(state, [name for name in state.dict if name in state.manager and self.given.get(name) is None])

    async def work(self, session: AsyncSession) -> None:
        """INSERT by a flush."""
        await flush_others(session, None)
        mapper = entity_of(self.model).mapper
        backend = session.get_bind(mapper).dialect.name
        check_values(mapper, self.given, operation="insert", backend=backend)
        check_nested(self.given, backend)
        # Made here, where no other task is writing: referring to rows of the unit changes their collections.
        self.row = build(self.model, self.given)
        await flush_row(session, self.row)

    def worked(self) -> object:
        """The row."""
        return self.row


class Saving(_RowWrite):
    """`save`: INSERT of a new row, UPDATE of the changed columns of a stored one."""

    __slots__ = ("_before", "_changed", "_moved", "operation")

    def __init__(self, row: object, session: AsyncSession | None, auto_commit: bool | None, *, refresh: bool) -> None:
        self.operation = "insert" if instance_state(row).key is None else "update"
        super().__init__(type(row), row, session, auto_commit, refresh=refresh)

    def ready(self, shop: Prepared) -> Ready | None:
        """UPDATE, where only columns have changed."""
        state: State = instance_state(self.row)
        entity = entity_of(self.model)
        if state.key is None or not _is_plain(entity, state):
            return None
        return self._update(entity, state, shop)

    def _update(self, entity: Entity, state: State, shop: Prepared) -> Ready | None:
        plain = PlainTable.of(entity)
        if plain.against:
            return None
        changed = _changed_columns(entity, state)
        if changed is None or not changed.keys() <= plain.by_name.keys() or not are_plain(changed.values()):
            return None
        self._moved: dict[str, object] = {}
        self._changed = changed
        if not changed:
            return Ready(None)
        if not self._have_checked(changed):
            check_values(entity.mapper, changed, operation="update", backend=shop.dialect.name)
        for column in plain.moving:
            if column.name not in changed and column.on_update is not None:
                self._moved[column.name] = column.on_update({})
        values = {**changed, **self._moved}
        names = [name for name in plain.by_name if name in values]
        statement = update_statement(plain, shop, names)
        key: Any = state.key
        return Ready(statement.command, statement.parameters([*[values[name] for name in names], *key[1]]))

    def _have_checked(self, changed: Mapping[str, object]) -> bool:  # noqa: ARG002
        """Whether all values of the changed columns are known to fit."""
        return False

    def written(self, rows: Collection[Sequence[Any]], count: int, key: object) -> object:  # noqa: ARG002
        """The row, whose changes are saved.

        Raises:
            StaleRecordError: It is gone.
        """
        if self._changed and count == 0:
            self.undo()
            raise self._gone()
        state: State = instance_state(self.row)
        set_shown(state, self._moved)
        return self.row

    async def work(self, session: AsyncSession) -> None:
        """INSERT or UPDATE by a flush."""
        await flush_others(session, self.row)
        await flush_row(session, self.row)

    def worked(self) -> object:
        """The row."""
        return self.row


class Update(Saving):
    """`update`: these values are set, whose names are checked, and what changed is written."""

    __slots__ = ("_checked", "_committed", "_modified", "_shown", "_written", "given")

    def __init__(
        self,
        row: object,
        given: Mapping[str, object],
        session: AsyncSession | None,
        auto_commit: bool | None,
        *,
        refresh: bool,
        checked: bool = False,
    ) -> None:
        super().__init__(row, session, auto_commit, refresh=refresh)
        self.operation = "update"
        self.given, self._written, self._checked = given, False, checked

    def values(self) -> Mapping[str, object]:
        """What the row shows, or was to show."""
        shown = values_of(self.row)
        columns = entity_of(self.model).columns
        return {**shown, **{name: value for name, value in self.given.items() if name in columns}}

    def ready(self, shop: Prepared) -> Ready | None:
        """UPDATE, where only columns are given."""
        state: State = instance_state(self.row)
        entity = entity_of(self.model)
        return self._filled(entity, state, shop) if _is_plain(entity, state) else None

    def _filled(self, entity: Entity, state: State, shop: Prepared) -> Ready | None:
        if PlainTable.of(entity).against or not (self._checked or self.given.keys() <= entity.columns.keys()):
            return None
        if not self._checked:
            check_values(entity.mapper, self.given, operation="update", backend=shop.dialect.name)
        self._shown, self._committed, self._modified = dict(state.dict), dict(state.committed_state), state.modified
        fill_columns(self.row, state, self.given)
        try:
            ready = self._update(entity, state, shop)
        except BaseException:
            self.undo()
            raise
        if ready is None:
            self.undo()
        else:
            self._written = bool(self._changed)
        return ready

    def _have_checked(self, changed: Mapping[str, object]) -> bool:
        return self._checked and changed.keys() <= self.given.keys()

    def undo(self) -> None:
        """Let the columns show what they did."""
        state: Any = instance_state(self.row)
        self._written = False
        for name in self.given:
            for values, before in ((state.dict, self._shown), (state.committed_state, self._committed)):
                if name in before:
                    values[name] = before[name]
                else:
                    values.pop(name, None)
        if not self._modified:  # and the session shall not take it for changed
            state._commit_all(state.dict, state.session.identity_map if state.session is not None else None)

    def written(self, rows: Collection[Sequence[Any]], count: int, key: object) -> bool:
        """Whether anything was written."""
        if self._written:
            super().written(rows, count, key)
        return self._written

    def inside(self, shop: Prepared, session: Session) -> Ready | None:
        """UPDATE, where only columns are given, of a row that the session holds."""
        state: State = instance_state(self.row)
        entity = entity_of(self.model)
        is_here = state.session is session and not (state.deleted or state.expired)
        if not is_here or state.key is None or entity.manager.dispatch.load or not entity.writes_directly("update"):
            return None
        cast("Any", session).remember(state)
        return self._filled(entity, state, shop)

    def written_inside(self, rows: Collection[Sequence[Any]], count: int, key: object, session: Any) -> None:  # noqa: ARG002
        """The row's changes are saved.

        Raises:
            StaleRecordError: It is gone.
        """
        if count == 0:
            raise StaleRecordError(model=self.model.__name__, operation="update")
        state: State = instance_state(self.row)
        state.dict.update(self._moved)
        session.note_written(state)

    async def work(self, session: AsyncSession) -> None:
        """UPDATE by a flush."""
        self._written = await set_and_flush(session, self.row, self.given)

    async def read_back(self, session: AsyncSession) -> None:
        """Read the row again, if it was written."""
        if self._written:
            await super().read_back(session)

    def worked(self) -> bool:
        """Whether anything was written."""
        return self._written


class Deletion(_RowWrite):
    """`delete`: DELETE of a stored row."""

    __slots__ = ()

    operation = "delete"

    def __init__(self, row: object, session: AsyncSession | None, auto_commit: bool | None) -> None:
        super().__init__(type(row), row, session, auto_commit, refresh=False)

    def ready(self, shop: Prepared) -> Ready | None:
        """DELETE, where nothing else goes along by the relations of the model."""
        entity, state = entity_of(self.model), instance_state(self.row)
        key: Any = state.key
        if not _is_plain(entity, state, "delete") or entity.hiding is not None or not entity.deletes_alone:
            return None
        if any(name in state.dict for name in entity.relations.keys()):  # noqa: SIM118
            return None
        statement = delete_statement(PlainTable.of(entity), shop)
        return Ready(statement.command, statement.parameters(key[1]))

    def written(self, rows: Collection[Sequence[Any]], count: int, key: object) -> None:  # noqa: ARG002
        """Nothing; the row is no longer stored.

        Raises:
            StaleRecordError: It was not.
        """
        if count == 0:
            raise self._gone()
        internals: Any = instance_state(self.row)
        internals._deleted = True

    async def work(self, session: AsyncSession) -> None:
        """DELETE by a flush."""
        await flush_others(session, self.row)
        refuse_late(session.sync_session, self.row)
        with taking_back(session.sync_session), attached(session.sync_session, self.row) as row:
            await session.run_sync(delete_row, row)

    def worked(self) -> None:
        """Nothing."""


def _is_plain(entity: Entity, state: State, operation: Any = "update") -> bool:
    """The row belongs to no session and to a model whose rows can be written without one."""
    return (
        state.key is not None
        and state.session_id is None
        and not (state.was_deleted or state.deleted or state.expired)
        and entity.writes_directly(operation)
        and not (entity.relations and reordered(state))
    )


def _changed_columns(entity: Entity, state: State) -> dict[str, object] | None:
    """The columns whose values differ from what is stored; None where relations, the key or values in place may."""
    if in_place_columns(entity.mapper) or not state.committed_state.keys().isdisjoint(entity.keys):
        return None
    changed: dict[str, object] = {}
    for name, old in state.committed_state.items():
        if name not in entity.columns:
            return None
        value = state.dict.get(name)
        if not equal(state, name, old, value):
            changed[name] = value
    return changed
