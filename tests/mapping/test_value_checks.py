"""Values that do not fit are refused before a statement is sent, the same on every backend."""

import datetime as dt
import enum
import uuid
from collections.abc import AsyncIterator
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    PickleType,
    SmallInteger,
    String,
    Text,
    Time,
    TypeDecorator,
    Uuid,
    column,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column
from sqlalchemy.types import TypeEngine

from activerow.database.failures.translation import translating
from activerow.errors import InvalidDataError
from activerow.mapping import check_for, check_values
from activerow.mixins import Timestamps
from activerow.types import UTCDateTime
from tests.tools.backends.backend import Backend
from tests.tools.plain import plain_engine


class Status(enum.Enum):
    ACTIVE = "active"
    BLOCKED = "blocked"


def values_of(kind: type[Status]) -> list[str]:
    return [member.value for member in kind]


class Shout(TypeDecorator[str]):
    """Converts: what goes in need not be what is stored."""

    impl = String(3)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: object) -> str:
        return str(value)[:3].upper()


class Code(TypeDecorator[str]):
    """Only gives a type another name."""

    impl = String(3)
    cache_ok = True


class Base(DeclarativeBase):
    pass


class User(Timestamps, Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column("full_name", String(10))
    bio: Mapped[str | None] = mapped_column(Text)
    age: Mapped[int | None]
    level: Mapped[int | None] = mapped_column(SmallInteger)
    seen: Mapped[int | None] = mapped_column(BigInteger)
    price: Mapped[Decimal | None] = mapped_column(Numeric(4, 2))
    admin: Mapped[bool | None]
    status: Mapped[Status | None]
    born: Mapped[dt.date | None]
    met: Mapped[dt.datetime | None]
    boss_id: Mapped[int | None]


@pytest.fixture
async def engine(backend: Backend) -> AsyncIterator[AsyncEngine]:
    async with plain_engine(backend, Base.metadata) as engine:
        yield engine


_EXACT = Context(prec=200)


def mapper() -> Mapper[Any]:
    return inspect(User)


ON_ALL: list[tuple[str, object, object]] = [
    ("name", "x" * 10, "x" * 11),
    ("name", "가나다라마바사아자차", "가나다라마바사아자차카"),
    ("age", 2**31 - 1, 2**31),
    ("age", -(2**31), -(2**31) - 1),
    ("level", 2**15 - 1, 2**15),
    ("seen", 2**63 - 1, 2**63),
    ("price", Decimal("99.994"), Decimal("99.995")),
    ("price", Decimal("-99.99"), Decimal(-100)),
]


@pytest.mark.parametrize(("name", "fits", "refused"), ON_ALL)
async def test_the_limit_is_the_servers(
    backend: Backend, engine: AsyncEngine, name: str, fits: object, refused: object
) -> None:
    """The last value that passes is stored by every backend; the first that is refused would be by the servers."""
    check_values(mapper(), {name: fits})
    async with AsyncSession(engine) as session:
        session.add(User(**{"name": "Ada", name: fits}))
        await session.flush()

    with pytest.raises(InvalidDataError) as caught:
        check_values(mapper(), {name: refused})
    assert (caught.value.model, caught.value.columns, caught.value.values) == ("User", (name,), {name: refused})
    if backend.dialect != "sqlite":
        async with AsyncSession(engine) as session:
            with pytest.raises(InvalidDataError), translating("insert", User):
                await session.execute(insert(User).values({"name": "Ada", name: refused}))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("name", "x" * 11, "too long, at most 10 characters"),
        ("name", 5, "wrong type, str is needed and not int"),
        ("name", b"x", "wrong type, str is needed and not bytes"),
        ("bio", "a\0b", "a NUL character"),
        ("bio", "a\ud800", "surrogate"),
        ("age", "5", "wrong type, int is needed and not str"),
        ("age", 5.5, "wrong type, int is needed and not float"),
        ("age", 2**31, "BigInteger holds more"),
        ("price", Decimal("NaN"), "not a finite number"),
        ("price", float("inf"), "not a finite number"),
        ("price", "a lot", "wrong type"),
        ("price", True, "wrong type"),
        ("admin", "yes", "wrong type, bool is needed and not str"),
        ("admin", 2, "wrong type"),
        ("status", "gone", "not one of the choices ACTIVE, BLOCKED"),
        ("status", 5, "not one of the choices"),
        ("status", [], "not one of the choices"),
        ("born", "2026-01-01", "wrong type, date is needed and not str"),
        ("met", "2026-01-01", "wrong type, datetime is needed and not str"),
        ("met", dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "use UTCDateTime"),
        ("met", dt.date(2026, 1, 1), "wrong type"),
        ("created_at", dt.datetime(2026, 1, 1), "time zone"),  # noqa: DTZ001
        ("updated_at", "2026-01-01", "not str"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(name: str, value: object, reason: str) -> None:
    """The attribute is named, the value is not repeated."""
    with pytest.raises(InvalidDataError, match=reason) as caught:
        check_values(mapper(), {"name": "Ada", name: value}, operation="insert")

    assert (caught.value.columns, caught.value.operation, caught.value.table) == ((name,), "insert", "users")


FITTING: list[dict[str, Any]] = [
    {"name": None, "age": None, "status": None, "created_at": None},
    {"age": True, "admin": 1},
    {"bio": "한국어 \N{GRINNING FACE} \t\n\r\u200b"},
    {"status": Status.ACTIVE},
    {"status": "ACTIVE"},
    {"price": 5, "born": dt.date(2026, 1, 1)},
    {"price": 9.999},
    {"price": "12.5"},
    {"met": dt.datetime(2026, 1, 1)},  # noqa: DTZ001
    {"created_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
    {"age": column("age") + 1, "name": func.lower("X"), "boss_id": select(User.id).scalar_subquery()},
    {"name": User.bio},
    {"no_such_column": object(), "_sa_instance_state": object()},
    {},
]


@pytest.mark.parametrize("values", FITTING)
def test_what_fits_passes(values: dict[str, object]) -> None:
    """NULL is the database's to judge, expressions too, and names that are no columns are somebody else's."""
    check_values(mapper(), values)


def test_the_first_wrong_column_in_mapped_order_is_told() -> None:
    """The answer does not depend on the order of the values."""
    with pytest.raises(InvalidDataError) as caught:
        check_values(mapper(), {"age": "x", "name": 5})

    assert caught.value.columns == ("name",)


def reason(kind: TypeEngine[Any], value: object, backend: str | None = None) -> str | None:
    """What the check for a type says about a value."""
    check = check_for(kind)
    assert check is not None
    return check(value, backend)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (mysql.TINYINT(), 127, 128),
        (mysql.INTEGER(unsigned=True), 2**32 - 1, -1),
        (mysql.MEDIUMINT(), 2**23 - 1, 2**23),
        (Numeric(), Decimal(10) ** 50, Decimal("Infinity")),
        (Numeric(30, 10), Decimal("99999999999999999999.99999999994"), Decimal("99999999999999999999.99999999995")),
        (Numeric(5), 99999, 99999.5),
        (Float(), 5, "5"),
        (LargeBinary(), b"x", "x"),
        (Uuid(), uuid.UUID("75664b2e-0e5e-4859-a48f-c87f81a1ad64"), "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        (Uuid(as_uuid=False), "6ba7b810-9dad-11d1-80b4-00c04fd430c8", 5),
        (Time(), dt.time(1), dt.datetime(2026, 1, 1)),  # noqa: DTZ001
        (Interval(), dt.timedelta(1), 5),
        (DateTime(timezone=True), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "now"),
        (UTCDateTime(), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 1)),  # noqa: DTZ001
        (Enum("a", "b"), "a", "c"),
        (Enum(Status, values_callable=values_of), "active", "ACTIVE"),
        (Code(), "abc", "abcd"),
        (String(3).with_variant(String(5), "mysql"), "abcde", "abcdef"),
        (BigInteger().with_variant(Integer(), "sqlite"), 2**40, 2**63),
    ],
    ids=repr,
)
def test_other_types(kind: TypeEngine[Any], good: object, bad: object) -> None:
    """A type takes what one of its variants takes, and a decorator that converts nothing what its base takes."""
    assert reason(kind, good) is None
    assert reason(kind, bad) is not None


@pytest.mark.parametrize(
    "kind", [Shout(), PickleType(), JSON(), mysql.SET("a", "b"), String(3).with_variant(Shout(), "sqlite")], ids=repr
)
def test_types_that_know_best_are_not_checked(kind: TypeEngine[Any]) -> None:
    """What a decorator converts may be anything."""
    assert check_for(kind) is None


@pytest.mark.parametrize(
    ("dialect", "value", "stored"),
    [
        ("sqlite", float("nan"), False),
        ("sqlite", float("inf"), True),
        ("mysql", float("inf"), False),
        ("postgresql", float("nan"), True),
    ],
)
def test_a_float_that_is_no_number_passes_where_it_can_be_stored(dialect: str, value: float, stored: bool) -> None:
    """SQLite would make NULL of NaN; PostgreSQL stores all of them."""
    assert (reason(Float(), value, dialect) is None) is stored


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(1, 30), st.integers(0, 30))
def test_a_number_passes_if_and_only_if_it_fits_after_rounding(number: Decimal, digits: int, fraction: int) -> None:
    """The rule of PostgreSQL: round half away from zero to the scale, then count the digits before the point."""
    precision, scale = max(digits, fraction), min(digits, fraction)
    scaled = abs(number).scaleb(scale, _EXACT)
    rounded = int(scaled) + (scaled - int(scaled) >= Decimal("0.5")) if scaled < 10**40 else 10**40

    assert (reason(Numeric(precision, scale), number) is None) is (rounded < 10**precision)
