"""What a schema asks of a model: which columns to select, which relations to follow, and so on from there.

A schema is a Pydantic model class. It is known by its attributes alone, because the core does not depend on Pydantic.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import getattr_static
from typing import Any, Final, Protocol, Self, TypeGuard, cast, get_args
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement
from sqlalchemy.ext.associationproxy import AssociationProxyExtensionType
from sqlalchemy.ext.hybrid import HybridExtensionType
from sqlalchemy.orm import RelationshipProperty

from activerow.errors import UnknownFieldError, UsageError
from activerow.mapping import fields_of, mapper_of

_MISSING: Final = object()


class Schema(Protocol):
    """A Pydantic model class, as far as rows are put into it."""

    @classmethod
    def model_validate(cls, obj: Any, *, from_attributes: bool | None = None) -> Self:
        """The schema's object of what `obj` has."""
        ...


class _Field(Protocol):
    """Pydantic's `FieldInfo`, as far as it is read here."""

    annotation: Any
    validation_alias: Any

    def is_required(self) -> bool: ...


_Path = Sequence[str | int]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Shape:
    """What is read of a model's rows.

    Attributes:
        model: The model.
        columns: Attributes that are read as columns: mapped columns, expressions, hybrids, composites.
        constants: Attributes of the class that are the same for every row.
        relations: Relations to follow, by the attribute's name, and what is read of the related rows.
        computed: Names of what the query computes.
    """

    model: type
    columns: tuple[str, ...]
    constants: Mapping[str, object]
    relations: "Mapping[str, tuple[RelationshipProperty[Any], Shape]]"
    computed: tuple[str, ...] = ()


# The number of the mapper's attributes is kept with the answer: a backref or a late column may bring more.
_shapes: "WeakKeyDictionary[type, dict[tuple[type, int, tuple[str, ...]], Shape]]" = WeakKeyDictionary()


def shape_of(model: type, schema: object, computed: tuple[str, ...] = ()) -> Shape:
    """What `schema` names of `model`, and of what the query computes; worked out once.

    Raises:
        UnknownFieldError: The schema needs a name that the model does not have.
        UsageError: It is no schema, or names something that has no SQL.
    """
    if not _is_schema(schema):
        name = getattr(schema, "__name__", None) or type(schema).__name__
        raise UsageError(f"a schema is a class derived from pydantic.BaseModel, not {name}")
    known = _shapes.setdefault(schema, {})
    key = (model, len(mapper_of(model).attrs), computed)
    shape = known.get(key)
    if shape is None:
        needs = _Needs(model, computed)
        needs.add_schema(schema, ())
        shape = known[key] = needs.shape()
    return shape


def json_objects(objects: Iterable[object], schema: object, *, by_alias: bool | None) -> bytes:
    """A JSON array of a schema's objects."""
    to_json = cast("Any", schema).__pydantic_serializer__.to_json
    return b"[" + b",".join([to_json(each, by_alias=by_alias) for each in objects]) + b"]"


# --- what a schema is -----------------------------------------------------------------------------------------------


def _is_schema(value: object) -> TypeGuard[type]:
    return isinstance(value, type) and hasattr(value, "model_fields") and hasattr(value, "model_validate")


def _fields(schema: type) -> Mapping[str, _Field]:
    """The fields of a schema by name.

    Raises:
        UsageError: It has none, or is not complete.
    """
    described = cast("Any", schema)
    if getattr(schema, "__pydantic_root_model__", False):
        raise UsageError(f"{schema.__name__} is a RootModel, which names no fields; give the model of one row")
    if not getattr(schema, "__pydantic_complete__", True):
        try:
            described.model_rebuild()
        except Exception as error:
            raise UsageError(
                f"{schema.__name__} refers to a class that is not defined yet; call"
                f" {schema.__name__}.model_rebuild() where it is"
            ) from error
    return cast("Mapping[str, _Field]", described.model_fields)


def _paths(schema: type, name: str, info: _Field) -> Iterator[_Path]:
    """Where Pydantic looks for a field, in its order: at aliases, paths of them, and the name itself."""
    config = cast("Mapping[str, Any]", getattr(schema, "model_config", {}))
    alias: Any = info.validation_alias
    by_alias = alias is not None and config.get("validate_by_alias", True)
    if by_alias:
        for choice in getattr(alias, "choices", (alias,)):
            yield (choice,) if isinstance(choice, str) else cast("Any", choice).path
    if not by_alias or config.get("validate_by_name") or config.get("populate_by_name"):
        yield (name,)


def _schemas_in(annotation: Any) -> list[type]:
    """The schemas that an annotation like `list[PostOut] | None` speaks of, each once."""
    if _is_schema(annotation):
        return [annotation]
    named = getattr(annotation, "__value__", None)  # type PostList = list[PostOut]
    parts = get_args(annotation) if named is None else (named,)
    return list(dict.fromkeys(schema for part in parts for schema in _schemas_in(part)))


# --- what a model has for it ----------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Needs:
    """A shape in the making."""

    model: type
    offered: tuple[str, ...] = ()
    computed: dict[str, None] = field(default_factory=dict[str, None])
    columns: dict[str, None] = field(default_factory=dict[str, None])
    constants: dict[str, object] = field(default_factory=dict[str, object])
    relations: "dict[str, tuple[RelationshipProperty[Any], _Needs]]" = field(
        default_factory=dict[str, "tuple[RelationshipProperty[Any], _Needs]"]
    )

    def shape(self) -> Shape:
        """The shape, when nothing more is needed."""
        relations = {name: (relation, needs.shape()) for name, (relation, needs) in self.relations.items()}
        computed = tuple(name for name in self.offered if name in self.computed)
        return Shape(self.model, tuple(self.columns), dict(self.constants), relations, computed)

    def add_schema(self, schema: type, trail: tuple[type, ...]) -> None:
        """Need what `schema` names; `trail` are the schemas around it."""
        for name, info in _fields(schema).items():
            self._add_field(_Asked(schema, name, info, (*trail, schema)))

    def _add_field(self, asked: "_Asked") -> None:
        lacking: list[UnknownFieldError] = []
        is_found = False
        for path in _paths(asked.schema, asked.name, asked.info):
            missing = self._add_path(path, asked)
            if missing is not None:
                lacking.append(missing)
                continue
            is_found = True
            if len(path) == 1:
                return  # an attribute that rows have for certain: no further alias is looked at
        if lacking and not is_found and asked.info.is_required():
            raise lacking[0]

    def _add_path(self, path: _Path, asked: "_Asked") -> UnknownFieldError | None:
        """Need what a path leads to; the error where a model lacks it, which a default may make good."""
        name, rest = str(path[0]), path[1:]
        relation = _relation(self.model, name, asked)
        if relation is None:
            return self._add_value(name, asked)
        _, related = self.relations.setdefault(name, (relation, _Needs(relation.mapper.class_)))
        names = [index for index, part in enumerate(rest) if isinstance(part, str)]
        if names:
            return related._add_path(rest[names[0] :], asked)
        related.add_schema(asked.nested(relation), asked.trail)
        return None

    def _add_value(self, name: str, asked: "_Asked") -> UnknownFieldError | None:
        mapper = mapper_of(self.model)
        descriptor = mapper.all_orm_descriptors.get(name)
        if name in self.offered:
            self.computed[name] = None
        elif name in mapper.attrs:
            self.columns[name] = None
        elif descriptor is not None and descriptor.extension_type is HybridExtensionType.HYBRID_PROPERTY:
            _check_expression(self.model, name, asked)
            self.columns[name] = None
        elif getattr_static(self.model, name, _MISSING) is _MISSING:
            _refuse_subclasses(self.model, name, asked)
            fields = fields_of(self.model)
            choices = fields.columns + fields.relations + fields.hybrids + self.offered
            return UnknownFieldError(self.model.__name__, name, choices=choices)
        else:
            _check_plain(self.model, name, asked)
            self.constants[name] = getattr_static(self.model, name)
        return None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A field of a schema, and the schemas around it."""

    schema: type
    name: str
    info: _Field
    trail: tuple[type, ...]

    def __str__(self) -> str:
        return f"{self.schema.__name__}.{self.name}"

    def nested(self, relation: RelationshipProperty[Any]) -> type:
        """The schema of the related rows."""
        found = _schemas_in(self.info.annotation)
        if len(found) != 1:
            wanted = "no schema" if not found else f"several schemas ({', '.join(each.__name__ for each in found)})"
            raise UsageError(
                f"{self} is the relation {relation}, and its annotation names {wanted}: annotate it with one schema of"
                f" the related rows, or load rows with include() and validate those"
            )
        if found[0] in self.trail:
            raise UsageError(
                f"{self} leads back to {found[0].__name__}, and so on without an end: give the last level a schema"
                f" of its own"
            )
        return found[0]


def _relation(model: type, name: str, asked: _Asked) -> RelationshipProperty[Any] | None:
    """The relation of that name, or that a synonym of that name stands for."""
    mapper = mapper_of(model)
    meant = name
    while meant in mapper.synonyms:
        meant = mapper.synonyms[meant].name
    relation = mapper.relationships.get(meant)
    if relation is None:
        return None
    if relation.lazy in {"dynamic", "write_only"}:
        raise UsageError(f"{asked}: {relation} is {relation.lazy}; it is queried, and cannot be read with the rows")
    if relation.uselist and collection_of(relation) is None:
        raise UsageError(f"{asked}: {relation} is a collection that is neither list nor set; load rows with include()")
    return relation


def collection_of(relation: RelationshipProperty[Any]) -> type[list[Any]] | type[set[Any]] | None:
    """What the related rows of a to-many relation are collected in; None for another kind, like a dict."""
    kind: object = cast("Any", relation).collection_class or list
    if isinstance(kind, type) and issubclass(kind, set):
        return set
    return list if isinstance(kind, type) and issubclass(kind, list) else None


def _check_expression(model: type, name: str, asked: _Asked) -> None:
    """Accept a hybrid that is SQL on the class, and the same for all kinds of rows."""
    try:
        value = getattr(model, name)
    except Exception as error:
        raise _no_sql(model, name, asked, "a hybrid whose code only Python can run") from error
    if not isinstance(value, ColumnElement) and not hasattr(value, "__clause_element__"):
        raise _no_sql(model, name, asked, "a hybrid whose code only Python can run")
    _refuse_subclasses(model, name, asked)


def _check_plain(model: type, name: str, asked: _Asked) -> None:
    """Accept an attribute of the class that is a plain value, the same for all rows."""
    descriptor = mapper_of(model).all_orm_descriptors.get(name)
    if descriptor is not None and descriptor.extension_type is AssociationProxyExtensionType.ASSOCIATION_PROXY:
        raise _no_sql(model, name, asked, "an association proxy")
    value: object = getattr_static(model, name)
    if hasattr(type(value), "__get__"):
        raise _no_sql(model, name, asked, "a property" if isinstance(value, property) else "code of the class")
    _refuse_subclasses(model, name, asked)


def _refuse_subclasses(model: type, name: str, asked: _Asked) -> None:
    """Refuse a name that rows of a subclass would answer for themselves."""
    own: object = getattr_static(model, name, _MISSING)
    for mapper in mapper_of(model).self_and_descendants:
        if getattr_static(mapper.class_, name, _MISSING) is not own:
            raise UsageError(
                f"{asked}: {mapper.class_.__name__} has a {name} of its own; query {mapper.class_.__name__},"
                f" or load rows with all() and validate those"
            )


def _no_sql(model: type, name: str, asked: _Asked, what: str) -> UsageError:
    return UsageError(
        f"{asked}: {model.__name__}.{name} is {what} and has no SQL; make it a hybrid_property with an SQL"
        f" expression or a computed_field of the schema, or load rows: [{asked.trail[0].__name__}.model_validate(row,"
        f" from_attributes=True) for row in await query.all()]"
    )
