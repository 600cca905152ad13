"""Reading an attribute never asks the database: what is not in memory raises `NotLoadedError`.

SQLAlchemy loads what is missing when it is read. Under asyncio that can only fail (`MissingGreenlet`), unless the read
happens inside `run_sync`, `awaitable_attrs` or a flush. The guard stands in the attribute's own implementation, in
front of every way to load: relations, deferred columns, and columns that have expired. What can be answered without
SQL, like a parent that is already in the session, still is.
"""

from typing import Any, Final
from weakref import WeakSet

from sqlalchemy.orm import InstanceState, Mapper, MapperProperty, PassiveFlag, RelationshipProperty
from sqlalchemy.orm.base import LoaderCallableStatus
from sqlalchemy.orm.properties import ColumnProperty
from sqlalchemy.util.concurrency import in_greenlet

from activerow.errors import NotLoadedError
from activerow.naming import snake_case

# Relations that do not load by being read: told to raise, never loaded, or queries of their own.
_UNTOUCHED: Final = frozenset({"raise", "raise_on_sql", "noload", "dynamic", "write_only"})

_guarded: "WeakSet[Mapper[Any]]" = WeakSet()
_guarding: Final[dict[type[Any], type[Any]]] = {}


def install_guard(mapper: Mapper[Any]) -> None:
    """Guard the attributes of a configured mapper; calling it again guards what was added since."""
    _guarded.add(mapper)
    _guard_attributes(mapper)
    for relation in mapper.relationships:
        # Configuring a mapper may add the other side of its relations to one that was guarded before.
        for target in relation.mapper.self_and_descendants:
            if target in _guarded:
                _guard_attributes(target)


def _guard_attributes(mapper: Mapper[Any]) -> None:
    manager: Any = mapper.class_manager
    for name, mapped in mapper.attrs.items():
        implementation: Any = getattr(manager.get(name), "impl", None)
        if implementation is not None and _loads_when_read(mapped):
            implementation.__class__ = _guarding_class(implementation.__class__)


def _loads_when_read(mapped: MapperProperty[Any]) -> bool:
    if isinstance(mapped, RelationshipProperty):
        return mapped.lazy not in _UNTOUCHED
    return isinstance(mapped, ColumnProperty)


def _guarding_class(kind: type[Any]) -> type[Any]:
    """The same implementation with the guard in front; made once for each of SQLAlchemy's few kinds."""
    if issubclass(kind, _Guard):
        return kind
    if kind not in _guarding:
        _guarding[kind] = type(f"Guarded{kind.__name__.strip('_')}", (_Guard, kind), {"__slots__": ()})
    return _guarding[kind]


class _Guard:
    """Stands in front of the loaders of one attribute."""

    __slots__ = ()

    def _fire_loader_callables(self, state: InstanceState[Any], key: str, passive: PassiveFlag) -> Any:
        unguarded: Any = super()
        load = unguarded._fire_loader_callables
        if not passive & PassiveFlag.SQL_OK or state.key is None or in_greenlet() or _is_synchronous(state):
            return load(state, key, passive)
        found = load(state, key, (passive & ~PassiveFlag.SQL_OK) | PassiveFlag.NO_RAISE)
        if found is LoaderCallableStatus.PASSIVE_NO_RESULT:
            raise _not_loaded(state, key)
        return found


def _is_synchronous(state: InstanceState[Any]) -> bool:
    """The row belongs to a plain `Session` on a synchronous engine, where loading on access works."""
    session = state.session
    return session is not None and session.bind is not None and not session.bind.dialect.is_async


def _not_loaded(state: InstanceState[Any], key: str) -> NotLoadedError:
    model = state.class_.__name__
    row = snake_case(model)
    if key in state.mapper.relationships:
        return NotLoadedError(model, key, f'await {row}.load("{key}") or include("{key}") in the query')
    return NotLoadedError(model, key, f'await {row}.refresh("{key}")')
