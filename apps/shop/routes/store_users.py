"""Users, their profiles and posts, with stores. `users.py` says the same with models."""

from fastapi import APIRouter, status

from activerow.errors import RecordNotFoundError
from activerow.fastapi import problem_responses
from activerow.paging import Page
from shop.deps import ChosenPosts, ChosenUsers
from shop.schemas import PostBody, PostOut, ProfileBody, ProfileOut, UserBody, UserOut
from shop.stores import Posts, Profiles, Users

router = APIRouter(prefix="/api/v1/store/users", tags=["users, with stores"])


@router.get("", summary="List users")
async def list_users(users: Users, chosen: ChosenUsers) -> Page[UserOut]:
    """A page of the users that were asked for."""
    page = await chosen.page(users.order_by("id"))
    return page.map(UserOut.model_validate)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Add a user", responses=problem_responses(409))
async def add_user(users: Users, body: UserBody) -> UserOut:
    """A new user; a name that is taken is 409."""
    return UserOut.model_validate(await users.create(body))


@router.get("/by-name/{username}", summary="Read a user by name", responses=problem_responses(404))
async def read_user_by_name(users: Users, username: str) -> UserOut:
    """The user of that name."""
    user = await users.get_user_by_username(username)
    if user is None:
        raise RecordNotFoundError("User", {"username": username})
    return UserOut.model_validate(user)


@router.get("/{user_id}", summary="Read a user", responses=problem_responses(404))
async def read_user(users: Users, user_id: int) -> UserOut:
    """One user."""
    return UserOut.model_validate(await users.get(user_id))


@router.get("/{user_id}/posts", summary="List a user's posts", responses=problem_responses(404))
async def list_posts(users: Users, posts: Posts, user_id: int, chosen: ChosenPosts) -> Page[PostOut]:
    """A page of a user's posts."""
    page = await chosen.page(posts.of(await users.get(user_id)))
    return page.map(PostOut.model_validate)


@router.post(
    "/{user_id}/posts",
    status_code=status.HTTP_201_CREATED,
    summary="Write a post",
    responses=problem_responses(404),
)
async def add_post(users: Users, posts: Posts, user_id: int, body: PostBody) -> PostOut:
    """A new post of a user."""
    return PostOut.model_validate(await posts.write(await users.get(user_id), body.model_dump()))


@router.get("/{user_id}/profile", summary="Read a profile", responses=problem_responses(404))
async def read_profile(profiles: Profiles, user_id: int) -> ProfileOut:
    """What a user tells about themselves."""
    return ProfileOut.model_validate(await profiles.of(user_id))


@router.put("/{user_id}/profile", summary="Replace a profile", responses=problem_responses(404))
async def put_profile(users: Users, profiles: Profiles, user_id: int, body: ProfileBody) -> ProfileOut:
    """Set all fields, and make the profile where there is none; what is not sent is emptied."""
    return ProfileOut.model_validate(await profiles.replace(await users.get(user_id), body.model_dump()))


@router.patch("/{user_id}/profile", summary="Change a profile", responses=problem_responses(404))
async def patch_profile(profiles: Profiles, user_id: int, body: ProfileBody) -> ProfileOut:
    """Set what is sent; null empties a field."""
    profile = await profiles.of(user_id)
    await profiles.update(profile, body)
    return ProfileOut.model_validate(profile)
