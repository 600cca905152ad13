"""`ActiveRecord`: what a declarative base inherits from, to give its models `create get filter_by save update`..."""

import inspect as python
from typing import Any, ClassVar

from sqlalchemy import Column, event
from sqlalchemy import inspect as mapped
from sqlalchemy.orm import InstanceState, Mapped, MappedColumn, Mapper, RelationshipProperty, registry

from activerow.backends import STRING
from activerow.database.flush import keep_contents, watch
from activerow.errors import ReservedNameError, UnknownFieldError
from activerow.mapping import Fields, count_everywhere, fields_of, install_guard, remember_registry
from activerow.model.record.many import BulkWriting
from activerow.model.record.reading import Reading
from activerow.model.record.words_of_a_query import tell_queries_words
from activerow.model.record.writing import Writing

KEYWORDS = frozenset({"session", "auto_commit", "refresh", "defaults"})
"""Keywords of the methods, which a column of the same name would hide."""
_LONGEST = 60


class _FieldsOfTheModel:
    """`Model.fields`: computed for the class it is read from."""

    def __get__(self, _instance: object, owner: type) -> Fields:
        if mapped(owner, raiseerr=False) is None:
            raise AttributeError(f"{owner.__name__} is not mapped to a table, and has no fields")
        return fields_of(owner)


class ActiveRecord(Reading, Writing, BulkWriting):
    """Active Record for a declarative base: `class Base(ActiveRecord, DeclarativeBase)`."""

    fields: ClassVar[_FieldsOfTheModel] = _FieldsOfTheModel()
    """What can be asked of the model: `.columns .relations .hybrids .settable ...`, each a tuple of names."""

    __repr_attrs__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Map the class, unless it maps a name that the methods need.

        Raises:
            ReservedNameError: A mapped attribute would hide a method, or a keyword of one.
            UnknownFieldError: `__repr_attrs__` names what the class does not have.
        """
        _refuse_reserved(cls, _declared(cls))
        if "__repr__" not in cls.__dict__:
            # Or a dataclass, made here or later, gets one that reads every relation, loaded or not.
            type.__setattr__(cls, "__repr__", cls.__repr__)
        super().__init_subclass__(**options)
        mapper: Mapper[Any] | None = cls.__dict__.get("__mapper__")
        for name in cls.__repr_attrs__:
            if mapper is not None and not hasattr(cls, name):
                raise UnknownFieldError(cls.__name__, name, choices=sorted(mapper.all_orm_descriptors.keys()))
        tell_queries_words(cls)
        known = cls.__dict__.get("registry")
        if isinstance(known, registry) and str not in known.type_annotation_map:
            known.update_type_annotation_map({str: STRING})

    def __repr__(self) -> str:
        """`<User id=1>`, or `<User new>` before the INSERT; needs no session and shows no other column unasked."""
        state: InstanceState[Any] | None = mapped(self, raiseerr=False)
        if state is None:
            return super().__repr__()  # a schema, say, that inherits from a SQLModel base
        parts: list[str] = []
        if state.key is None:
            parts.append("new")
        else:
            names = (state.mapper.get_property_by_column(c).key for c in state.mapper.primary_key)
            parts += [f"{name}={value!r}" for name, value in zip(names, state.key[1], strict=True)]
        parts += [f"{name}={_short(state.dict[name])}" for name in self.__repr_attrs__ if name in state.dict]
        return f"<{type(self).__name__} {' '.join(parts)}>"


def _short(value: object) -> str:
    """The `repr` of a value, cut where it would fill the line."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


RESERVED = frozenset(name for name in dir(ActiveRecord) if not name.startswith("_")) | KEYWORDS


def _declared(cls: type) -> set[str]:
    """The names that the class body maps."""
    declared = {
        name
        for name, value in vars(cls).items()
        if isinstance(value, MappedColumn | Column | RelationshipProperty) or _is_mapped(value)
    }
    annotations = python.get_annotations(cls)
    return declared | {name for name, hint in annotations.items() if _says_mapped(hint)}


def _is_mapped(value: object) -> bool:
    return not python.isroutine(value) and isinstance(value, Mapped)


def _says_mapped(hint: object) -> bool:
    if isinstance(hint, str):
        return hint.partition("[")[0].rpartition(".")[2] in {"Mapped", "WriteOnlyMapped", "DynamicMapped"}
    origin = getattr(hint, "__origin__", None)
    return isinstance(origin, type) and issubclass(origin, Mapped)


def _refuse_reserved(cls: type, names: set[str]) -> None:
    for name in sorted(names & RESERVED):
        raise ReservedNameError(cls.__name__, name)


@event.listens_for(ActiveRecord, "after_mapper_constructed", propagate=True)
def _adopt(mapper: Mapper[Any], cls: type) -> None:
    """Take a model in, however it is mapped; what the server computes is read back, or reading it would be hidden I/O.

    Raises:
        ReservedNameError: A mapped attribute would hide a method, or a keyword of one.
    """
    _refuse_reserved(cls, set(mapper.all_orm_descriptors.keys()))
    remember_registry(mapper.registry)
    if mapper.eager_defaults == "auto":
        mapper.eager_defaults = True
    watch(mapper)


@event.listens_for(Mapper, "after_mapper_constructed", insert=True)
def _number(mapper: Mapper[Any], cls: type) -> None:
    """Have generated keys count on every server, before other tables take over the type of such a key."""
    if issubclass(cls, ActiveRecord):
        count_everywhere(mapper)


@event.listens_for(ActiveRecord, "mapper_configured", propagate=True)
def _guard(mapper: Mapper[Any], _class: type) -> None:
    for relation in mapper.relationships:
        target = relation.mapper
        if issubclass(target.class_, ActiveRecord):  # a `backref` comes late
            _refuse_reserved(target.class_, set(target.relationships.keys()))
    install_guard(mapper)
    keep_contents(mapper)
