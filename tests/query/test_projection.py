"""`into` and `json`: rows as objects of a schema, or as JSON, without instances of the model."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    ValidationError,
    computed_field,
    field_validator,
    model_validator,
)
from sqlalchemy import event
from sqlalchemy.orm import joinedload, with_loader_criteria

from activerow import Database
from activerow.errors import UnknownFieldError, UsageError
from activerow.query.query import Query
from tests.models import bookshop
from tests.models.blog import Base, Comment, Passport, Post, Seat, Status, Tag, Ticket, User, post_tags
from tests.tools.backends.active import MakeDatabase
from tests.tools.counting import statements

S = TypeVar("S", bound=BaseModel)


class Loose(BaseModel):
    """A schema that says nothing about attributes: the call does."""


class TagOut(Loose):
    name: str


class CommentOut(Loose):
    body: str
    author: "AuthorOut | None"


class AuthorOut(Loose):
    id: int
    name: str | None


class PostOut(Loose):
    title: str
    tags: list[TagOut]
    comments: list[CommentOut]


class UserOut(Loose):
    id: int
    name: str | None
    posts: list[PostOut]
    boss: AuthorOut | None


CommentOut.model_rebuild()


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """Four authors: a is everyone's boss and has two posts; b has one; the posts have tags and comments."""
    db = await make_database(Base)
    async with db.transaction() as session:
        for id_, name in enumerate("abcd", start=1):
            await User.create(id=id_, email=f"{name}@x.org", name=name, age=id_ * 10, balance=Decimal("1.50"))
        await User.where(User.id > 1).update(boss_id=1)
        for id_, (title, user_id) in enumerate([("one", 1), ("two", 1), ("three", 2)], start=1):
            await Post.create(id=id_, title=title, user_id=user_id, published=id_ != 2)
        for id_, name in enumerate(["red", "green"], start=1):
            await Tag.create(id=id_, name=name)
        rows = [(1, 1, 1), (1, 2, 2), (2, 1, 1), (3, 2, 1)]
        await session.execute(
            post_tags.insert(),
            [{"post_id": post, "tag_id": tag, "position": position} for post, tag, position in rows],
        )
        for id_, (post, author) in enumerate([(1, 2), (1, None), (3, 4)], start=1):
            await Comment.create(id=id_, body=f"c{id_}", post_id=post, author_id=author)
        await Passport.create(id=1, number="N1", user_id=2)
    return db


async def from_instances(schema: type[S], query: Query[Any], *include: str) -> list[S]:
    """What `into` must give: instances, validated one by one."""
    rows = await query.include(*include).all()
    return [schema.model_validate(row, from_attributes=True) for row in rows]


# --- what is read ---------------------------------------------------------------------------------------------------


async def test_columns(db: Database) -> None:
    """Objects of the schema, from its columns alone, in one statement."""

    class Small(Loose):
        id: int
        status: Status
        balance: Decimal
        created_at: datetime

    with statements(db) as sent:
        small = await User.order_by("-id").limit(2).into(Small)

    assert [each.id for each in small] == [4, 3]
    assert (small[0].status, small[0].balance) == (Status.ACTIVE, Decimal("1.50"))
    assert small[0].created_at.tzinfo is not None
    (select,) = [each for each in sent if each.startswith("SELECT")]
    assert "email" not in select
    assert small == await from_instances(Small, User.order_by("-id").limit(2))


async def test_nested_schemas(db: Database) -> None:
    """To-one by JOIN, each to-many relation by one statement whatever the number of rows, in the relation's order."""
    with statements(db) as sent:
        users = await User.order_by("id").into(UserOut)

    selects = [each for each in sent if each.startswith("SELECT")]
    assert len(selects) == 4  # users with their bosses; posts; tags; comments with their authors
    assert [tag.name for tag in users[0].posts[0].tags] == ["green", "red"]
    assert users[1].boss == AuthorOut(id=1, name="a")
    assert users[0].posts[0].comments[1].author is None
    assert users == await from_instances(UserOut, User.order_by("id"), "posts.tags", "posts.comments.author", "boss")


async def test_no_instance_is_made(db: Database) -> None:
    """Neither of the model nor of what it is related to, and the unit's session holds none."""
    made: list[object] = []

    def note(row: object, _context: object) -> None:
        made.append(row)

    event.listen(Base, "load", note, propagate=True)
    async with db.transaction() as session:
        await User.query().into(UserOut)
        await User.query().json()
        held = list(session.sync_session.identity_map.values())
    event.remove(Base, "load", note)

    assert (made, held) == ([], [])


async def test_to_many_beyond_to_one(db: Database) -> None:
    """A list of the row that a joined row is, at any depth."""

    class BossOut(Loose):
        name: str
        posts: list[AuthorlessPost]

    class CommentDeep(Loose):
        id: int
        post: "PostWithUser"

    class PostWithUser(Loose):
        user: BossOut | None

    CommentDeep.model_rebuild()
    with statements(db) as sent:
        comments = await Comment.order_by("id").into(CommentDeep)

    assert len([each for each in sent if each.startswith("SELECT")]) == 2
    assert [comment.post.user and comment.post.user.name for comment in comments] == ["a", "a", "b"]
    assert comments == await from_instances(CommentDeep, Comment.order_by("id"), "post.user.posts")


class AuthorlessPost(Loose):
    title: str


async def test_one_to_one_from_the_other_side(db: Database) -> None:
    """The row that refers to this one, or None."""

    class PassportOut(Loose):
        number: str

    class Holder(Loose):
        id: int
        passport: PassportOut | None

    holders = await User.order_by("id").into(Holder)

    assert [holder.passport and holder.passport.number for holder in holders] == [None, "N1", None, None]


async def test_a_relation_with_a_condition_and_a_composite_key(db: Database) -> None:
    """Relations whose condition is more than keys, or whose key has several columns, are read as the mapping says."""

    class Published(Loose):
        published: list[AuthorlessPost]

    class TicketOut(Loose):
        id: int

    class SeatOut(Loose):
        row: int
        tickets: list[TicketOut]

    await Seat.create(row=1, number=2, hall="A", code="x")
    await Ticket.create(id=5, seat_row=1, seat_number=2)
    await Ticket.create(id=6, seat_row=None, seat_number=2)

    users = await User.order_by("id").into(Published)
    seats = await Seat.query().into(SeatOut)

    assert [[post.title for post in user.published] for user in users] == [["one"], ["three"], [], []]
    assert seats == [SeatOut(row=1, tickets=[TicketOut(id=5)])]


async def test_more_rows_than_one_statement_takes(db: Database) -> None:
    """Related rows are read for up to 500 rows at a time."""

    class WithPosts(Loose):
        id: int
        posts: list[AuthorlessPost]

    async with db.transaction() as session:
        session.add_all(
            [User(id=number, email=f"{number}@y.org", posts=[Post(id=number, title="x")]) for number in range(10, 610)]
        )
    with statements(db) as sent:
        users = await User.query().into(WithPosts)

    assert len([each for each in sent if each.startswith("SELECT")]) == 3
    assert sum(len(user.posts) for user in users) == 603


async def test_links_of_the_query(db: Database) -> None:
    """Conditions, order across relations, limit, offset and distinct mean what they mean for rows."""

    class Titled(Loose):
        title: str
        user: AuthorOut | None

    query = Post.filter_by(user__name__in=["a", "b"]).order_by("-user__name", "-id").limit(2).offset(1)

    assert [post.title for post in await query.into(Titled)] == ["two", "one"]
    assert await query.into(Titled) == await from_instances(Titled, query, "user")
    distinct = Post.order_by("user__age", "title").distinct().limit(2)
    assert [post.title for post in await distinct.into(AuthorlessPost)] == ["one", "two"]
    assert [post.title for post in await distinct.order_by(None).order_by(Post.id.desc()).into(AuthorlessPost)] == [
        "three",
        "two",
    ]
    assert await Post.query().limit(0).into(Titled) == []


async def test_loader_criteria(db: Database) -> None:
    """`with_loader_criteria` narrows the rows, lists of related rows, and to-one relations alike."""
    query = User.order_by("id").options(
        with_loader_criteria(Post, Post.published), with_loader_criteria(User, User.name != "a")
    )

    users = await query.into(UserOut)

    assert [(user.id, user.boss, [post.title for post in user.posts]) for user in users] == [
        (2, None, ["three"]),
        (3, None, []),
        (4, None, []),
    ]
    published = User.order_by("id").options(with_loader_criteria(Post, Post.published))
    assert [len(user.posts) for user in await published.into(UserOut)] == [1, 1, 0, 0]


async def test_rows_that_a_condition_repeats(db: Database) -> None:
    """A condition that brings in another table repeats no row, as with `all`."""
    query = User.where(Post.user_id == User.id).order_by("id")

    assert [user.id for user in await query.into(AuthorOut)] == [1, 2] == [user.id for user in await query.all()]


async def test_in_a_unit(db: Database) -> None:
    """The unit's unsaved changes are seen, and a session that is given is used."""
    async with db.transaction() as session:
        session.add(User(id=9, email="n@x.org", name="new"))
        assert [user.name for user in await User.filter_by(id=9).into(AuthorOut)] == ["new"]
        assert len(await User.query(session=session).into(AuthorOut)) == 5


# --- as an instance would be validated ------------------------------------------------------------------------------


async def test_aliases_and_validators(db: Database) -> None:
    """Aliases, alias paths, choices, validators, defaults and computed fields mean what they mean for instances."""

    class Wide(BaseModel):
        model_config = ConfigDict(validate_by_name=True, alias_generator=lambda name: f"x_{name}")

        id: int
        mail: str = Field(validation_alias="email")
        boss_name: str | None = Field(None, validation_alias=AliasPath("boss", "name"))
        first_title: str | None = Field(None, validation_alias=AliasPath("posts", 0, "title"))
        called: str = Field(validation_alias=AliasChoices("nickname", "name"))
        unknown: str = "default"
        deeper: str = Field("nobody", validation_alias=AliasPath("boss", "shoe_size"))
        is_adult: bool

        @field_validator("called")
        @classmethod
        def _loud(cls, value: str) -> str:
            return value.upper()

        @model_validator(mode="before")
        @classmethod
        def _looked_at(cls, data: Any) -> Any:
            assert data.email
            return data

        @computed_field
        def shout(self) -> str:
            return f"{self.called}!"

    wide = await User.order_by("id").into(Wide)

    assert (wide[1].boss_name, wide[1].called, wide[1].unknown) == ("a", "B", "default")
    assert wide[1].model_dump()["shout"] == "B!"
    assert [each.first_title for each in wide] == ["one", "three", None, None]
    assert [each.is_adult for each in wide] == [False, True, True, True]
    instances = await from_instances(Wide, User.order_by("id"), "boss", "posts")
    assert wide == instances
    assert [each.model_fields_set for each in wide] == [each.model_fields_set for each in instances]


Item = TypeVar("Item")


async def test_generic_and_derived_schemas(db: Database) -> None:
    """A parametrised generic schema, annotated lists, and a schema that extends another."""

    class Holding(Loose, Generic[Item]):
        posts: Annotated[list[Annotated[Item, Field()]], Field(max_length=5)]

    class Titled(AuthorlessPost):
        published: bool

    users = await User.order_by("id").into(Holding[Titled])

    assert [post.published for post in users[0].posts] == [True, False]
    assert users == await from_instances(Holding[Titled], User.order_by("id"), "posts")


async def test_unusual_attributes(make_database: MakeDatabase) -> None:
    """Columns under another name, hybrids, composites, JSON, UUIDs, sets and synonyms are read as rows show them."""
    await make_database(bookshop.Base)
    author = await bookshop.Author.create(email="a@b.c", first="Ada", last="L")
    tags = [await bookshop.Tag.create(name=name) for name in ("x", "y")]
    await bookshop.Book.create(title="T", author=author, tags=tags)
    await bookshop.Page.create(title="p", width=2, height=3)
    voucher = await bookshop.Voucher.create()
    await bookshop.Shelf.create(label="s", facts={"k": ["é", None]})

    class AuthorNames(Loose):
        first: str
        name: str
        is_rich: bool

    class BookOut(Loose):
        tags: frozenset[Colour]
        author: AuthorNames

    class SizeOut(Loose):
        width: int

    class PageOut(Loose):
        size: SizeOut

    class VoucherOut(Loose):
        id: UUID

    class ShelfOut(Loose):
        area: int
        facts: dict[str, Any]
        fact: str = Field(validation_alias=AliasPath("facts", "k", 0))

    assert await bookshop.Book.query().into(BookOut) == [
        BookOut(
            tags=frozenset({Colour(name="x"), Colour(name="y")}),
            author=AuthorNames(first="Ada", name="Ada L", is_rich=False),
        )
    ]
    assert [page.size.width for page in await bookshop.Page.query().into(PageOut)] == [2]
    assert [each.id for each in await bookshop.Voucher.query().into(VoucherOut)] == [voucher.id]
    assert [(shelf.area, shelf.facts, shelf.fact) for shelf in await bookshop.Shelf.query().into(ShelfOut)] == [
        (3, {"k": ["é", None]}, "é")
    ]


class Colour(BaseModel, frozen=True):
    name: str


async def test_a_row_that_does_not_fit(db: Database) -> None:
    """Pydantic's error, with the connection given back and the unit usable."""

    class Named(Loose):
        name: int

    async with db.transaction():
        with pytest.raises(ValidationError, match="name"):
            await User.query().into(Named)
        assert await User.query().count() == 4


# --- refused before any SQL -----------------------------------------------------------------------------------------


class Unknown(Loose):
    nme: str


class NestedUnknown(Loose):
    posts: list[Unknown]


class OptionalUnknown(Loose):
    boss: Unknown | None = None


class UnknownAtTheEnd(Loose):
    boss: str = Field(validation_alias=AliasPath("boss", "nme"))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (Unknown, "User has no field 'nme'; did you mean 'name'"),
        (NestedUnknown, "Post has no field 'nme'"),
        (OptionalUnknown, "User has no field 'nme'"),
        (UnknownAtTheEnd, "User has no field 'nme'; did you mean 'name'"),
    ],
)
async def test_a_name_that_the_model_lacks(db: Database, schema: type[BaseModel], words: str) -> None:
    """A required name that does not exist is an error with the nearest name, before any SQL."""
    with statements(db) as sent, pytest.raises(UnknownFieldError, match=words):
        await User.query().into(schema)

    assert sent == []


class Tree(Loose):
    staff: "list[Tree]"


class Bare(Loose):
    posts: list[int]


class Kinds(Loose):
    posts: list[AuthorlessPost | TagOut]


class Code(Loose):
    to_dict: str


class Secret(Loose):
    secret: str


class Roots(RootModel[list[int]]):
    pass


@pytest.mark.parametrize(
    ("query", "schema", "words"),
    [
        (User.query(), Tree, "leads back to Tree"),
        (User.query(), Bare, "annotation names no schema"),
        (User.query(), Kinds, "several schemas"),
        (User.query(), Code, "to_dict is code of the class and has no SQL"),
        (bookshop.Author.query(), Secret, "Secret.secret: Author.secret is a property"),
        (User.query(), Roots, "RootModel"),
        (User.query(), dict, "not dict"),
        (User.query().include("posts"), AuthorOut, "include: leave that out"),
        (User.query().only("id"), AuthorOut, "only/defer"),
        (User.query().for_update(), AuthorOut, "for_update"),
        (User.query().options(joinedload(User.posts)), AuthorOut, "options"),
    ],
)
async def test_what_cannot_be_read(db: Database, query: Query[Any], schema: Any, words: str) -> None:
    """Schemas and links that have no meaning here are refused before any SQL, with the way out."""
    with statements(db) as sent:
        for call in (query.into, query.json):
            with pytest.raises(UsageError, match=words):
                await call(schema)

    assert sent == []


# --- JSON -----------------------------------------------------------------------------------------------------------


async def test_json_in_the_form_of_a_schema(db: Database) -> None:
    """The bytes that Pydantic makes of the list."""

    class Aliased(Loose):
        id: int
        mail: str = Field(validation_alias="email", serialization_alias="eMail")
        balance: Decimal
        created_at: datetime
        posts: list[PostOut]

    query = User.order_by("id")

    adapter = TypeAdapter(list[Aliased])
    assert await query.json(Aliased) == adapter.dump_json(await query.into(Aliased))
    assert await query.json(Aliased, by_alias=True) == adapter.dump_json(await query.into(Aliased), by_alias=True)
    assert await query.limit(0).json(Aliased) == b"[]"


async def test_json_of_all_columns(db: Database) -> None:
    """Without a schema: every column, in the form that Pydantic gives the values, in one statement."""
    await User.filter_by(id=1).update(born=date(2000, 2, 3), seen_at=datetime(2024, 1, 2, 3, 4, 5, 600, UTC), bio="é\n")
    query = User.order_by("id")

    with statements(db) as sent:
        text = await query.json()

    assert len([each for each in sent if each.startswith("SELECT")]) == 1
    assert text == TypeAdapter(list[dict[str, Any]]).dump_json(await query.values())
    first = json.loads(text)[0]
    assert (first["balance"], first["status"], first["born"]) == ("1.50", "active", "2000-02-03")
    assert first["seen_at"] == "2024-01-02T03:04:05.000600Z"
    assert await User.query().limit(0).json() == b"[]"
