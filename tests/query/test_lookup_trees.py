"""Random trees of lookups find the same rows as the same conditions in Python."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activerow import Database
from activerow.periods import Period
from tests.models.blog import Base, Post, Tag, User, post_tags
from tests.tools.backends.active import MakeDatabase
from tests.tools.predicates import Group, Leaf, Node, Row, Tables

_START = datetime(2024, 2, 28, 22, 30, tzinfo=UTC)
_MOMENTS = [_START + timedelta(hours=hours, microseconds=hours) for hours in range(0, 30, 5)]
_NAMES = ["Ada", "ada", "böB_%", "BÖB", "a*b?[c]", "한글 Ω/ω", "x\\y%z", "", "it's", None]
_USERS: list[Row] = [
    {
        "id": id_,
        "name": name,
        "bio": _NAMES[(id_ * 7) % len(_NAMES)],
        "age": [None, 3, 17, 18, 18, 40][id_ % 6],
        "seen_at": [None, *_MOMENTS][id_ % 7],
        "born": [None, date(1999, 12, 31), date(2000, 1, 1), date(2000, 2, 29)][id_ % 4],
        "boss_id": [None, 1, 1, 2, 3][id_ % 5] if id_ > 1 else None,
    }
    for id_, name in enumerate(_NAMES, start=1)
]
_POSTS: list[Row] = [
    {"id": id_, "title": _NAMES[id_ % 9], "published": id_ % 3 == 0, "user_id": [1, 1, 2, 5, None][id_ % 5]}
    for id_ in range(1, 13)
]
_TAGS: list[Row] = [{"id": id_, "name": name} for id_, name in enumerate(["sql", "SQLite", "py_%"], start=1)]
_LINKS = [(post["id"], tag["id"]) for post in _POSTS for tag in _TAGS if (post["id"] * tag["id"]) % 4 == 1]


def related(table: str, row: Row, hop: str) -> tuple[str, list[Row]]:
    """The rows that a relation leads to."""
    if hop in {"boss", "user"}:
        return "users", [user for user in _USERS if user["id"] == row[f"{hop}_id"]]
    if hop == "staff":
        return "users", [user for user in _USERS if user["boss_id"] == row["id"]]
    if table == "users":
        return "posts", [post for post in _POSTS if post["user_id"] == row["id"]]
    if hop == "tags":
        return "tags", [tag for tag in _TAGS if (row["id"], tag["id"]) in _LINKS]
    return "posts", [post for post in _POSTS if (post["id"], row["id"]) in _LINKS]


_RELATIONS = {
    "users": {"boss": "users", "staff": "users", "posts": "posts"},
    "posts": {"user": "users", "tags": "tags"},
}
_RELATIONS["tags"] = {"posts": "posts"}

# --- strategies -----------------------------------------------------------------------------------------------------

_ages = st.integers(0, 50)
_days = st.dates(date(1999, 12, 30), date(2000, 3, 1))
_moments = st.sampled_from(_MOMENTS)
_parts = st.text("aAbBöÖ_%*?[]\\/ '한ΩωsqlSQL", max_size=3)
_order = ["exact", "ne", "gt", "gte", "lt", "lte"]


def _words(field: str, values: st.SearchStrategy[Any], prefix: str = "") -> st.SearchStrategy[tuple[str, str, Any]]:
    """Comparisons of a field with an order."""
    nothing = st.sampled_from([True, False])
    return st.one_of(
        st.tuples(st.just(field), st.sampled_from([prefix + word for word in _order]), values),
        st.tuples(
            st.just(field),
            st.sampled_from([f"{prefix}in", f"{prefix}not_in"]),
            st.lists(values | st.none(), max_size=3),
        ),
        st.tuples(st.just(field), st.just(f"{prefix}between"), st.tuples(values, values)),
        st.tuples(st.just(field), st.just(f"{prefix}isnull"), nothing),
        st.tuples(st.just(field), st.sampled_from([f"{prefix}exact", f"{prefix}ne"]), st.none()),
    )


_MATCHES = ["contains", "startswith", "endswith", "icontains", "istartswith", "iendswith", "iexact"]


def _text(field: str) -> st.SearchStrategy[tuple[str, str, Any]]:
    """Matches; the column's collation, which decides about equality, is the server's own affair."""
    whole = st.sampled_from([name for name in _NAMES if name])
    return st.tuples(st.just(field), st.sampled_from(_MATCHES), _parts | whole)


_periods = st.tuples(_moments, _moments).map(lambda pair: Period(*pair))
_FIELDS = {
    "users": st.one_of(
        _words("id", st.integers(0, 11)),
        _words("age", _ages),
        _words("born", _days),
        _words("born", st.integers(1, 31), "day__"),
        _words("born", st.integers(1999, 2000), "year__"),
        _words("seen_at", _moments),
        _words("seen_at", st.integers(0, 23), "hour__"),
        _words("seen_at", st.integers(2, 3), "month__"),
        _words("seen_at", st.dates(date(2024, 2, 28), date(2024, 3, 1)), "date__"),
        st.tuples(st.just("seen_at"), st.just("within"), _periods),
        _text("name"),
        _text("bio"),
    ),
    "posts": st.one_of(_words("id", st.integers(0, 13)), _text("title"))
    | st.tuples(st.just("published"), st.just("exact"), st.booleans()),
    "tags": st.one_of(_words("id", st.integers(1, 4)), _text("name")),
}


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    """A lookup on a user, or on what up to three relations lead to from one."""
    table, hops = "users", list[str]()
    for _ in range(draw(st.integers(0, 3))):
        hop = draw(st.sampled_from(sorted(_RELATIONS[table])))
        hops.append(hop)
        table = _RELATIONS[table][hop]
    return Leaf(tuple(hops), *draw(_FIELDS[table]))


def groups(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """A group of nodes."""
    members = st.lists(nodes, min_size=1, max_size=3).map(tuple)
    return st.builds(Group, st.sampled_from(["and", "or"]), st.booleans(), members)


trees: st.SearchStrategy[Node] = st.recursive(leaves(), groups, max_leaves=6)

# --- facts ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """The rows of this page."""
    db = await make_database(Base)
    async with db.transaction() as session:
        session.add_all([User(email=f"{row['id']}@x.org", **row) for row in _USERS])
        session.add_all([Post(**row) for row in _POSTS])
        session.add_all([Tag(**row) for row in _TAGS])
        await session.flush()
        links = [{"post_id": post, "tag_id": tag, "position": 0} for post, tag in _LINKS]
        await session.execute(post_tags.insert(), links)
    return db


async def check(tree: Node) -> None:
    """The database and Python agree on the rows."""
    tables = Tables(related, to_one={"boss", "user"})
    expected = [row["id"] for row in _USERS if tables.holds(tree, "users", row) is True]

    assert sorted(await User.where(tree.q()).pluck(User.id)) == expected


_SETTINGS: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@settings(max_examples=25, derandomize=True, **_SETTINGS)
@given(st.lists(trees, min_size=1, max_size=3))
async def test_a_tree_of_lookups_finds_what_python_finds(db: Database, some: list[Node]) -> None:
    """NULLs, wildcards, letter case, empty lists, dates and paths mean the same on every backend."""
    for tree in some:
        await check(tree)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@settings(max_examples=3_000, **_SETTINGS)
@given(trees)
async def test_many_trees_of_lookups_find_what_python_finds(db: Database, tree: Node) -> None:
    """The same with new trees on every run."""
    await check(tree)
