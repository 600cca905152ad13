"""What `create` and `fill` make of the values they are given: names checked, relations resolved, equals passed over."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING
from typing import Any, cast

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState, RelationshipProperty
from sqlalchemy.orm.attributes import flag_modified

from activerow.database.flush import brings_along, in_place_columns, queried_relations
from activerow.database.unit import is_settled
from activerow.errors import UsageError
from activerow.mapping import (
    fields_of,
    is_partial,
    mapper_of,
    refused_name,
)
from activerow.members import With, Without
from activerow.model.rows.attaching import append, at_home, refer_to
from activerow.model.rows.members import put_in, take_out
from activerow.model.rows.nested import (
    Nested,
    WithNested,
    is_collection,
    is_needless,
    listed,
    matched,
    needs_members,
    nest,
    nodes_of,
)

Values = Mapping[str, object] | object | None


def check_new(model: type, given: Mapping[str, object]) -> dict[str, object]:
    """`given` without form leftovers, for a new row.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name cannot be given to a new row.
        UsageError: A relation is given something else than rows of its model.
    """
    fields = fields_of(model)
    allowed = {*fields.settable, *fields.insert_only}
    names = {name: value for name, value in given.items() if not is_needless(model, name, value, allowed)}
    for name in names:
        if name not in allowed:
            raise refused_name(model, name, fields.settable)
    for name, value in names.items():
        if isinstance(value, Without):
            raise UsageError(f"a new {model.__name__} has no {name} that could be taken out")
    return nest(model, names)


def build(model: type, names: Mapping[str, object]) -> Any:
    """A new, unsaved row of `model`, with the related rows that are given by values; the names are checked already."""
    names = _with_rows(names)
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
    if isinstance(value, With):
        return True
    if not relation.uselist:
        return is_settled(value)
    if name in queried_relations(mapper_of(model)):
        return not is_collection(value)
    manager: Any = mapper_of(model).class_manager
    return not isinstance(value, type(manager[name].impl.collection_factory())) or any(map(is_settled, listed(value)))


def _is_required(model: type, name: str) -> bool:
    field = getattr(model, "__dataclass_fields__", {}).get(name)
    return field is not None and field.init and field.default is MISSING and field.default_factory is MISSING


def fill(row: object, given: Mapping[str, object]) -> bool:
    """Set `given` on `row`, all names checked first; says whether anything changed."""
    given = check_names(row, given)
    _check_at_hand(row, given)
    return _set_all(row, given)


def _check_at_hand(row: object, given: Mapping[str, object]) -> None:
    """Accept values that can be set: the members that they replace, or change, are in memory."""
    state: InstanceState[Any] = inspect(row)
    for name, value in given.items():
        relation = state.mapper.relationships.get(name)
        if relation is None:
            continue
        replaces = relation.uselist and is_collection(value)
        if replaces or (state.key is not None and needs_members(given, name, relation.mapper)):
            getattr(row, name)  # raises NotLoadedError before anything is set
        if replaces and is_partial(state, name):
            raise UsageError(
                f"{row!r}.{name} was included in part, and a list would replace rows that it does not show:"
                f' await load("{name}") before, or add and take out single rows'
            )
    for node in matched(row, given):
        _check_at_hand(node.row, node.values)


def _set_all(row: object, given: Mapping[str, object]) -> bool:
    state: InstanceState[Any] = inspect(row)
    changed = [_change(state, node) for _, node in nodes_of(given) if node.row is not None]
    changed += [_set(row, state, name, value) for name, value in _with_rows(given).items()]
    return any(changed)


def fill_columns(row: object, state: InstanceState[Any], given: Mapping[str, object]) -> None:
    """Set columns on `row`, whose names are checked."""
    for name, value in given.items():
        _set_value(row, state, name, value)


def _change(state: InstanceState[Any], node: Nested) -> bool:
    """Set what is given for a member; a row that no session has remembers which members to save along."""
    changed = _set_all(node.row, node.values)
    if changed and state.session is None:
        brings_along(state, node.row)
    return changed


def _with_rows(given: Mapping[str, object]) -> Mapping[str, object]:
    """`given`, with rows in the place of their values: members, and new ones."""
    if not isinstance(given, WithNested):
        return given
    return {name: _row_in(value) for name, value in given.items()}


def _row_in(value: Any) -> object:
    if isinstance(value, Mapping):
        return {key: _row_in(each) for key, each in cast("Mapping[Any, object]", value).items()}
    if isinstance(value, list):
        return [_row_in(each) for each in cast("list[object]", value)]
    if not isinstance(value, Nested):
        return value
    if value.row is None:
        value.row = build(value.model, value.values)
    return value.row


def check_names(row: object, given: Mapping[str, object]) -> dict[str, object]:
    """`given` without form leftovers.

    Raises:
        UnknownFieldError, ReadOnlyFieldError: A name may not be set.
        UsageError: A relation is given something else than rows of its model.
    """
    fields = fields_of(type(row))
    checked = {n: v for n, v in given.items() if not is_needless(type(row), n, v, fields.settable)}
    checked = WithNested(checked) if isinstance(given, WithNested) else checked
    for name in checked:
        if name not in fields.settable:
            raise refused_name(type(row), name, fields.settable)
    checked = nest(type(row), checked)
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
    if isinstance(value, With):
        return put_in(state, relation, value.rows)
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
    name, after = relation.key, listed(value)
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
