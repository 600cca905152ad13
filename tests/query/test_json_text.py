"""JSON text of rows, value by value as Pydantic writes it."""

import enum
import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from activerow.errors import UsageError
from activerow.query.results.json_text import json_rows


class Colour(enum.Enum):
    RED = "red"
    EXACT = Decimal("1.5")


class Word(enum.StrEnum):
    YES = "yes"


class Number(enum.IntEnum):
    ONE = 1


ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=9)), timezone(-timedelta(hours=3, minutes=30))])
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.decimals(),
    st.dates(),
    st.datetimes(timezones=ZONES),
    st.times(),
    st.timedeltas(min_value=timedelta(days=-1000), max_value=timedelta(days=1000)),
    st.uuids(),
    st.text().map(str.encode),
    st.sampled_from([*Colour, *Word, *Number]),
    st.sampled_from([math.nan, math.inf, -math.inf, 1.5, 0.0]),
)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@given(rows=st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=3))
@settings(max_examples=30, deadline=None)
def test_the_bytes_are_those_of_pydantic(rows: list[dict[str, Any]]) -> None:
    """Whatever the values are, and however they are nested."""
    assert json_rows(rows) == TypeAdapter(list[dict[str, Any]]).dump_json(rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), '"2024-01-02T03:04:05Z"'),
        (datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=None), '"2024-01-02T03:04:05.000006"'),  # noqa: DTZ001
        (time(1, 2, 3), '"01:02:03"'),
        (date(2024, 1, 2), '"2024-01-02"'),
        (timedelta(days=-1, seconds=5), '"-PT23H59M55S"'),
        (timedelta(0), '"PT0S"'),
        (Decimal("1.50"), '"1.50"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (b"caf\xc3\xa9", '"café"'),
        (math.nan, "null"),
        ((1, {2}), "[1,[2]]"),
        (ip_address("10.0.0.1"), '"10.0.0.1"'),
        (ip_network("10.0.0.0/8"), '"10.0.0.0/8"'),
    ],
)
def test_forms(value: object, text: str) -> None:
    """What the table of the page says."""
    assert json_rows([{"v": value}]).decode() == f'[{{"v":{text}}}]'
    assert json_rows([{"v": value}]) == TypeAdapter(list[dict[str, Any]]).dump_json([{"v": value}])


@given(value=st.floats())
@settings(max_examples=20, deadline=None)
def test_floats_have_the_same_value(value: float) -> None:
    """Their spelling may differ (`1e-07`), the number does not."""
    ours, theirs = json_rows([{"v": value}]), TypeAdapter(list[dict[str, Any]]).dump_json([{"v": value}])

    assert json.loads(ours) == json.loads(theirs)


@pytest.mark.parametrize(("value", "words"), [(b"\xff", "base64"), (object(), "object has no JSON form")])
def test_values_without_a_form(value: object, words: str) -> None:
    """The error names a way out, and not the value."""
    with pytest.raises(UsageError, match=words):
        json_rows([{"v": value}])
