"""What a model maps: the attributes it has, the keys that single out a row, and the tables behind it.

Questions are answered from the mapper; what is asked on every call is answered once per model.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import BinaryExpression, BooleanClauseList, Column, ColumnElement, Computed, Identity, Table, inspect
from sqlalchemy.ext.associationproxy import AssociationProxyExtensionType
from sqlalchemy.ext.hybrid import HybridExtensionType, hybrid_property
from sqlalchemy.orm import CompositeProperty, Mapper, RelationshipProperty, SynonymProperty, registry
from sqlalchemy.orm.exc import UnmappedColumnError
from sqlalchemy.sql import operators

from activerow.errors import UsageError

CREATED_AT: Final = "created_at"
"""The one column besides the primary key that belongs to the INSERT alone."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The attributes of a model, by name and in mapped order.

    Attributes:
        columns: Everything that is read as a column, `column_property` expressions included.
        relations: Every relationship.
        hybrids: Every hybrid property.
        settable_columns: Columns that `fill` and `update` may set: not the primary key, `created_at`, what says which
            class a row is of, or what the database computes.
        insert_only: Columns that a new row may be given, and that stay: the primary key, `created_at`.
        settable_relations: Relationships that are not `viewonly`.
        settable: All that `fill` and `update` may set: these columns and relations, and hybrids, properties,
            synonyms, composites and association proxies that have a setter.
    """

    columns: tuple[str, ...]
    relations: tuple[str, ...]
    hybrids: tuple[str, ...]
    settable_columns: tuple[str, ...]
    insert_only: tuple[str, ...]
    settable_relations: tuple[str, ...]
    settable: tuple[str, ...]


# A mapper may gain properties after it was asked (a backref, `User.x = column_property(...)`): their number is kept
# beside the answer.
_fields: "WeakKeyDictionary[type, tuple[int, Fields]]" = WeakKeyDictionary()
_registries: "WeakSet[registry]" = WeakSet()


def mapper_of(model: type) -> Mapper[Any]:
    """The configured mapper of a model.

    Raises:
        UsageError: The class is not mapped.
    """
    mapper = cast("Mapper[Any] | None", inspect(model, raiseerr=False))
    if mapper is None:
        raise UsageError(
            f"{model.__name__} is not mapped to a table: give it a __tablename__ and a primary key"
            " (table=True for a SQLModel), or ask one of its subclasses"
        )
    return mapper


def fields_of(model: type) -> Fields:
    """The attributes of a model; answered from memory after the first time."""
    mapper = mapper_of(model)
    count = len(mapper.attrs)
    known = _fields.get(model)
    if known is not None and known[0] == count:
        return known[1]
    fields = _read_fields(mapper)
    _fields[model] = (count, fields)
    return fields


def _read_fields(mapper: Mapper[Any]) -> Fields:
    stored = _stored_columns(mapper)
    expressions = [name for name, _ in mapper.column_attrs.items() if name not in stored]
    relations = mapper.relationships
    settable_columns = tuple(name for name, column in stored.items() if _is_settable(mapper, name, column))
    settable_relations = tuple(name for name, relation in relations.items() if not relation.viewonly)
    hybrids = _hybrids(mapper)
    settable_hybrids = [name for name, hybrid in hybrids.items() if hybrid.fset is not None]
    others = _settable_others(mapper, {*settable_columns, *settable_relations})
    return Fields(
        columns=(*stored, *expressions),
        relations=tuple(relations.keys()),
        hybrids=tuple(hybrids),
        settable_columns=settable_columns,
        insert_only=tuple(n for n, c in stored.items() if n == CREATED_AT or _is_given_key(mapper, n, c)),
        settable_relations=settable_relations,
        settable=(*settable_columns, *settable_relations, *settable_hybrids, *others),
    )


def _stored_columns(mapper: Mapper[Any]) -> dict[str, Column[Any]]:
    """Attribute name to column, in the order of the table; a parent's table comes first."""
    stored: dict[str, Column[Any]] = {}
    for selected in mapper.persist_selectable.c:
        if isinstance(selected, Column):
            column: Column[Any] = selected
            name = attribute_of(mapper, column)
            if name is not None:
                stored.setdefault(name, column)
    return stored


def attribute_of(mapper: Mapper[Any], column: Column[Any]) -> str | None:
    """The attribute a column is mapped to; None for the columns of a sibling class, and excluded ones."""
    try:
        return mapper.get_property_by_column(column).key
    except UnmappedColumnError:
        return None


def _is_settable(mapper: Mapper[Any], name: str, column: Column[Any]) -> bool:
    computed = isinstance(column.server_default, Computed) or is_always_generated(mapper, name)
    kept = name in {CREATED_AT, version_name(mapper), discriminator_of(mapper)}
    return not (kept or computed or column in mapper.primary_key)


def _is_given_key(mapper: Mapper[Any], name: str, column: Column[Any]) -> bool:
    return column in mapper.primary_key and not is_always_generated(mapper, name)


def is_always_generated(mapper: Mapper[Any], name: str) -> bool:
    """The database numbers the column, and takes no number for it: GENERATED ALWAYS AS IDENTITY."""
    attribute = mapper.column_attrs.get(name)
    generated = getattr(attribute.columns[0], "server_default", None) if attribute is not None else None
    return isinstance(generated, Identity) and bool(generated.always)


def discriminator_of(mapper: Mapper[Any]) -> str | None:
    """The attribute that says which class of its hierarchy a row is of; None where classes have a table each."""
    column = mapper.polymorphic_on
    return attribute_of(mapper, column) if isinstance(column, Column) else None


def says_own_class(model: type, name: str, value: object) -> bool:
    """Whether a value is the discriminator's for rows of this very class, which it goes without saying."""
    mapper = mapper_of(model)
    return name == discriminator_of(mapper) and value is not None and value == mapper.polymorphic_identity


def version_name(mapper: Mapper[Any]) -> str | None:
    """The attribute that counts the versions of a row; None without one, or where the program counts."""
    version = mapper.version_id_col
    if version is None or mapper.version_id_generator is False:
        return None
    return mapper.get_property_by_column(cast("Column[Any]", version)).key


def has_versions(table: object) -> bool:
    """Whether the rows of a table have a column that counts their versions."""
    versions = [mapper.version_id_col for known in _registries for mapper in known.mappers]
    return any(isinstance(version, Column) and cast("object", version.table) is table for version in versions)


def _hybrids(mapper: Mapper[Any]) -> dict[str, hybrid_property[Any]]:
    descriptors = mapper.all_orm_descriptors.items()
    return {
        name: cast("hybrid_property[Any]", descriptor)
        for name, descriptor in descriptors
        # `@label.inplace.setter def _label_set(...)` leaves a second hybrid behind, under the setter's name.
        if descriptor.extension_type is HybridExtensionType.HYBRID_PROPERTY and not name.startswith("_")
    }


def _settable_others(mapper: Mapper[Any], settable: set[str]) -> list[str]:
    """Descriptors that pass a value on to something settable, and plain properties with a setter."""
    names = [name for name, synonym in mapper.synonyms.items() if _sets_one_of(settable, synonym)]
    names += [name for name, composite in mapper.composites.items() if _sets_one_of(settable, composite)]
    for name, descriptor in mapper.all_orm_descriptors.items():
        if descriptor.extension_type is AssociationProxyExtensionType.ASSOCIATION_PROXY:
            proxy = cast("Any", descriptor)
            names += [name] if proxy.target_collection in settable else []
    known = {*mapper.attrs.keys(), *mapper.all_orm_descriptors.keys()}
    return names + [name for name in _properties_with_setter(mapper.class_) if name not in known]


def _sets_one_of(settable: set[str], passes_on: SynonymProperty[Any] | CompositeProperty[Any]) -> bool:
    if isinstance(passes_on, SynonymProperty):
        return passes_on.name in settable
    return all(attribute.key in settable for attribute in passes_on.props)


def _properties_with_setter(model: type) -> Iterator[str]:
    """Public properties with a setter, the base classes' first; what a subclass hides does not count."""
    seen: dict[str, object] = {}
    for cls in reversed(model.__mro__):
        seen.update(vars(cls))
    for name, value in seen.items():
        if isinstance(value, property) and value.fset is not None and not name.startswith("_"):
            yield name


def primary_key_names(model: type) -> tuple[str, ...]:
    """Attribute names of the primary key, in its order."""
    mapper = mapper_of(model)
    return tuple(mapper.get_property_by_column(column).key for column in mapper.primary_key)


def tables_of(mapper: Mapper[Any]) -> tuple[Table[Any], ...]:
    """The tables a mapper writes to, the parent's first."""
    tables: list[Table[Any]] = [table for table in mapper.tables if isinstance(table, Table)]
    return tuple(tables)


def remember_registry(known: registry) -> None:
    """Let `model_for_table` find the models of a registry when no model is given."""
    _registries.add(known)


def model_for_table(
    table_name: str, schema: str | None = None, *, near: type | None = None, among: Iterable[registry] = ()
) -> type | None:
    """The model whose rows are in a table; None for tables of no model, or of several unrelated ones.

    Args:
        table_name: As the database spells it.
        schema: As the database spells it; asked only where one name is used in several schemas.
        near: A model; it wins where it is stored in that table, and otherwise its registry is searched.
        among: The registries to search without such a model, by default all.
    """
    if near is not None and _table_named(mapper_of(near), table_name) is not None:
        return near
    registries = [mapper_of(near).registry] if near is not None else list(among) or list(_registries)
    found = [mapper for known in registries for mapper in known.mappers if _owns(mapper, table_name)]
    if len(found) > 1 and schema is not None:
        found = [mapper for mapper in found if mapper.local_table.schema == schema] or found
    return found[0].class_ if len(found) == 1 else None


def _owns(mapper: Mapper[Any], table_name: str) -> bool:
    """The mapper brings the table; children that only share it do not."""
    own = mapper.local_table
    if not isinstance(own, Table) or not _same(own.name, table_name):
        return False
    return mapper.inherits is None or mapper.inherits.local_table is not own


def _table_named(mapper: Mapper[Any], table_name: str) -> Table[Any] | None:
    return next((table for table in tables_of(mapper) if _same(table.name, table_name)), None)


def _same(ours: str, theirs: str) -> bool:
    # Servers on case-insensitive file systems report table names in small letters.
    return ours == theirs or ours.lower() == theirs.lower()


def table_for_name(table_name: str, *, near: type | None = None) -> Table[Any] | None:
    """The table of that name beside a model's tables, mapped or not; without a model, among all that are known."""
    if near is not None:
        own = _table_named(mapper_of(near), table_name)
        if own is not None:
            return own
    registries = [mapper_of(near).registry] if near is not None else list(_registries)
    tables = {table for known in registries for table in known.metadata.tables.values()}
    found = [table for table in tables if _same(table.name, table_name)]
    return found[0] if len(found) == 1 else None


def attribute_for_column(model: type, column_name: str, table: Table[Any] | None = None) -> str:
    """The attribute that a column of the database is mapped to; the column's own name where there is none."""
    mapper = mapper_of(model)
    for candidate in (table,) if table is not None else tables_of(mapper):
        column = next((column for column in candidate.c if _same(column.name, column_name)), None)
        name = attribute_of(mapper, column) if column is not None else None
        if name is not None:
            return name
    return column_name


def attributes_for_columns(
    model: type | None, columns: Iterable[str], table: Table[Any] | None = None
) -> tuple[str, ...]:
    """`attribute_for_column` for several; without a model the names stay as they are."""
    return tuple(columns) if model is None else tuple(attribute_for_column(model, name, table) for name in columns)


def equated_columns(relation: RelationshipProperty[Any]) -> Mapping[Any, Any] | None:
    """Local column to remote column, where the join condition of a relation is nothing but their equality."""
    condition = relation.primaryjoin
    terms = condition.clauses if _is_conjunction(condition) else [condition]
    pairs: dict[Any, Any] = {}
    for term in terms:
        if not isinstance(term, BinaryExpression) or term.operator is not operators.eq:
            return None
        near, far = term.left, term.right
        if not (near in relation.local_columns and far in relation.remote_side):
            near, far = far, near
        if not (near in relation.local_columns and far in relation.remote_side):
            return None
        pairs[near] = far
    return pairs if len(pairs) == len(list(terms)) else None


def _is_conjunction(condition: ColumnElement[Any]) -> bool:
    return isinstance(condition, BooleanClauseList) and condition.operator is operators.and_
