"""Related rows that are given by their values: mappings and Pydantic models in the place of rows.

They are checked with the names around them, before anything is set. A `Nested` is then the member that it names by its
primary key, or becomes a new row. Errors say where they stand: `error.place` is `("books", 1)`.
"""

from collections.abc import Awaitable, Container, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty
from sqlalchemy.orm.base import instance_state

from activerow.errors import ActiveRowError, InvalidDataError, SaveError, UniqueViolationError, UsageError
from activerow.mapping import (
    check_values,
    collect,
    fields_of,
    mapper_of,
    primary_key_names,
    refused_name,
    says_own_class,
)
from activerow.members import With, Without

T = TypeVar("T")
Path = tuple[str | int, ...]

_FORM_LEFTOVERS = frozenset({"csrf_token", "submit"})


@dataclass(slots=True, eq=False)
class Nested:
    """A row that is given by its values.

    Attributes:
        values: Names and values; the names are checked.
        path: Where it stands in what the caller gave.
        row: The row that it is, once that is known.
    """

    model: type
    values: dict[str, object]
    path: Path
    row: object = None


class WithNested(dict[str, object]):
    """Values of a row, some of which are values of related rows."""


# --- names ----------------------------------------------------------------------------------------------------------


def nest(model: type, given: dict[str, object], path: Path = ()) -> dict[str, object]:
    """`given`, with `Nested` in the place of values for related rows.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name cannot be given to a row; `place` says to which.
        UsageError: A relation is given something else than rows of its model, or values for them.
    """
    relations = mapper_of(model).relationships
    found = {name: _nested(relations[name], given[name], (*path, name)) for name in given.keys() & relations.keys()}
    check_relatives(model, {**given, **found})
    changed = any(found[name] is not given[name] for name in found)
    return WithNested({**given, **found}) if changed or isinstance(given, WithNested) else given


def _nested(relation: RelationshipProperty[Any], value: Any, path: Path) -> object:
    if not relation.uselist or (_is_values(value) and not isinstance(value, Mapping)):
        return _one(relation, value, path) if _is_values(value) else value
    if isinstance(value, Mapping):
        members: Mapping[Any, object] = cast("Any", value)
        key = _key_attribute(relation)
        if key is not None:
            found = {each: _keyed(relation, key, each, members[each], path) for each in members}
            return found if any(isinstance(each, Nested) for each in found.values()) else members
        return _one(relation, members, path) if members and not all(map(_is_row, members.values())) else members
    if not isinstance(value, list | tuple | set | frozenset):
        return cast("object", value)
    given: Iterable[object] = cast("Any", value)
    rows = [_one(relation, each, (*path, at)) if _is_values(each) else each for at, each in enumerate(given)]
    return rows if any(isinstance(each, Nested) for each in rows) else cast("object", value)


def _one(relation: RelationshipProperty[Any], value: object, path: Path) -> Nested:
    model: type = relation.mapper.class_
    keys, fields = primary_key_names(model), fields_of(model)
    allowed = {*fields.settable, *fields.insert_only, *keys}
    given = collect(value, {})
    # A schema's `id: int | None` that says None names no member.
    values = {n: v for n, v in given.items() if not (n in keys and v is None) and not is_needless(model, n, v, allowed)}
    with placed(path):
        for name in values:
            if name not in allowed:
                raise refused_name(model, name, fields.settable)
    return Nested(model, nest(model, values, path), path)


def _keyed(relation: RelationshipProperty[Any], attribute: str, key: Any, value: Any, path: Path) -> object:
    """A member of a dict, which has its key as an attribute."""
    if not _is_values(value):
        return value
    place = (*path, key if isinstance(key, int) else str(key))
    nested = _one(relation, value, place)
    if attribute and nested.values.setdefault(attribute, key) != key:
        raise _misfit(nested, attribute, "differs from the key that it is given under")
    return nested


def _key_attribute(relation: RelationshipProperty[Any]) -> str | None:
    """The attribute that members of a dict have as their key; empty where it is no attribute, None without a dict."""
    manager: Any = relation.parent.class_manager
    impl = manager[relation.key].impl
    kept: Any = impl.collection_factory() if getattr(impl, "collection", False) and impl.collection_factory else None
    keyfunc: object = getattr(cast("object", kept), "keyfunc", None)
    return cast("str", getattr(keyfunc, "attr_name", "")) if isinstance(kept, dict) else None


def check_relatives(model: type, names: Mapping[str, object]) -> None:
    """Accept rows of a relation's model as its value.

    Raises:
        UsageError: It is given something else.
    """
    relations = mapper_of(model).relationships
    for name in names.keys() & relations.keys():
        relation, value = relations[name], names[name]
        target = relation.mapper.class_
        if isinstance(value, With | Without) and not relation.uselist:
            remedy = "set it to None instead of taking that out" if isinstance(value, Without) else "set it to the row"
            raise UsageError(f"{model.__name__}.{name} leads to one row: {remedy}")
        for member in members_of(relation, value):
            if not isinstance(member, target | Nested) and (member is not None or relation.uselist):
                kind = "None" if member is None else f"{type(member).__name__}"
                rows = "rows" if relation.uselist else "a row"
                raise UsageError(f"{model.__name__}.{name} takes {rows} of {target.__name__}, not {kind}")


def members_of(relation: RelationshipProperty[Any], value: Any) -> Iterable[object]:
    """The rows that a value for a relation names."""
    if isinstance(value, With | Without):
        return value.rows
    return listed(value) if relation.uselist and is_collection(value) else (value,)


def is_needless(model: type, name: str, value: object, known: Container[str]) -> bool:
    """What a form sends along, and the word for the class that the row is of anyway."""
    if name in known:
        return False
    return name in _FORM_LEFTOVERS or name.startswith("hidden_") or says_own_class(model, name, value)


def listed(value: Any) -> list[object]:
    """The members of a collection of any kind."""
    return list(cast("Mapping[Any, object]", value).values() if isinstance(value, Mapping) else value)


def is_collection(value: object) -> bool:
    """Whether a value for a to-many relation replaces it; one object is appended."""
    return isinstance(value, list | tuple | set | frozenset | Mapping)


def _is_row(value: object) -> bool:
    return hasattr(value, "_sa_instance_state")


def _is_values(value: object) -> bool:
    """A mapping or a Pydantic model, which no row is, rather than something that was given by mistake."""
    return isinstance(value, Mapping) or (hasattr(value, "model_fields_set") and not _is_row(value))


# --- members --------------------------------------------------------------------------------------------------------


def nodes_of(values: Mapping[str, object]) -> Iterator[tuple[str, Nested]]:
    """The rows in `values` that are given by values of their own, with the relations that they are of."""
    if isinstance(values, WithNested):
        for name, value in values.items():
            for each in listed(value) if is_collection(value) else (value,):
                if isinstance(each, Nested):
                    yield name, each


def needs_members(values: Mapping[str, object], name: str, mapper: Mapper[Any]) -> bool:
    """Whether what is given for a relation may name members of it by their keys."""
    keys = primary_key_names(mapper.class_)
    return any(of == name and not node.values.keys().isdisjoint(keys) for of, node in nodes_of(values))


def matched(row: object, values: Mapping[str, object]) -> list[Nested]:
    """Those of the nested rows that are members of the row's relations, which are in memory; others will be new.

    Raises:
        InvalidDataError: A primary key is no member's, or given twice.
        ReadOnlyFieldError: A member is given a value that does not change.
    """
    state = instance_state(row)
    found: list[Nested] = []
    for name, node in nodes_of(values):
        relation = state.mapper.relationships[name]
        if node.row is None and name in state.dict and (key := _key_of(row, relation, node)) is not None:
            node.row = _member(state.dict[name], relation, key)
            if node.row is not None:
                _check_change(node, key)
        if node.row is not None and instance_state(node.row).key is not None:
            if any(other.row is node.row for other in found):
                raise _misfit(node, primary_key_names(node.model)[0], "is given twice")
            found.append(node)
        elif node.row is None:
            _check_new(node, state.key is not None)
    return found


def _member(present: Any, relation: RelationshipProperty[Any], key: Mapping[str, object]) -> object:
    members = present._sa_adapter if relation.uselist else (present,) if present is not None else ()
    for member in members:
        if all(instance_state(member).dict.get(name) == value for name, value in key.items()):
            return cast("object", member)
    return None


def _key_of(row: object, relation: RelationshipProperty[Any], node: Nested) -> dict[str, object] | None:
    """The primary key that the values name, and the row and its relatives imply; None without all of it."""
    mapper: Mapper[Any] = relation.mapper
    known = dict(node.values)
    if relation.direction is RelationshipDirection.ONETOMANY:
        known |= _read_across(mapper, [(far, near) for near, far in relation.local_remote_pairs or ()], row)
    for name in node.values.keys() & mapper.relationships.keys():
        further, value = mapper.relationships[name], node.values[name]
        if further.direction is RelationshipDirection.MANYTOONE and _is_row(value):
            known |= _read_across(mapper, further.local_remote_pairs or (), value)
    names = primary_key_names(node.model)
    return {name: known[name] for name in names} if all(known.get(name) is not None for name in names) else None


def _read_across(mapper: Mapper[Any], pairs: Iterable[tuple[Any, Any]], other: object) -> dict[str, object]:
    """The attributes of rows of the mapper that are the same as columns of another row."""
    state = instance_state(other)
    found: dict[str, object] = {}
    for column, same in pairs:
        if mapper.columns.contains_column(column) and state.mapper.columns.contains_column(same):
            value = state.dict.get(state.mapper.get_property_by_column(same).key)
            found[mapper.get_property_by_column(column).key] = value
    return found


def _check_change(node: Nested, key: Mapping[str, object]) -> None:
    node.values = type(node.values)({name: value for name, value in node.values.items() if name not in key})
    fields = fields_of(node.model)
    with placed(node.path):
        for name in node.values:
            if name not in fields.settable:
                raise refused_name(node.model, name, fields.settable)


def _check_new(node: Nested, is_stored: bool) -> None:
    mapper, fields = mapper_of(node.model), fields_of(node.model)
    for name, column in zip(primary_key_names(node.model), mapper.primary_key, strict=True):
        if name in node.values and is_stored and _is_generated(column):
            raise _misfit(node, name, "no member has this key; leave it out to make a new row")
    with placed(node.path):
        for name in node.values:
            if name not in fields.settable and name not in fields.insert_only:
                raise refused_name(node.model, name, fields.settable)


def _is_generated(column: Any) -> bool:
    """The server or the model makes the key: who names one means a row that is there."""
    return (
        column.table.autoincrement_column is column or column.default is not None or column.server_default is not None
    )


# --- values and errors ----------------------------------------------------------------------------------------------


def check_nested(values: Mapping[str, object], backend: str | None) -> None:
    """Refuse a value in nested rows that does not fit its column.

    Raises:
        InvalidDataError: For the first such value; `place` says of which row.
    """
    for _, node in nodes_of(values):
        operation = "insert" if node.row is None else "update"
        with placed(node.path):
            check_values(mapper_of(node.model), node.values, operation=operation, backend=backend)
        check_nested(node.values, backend)


async def telling_places(model: type, values: Mapping[str, object], write: Awaitable[T]) -> T:
    """What the write gives; an error that is about a nested row says which."""
    try:
        return await write
    except SaveError as error:
        if not error.place and not _is_about(error, model, values):
            about = [node for node in _all_nodes(values) if _is_about(error, node.model, node.values)]
            if about:
                # Of two that want the same unique value, the first one got it.
                error.place = about[-1 if isinstance(error, UniqueViolationError) else 0].path
        raise


def _all_nodes(values: Mapping[str, object]) -> Iterator[Nested]:
    for _, node in nodes_of(values):
        yield node
        yield from _all_nodes(node.values)


def _is_about(error: SaveError, model: type, values: Mapping[str, object]) -> bool:
    """The error is of the model, and none of the values it names is another one in the row."""
    known = {name: error.values.get(name) for name in error.columns}
    names = {mapper.class_.__name__ for mapper in mapper_of(model).self_and_descendants}
    return error.model in names and all(values.get(name) == value for name, value in known.items())


@contextmanager
def placed(path: Path) -> Generator[None, None, None]:
    """Let errors of the block say where the row stands."""
    try:
        yield
    except ActiveRowError as error:
        error.place = error.place or path
        raise


def _misfit(node: Nested, name: str, reason: str) -> InvalidDataError:
    error = InvalidDataError(
        model=node.model.__name__, columns=(name,), values={name: node.values.get(name)}, reason=reason
    )
    error.place = node.path
    return error
