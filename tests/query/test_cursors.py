"""Page cursors: what they hold, and that nobody else can make or change one."""

import base64
import json
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activerow import Database
from activerow.errors import InvalidCursorError, UsageError
from activerow.query.results.cursors import Cursors, Position


def cursors(secret: str | bytes | None = "secret", purpose: str = "users by name") -> Cursors:
    """The cursors of a Database with that secret."""
    return Cursors.of(Database("sqlite://", secret=secret), purpose)


def payload(cursor: str) -> Any:
    """What anybody can read of a cursor."""
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[16:])


zones = st.sampled_from([None, UTC, timezone(timedelta(hours=9)), timezone(-timedelta(hours=4, minutes=56, seconds=2))])
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters()),
    st.binary(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.dates(),
    st.datetimes(timezones=zones),
    st.times(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=9))])),
    st.timedeltas(),
)


@given(values=st.lists(values, max_size=4).map(tuple), backwards=st.booleans(), inclusive=st.booleans())
def test_what_is_written_is_read(values: tuple[Any, ...], backwards: bool, inclusive: bool) -> None:
    """Values of every type come back exactly, with their types."""
    position = Position(values, backwards, inclusive)

    found = cursors().read(cursors().write(position))

    assert found == position
    assert [type(value) for value in found.values] == [type(value) for value in values]
    assert [str(value) for value in found.values] == [str(value) for value in values]


@pytest.mark.parametrize(
    "value", [float("nan"), Decimal("NaN"), float("inf"), "\ud800", -0.0, Decimal("1.10")], ids=str
)
def test_odd_values_are_read_as_they_were(value: Any) -> None:
    """NaN, infinity, half a character, the sign of zero and the zeros of a decimal."""
    [found] = cursors().read(cursors().write(Position((value,)))).values

    assert (type(found), repr(found)) == (type(value), repr(value))


@pytest.mark.parametrize("value", [bytearray(b"ab"), memoryview(b"ab")], ids=["bytearray", "memoryview"])
def test_bytes_of_any_class_are_bytes(value: Any) -> None:
    """Drivers have classes of their own for them."""
    assert cursors().read(cursors().write(Position((value,)))).values == (b"ab",)


def test_a_value_that_has_no_text_is_refused() -> None:
    """The error names its type, not the value."""
    with pytest.raises(UsageError, match="in the order of a dict: a cursor does not hold it"):
        cursors().write(Position(({"a": "hidden"},)))


def test_a_cursor_goes_into_a_url_as_it_is() -> None:
    """Letters, digits, `-` and `_`; no padding."""
    for length in range(9):
        cursor = cursors().write(Position((b"\xff" * length, "?" * length)))

        assert cursor.replace("-", "").replace("_", "").isalnum()
        assert cursor.isascii()


def test_a_cursor_is_signed_and_can_be_read() -> None:
    """The values are there for whoever has the cursor: it is no hiding place."""
    assert payload(cursors().write(Position(("Ada", date(1815, 12, 10))))) == [0, "Ada", ["date", "1815-12-10"]]


# --- what is refused ------------------------------------------------------------------------------------------------


def test_every_change_of_a_cursor_is_noticed() -> None:
    """No letter can be changed, left out, or added."""
    cursor = cursors().write(Position((5, "x")))

    for place, letter in enumerate(cursor):
        other = "A" if letter != "A" else "B"
        for forged in (
            cursor[:place] + other + cursor[place + 1 :],
            cursor[:place],
            cursor[:place] + "A" + cursor[place:],
        ):
            if forged != cursor:
                with pytest.raises(InvalidCursorError):
                    cursors().read(forged)


@pytest.mark.parametrize(
    "text",
    ["", "a", "A" * 40, "=", "%%%", "한글", "\ud800", "null", "a b", "AAAA\n", "../etc/passwd", 5, b"abc", None],
    ids=ascii,
)
def test_what_is_no_cursor_is_refused(text: Any) -> None:
    """Whatever a client sends is answered by the same error."""
    with pytest.raises(InvalidCursorError):
        cursors().read(text)


def test_another_spelling_of_a_cursor_is_refused() -> None:
    """Padding, white space and the other base64 alphabet are not ours, and neither are loose bits at the end."""
    cursor = cursors().write(Position((b"\xff\xfe\xfd" * 5,)))
    while len(cursor) % 4 != 2:
        cursor = cursors().write(Position(("x" * len(cursor),)))
    last = chr(ord(cursor[-1]) + 1)

    for other in (f"{cursor}==", f"{cursor} ", f"{cursor}\n", cursor[:-1] + last):
        with pytest.raises(InvalidCursorError):
            cursors().read(other)


def test_a_cursor_is_for_one_purpose() -> None:
    """A cursor of another order is refused."""
    cursor = cursors(purpose="users by name").write(Position((5,)))

    with pytest.raises(InvalidCursorError, match="damaged or was made for another query; start again"):
        cursors(purpose="users by age").read(cursor)


def test_a_cursor_is_for_one_secret() -> None:
    """Another secret makes other cursors."""
    cursor = cursors("secret").write(Position((5,)))

    assert cursors(b"secret").read(cursor) == Position((5,))
    with pytest.raises(InvalidCursorError):
        cursors("other").read(cursor)


def test_without_a_secret_cursors_die_with_their_database() -> None:
    """Each Database has a random key then, and the error says what to do about it."""
    db, other = Database("sqlite://"), Database("sqlite://")
    cursor = Cursors.of(db, "users").write(Position((5,)))

    assert Cursors.of(db, "users").read(cursor) == Position((5,))
    with pytest.raises(InvalidCursorError, match="give the Database a secret that all of them share"):
        Cursors.of(other, "users").read(cursor)


def test_an_empty_secret_is_refused() -> None:
    """A setting that was forgotten must not let everybody sign."""
    with pytest.raises(UsageError, match=r"Database\(secret=...\) is empty"):
        cursors("")


def test_a_secret_may_be_configured_later() -> None:
    """`configure` sets it, with the URL."""
    db = Database()
    db.configure("sqlite://", secret="secret")

    assert Cursors.of(db, "users by name").write(Position((1,))) == cursors().write(Position((1,)))


def test_the_key_is_not_shown() -> None:
    """A repr in a log gives nothing away."""
    assert "key" not in repr(cursors())


def test_uuids_of_a_driver_are_uuids() -> None:
    """asyncpg has a subclass."""

    class DriverUUID(uuid.UUID):
        pass

    [found] = cursors().read(cursors().write(Position((DriverUUID(int=7),)))).values

    assert type(found) is uuid.UUID
    assert found == uuid.UUID(int=7)


def test_moments_and_durations_keep_their_microseconds() -> None:
    """Nothing is rounded."""
    exact = (
        datetime(2024, 1, 1, 23, 59, 59, 999999, UTC),
        time(1, 2, 3, 4),
        timedelta(microseconds=-1),
        timedelta(days=99999, microseconds=1),
    )

    assert cursors().read(cursors().write(Position(exact))).values == exact
