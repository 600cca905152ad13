"""Values that fit their columns beyond doubt, told without a call of a function of ours.

Checks know every value, and say what is wrong with it. Nearly all values need none of that: a `str` that can be printed
fits a text column, and a built-in function says so. Whatever is not evident is left to the check.
"""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from activerow.mapping.column_kinds import Type, implementation, kind_of
from activerow.mapping.type_checks import Check

_BITS: Final = (63, 31, 15, 7)


class Evident(NamedTuple):
    """Which values of a column need no check.

    Attributes:
        exact: Their type.
        fits: Whether one of them fits, as far as its length and zone do not matter.
        longest: How long they are at most.
        zone: The zone that a moment must have; False where none does not matter.
    """

    exact: type
    fits: Callable[[Any], object]
    longest: float = math.inf
    zone: dt.tzinfo | bool | None = False

    @property
    def is_whole(self) -> bool:
        """Whether `exact` and `fits` say all."""
        return self.longest == math.inf and self.zone is False


def _never(_value: object) -> bool:
    return False


NONE: Final = Evident(type("Nothing", (), {}), _never)
"""No value is evident."""

_EXAMPLES: Final[Mapping[str, tuple[object, Evident]]] = {
    "boolean": (True, Evident(bool, frozenset({True, False}).__contains__)),
    "uuid": (UUID(int=1), Evident(UUID, bool)),
    "float": (0.5, Evident(float, math.isfinite)),
    "datetime": (dt.datetime(2000, 1, 1), NONE),  # noqa: DTZ001  (a column without zones takes it)
}
"""By kind, a value that the check takes if it knows no others than all do, and which are evident then."""


def evident(type_: Type, check: Check | None) -> Evident:
    """Which values evidently pass `check`, that of a column of this type."""
    kind = kind_of(type_).name
    if getattr(type_, "_variant_mapping", None):
        return NONE  # what one of several types takes
    if kind == "text":
        return Evident(str, str.isprintable, longest=getattr(implementation(type_), "length", None) or math.inf)
    if kind == "integer":
        return _integers(check)
    example, known = _EXAMPLES.get(kind, (None, NONE))
    if kind == "datetime":
        known = Evident(dt.datetime, bool, zone=None if check is None or check(example, None) is None else dt.UTC)
        example = dt.datetime(2000, 1, 1, tzinfo=cast("dt.tzinfo | None", known.zone))
    return known if check is None or check(example, None) is None else NONE


def _integers(check: Check | None) -> Evident:
    for bits in _BITS:
        least, most = -(2**bits), 2**bits - 1
        if check is None or (check(least, None) is None and check(most, None) is None):
            return Evident(int, range(least, most + 1).__contains__)
    return NONE


def are_evident(values: Mapping[str, object], known: Mapping[str, Evident]) -> bool:
    """Whether each name is known, and its value fits beyond doubt."""
    for name, value in values.items():
        column = known.get(name, NONE)
        if type(value) is not column.exact or not column.fits(value):
            return False
        if column.longest is not math.inf and len(value) > column.longest:  # type: ignore[arg-type]  # a str
            return False
        if column.zone is not False and value.tzinfo is not column.zone:  # type: ignore[attr-defined]  # a datetime
            return False
    return True


def all_evident(values: Sequence[Any], known: Evident) -> bool:
    """Whether all values of one column fit beyond doubt; None is no value."""
    kinds = set(map(type, values))
    if NoneType in kinds:
        kinds.remove(NoneType)
        values = [value for value in values if value is not None]
    if not kinds:
        return True
    if kinds != {known.exact} or not all(map(known.fits, values)):
        return False
    if known.longest is not math.inf and max(map(len, values)) > known.longest:
        return False
    return known.zone is False or all(value.tzinfo is known.zone for value in values)
