"""Rows of a driver into instances, without a Session: a function made for one model and one list of columns.

The instances are equal in every visible respect to those that a Session has loaded and let go of: identity key, state,
history, pickles, `session.add`. SQLAlchemy asks the same questions for every row; here they are answered once.
"""

import gc
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, cast

from sqlalchemy.engine import Dialect
from sqlalchemy.engine.processors import to_decimal_processor_factory
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstanceState
from sqlalchemy.sql.sqltypes import NumericCommon
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.backends import backend_of
from activerow.mapping.entity import Entity

COLUMN_AT: Final = "activerow_column_at"
"""What a loader calls the columns that its lines convert: who sees it fail asks for the one of a line."""

Rows = Collection[Sequence[Any]]
Processor = Callable[[Any], Any]
Loader = Callable[[Rows], list[Any]]

_MANY: Final = 50
"""Rows from which on Python's collector is paused: while they are made it would look through all of them, again and
again, and find none to free (10,000 rows took four times as long).
"""

_LOADER: Final = (
    "def load(rows):",
    " found = []",
    f" paused = len(rows) >= {_MANY} and collector.isenabled()",
    " if paused: collector.disable()",
    " try:",
)


def row_loader(
    entity: Entity, names: Sequence[str], dialect: Dialect, before: Sequence[TypeEngine[Any]] = ()
) -> Loader:
    """A function that makes detached instances of rows; the columns stand in the order of `names`.

    Where other cells stand `before` them, each instance comes in a pair with the tuple of those.
    """
    mapper: Any = entity.mapper
    cells = [f"v{place}" for place in range(len(names))]
    scope: dict[str, Any] = {
        "model": entity.model,
        "new": entity.model.__new__,
        "collector": gc,
        "State": InstanceState,
        "manager": entity.manager,
        "identity": mapper._identity_class,
        "path": mapper._path_registry,
        COLUMN_AT: {},
    }
    others = [f"k{place}" for place in range(len(before))]
    lines = [f"for ({', '.join([*others, *cells])},) in rows:"]
    for cell, type_ in zip(others, before, strict=True):
        processor = result_processor(type_, dialect)
        if processor is not None:
            scope[f"of_{cell}"] = processor
            lines.append(f" {cell} = of_{cell}({cell})")
    for place, name in enumerate(names):
        processor = result_processor(entity.columns[name].type, dialect)
        if processor is not None:
            scope[f"p{place}"] = processor
            scope[COLUMN_AT][len(_LOADER) + len(lines) + 1] = name
            lines.append(f" v{place} = p{place}(v{place})")
    key = ", ".join(cells[names.index(name)] for name in entity.keys)
    lines += [
        " row = new(model)",
        " state = State(row, manager)",
        f" state.key = (identity, ({key},), None)",
        " state.load_path = path",
        " values = row.__dict__",
        " values['_sa_instance_state'] = state",
        *[f" values[{name!r}] = v{place}" for place, name in enumerate(names)],
        f" found.append((({', '.join(others)},), row))" if others else " found.append(row)",
    ]
    ending = [" finally:", "  if paused: collector.enable()", " return found"]
    body = [*_LOADER, *[f"  {line}" for line in lines], *ending]
    exec("\n".join(body), scope)  # noqa: S102  (names of attributes, which are identifiers or quoted)
    loader: Loader = scope["load"]
    return loader


@contextmanager
def collector_paused() -> Generator[None]:
    """The same for a block in which nothing is awaited."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def held_loader(entity: Entity, names: Sequence[str], dialect: Dialect) -> Callable[[Rows, Any], list[Any]]:
    """A function that makes instances of rows in a session, or finds those that it holds.

    It raises `NotImplementedError` where one of these lacks values, which SQLAlchemy has to fill in.
    """
    load = row_loader(entity, names, dialect)
    wanted = frozenset(names)

    def held(rows: Rows, session: Any) -> list[Any]:
        known, number = session.identity_map, session.hash_key
        found = load(rows)
        for place, row in enumerate(found):
            state: Any = row._sa_instance_state
            present: Any = known._dict.get(state.key)
            other = None if present is None else present.obj()
            if present is None or other is None:
                state.session_id = number
                known.add(state)
            elif present.expired_attributes or not wanted <= present.dict.keys():
                raise NotImplementedError("a row that the session holds lacks values")
            else:
                found[place] = other
        return found

    return held


def tuple_loader(types: Sequence[TypeEngine[Any]], dialect: Dialect) -> Callable[[Rows], list[tuple[Any, ...]]]:
    """A function that converts the cells of rows as the types of their columns say."""
    processors = [(place, type_, p) for place, type_ in enumerate(types) if (p := result_processor(type_, dialect))]
    if not processors:
        return _as_they_are

    def load(rows: Rows) -> list[tuple[Any, ...]]:
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        if not columns:
            return []
        for place, _type, processor in processors:  # who sees this fail asks for the type
            columns[place] = list(map(processor, columns[place]))
        return list(zip(*columns, strict=True))

    return load


def _as_they_are(rows: Rows) -> list[Any]:
    return list(rows)


def result_processor(type_: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """What turns a driver's value into the type's; None where they are the same.

    Raises:
        NotImplementedError: Nothing but a cursor's description would tell.
    """
    impl: Any = type_.dialect_impl(dialect)
    inner: Any = getattr(impl, "impl_instance", impl)
    if backend_of(dialect).numbers_by_cursor and isinstance(inner, NumericCommon):
        return _of_decorator(impl, _number(inner), dialect)
    try:
        processor = cast("Processor | None", impl.result_processor(dialect, None))
    except (TypeError, SQLAlchemyError) as error:
        raise NotImplementedError(str(error)) from error
    return processor


def _number(kind: Any) -> Processor:
    """PostgreSQL's numbers by the value that came.

    SQLAlchemy asks for the type that the server told, which a driver's plain rows do not carry, and which a migration
    may change under a prepared statement.
    """
    if not kind.asdecimal:
        return lambda value: value if value is None or isinstance(value, float) else float(value)
    to_decimal: Any = to_decimal_processor_factory(Decimal, kind._effective_decimal_return_scale)
    return lambda value: to_decimal(value) if isinstance(value, float) else value


def _of_decorator(impl: Any, inner: Processor, dialect: Dialect) -> Processor:
    if not isinstance(impl, TypeDecorator):
        return inner
    decorator, base = cast("Any", impl), cast("Any", TypeDecorator)
    if decorator.__class__.result_processor is not base.result_processor:
        raise NotImplementedError(f"{type(decorator).__name__} makes its own result_processor")
    if decorator.__class__.process_result_value is base.process_result_value:
        return inner
    outer = decorator.process_result_value
    return lambda value: outer(inner(value), dialect)
