"""What links are given: numbers of rows, and lookups."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from activerow.errors import UsageError
from activerow.mapping import is_expression
from activerow.q import Q
from activerow.query.lookups import kind_name


def whole_number(link: str, count: Any) -> int | None:
    """A number of rows.

    Raises:
        UsageError: It is none, or more than a server counts.
    """
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < 2**63):
        raise UsageError(f"{link}() takes a whole number from 0 on, of at most 63 bits, or None")
    return count


def named(link: str, groups: Iterable[object], lookups: Mapping[str, object]) -> Q:
    """The lookups of a link in one group."""
    return Q(*[group if isinstance(group, Q) else mapping_of(link, group) for group in groups], **lookups)


def mapping_of(link: str, given: object) -> Mapping[str, object]:
    """Accept lookups as a mapping.

    Raises:
        UsageError: They are SQL, or something else.
    """
    if isinstance(given, Mapping):
        return cast("Mapping[str, object]", given)
    cure = "SQL is where()'s: where(User.age > 18)" if is_expression(given) else f"not {kind_name(given)}"
    raise UsageError(f"{link}() takes lookups, as keywords, a mapping or Q(...); {cure}")
