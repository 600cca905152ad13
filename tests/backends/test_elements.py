"""SQL that servers write in words of their own."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import DateTime, Dialect, column, literal
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import UnsupportedCompilationError

from activerow.backends import (
    BACKENDS,
    GENERIC,
    Backend,
    DateOf,
    JsonMember,
    JsonText,
    Like,
    Pattern,
    ServerElement,
    TextMatch,
    UnicodeIExact,
    Utc,
    backend_named,
    backend_of,
)
from activerow.types import utcnow

by_name = pytest.mark.parametrize("server", BACKENDS, ids=lambda server: server.name)
POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's


def elements(kind: type[Any] = ServerElement) -> Iterator[type[ServerElement[Any]]]:
    """Every element of the library that can stand in a statement."""
    for each in kind.__subclasses__():
        if each is not TextMatch and each.__module__.startswith("activerow."):
            yield each
        yield from elements(each)


@by_name
def test_words_belong_to_elements(server: Backend) -> None:
    """A word under a name that no element has would never be written."""
    assert server.sql.keys() <= {element.__name__ for element in elements()}


@by_name
def test_every_element_has_words(server: Backend) -> None:
    """On a server that is supported: its own, those of what the element inherits from, or those of all."""
    for element in elements():
        names = {kind.__name__ for kind in element.__mro__}
        assert names & server.sql.keys() or element.words, element


@pytest.mark.parametrize(
    ("dialect", "like", "same"),
    [
        (sqlite.dialect(), "(a GLOB b)", "(a REGEXP b)"),
        (POSTGRESQL, "(a LIKE b ESCAPE '/')", "(lower(a) = lower(b))"),
        (
            mysql.dialect(),
            "(a LIKE (b COLLATE utf8mb4_bin) ESCAPE '/')",
            "(lower(a) LIKE (lower(b) COLLATE utf8mb4_bin) ESCAPE '/')",
        ),
        (DefaultDialect(), "(a LIKE b ESCAPE '/')", "(lower(a) LIKE lower(b) ESCAPE '/')"),
    ],
)
def test_an_element_inherits_words(dialect: Dialect, like: str, same: str) -> None:
    """Where a server has none for `UnicodeIExact`, those for `UnicodeILike` do, or for `ILike`."""
    assert str(Like(column("a"), column("b")).compile(dialect=dialect)) == like
    assert str(UnicodeIExact(column("a"), column("b")).compile(dialect=dialect)) == same


def test_clauses_that_a_server_does_not_use_are_no_parameters() -> None:
    """A list's member is sent as JSON to PostgreSQL, which would refuse the value beside it."""
    member = JsonMember(column("a"), literal("p"), literal('"x"'), literal("x"))

    compiled = member.compile(dialect=POSTGRESQL)

    assert sorted(compiled.params.values()) == ['"x"', "p"]


def test_braces_of_a_server_are_its_own() -> None:
    """Only a number in braces stands for a clause: `'{}'` is an empty path of PostgreSQL."""
    assert "#>> '{}'" in str(JsonText(column("a"), column("b")).compile(dialect=POSTGRESQL))


def test_what_a_server_has_no_words_for_cannot_be_asked() -> None:
    """A server that is not known has none for documents."""
    with pytest.raises(UnsupportedCompilationError, match="JsonText"):
        JsonText(column("a"), column("b")).compile(dialect=DefaultDialect())


def test_a_server_that_is_not_known_gets_plain_sql() -> None:
    """What SQL itself has words for works everywhere: statements can be printed."""
    assert backend_of(DefaultDialect()) is backend_named("oracle") is backend_named(None) is GENERIC
    assert str(DateOf(column("a"))) == "CAST(a AS DATE)"
    assert str(utcnow()) == "CURRENT_TIMESTAMP"


def test_a_moment_without_a_time_zone_is_read_as_it_is() -> None:
    """Only one with a time zone is moved to UTC."""
    plain, zoned = (Utc(column("a", DateTime(timezone=zone))).compile(dialect=POSTGRESQL) for zone in (False, True))

    assert str(plain) == "a"
    assert str(zoned) == "(a AT TIME ZONE 'UTC')"


@pytest.mark.parametrize("server", [*BACKENDS, GENERIC], ids=lambda server: server.name)
def test_a_value_is_taken_literally(server: Backend) -> None:
    """No server takes its own wildcards in a value for wildcards."""
    wild = server.pattern("contains", "exact", "50%_*?[")

    assert wild == ("*50%_[*][?][[]*" if server.name == "sqlite" else "%50/%/_*?[%")


def test_no_pattern_of_nothing() -> None:
    """None stays NULL."""
    assert Pattern("contains", "exact").process_bind_param(None, POSTGRESQL) is None
