"""Names of tables after their classes, and of constraints after what they constrain."""

import re

import pytest
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    column,
)
from sqlalchemy.schema import CreateTable

from activerow.naming import NAMING_CONVENTION, snake_case, table_name


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("User", "users"),
        ("ApiKey", "api_keys"),
        ("Users", "users"),
        ("ApiKeys", "api_keys"),
        ("Category", "categories"),
        ("Categories", "categories"),
        ("Key", "keys"),
        ("Day", "days"),
        ("Address", "addresses"),
        ("Addresses", "addresses"),
        ("Status", "statuses"),
        ("Box", "boxes"),
        ("Branch", "branches"),
        ("Wish", "wishes"),
        ("Analysis", "analyses"),
        ("News", "news"),
        ("HTTPServer", "http_servers"),
        ("ServerHTTP", "server_https"),
        ("OAuth2Token", "o_auth2_tokens"),
        ("Person", "persons"),
        ("X", "xes"),
        ("Y", "ys"),
    ],
)
def test_a_table_is_called_after_its_class_in_the_plural(class_name: str, expected: str) -> None:
    """Snake case, and the regular plural of the last word; a plural stays."""
    assert table_name(class_name) == expected


@pytest.mark.parametrize("name", ["User", "HTTPServer", "ApiKeyV2", "already_snake", "A"])
def test_snake_case_of_snake_case_is_itself(name: str) -> None:
    """Applying the rule twice changes nothing."""
    assert snake_case(snake_case(name)) == snake_case(name)


def table(*items: Column[object] | CheckConstraint | UniqueConstraint | Index) -> str:
    """The CREATE TABLE of a table with these items."""
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    Table("users", metadata, Column("id", Integer, primary_key=True))
    return str(CreateTable(Table("posts", metadata, Column("id", Integer, primary_key=True), *items)))


def test_every_kind_of_constraint_gets_a_name() -> None:
    """Without a name of its own a constraint is called after its table and columns."""
    ddl = table(
        Column("user_id", Integer, ForeignKey("users.id")),
        Column("slug", String, unique=True),
        UniqueConstraint("user_id", "slug"),
    )

    assert "CONSTRAINT pk_posts PRIMARY KEY" in ddl
    assert "CONSTRAINT fk_posts_user_id_users FOREIGN KEY" in ddl
    assert "CONSTRAINT uq_posts_slug UNIQUE" in ddl
    assert "CONSTRAINT uq_posts_user_id_slug UNIQUE" in ddl


def test_a_check_without_a_name_gets_the_same_one_on_every_run() -> None:
    """SQLAlchemy refuses such checks under the usual conventions; migrations need a name that stays."""
    ddl = table(
        Column("age", Integer),
        CheckConstraint("age > 0"),
        CheckConstraint("age < 200"),
        CheckConstraint(column("age") != 13),
        CheckConstraint(column("age") != 14),
    )
    names = re.findall(r"CONSTRAINT (ck_posts_\w+)", ddl)

    assert "CONSTRAINT ck_posts_c9142c5a CHECK (age > 0)" in ddl
    assert len(set(names)) == 4
    assert [name for name in names if name.startswith("ck_posts_age_")] == names[2:]


def test_checks_that_belong_to_a_type_get_a_name() -> None:
    """An enum or boolean that is checked by the database does not stop CREATE TABLE."""
    ddl = table(
        Column("kind", Enum("a", "b", native_enum=False, create_constraint=True)),
        Column("done", Boolean(create_constraint=True)),
    )

    assert "CONSTRAINT ck_posts_kind_" in ddl


def test_a_name_of_your_own_is_kept() -> None:
    """The convention fills gaps; it does not rename."""
    ddl = table(Column("age", Integer), CheckConstraint("age > 0", name="adults"), UniqueConstraint("age", name="mine"))

    assert "CONSTRAINT adults CHECK" in ddl
    assert "CONSTRAINT mine UNIQUE" in ddl
