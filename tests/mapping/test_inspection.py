"""What a model maps, asked of its mapper."""

from datetime import datetime

import pytest
from sqlalchemy import Computed, Enum, ForeignKey, Index, String, UniqueConstraint, func, select, text
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, composite, mapped_column, relationship, synonym

from activerow.errors import UsageError
from activerow.mapping.inspection import (
    attribute_for_column,
    fields_of,
    model_for_table,
    primary_key_names,
    remember_registry,
)
from activerow.mapping.keys import unique_keys
from activerow.mixins import AutoTableName, Timestamps


class Base(AutoTableName, DeclarativeBase):
    pass


class Users(Timestamps, Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(Enum("active", "deleted", "blocked"), default="active")
    email: Mapped[str] = mapped_column(String(255), unique=True)
    pw: Mapped[str | None] = mapped_column("password", String(2000))
    name: Mapped[str | None] = mapped_column(String(255))
    phone_number: Mapped[str | None] = mapped_column(String(20), unique=True)
    profile_img: Mapped[str | None] = mapped_column(String(1000))
    sns_type: Mapped[str | None] = mapped_column(Enum("email", "kakao"))
    marketing_agree: Mapped[bool | None] = mapped_column(default=True)
    keys: Mapped[list["ApiKey"]] = relationship(back_populates="user")
    active_keys: Mapped[list["ApiKey"]] = relationship(viewonly=True)


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


class ApiKey(Base):
    """Has one of everything that is not a plain column."""

    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[str]
    last: Mapped[str]
    x: Mapped[int] = mapped_column("pos_x")
    y: Mapped[int] = mapped_column("pos_y")
    shout: Mapped[str] = mapped_column(Computed("upper(first)"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[Users] = relationship(back_populates="keys")
    notes: Mapped[list["Note"]] = relationship()
    total: Mapped[int] = column_property(select(func.count()).scalar_subquery())
    nick: Mapped[str] = synonym("first")
    key: Mapped[int] = synonym("id")
    point: Mapped[Point] = composite("x", "y")
    texts: AssociationProxy[list[str]] = association_proxy("notes", "text")

    @hybrid_property
    def full(self) -> str:
        return f"{self.first} {self.last}"

    @full.inplace.setter
    def _full_setter(self, value: str) -> None:
        self.first, self.last = value.split()

    @hybrid_property
    def initials(self) -> str:
        return self.first[0] + self.last[0]

    @property
    def secret(self) -> str:
        return self.first

    @secret.setter
    def secret(self, value: str) -> None:
        self.first = value

    @property
    def _internal(self) -> str:
        return self.first

    @_internal.setter
    def _internal(self, value: str) -> None:
        self.first = value

    @property
    def length(self) -> int:
        return len(self.first)


class Note(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"))


def test_settable_columns_are_those_that_a_form_may_change() -> None:
    """All but the primary key and created_at, in mapped order; a renamed column is listed by its attribute."""
    assert " ".join(fields_of(Users).settable_columns) == (
        "status email pw name phone_number profile_img sns_type marketing_agree updated_at"
    )


def test_columns_are_all_that_is_read_as_one() -> None:
    """The key, the timestamps, and expressions last."""
    assert fields_of(Users).columns[0] == "id"
    assert fields_of(Users).columns[-2:] == ("created_at", "updated_at")
    assert fields_of(ApiKey).columns == ("id", "first", "last", "x", "y", "shout", "user_id", "total")


def test_viewonly_relations_are_read_but_not_set() -> None:
    """What SQLAlchemy does not write cannot be filled in."""
    fields = fields_of(Users)

    assert fields.relations == ("keys", "active_keys")
    assert fields.settable_relations == ("keys",)


def test_what_the_database_computes_is_not_settable() -> None:
    """A generated column is refused by every server."""
    assert "shout" in fields_of(ApiKey).columns
    assert "shout" not in fields_of(ApiKey).settable_columns


def test_hybrids_count_once_and_are_settable_with_a_setter() -> None:
    """The second name that an in-place setter leaves behind is no field."""
    fields = fields_of(ApiKey)

    assert fields.hybrids == ("full", "initials")
    assert "full" in fields.settable
    assert "initials" not in fields.settable


def test_everything_with_a_setter_is_settable() -> None:
    """Synonyms, composites, association proxies and properties pass a value on; read-only and private ones do not."""
    assert fields_of(ApiKey).settable == (
        *("first", "last", "x", "y", "user_id"),
        *("user", "notes"),
        *("full", "nick", "point", "texts", "secret"),
    )


def test_a_property_that_is_added_later_is_seen() -> None:
    """Backrefs of models that are defined later belong to the model too."""

    class Late(Base):
        id: Mapped[int] = mapped_column(primary_key=True)

    before = fields_of(Late).relations

    class Later(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        late_id: Mapped[int] = mapped_column(ForeignKey("lates.id"))
        late: Mapped[Late] = relationship(backref="laters")

    assert (before, fields_of(Later).relations, fields_of(Late).relations) == ((), ("late",), ("laters",))


def test_answers_are_remembered() -> None:
    """A model is asked once."""
    assert fields_of(Users) is fields_of(Users)


def test_a_class_that_is_not_mapped_is_refused() -> None:
    """The error says what a model needs."""
    with pytest.raises(UsageError, match="Point is not mapped to a table: give it a __tablename__"):
        fields_of(Point)


# --- inheritance ----------------------------------------------------------------------------------------------------


class Employee(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}  # noqa: RUF012


class Engineer(Employee):
    language: Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "engineer"}  # noqa: RUF012


class Manager(Employee):
    id: Mapped[int] = mapped_column(ForeignKey("employees.id"), primary_key=True)
    room: Mapped[str] = mapped_column(unique=True)
    __mapper_args__ = {"polymorphic_identity": "manager"}  # noqa: RUF012


def test_a_child_has_its_parents_columns_first() -> None:
    """Joined and single-table children list what they inherit, then their own; a sibling's column is not theirs."""
    assert fields_of(Manager).columns == ("id", "kind", "email", "room")
    assert fields_of(Engineer).columns == ("id", "kind", "email", "language")
    assert fields_of(Employee).columns == ("id", "kind", "email")
    assert fields_of(Manager).settable_columns == ("email", "room")


def test_a_child_is_singled_out_by_its_parents_keys_too() -> None:
    """The unique constraints of both tables count."""
    assert set(unique_keys(Manager)) == {frozenset({"id"}), frozenset({"email"}), frozenset({"room"})}


def test_a_table_belongs_to_the_model_that_brought_it() -> None:
    """A shared table is the parent's, unless the call was about the child."""
    assert model_for_table("employees", near=Users) is Employee
    assert model_for_table("managers", near=Users) is Manager
    assert model_for_table("employees", near=Engineer) is Engineer
    assert model_for_table("nothing", near=Users) is None


# --- keys and names -------------------------------------------------------------------------------------------------


class Seat(Base):
    __table_args__ = (
        UniqueConstraint("row_no", "number"),
        Index("ix_code", "code", unique=True),
        Index("ix_lower", text("lower(label)"), unique=True),
        Index("ix_partial", "label", unique=True, sqlite_where=text("number > 0")),
    )

    hall: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column("pk_place", primary_key=True)
    row: Mapped[int] = mapped_column("row_no")
    number: Mapped[int]
    code: Mapped[str]
    label: Mapped[str]
    sold_at: Mapped[datetime | None]


def test_primary_key_names_are_attributes_in_the_order_of_the_key() -> None:
    """A composite key is written as a tuple in this order."""
    assert primary_key_names(Seat) == ("hall", "place")


def test_unique_keys_single_out_a_row() -> None:
    """Constraints and plain unique indexes do; one over an expression or a part of the rows does not."""
    assert set(unique_keys(Seat)) == {frozenset({"hall", "place"}), frozenset({"row", "number"}), frozenset({"code"})}
    assert unique_keys(Seat)[0] == frozenset({"hall", "place"})


def test_a_column_is_found_by_the_name_in_the_database() -> None:
    """Servers speak of columns; programs of attributes."""
    assert attribute_for_column(Seat, "row_no") == "row"
    assert attribute_for_column(Seat, "ROW_NO") == "row"
    assert attribute_for_column(Seat, "no_such_column") == "no_such_column"


def test_without_a_model_only_remembered_registries_are_searched() -> None:
    """Two databases may have tables of one name: such a name says nothing."""

    class One(AutoTableName, DeclarativeBase):
        pass

    class Two(AutoTableName, DeclarativeBase):
        pass

    class OnlyHere(One):
        id: Mapped[int] = mapped_column(primary_key=True)

    assert model_for_table("only_heres") is None
    remember_registry(One.registry)
    assert model_for_table("only_heres") is OnlyHere
    type("OnlyHere", (Two,), {"__annotations__": {"id": Mapped[int]}, "id": mapped_column(primary_key=True)})
    remember_registry(Two.registry)
    assert model_for_table("only_heres") is None
