"""What an editor shows for projections and groups; checked by mypy and pyright, never run."""

from typing import Any, assert_type

from pydantic import BaseModel
from sqlalchemy import func

from activerow.aggregates import Count, Max
from activerow.query.results.groups import Groups
from typing_tests.model import User


class UserOut(BaseModel):
    """A schema."""

    id: int


async def projections() -> None:
    """Objects of the schema that is given; JSON is bytes, a plan is text."""
    assert_type(await User.query().into(UserOut), list[UserOut])
    assert_type(await User.query().json(), bytes)
    assert_type(await User.query().json(UserOut, by_alias=True), bytes)
    assert_type(await User.query().explain(analyze=True), str)


async def groups() -> None:
    """Keys that are attributes keep their types in tuples; by name there are dicts."""
    by_name = User.query().group_by(User.name)
    assert_type(by_name, Groups[str | None])
    assert_type(by_name.having(users__gt=1).order_by("-users").limit(3), Groups[str | None])
    assert_type(await by_name.values(users=Count()), list[dict[str, Any]])
    assert_type(await by_name.tuples(), list[tuple[str | None]])
    assert_type(await by_name.tuples(Count()), list[tuple[str | None, int]])
    assert_type(await by_name.tuples(func.count(), Max("age")), list[tuple[str | None, int, Any]])
    assert_type(await User.query().group_by(User.name, User.age).tuples(Count()), list[tuple[str | None, int, int]])
    assert_type(dict(await by_name.tuples(Count())), dict[str | None, int])


async def by_words() -> None:
    """Names have no types."""
    assert_type(await User.query().group_by("name").tuples(Count()), list[tuple[*tuple[Any, ...], int]])
    assert_type(await User.query().values("id", posts=Count("posts")), list[dict[str, Any]])
