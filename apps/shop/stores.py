"""The users a second time, for teams who keep data access behind repositories: the session is injected."""

from collections.abc import Mapping
from typing import Annotated, Self, TypeVar

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from activerow import ActiveRecord
from activerow.query import Query
from activerow.store import Store
from shop.models import Post, Profile, User, db

M = TypeVar("M", bound=ActiveRecord)


class ShopStore(Store[M]):
    """The rows of a model, in the request's session: one transaction for all that a request does."""

    @classmethod
    async def of_request(cls, session: Annotated[AsyncSession, Depends(db.session)]) -> Self:
        """The store as a dependency: a coroutine, because FastAPI would call the class itself in a thread."""
        return cls(session)


class UserStore(ShopStore[User]):
    """Users."""

    async def get_user_by_username(self, username: str) -> User | None:
        """The user of that name, None where there is none."""
        return await self.get_or_none(username=username)


class PostStore(ShopStore[Post]):
    """Posts."""

    def of(self, user: User) -> Query[Post]:
        """The posts of a user."""
        return self.filter_by(user_id=user.id).order_by("id")

    async def write(self, user: User, values: Mapping[str, object]) -> Post:
        """A new post of a user."""
        return await self.create(values, user_id=user.id)


class ProfileStore(ShopStore[Profile]):
    """Profiles."""

    async def of(self, user_id: int) -> Profile:
        """The profile of a user.

        Raises:
            RecordNotFoundError: The user has none.
        """
        return await self.get(user_id=user_id)

    async def replace(self, user: User, values: Mapping[str, object]) -> Profile:
        """The profile of a user with these values, made where there was none."""
        profile, _ = await self.update_or_create({"user_id": user.id}, values)
        return profile


Users = Annotated[UserStore, Depends(UserStore.of_request)]
Posts = Annotated[PostStore, Depends(PostStore.of_request)]
Profiles = Annotated[ProfileStore, Depends(ProfileStore.of_request)]
