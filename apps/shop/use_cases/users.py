"""Users with their profiles and posts."""

from collections.abc import Mapping

from activerow.query import Query
from shop.models import Post, Profile, User, db


async def posts_of(user_id: int) -> Query[Post]:
    """The posts of a user.

    Raises:
        RecordNotFoundError: There is no such user.
    """
    user = await User.get(user_id)
    return Post.filter_by(user_id=user.id).order_by("id")


@db.transactional()
async def write_post(user_id: int, values: Mapping[str, object]) -> Post:
    """A new post of a user.

    Raises:
        RecordNotFoundError: There is no such user.
    """
    user = await User.get(user_id)
    return await Post.create(values, user_id=user.id)


@db.transactional()
async def replace_profile(user_id: int, values: Mapping[str, object]) -> Profile:
    """The profile of a user with these values, made where there was none.

    Raises:
        RecordNotFoundError: There is no such user.
    """
    user = await User.get(user_id)
    profile, _ = await Profile.update_or_create({"user_id": user.id}, values)
    return profile


@db.transactional()
async def change_profile(user_id: int, values: Mapping[str, object]) -> Profile:
    """The profile of a user after the change.

    Raises:
        RecordNotFoundError: The user has none.
    """
    profile = await Profile.get(user_id=user_id)
    await profile.update(values)
    return profile
