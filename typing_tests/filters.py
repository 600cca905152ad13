"""What a user's editor shows of `filters`."""

from typing import Annotated, assert_type

from fastapi import Depends

from activerow.fastapi import Chosen, filters
from activerow.paging import CursorPage, Page
from activerow.query.query import Query
from typing_tests.model import User

ChosenUsers = Annotated[Chosen[User], Depends(filters(User, fields=["email"]))]


async def check(chosen: ChosenUsers) -> None:
    """The rows are the model's."""
    assert_type(chosen.apply(User.query()), Query[User])
    assert_type(await chosen.page(User.query()), Page[User])
    assert_type(await chosen.after(User.query()), CursorPage[User])
