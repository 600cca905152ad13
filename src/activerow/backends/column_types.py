"""Types of columns that are others on some servers."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

from sqlalchemy import BigInteger, String
from sqlalchemy.types import TypeEngine

from activerow.backends.backend import Backend
from activerow.backends.known import BACKENDS

T = TypeVar("T", bound=TypeEngine[Any])


def _with_variants(kind: T, variant: Callable[[Backend], TypeEngine[Any] | None]) -> T:
    for backend in BACKENDS:
        own = variant(backend)
        kind = kind if own is None else kind.with_variant(own, *backend.dialects)
    return kind


STRING: Final = _with_variants(String(), lambda backend: backend.string)
"""`Mapped[str]`: without limit where the database allows that, VARCHAR(255) on MySQL and MariaDB."""


def counting(kind: T) -> T:
    """The type of a key that every server numbers; the servers for which the type has a variant already keep that."""
    if kind.__visit_name__.lower() == "integer":
        return kind
    told: Mapping[str, Any] = cast("Any", kind)._variant_mapping

    def variant(backend: Backend) -> TypeEngine[Any] | None:
        return backend.generated_key if told.keys().isdisjoint(backend.dialects) else None

    return _with_variants(kind, variant)


BIG_KEY: Final = counting(BigInteger())
"""A generated key of 64 bits."""
