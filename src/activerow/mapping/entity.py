"""What calls ask of a model, asked once: an `Entity` per mapped class, and whether a call may do without a Session.

A row is read *directly* when nobody could tell the difference: no Session event, loader or listener of the program
would have seen it. The reasons against are kept in words, for `activerow models` and for whoever wonders.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Literal, cast

from sqlalchemy import Column, Table, event
from sqlalchemy.orm import InstanceState, Mapper, RelationshipDirection
from sqlalchemy.orm.instrumentation import ClassManager

from activerow.mapping.column_kinds import check_for
from activerow.mapping.evident import Evident, evident
from activerow.mapping.hidden_rows import Hiding, hiding_of
from activerow.mapping.hooks import are_in_use, hooks_of
from activerow.mapping.inspection import Fields, fields_of, mapper_of
from activerow.mapping.listeners import Listeners

ENTITY: Final = "__activerow_entity__"
"""The attribute of a model's class that holds its `Entity`, once somebody has asked for it."""

# Relations that read nothing along with their row.
_QUIET: Final = frozenset({"select", True, "raise", "raise_on_sql", "noload", "dynamic", "write_only", None, False})
_LOAD_EVENTS: Final = ("load", "refresh", "refresh_flush", "expire")


class Entity:
    """The facts about one mapped class that calls ask for; made anew when the class gains an attribute."""

    def __init__(self, model: type) -> None:
        self.model: Final = model
        self.name: Final = model.__name__
        self.mapper: Final[Mapper[Any]] = mapper_of(model)
        self.fields: Final[Fields] = fields_of(model)
        self.hiding: Final[Hiding | None] = hiding_of(model)
        self.keys: Final = tuple(self.mapper.get_property_by_column(c).key for c in self.mapper.primary_key)
        self.identity: Final[type] = cast("Any", self.mapper)._identity_class
        self.relations: Final = self.mapper.relationships
        self.settable: Final = frozenset(self.fields.settable)
        self.creatable: Final = self.settable | frozenset(self.fields.insert_only)
        self.lookups: Final[dict[str, Any]] = {}
        """Lookups by how they are written, of those whose SQL is the same for every value."""
        self.memory: Final[dict[Any, Any]] = {}
        """What other rooms have found out about the model; it goes when the class changes."""

    @cached_property
    def columns(self) -> dict[str, Column[Any]]:
        """Attribute to column, of what a row is read by."""
        return {prop.key: prop.columns[0] for prop in self.mapper.column_attrs if isinstance(prop.columns[0], Column)}

    @cached_property
    def evident(self) -> dict[str, Evident]:
        """By attribute, which values a column evidently takes."""
        return {name: evident(column.type, check_for(column.type)) for name, column in self.columns.items()}

    @cached_property
    def creating(self) -> dict[str, Evident]:
        """The same, of the columns that may be given to a new row."""
        return {name: known for name, known in self.evident.items() if name in self.creatable}

    @cached_property
    def setting(self) -> dict[str, Evident]:
        """The same, of the columns that may be set."""
        return {name: known for name, known in self.evident.items() if name in self.settable}

    @cached_property
    def manager(self) -> "ClassManager[Any]":
        """What instruments the class."""
        return self.mapper.class_manager

    @cached_property
    def against_reading(self) -> tuple[str, ...]:
        """Why its rows can only be read by a Session; empty where nothing stands against it."""
        return tuple(_against_reading(self.mapper))

    @cached_property
    def against_writing(self) -> tuple[str, ...]:
        """Why its rows can only be written by a Session; empty where nothing stands against it."""
        return (*self.against_reading, *_against_writing(self.mapper))

    def writes_directly(self, operation: Literal["insert", "update", "delete"]) -> bool:
        """Whether rows can be written without a Session, as far as the model and its listeners are concerned."""
        if self.against_writing or (are_in_use() and hooks_of(self.model) is not None):
            return False
        heard = self._write_listeners[operation]
        return (heard.unchanged() and heard.ours) or heard.are_ours()

    def constructs_plainly(self) -> bool:
        """Whether a new row is its values and nothing else: nobody's constructor or validator sees them."""
        heard = self._value_listeners
        return self._has_plain_constructor and ((heard.unchanged() and heard.ours) or heard.are_ours())

    @cached_property
    def _has_plain_constructor(self) -> bool:
        manager: Any = self.manager
        return manager.original_init is self.mapper.registry.constructor and not self.mapper.validators

    @cached_property
    def _value_listeners(self) -> Listeners:
        manager: Any = self.manager
        return Listeners((manager.dispatch, ["init"]), *[(manager[name].dispatch, ["set"]) for name in self.columns])

    @cached_property
    def _write_listeners(self) -> dict[str, Listeners]:
        operations = ("insert", "update", "delete")
        return {name: Listeners((self.mapper.dispatch, [f"before_{name}", f"after_{name}"])) for name in operations}

    @cached_property
    def load_listeners(self) -> Listeners:
        """Who hears of a row that a Session has loaded."""
        manager: Any = self.manager
        return Listeners((manager.dispatch, _LOAD_EVENTS))

    @cached_property
    def deletes_alone(self) -> bool:
        """Whether the database alone decides what goes along with a deleted row."""
        return all(
            relation.direction is RelationshipDirection.MANYTOONE or relation.passive_deletes or relation.viewonly
            for relation in self.relations
            if relation.secondary is None or not relation.viewonly
        )

    def new_row(self, values: dict[str, Any]) -> Any:
        """An instance of a row that was just stored with `values`, as a Session would leave it."""
        mapper: Any = self.mapper
        make: Any = self.model.__new__
        row = make(self.model)
        state: Any = InstanceState(row, self.manager)
        state.key = (mapper._identity_class, tuple([values[name] for name in self.keys]), None)
        row.__dict__.update(values, _sa_instance_state=state)
        return row

    def reads_directly(self) -> bool:
        """Whether rows can be read without a Session, as far as the model is concerned."""
        return not self.against_reading and self.load_listeners.are_ours()


def entity_of(model: type) -> Entity:
    """The facts about a model; answered from memory after the first time.

    Raises:
        UsageError: The class is not mapped.
    """
    entity: Entity | None = model.__dict__.get(ENTITY)
    if entity is None:
        entity = Entity(model)
        type.__setattr__(model, ENTITY, entity)
    return entity


def forget_entity(model: type) -> None:
    """Ask anew what a model, and those it inherits from, map."""
    for cls in model.__mro__:
        if ENTITY in cls.__dict__:
            type.__delattr__(cls, ENTITY)


def watch_attributes(root: type) -> None:
    """Forget what is known of a subclass of `root` when it gains an attribute, by a backref for instance."""

    @event.listens_for(root, "attribute_instrument", propagate=True)
    def changed(model: type, _name: str, _attribute: object) -> None:
        forget_entity(model)


def _against_writing(mapper: Mapper[Any]) -> Iterator[str]:
    if mapper.version_id_col is not None:
        yield "its rows have versions"
    if mapper.concrete or mapper.batch is False or mapper.polymorphic_identity is not None:
        yield "its mapper has options for writing"


def _against_reading(mapper: Mapper[Any]) -> Iterator[str]:
    if mapper.inherits is not None or mapper.polymorphic_on is not None or len(list(mapper.self_and_descendants)) > 1:
        yield "it inherits, or is inherited from"
    table: object = mapper.local_table
    if not isinstance(table, Table) or table is not mapper.persist_selectable:
        yield "it is not mapped to one table"
    for prop in mapper.column_attrs:
        if prop.deferred or len(prop.columns) > 1 or not isinstance(prop.columns[0], Column):
            yield f"{prop.key} is deferred, or an expression"
    for composite in mapper.composites.keys():  # noqa: SIM118  (iterating gives the attributes)
        yield f"{composite} is a composite"
    for relation in mapper.relationships:
        if relation.lazy not in _QUIET:
            yield f"{relation.key} is loaded along with each row (lazy={relation.lazy!r})"
    if mapper.always_refresh:
        yield "always_refresh is set"


def set_shown(state: InstanceState[Any], values: Mapping[str, object]) -> None:
    """Let a detached row show `values`, and all that it shows count as stored."""
    internals: Any = state
    state.dict.update(values)
    internals._commit_all(state.dict)
