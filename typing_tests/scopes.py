"""What an editor shows for queries of a model's own class; checked, never run."""

from typing import Self, assert_type

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from activerow import Q
from activerow.query.query import Query
from typing_tests.model import Base, User


class MemberQuery(Query["Member"]):
    """Scopes, which go on with any link."""

    def adults(self) -> Self:
        return self.where(Member.age >= 18)


class Member(Base):
    """One line makes every query of the model a `MemberQuery`."""

    __query__ = MemberQuery

    id: Mapped[int] = mapped_column(primary_key=True)
    age: Mapped[int]


class Guest(Member):
    """Inherits them."""


async def scopes(session: AsyncSession) -> None:
    """Every start, link and terminal knows the class and the model."""
    assert_type(Member.query(), MemberQuery)
    assert_type(Member.filter_by({"age": 3}, session=session, age__gt=2), MemberQuery)
    assert_type(Member.where(Member.age > 3, Q(age=4)), MemberQuery)
    assert_type(Member.order_by("-age").adults().limit(3).using(session), MemberQuery)
    assert_type(await Member.query().adults().all(), list[Member])
    assert_type(await Member.order_by("id").adults().first(), Member | None)
    assert_type(Guest.query(), MemberQuery)
    assert_type(await Guest.get(1), Guest)


def plain_models_keep_plain_queries() -> None:
    """Nothing changes for models without `__query__`."""
    assert_type(User.query(), Query[User])
    assert_type(User.filter_by(age=3), Query[User])
