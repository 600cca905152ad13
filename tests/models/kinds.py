"""Five kinds of models with the same columns and relations, so that one question can be asked of each."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ForeignKey, ForeignKeyConstraint, inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship

from activerow import ActiveRecord
from activerow.mixins import Audited, AuditLog, AutoTableName, SoftDelete


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables of the five kinds."""


class Change(AuditLog, Base):
    """The history of what is audited."""


class Owner(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]


class Columns:
    """What every kind has."""

    notes: Any
    number: Mapped[int]
    maybe: Mapped[int | None]
    word: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))

    @declared_attr
    @classmethod
    def owner(cls) -> Mapped[Owner | None]:
        """Somebody, or nobody."""
        return relationship(Owner)


class Plain(Columns, Base):
    id: Mapped[int] = mapped_column(primary_key=True)


class Soft(SoftDelete, Columns, Base):
    id: Mapped[int] = mapped_column(primary_key=True)


class Logged(Audited, Columns, Base):
    id: Mapped[int] = mapped_column(primary_key=True)


class Shape(Columns, Base):
    """Of three classes: this one, one with a table of its own, and one in the same table."""

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "shape"}  # noqa: RUF012  # the form that SQLAlchemy documents


class Round(Shape):
    id: Mapped[int] = mapped_column(ForeignKey("shapes.id", ondelete="CASCADE"), primary_key=True)
    radius: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "round"}  # noqa: RUF012  # the form that SQLAlchemy documents


class Square(Shape):
    __tablename__ = None
    __mapper_args__ = {"polymorphic_identity": "square"}  # noqa: RUF012  # the form that SQLAlchemy documents


class Placed(Columns, Base):
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seat: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


def _note_of(model: Any) -> Any:
    """A model of texts that belong to rows of `model`."""
    table = model.__table__
    keys = [f"of_{column.name}" for column in table.primary_key]
    columns = {name: mapped_column(nullable=True) for name in keys}
    body: dict[str, Any] = {
        "__tablename__": f"{table.name}_notes",
        "__table_args__": (ForeignKeyConstraint(keys, [*table.primary_key], ondelete="CASCADE"),),
        "__annotations__": {"id": Mapped[int], "text": Mapped[str], **dict.fromkeys(keys, Mapped[int | None])},
        "id": mapped_column(primary_key=True),
        **columns,
    }
    return type(f"{model.__name__}Note", (Base,), body)


KINDS: tuple[Any, ...] = (Plain, Soft, Logged, Shape, Placed)
NOTES: dict[Any, Any] = {}
for _kind in KINDS:
    NOTES[_kind] = _note_of(_kind)
    _kind.notes = relationship(NOTES[_kind], order_by=NOTES[_kind].id)


class Seen(BaseModel):
    """What is shown of every kind."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    maybe: int | None
    word: str


def key_of(row: Any) -> tuple[int, ...]:
    """The primary key of a row."""
    state: Any = inspect(row)
    return tuple(state.identity)


def key_columns(model: Any) -> list[Any]:
    """The primary key of a model."""
    return [getattr(model, column.key) for column in inspect(model).primary_key]
