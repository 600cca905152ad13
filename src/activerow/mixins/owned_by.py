"""Rows that belong to a row of another model: the foreign key, the relation, and its other side, said once.

What a model maps is put into its class body before SQLAlchemy reads it, so an annotation there is all that a type
checker needs. The constraint, and the other side, wait until both classes are mapped: the owner may be named by a
string and come later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Column, ColumnElement, ForeignKeyConstraint, Index, Table, UniqueConstraint, and_, event, inspect
from sqlalchemy.orm import DeclarativeBase, Mapper, mapped_column, registry, relationship
from sqlalchemy.sql.elements import conv
from sqlalchemy.types import Integer, TypeEngine

from activerow.errors import UsageError
from activerow.mapping import hiding_of
from activerow.naming import snake_case
from activerow.partial_index import VISIBLE, unique_where

OnDelete = Literal["CASCADE", "SET NULL", "RESTRICT", "NO ACTION"]

# What SQLAlchemy does about the rows of an owner that is deleted; the rest is the database's.
_OTHER_SIDE: Final[dict[str | None, dict[str, Any]]] = {
    "CASCADE": {"cascade": "all", "passive_deletes": True},
    "SET NULL": {"passive_deletes": True},
    "RESTRICT": {"passive_deletes": "all"},
    "NO ACTION": {"passive_deletes": "all"},
    None: {"passive_deletes": "all"},
}


@dataclass(frozen=True, slots=True)
class Owner:
    """What a model belongs to.

    Attributes:
        model: The owner, or its name where it is not defined yet.
        name: The relation; by default the owner's name in snake case: `ApiKey` is `api_key`.
        back_populates: The relation of the owner that leads back. It is made where the owner does not declare it.
        one_to_one: An owner has at most one.
        nullable: There are rows without owner.
        on_delete: What the database does to the rows of an owner that is deleted; by default it refuses.
        column: The foreign key's column; by default `<name>_id`.
    """

    model: type | str
    name: str | None = None
    back_populates: str | None = None
    one_to_one: bool = False
    nullable: bool = False
    on_delete: OnDelete | None = None
    column: str | None = None

    def __post_init__(self) -> None:
        if self.on_delete not in _OTHER_SIDE:
            raise UsageError(f"on_delete={self.on_delete!r}: there are CASCADE, SET NULL, RESTRICT and NO ACTION")
        if self.on_delete == "SET NULL" and not self.nullable:
            raise UsageError("on_delete='SET NULL' leaves rows without owner: say nullable=True")

    @property
    def class_name(self) -> str:
        """The owner's name."""
        return self.model.rpartition(".")[2] if isinstance(self.model, str) else self.model.__name__

    @property
    def relation(self) -> str:
        """The name of the relation."""
        return self.name or snake_case(self.class_name)


class Owned:
    """A model that belongs to others: `class Post(Owned, Base, owners=[Owner("User")])`.

    The same as `class Post(owned_by("User"), Base)`, in a form that mypy reads too.
    """

    __owners__: ClassVar[tuple[Owner, ...]] = ()

    def __init_subclass__(cls, owners: Iterable[Owner] = (), **options: Any) -> None:
        """Add columns and relations to the class before it is mapped.

        Raises:
            UsageError: Two owners have one name, or the mixin stands behind the base.
        """
        if owners:
            cls.__owners__ = tuple(owners)
        if _is_model(cls):
            _add_all(cls)
        super().__init_subclass__(**options)


def owned_by(
    model: type | str,
    *,
    name: str | None = None,
    back_populates: str | None = None,
    one_to_one: bool = False,
    nullable: bool = False,
    on_delete: OnDelete | None = None,
    column: str | None = None,
) -> type[Owned]:
    """A mixin for a model that belongs to another: `class Post(owned_by("User", back_populates="posts"), Base)`.

    It adds `user_id` and `user`; the arguments are those of `Owner`.

    Raises:
        UsageError: `on_delete` is no such rule, or goes against `nullable`.
    """
    owner = Owner(model, name, back_populates, one_to_one, nullable, on_delete, column)
    return cast("type[Owned]", type(f"OwnedBy{owner.class_name}", (Owned,), {"__owners__": (owner,)}))


# --- before the model is mapped -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Link:
    """An owner of one model, with the columns that refer to it."""

    model: type
    owner: Owner
    columns: list[Column[Any]] = field(default_factory=list[Column[Any]])

    def keys(self) -> list[Column[Any]]:
        """What the columns refer to; nothing before the owner is defined."""
        mapper = self.owner_mapper()
        return _keys(mapper) if mapper is not None else []

    def condition(self) -> ColumnElement[bool]:
        """The JOIN of both tables."""
        # Spelt out: the JOIN behind the child of a hierarchy knows only the foreign keys it was made with.
        return and_(*[column == key for column, key in zip(self.columns, self.keys(), strict=True)])

    def owner_mapper(self) -> Mapper[Any] | None:
        """The owner's mapper; None before the owner is defined."""
        if not isinstance(self.owner.model, str):
            return cast("Mapper[Any]", inspect(self.owner.model, raiseerr=True))
        known = cast("registry", cast("Any", self.model).registry).mappers
        found = [mapper for mapper in known if _goes_by(mapper.class_, self.owner.model)]
        if len(found) > 1:
            raise UsageError(
                f"{self.model.__name__} is owned by {self.owner.model!r}, and several models are called so:"
                f" write the module before it, or give the class"
            )
        return found[0] if found else None


_unfinished: "WeakKeyDictionary[registry, list[_Link]]" = WeakKeyDictionary()


def _is_model(cls: type) -> bool:
    """SQLAlchemy maps the class, or has just done so."""
    return hasattr(cls, "registry") and DeclarativeBase not in cls.__bases__ and not vars(cls).get("__abstract__")


def _goes_by(cls: type, name: str) -> bool:
    return name == cls.__name__ or f"{cls.__module__}.{cls.__qualname__}".endswith(f".{name}")


def _add_all(cls: type) -> None:
    if "__mapper__" in vars(cls):
        raise UsageError(
            f"{cls.__name__}: owned_by(...) stands before the base: class {cls.__name__}(owned_by(...), Base)"
        )
    owners = [owner for base in cls.__mro__ for owner in cast("Sequence[Owner]", vars(base).get("__owners__", ()))]
    names = [owner.relation for owner in owners]
    for owner in owners:
        if names.count(owner.relation) > 1:
            raise UsageError(f"{cls.__name__} has two owners called {owner.relation!r}: give them a name= each")
        if not _is_inherited(cls, owner.relation):
            _add(cls, owner)


def _is_inherited(cls: type, relation: str) -> bool:
    parents = (cast("Mapper[Any] | None", inspect(base, raiseerr=False)) for base in cls.__mro__[1:])
    return any(parent.has_property(relation) for parent in parents if parent is not None)


def _add(cls: type, owner: Owner) -> None:
    link = _Link(cls, owner)
    keys = link.keys()
    if len(keys) > 1 and owner.column is not None:
        raise UsageError(f"{cls.__name__}: the key of {owner.class_name} has several columns, leave out column=")
    names = [f"{owner.relation}_{key.key}" for key in keys] if len(keys) > 1 else [_column_name(owner)]
    # An owner that is not defined yet will say which type it is.
    types: list[TypeEngine[Any]] = [key.type for key in keys] or [Integer()]
    for name, type_ in zip(names, types, strict=True):
        if name not in vars(cls):
            setattr(cls, name, mapped_column(type_, nullable=owner.nullable))
        given: Any = vars(cls)[name]
        link.columns.append(getattr(given, "column", given))
    if owner.relation not in vars(cls):
        setattr(cls, owner.relation, _relation(link))
    _unfinished.setdefault(cast("Any", cls).registry, []).append(link)


def _column_name(owner: Owner) -> str:
    return owner.column or f"{owner.relation}_id"


def _keys(mapper: Mapper[Any]) -> list[Column[Any]]:
    """The primary key of the owner's own table."""
    return list(cast("Table[Any]", mapper.local_table).primary_key.columns)


def _relation(link: _Link) -> Any:
    owner = link.owner
    target: Any = owner.model
    return relationship(
        target,
        back_populates=owner.back_populates,
        primaryjoin=link.condition,
        foreign_keys=link.columns,
        remote_side=link.keys,
    )


# --- when both are mapped -------------------------------------------------------------------------------------------


@event.listens_for(Mapper, "after_mapper_constructed")
def _finish(_mapper: Mapper[Any], _class: type) -> None:
    for known, links in list(_unfinished.items()):
        ready = [link for link in links if inspect(link.model, raiseerr=False) is not None and link.owner_mapper()]
        for link in ready:
            links.remove(link)
            _constrain(link, cast("Mapper[Any]", link.owner_mapper()))
        if not links:
            del _unfinished[known]


def _constrain(link: _Link, mapper: Mapper[Any]) -> None:
    """Add the foreign key with its index, and the owner's side of the relation.

    Raises:
        UsageError: The key of an owner that was not known by then has several columns.
    """
    owner, keys, columns = link.owner, _keys(mapper), link.columns
    if len(keys) != len(columns):
        raise UsageError(
            f"{link.model.__name__} is owned by {owner.class_name}, whose key has {len(keys)} columns: define the owner"
            f" first"
        )
    for column, key in zip(columns, keys, strict=True):
        column.type = key.type
    table = columns[0].table
    table.append_constraint(ForeignKeyConstraint(columns, keys, ondelete=owner.on_delete))
    _index(link, table, columns)
    if owner.back_populates is not None and not mapper.has_property(owner.back_populates):
        mapper.add_property(owner.back_populates, _other_side(link))


def _index(link: _Link, table: Table[Any], columns: list[Column[Any]]) -> None:
    if not link.owner.one_to_one:
        Index(None, *columns)  # finds its table, and its name, by the columns
    elif hiding_of(link.model) is not None:
        unique_where(
            "deleted_at IS NULL",
            *columns,
            name=conv(f"uq_{table.name}_{'_'.join(column.name for column in columns)}"),
            info={VISIBLE: True},
        )
    else:
        table.append_constraint(UniqueConstraint(*columns))


def _other_side(link: _Link) -> Any:
    owner = link.owner
    return relationship(
        link.model,
        back_populates=owner.relation,
        primaryjoin=link.condition,
        foreign_keys=link.columns,
        remote_side=link.columns,
        uselist=not owner.one_to_one,
        **_OTHER_SIDE[owner.on_delete],
    )
