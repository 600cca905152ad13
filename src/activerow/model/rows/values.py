"""What `create` and `fill` make of the values they are given: names checked, relations resolved, equals passed over."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import MISSING
from typing import Any, cast

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState, RelationshipProperty
from sqlalchemy.orm.attributes import flag_modified

from activerow.database.flush import in_place_columns, queried_relations
from activerow.database.unit import is_settled
from activerow.errors import UsageError
from activerow.mapping import (
    fields_of,
    is_partial,
    mapper_of,
    refused_name,
    says_own_class,
)
from activerow.members import Without
from activerow.model.rows.attaching import append, at_home, refer_to
from activerow.model.rows.members import take_out

Values = Mapping[str, object] | object | None

_FORM_LEFTOVERS = frozenset({"csrf_token", "submit"})


def check_new(model: type, given: Mapping[str, object]) -> dict[str, object]:
    """`given` without form leftovers, for a new row.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name cannot be given to a new row.
        UsageError: A relation is given something else than rows of its model.
    """
    fields = fields_of(model)
    allowed = {*fields.settable, *fields.insert_only}
    names = {name: value for name, value in given.items() if not _is_needless(model, name, value, allowed)}
    for name in names:
        if name not in allowed:
            raise refused_name(model, name, fields.settable)
    _check_relatives(model, names)
    for name, value in names.items():
        if isinstance(value, Without):
            raise UsageError(f"a new {model.__name__} has no {name} that could be taken out")
    return names


def build(model: type, names: Mapping[str, object]) -> Any:
    """A new, unsaved row of `model`; the names are checked already."""
    late = {name: value for name, value in names.items() if _is_set_late(model, name, value)}
    row = _construct(model, {name: value for name, value in names.items() if name not in late})
    state: InstanceState[Any] = inspect(row)
    for name, value in late.items():
        _set(row, state, name, value)
    return row


def _is_set_late(model: type, name: str, value: object) -> bool:
    """Whether a constructor cannot take a relation's value: a stored row, one member, another kind of collection."""
    relation = mapper_of(model).relationships.get(name)
    if relation is None or value is None or _is_required(model, name):
        return False
    if not relation.uselist:
        return is_settled(value)
    if name in queried_relations(mapper_of(model)):
        return not is_collection(value)
    manager: Any = mapper_of(model).class_manager
    return not isinstance(value, type(manager[name].impl.collection_factory())) or any(map(is_settled, _listed(value)))


def _is_required(model: type, name: str) -> bool:
    field = getattr(model, "__dataclass_fields__", {}).get(name)
    return field is not None and field.init and field.default is MISSING and field.default_factory is MISSING


def fill(row: object, given: Mapping[str, object]) -> bool:
    """Set `given` on `row`, all names checked first; says whether anything changed."""
    given = check_names(row, given)
    state: InstanceState[Any] = inspect(row)
    for name, value in given.items():
        relation = state.mapper.relationships.get(name)
        if relation is not None and relation.uselist and is_collection(value):
            getattr(row, name)  # raises NotLoadedError before anything is set
            if is_partial(state, name):
                raise UsageError(
                    f"{row!r}.{name} was included in part, and a list would replace rows that it does not show:"
                    f' await load("{name}") before, or add and take out single rows'
                )
    changed = [_set(row, state, name, value) for name, value in given.items()]
    return any(changed)


def fill_columns(row: object, state: InstanceState[Any], given: Mapping[str, object]) -> None:
    """Set columns on `row`, whose names are checked."""
    for name, value in given.items():
        _set_value(row, state, name, value)


def check_names(row: object, given: Mapping[str, object]) -> dict[str, object]:
    """`given` without form leftovers.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name may not be set.
        UsageError: A relation is given something else than rows of its model.
    """
    fields = fields_of(type(row))
    checked = {n: v for n, v in given.items() if not _is_needless(type(row), n, v, fields.settable)}
    for name in checked:
        if name not in fields.settable:
            raise refused_name(type(row), name, fields.settable)
    _check_relatives(type(row), checked)
    _check_replaceable(inspect(row), checked)
    return checked


def _check_replaceable(state: InstanceState[Any], names: Mapping[str, object]) -> None:
    for name in names.keys() & queried_relations(state.mapper):
        if state.key is not None and is_collection(names[name]):
            model, kind = state.class_.__name__, state.mapper.relationships[name].lazy
            raise UsageError(
                f"{model}.{name} is {kind}, its members are not known and cannot be replaced: give one row to add it,"
                " and delete rows of the other model"
            )


def _check_relatives(model: type, names: Mapping[str, object]) -> None:
    relations = mapper_of(model).relationships
    for name in names.keys() & relations.keys():
        relation, value = relations[name], names[name]
        target = relation.mapper.class_
        if isinstance(value, Without) and not relation.uselist:
            raise UsageError(f"{model.__name__}.{name} leads to one row: set it to None instead of taking that out")
        for member in _members(relation, value):
            if not isinstance(member, target) and (member is not None or relation.uselist):
                kind = "None" if member is None else f"{type(member).__name__}"
                rows = "rows" if relation.uselist else "a row"
                raise UsageError(f"{model.__name__}.{name} takes {rows} of {target.__name__}, not {kind}")


def _members(relation: RelationshipProperty[Any], value: object) -> Iterable[object]:
    """The rows that a value for a relation names."""
    if isinstance(value, Without):
        return value.rows
    return _listed(value) if relation.uselist and is_collection(value) else (value,)


def _is_needless(model: type, name: str, value: object, known: Container[str]) -> bool:
    """What a form sends along, and the word for the class that the row is of anyway."""
    if name in known:
        return False
    return name in _FORM_LEFTOVERS or name.startswith("hidden_") or says_own_class(model, name, value)


def _construct(model: type, values: dict[str, object]) -> Any:
    accepted = getattr(model, "__dataclass_fields__", None)
    if accepted is None:
        return model(**values)
    late = {name: value for name, value in values.items() if name not in accepted or not accepted[name].init}
    row = model(**{name: value for name, value in values.items() if name not in late})
    for name, value in late.items():
        setattr(row, name, value)
    return row


def _set(row: object, state: InstanceState[Any], name: str, value: Any) -> bool:
    relation = state.mapper.relationships.get(name)
    if relation is None:
        return _set_value(row, state, name, value)
    if isinstance(value, Without):
        return take_out(state, relation, value.rows)
    if relation.uselist and is_collection(value):
        return _replace(row, state, relation, value)
    if relation.uselist:
        loaded = getattr(state.dict.get(name), "_sa_adapter", ())
        if any(member is value for member in loaded):
            return False
        append(row, name, value)
        return True
    if name in state.dict and state.dict[name] is value:
        return False
    if value is None or not refer_to(row, name, value):
        setattr(row, name, at_home(state, value))
    return True


def _set_value(row: object, state: InstanceState[Any], name: str, value: Any) -> bool:
    if name in state.dict and equal(state, name, state.dict[name], value):
        if value is None or value is not state.dict[name] or name not in in_place_columns(state.mapper):
            return False
        flag_modified(row, name)  # the same object may have been changed in place
        return True
    if name not in state.manager and _reads_equal(row, name, value):
        return False
    setattr(row, name, value)
    return True


def _replace(row: object, state: InstanceState[Any], relation: RelationshipProperty[Any], value: Any) -> bool:
    """Replace the members of a loaded to-many relation; any kind of collection will do."""
    name, after = relation.key, _listed(value)
    present = getattr(row, name)
    if not hasattr(present, "_sa_adapter"):
        setattr(row, name, after)  # a write-only or dynamic relation knows no members
        return True
    before = list(present._sa_adapter)
    after = _as_held(before, after)
    if isinstance(present, list) and (relation.secondary is None or not any(map(is_settled, after))):
        if len(before) == len(after) and all(old is new for old, new in zip(before, after, strict=True)):
            return False
        setattr(row, name, [at_home(state, member) for member in after])  # keeps the order
        return True
    removed = [member for member in before if not any(member is other for other in after)]
    added = [member for member in after if not any(member is other for other in before)]
    impl: Any = state.manager[name].impl
    for member in removed:
        impl.remove(state, state.dict, member, None)
    for member in added:
        append(row, name, member)
    return bool(removed or added)


def _as_held(before: Iterable[object], after: Iterable[object]) -> list[object]:
    """`after`, with the objects that the relation holds already for what is only another copy of their rows."""
    held = {inspect(member, raiseerr=True).key: member for member in before}
    copies = (inspect(member, raiseerr=True) for member in after)
    return [
        state.obj() if state.key is None or state.modified else held.get(state.key, state.obj()) for state in copies
    ]


def _listed(value: Any) -> list[object]:
    return list(cast("Mapping[Any, object]", value).values() if isinstance(value, Mapping) else value)


def is_collection(value: object) -> bool:
    """Whether a value for a to-many relation replaces it; one object is appended."""
    return isinstance(value, list | tuple | set | frozenset | Mapping)


def equal(state: InstanceState[Any], name: str, old: object, new: object) -> bool:
    """Equality as the column's type sees it."""
    if old is new:
        return True
    if old is None or new is None or name not in state.mapper.column_attrs:
        return False
    return bool(state.mapper.column_attrs[name].columns[0].type.compare_values(old, new) is True)


def _reads_equal(row: object, name: str, value: object) -> bool:
    """Whether a hybrid or property already has `value`; one that cannot be read counts as different."""
    try:
        return bool(getattr(row, name) == value)
    except Exception:  # noqa: BLE001
        # A write-only property (a password setter) may raise anything; then only setting it can tell.
        return False
