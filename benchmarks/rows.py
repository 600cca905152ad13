"""The tables, their rows, and which of them a call asks for. Imports nothing: it is part of every worker's start."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

ACCOUNTS: Final = 10_000
AGES: Final = 100  # so that `age == n` is true of ACCOUNTS / AGES rows
PARENTS: Final = 1_000
POSTS_OF_EACH: Final = 5
PAGE: Final = 100
DOOMED: Final = 900_000  # keys of the rows that are there to be deleted come after this

COLUMNS: Final = ("name", "email", "age", "balance", "active", "created_at")
TABLES: Final = {
    "sqlite": """
        CREATE TABLE account (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, email VARCHAR(200) NOT NULL UNIQUE,
            age INTEGER NOT NULL, balance INTEGER NOT NULL, active BOOLEAN NOT NULL, created_at TIMESTAMP NOT NULL);
        CREATE INDEX ix_account_age ON account (age);
        CREATE TABLE post (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account (id),
            title VARCHAR(200) NOT NULL, body TEXT NOT NULL);
        CREATE INDEX ix_post_account ON post (account_id)""",
    "postgresql": """
        CREATE TABLE account (id SERIAL PRIMARY KEY, name VARCHAR(100) NOT NULL, email VARCHAR(200) NOT NULL UNIQUE,
            age INTEGER NOT NULL, balance INTEGER NOT NULL, active BOOLEAN NOT NULL, created_at TIMESTAMP NOT NULL);
        CREATE INDEX ix_account_age ON account (age);
        CREATE TABLE post (id SERIAL PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account (id),
            title VARCHAR(200) NOT NULL, body TEXT NOT NULL);
        CREATE INDEX ix_post_account ON post (account_id)""",
    "mysql": """
        CREATE TABLE account (id INTEGER PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100) NOT NULL,
            email VARCHAR(200) NOT NULL UNIQUE, age INTEGER NOT NULL, balance INTEGER NOT NULL, active BOOLEAN NOT NULL,
            created_at DATETIME(6) NOT NULL, INDEX ix_account_age (age)) ENGINE=InnoDB;
        CREATE TABLE post (id INTEGER PRIMARY KEY AUTO_INCREMENT, account_id INTEGER NOT NULL REFERENCES account (id),
            title VARCHAR(200) NOT NULL, body TEXT NOT NULL, INDEX ix_post_account (account_id)) ENGINE=InnoDB""",
}

_EPOCH = datetime(2026, 1, 1, 12, 0, 0, 123456)  # noqa: DTZ001 - the column has no time zone, as most have none
_made = 0


def account(number: int, email: str | None = None) -> dict[str, object]:
    """The values of an account."""
    return {
        "name": f"Name {number}",
        "email": email or f"user{number}@example.com",
        "age": number % AGES,
        "balance": number * 10,
        "active": number % 3 != 0,
        "created_at": _EPOCH + timedelta(seconds=number),
    }


def accounts(first: int, last: int) -> Iterator[tuple[object, ...]]:
    """Rows of the table of accounts, with their keys."""
    for number in range(first, last + 1):
        yield (number, *account(number).values())


def doomed(count: int) -> Iterator[tuple[object, ...]]:
    """Rows that are there to be deleted."""
    for number in range(DOOMED + 1, DOOMED + count + 1):
        yield (number, *account(number).values())


def posts() -> Iterator[tuple[object, ...]]:
    """Rows of the table of posts, with their keys."""
    for number in range(PARENTS * POSTS_OF_EACH):
        yield (number + 1, number // POSTS_OF_EACH + 1, f"Title {number}", f"Body of post {number} " * 5)


def fresh_row() -> dict[str, object]:
    """The values of an account that is not there yet."""
    global _made  # noqa: PLW0603 - one count for the process
    _made += 1
    return account(_made % AGES, f"new{os.getpid()}.{_made}@example.com")


def fresh_rows(count: int) -> list[dict[str, object]]:
    """The values of accounts that are not there yet."""
    return [fresh_row() for _ in range(count)]


def an_id(call: int) -> int:
    """The key that the call asks for: any, and the same for each peer."""
    return (call * 7919 + 13) % ACCOUNTS + 1


def an_email(call: int) -> str:
    """The e-mail of that row."""
    return f"user{an_id(call)}@example.com"


def an_age(call: int) -> int:
    """An age, which ACCOUNTS / AGES rows have."""
    return call % AGES


def a_span(call: int) -> tuple[int, int]:
    """The first and the last key of PAGE parents."""
    first = (call * PAGE) % (PARENTS - PAGE) + 1
    return first, first + PAGE - 1
