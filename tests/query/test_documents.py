"""Lookups that lead into JSON documents."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import JSON, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from activerow import ActiveRecord, Database, Q
from activerow.errors import InvalidDataError, UnknownFieldError, UsageError
from activerow.mixins import AutoTableName
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements


class Base(ActiveRecord, AutoTableName, DeclarativeBase):
    """Tables with documents."""


class Place(Base):
    """Has documents of each kind of column."""

    id: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[Any] = mapped_column(JSON, nullable=True)
    binary: Mapped[Any] = mapped_column(JSON().with_variant(JSONB, "postgresql"), nullable=True)
    tracked: Mapped[dict[str, Any] | None] = mapped_column("followed", MutableDict.as_mutable(JSON(none_as_null=True)))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    region: Mapped["Region | None"] = relationship(back_populates="places")


class Region(Base):
    """The other end of a relation."""

    id: Mapped[int] = mapped_column(primary_key=True)
    places: Mapped[list[Place]] = relationship(back_populates="region")


DOCUMENTS: dict[int, Any] = {
    1: {"address": {"city": "Seoul", "zip": "04524"}, "tags": ["a", "B", 3], "age": 7, "open": True, "score": 1.5},
    2: {"address": {"city": "서울", "zip": 4524}, "tags": [], "age": "7", "open": False, "score": -2, "in": 5},
    3: {"address": None, "age": 10, "open": None, "tags": "abc", "😀": "so"},
    4: {"age": 2**53 + 1, "score": 1, "address": {"city": "seoul"}, "서울": 1},
    5: None,
}


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Five places, of which the last has JSON's null, and a sixth without anything."""
    db = await make_database(Base)
    async with db.transaction():
        await Region.create(id=1)
        for id_, document in DOCUMENTS.items():
            await Place.create(id=id_, data=document, binary=document, tracked=document, region_id=1)
        await Place.create(id=6)
    return db


async def found(**lookups: object) -> list[int]:
    """The keys of the rows, which are the same in every kind of column."""
    answers: list[list[int]] = []
    for column in ("data", "binary", "tracked"):
        named = {f"{column}{path}": value for path, value in lookups.items()}
        answers.append(sorted(await Place.filter_by(named).pluck(Place.id)))
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


CASES: list[tuple[str, object, list[int]]] = [
    ("__address__city", "Seoul", [1]),
    ("__address__city", "서울", [2]),
    ("__address__city__ne", "Seoul", [2, 4]),
    ("__address__city__in", ["Seoul", "서울"], [1, 2]),
    ("__address__city__in", ["seoul", None], [3, 4, 5, 6]),
    ("__address__city__not_in", ["Seoul", 5], [2, 4]),
    ("__address__city__not_in", ["Seoul", None], [2, 4]),
    ("__address__city__gt", "Seoul", [2, 4]),
    ("__address__city__between", ("S", "T"), [1]),
    ("__address__zip", "04524", [1]),
    ("__address__zip", 4524, [2]),
    ("__address__zip__in", [4524, "04524"], [1, 2]),
    ("__address__zip__not_in", [4524, "x"], [1]),
    ("__address__city__iexact", "SEOUL", [1, 4]),
    ("__address__city__startswith", "Se", [1]),
    ("__address__city__icontains", "EOU", [1, 4]),
    ("__address__city__contains", "울", [2]),
    ("__address__city__like", "S_o%", [1]),
    ("__address__city__regex", "^S", [1]),
    ("__age", 7, [1]),
    ("__age", 7.0, [1]),
    ("__age", Decimal("7.00"), [1]),
    ("__age", "7", [2]),
    ("__age__gte", 7, [1, 3, 4]),
    ("__age__lt", 9.5, [1]),
    ("__age__between", (7, 10), [1, 3]),
    ("__age", 2**53 + 1, [4]),
    ("__age__gt", 2**53 + 1, []),
    ("__age__lt", 2**70, [1, 3, 4]),
    ("__age__startswith", "7", [2]),
    ("__score", 1.5, [1]),
    ("__score", Decimal("1.5"), [1]),
    ("__score__lt", 1.1, [2, 4]),
    ("__score__in", [1, 1.5], [1, 4]),
    ("__open", True, [1]),
    ("__open", False, [2]),
    ("__open__ne", True, [2]),
    ("__open__in", [True, False], [1, 2]),
    ("__open__isnull", True, [3, 4, 5, 6]),
    ("__open", None, [3, 4, 5, 6]),
    ("__open__ne", None, [1, 2]),
    ("__address__isnull", False, [1, 2, 4]),
    ("__isnull", True, [5, 6]),
    ("", None, [5, 6]),
    ("__tags__0", "a", [1]),
    ("__tags__2", 3, [1]),
    ("__tags__2__gt", 2, [1]),
    ("__tags__7__isnull", False, []),
    ("__tags__contains", "a", [1, 3]),
    ("__tags__contains", "b", [3]),
    ("__tags__contains", "B", [1]),
    ("__tags__contains", 3, [1]),
    ("__tags__contains", 3.0, [1]),
    ("__tags__contains", "3", []),
    ("__tags__contains", True, []),
    ("__has_key", "open", [1, 2, 3]),
    ("__has_key", "in", [2]),
    ("__address__has_key", "zip", [1, 2]),
    ("__tags__has_key", 0, [1]),
    ("__in__exact", 5, [2]),
    ("__in__gt", 4, [2]),
    ("__😀", "so", [3]),
    ("__서울", 1, [4]),
    ("__tags__0__0__isnull", False, []),
    ("__age__0", 7, []),
    ("__tags__0__contains", "b", []),
    ("__nothing__at__all", "x", []),
]


async def test_a_path_leads_into_the_document(db: Database) -> None:
    """Keys and list indexes, and comparisons with what has the value's own type, alike on every backend."""
    answers = [(path, value, await found(**{path: value})) for path, value, _ in CASES]

    assert answers == CASES


async def test_what_is_not_there_is_neither_equal_nor_unequal(db: Database) -> None:
    """Groups follow: `~Q` finds no row that has no such value, or one of another type."""

    async def ids(group: Q) -> list[int]:
        return sorted(await Place.where(group).pluck(Place.id))

    assert await ids(~Q(data__age=7)) == [3, 4]
    assert await ids(~Q(data__tags__contains="a")) == [2]
    assert await ids(~Q(data__age=7) | Q(data__age__isnull=True)) == [3, 4, 5, 6]
    assert await ids(~Q(data__has_key="age")) == [5, 6]


async def test_documents_across_relations(db: Database) -> None:
    """A path may cross relations first, in every terminal and change."""
    query = Region.filter_by(places__data__address__city="Seoul", places__data__age__lt=8)

    assert await query.count() == 1
    assert await Region.filter_by(places__data__address__city="Seoul", places__data__age__gt=8).count() == 0
    assert await Place.filter_by(data__open=True).delete() == 1
    assert await Place.filter_by(data__tags__contains="abc").update(region_id=None) == 1


@pytest.mark.parametrize(
    ("lookups", "words"),
    [
        ({"data__age": {"a": 1}}, r"not dict; ask for its parts, data__age__key="),
        ({"data": [1]}, "not list; ask for its parts"),
        ({"data__day": date(2024, 1, 1)}, "not date; write it as JSON has it"),
        ({"data__age": float("nan")}, "not float"),
        ({"data__age__gt": None}, "data__age__isnull=True"),
        ({"data__open__lt": True}, "order"),
        ({"data__age__isnull": "x"}, "True or False"),
        ({"data__age__in": "x"}, "takes a list of values"),
        ({"data__age__in": range(10_001)}, "at most 10000"),
        ({"data__age__between": 5}, "two values"),
        ({"data__age__startswith": 5}, "takes a string, not int"),
        ({"data__has_key": 1.5}, "takes a key"),
        ({"data__has_key": -1}, "takes a key"),
        ({"data__has_key": 'a"b'}, "quotes"),
        ({'data__a"b': 5}, "quotes"),
        ({"data__a\\b__isnull": True}, "quotes"),
    ],
)
def test_what_a_document_cannot_be_asked_is_refused(lookups: dict[str, object], words: str) -> None:
    """The error names the path, and what it takes."""
    with pytest.raises(UsageError, match=words):
        Place.filter_by(lookups)


def test_names_before_the_document_are_checked() -> None:
    """A column that does not exist is no key; text that no server could hold is no value."""
    with pytest.raises(UnknownFieldError, match="did you mean 'data'"):
        Place.filter_by(dat__age=5)
    with pytest.raises(InvalidDataError):
        Place.filter_by(data__age="\0")


async def test_keys_are_values_and_no_sql(db: Database) -> None:
    """What a client sends as a key is bound, so one statement serves every path."""
    with statements(db) as sent:
        await Place.filter_by({"data__it's__$.x": 1}).all()
        await Place.filter_by({"data__a]b) OR 1=1": 1}).all()

    first, second = [sql for sql in sent if sql.startswith("SELECT")]
    assert first == second
    assert "1=1" not in second
