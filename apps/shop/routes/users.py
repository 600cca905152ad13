"""Users, their profiles and posts, with models. `store_users.py` says the same with stores."""

from fastapi import APIRouter, status

from activerow.fastapi import problem_responses
from activerow.paging import Page
from shop.deps import ChosenPosts, ChosenUsers
from shop.models import Profile, User
from shop.schemas import PostBody, PostOut, ProfileBody, ProfileOut, UserBody, UserOut
from shop.use_cases.users import change_profile, posts_of, replace_profile, write_post

router = APIRouter(prefix="/api/v1/users", tags=["users"])


@router.get("", summary="List users")
async def list_users(chosen: ChosenUsers) -> Page[UserOut]:
    """A page of the users that were asked for; `?username=ada` is the one of that name."""
    page = await chosen.page(User.order_by("id"))
    return page.map(UserOut.model_validate)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Add a user", responses=problem_responses(409))
async def add_user(body: UserBody) -> UserOut:
    """A new user; a name that is taken is 409."""
    return UserOut.model_validate(await User.create(body))


@router.get("/{user_id}", summary="Read a user", responses=problem_responses(404))
async def read_user(user_id: int) -> UserOut:
    """One user."""
    return UserOut.model_validate(await User.get(user_id))


@router.get("/{user_id}/posts", summary="List a user's posts", responses=problem_responses(404))
async def list_posts(user_id: int, chosen: ChosenPosts) -> Page[PostOut]:
    """A page of a user's posts."""
    page = await chosen.page(await posts_of(user_id))
    return page.map(PostOut.model_validate)


@router.post(
    "/{user_id}/posts",
    status_code=status.HTTP_201_CREATED,
    summary="Write a post",
    responses=problem_responses(404),
)
async def add_post(user_id: int, body: PostBody) -> PostOut:
    """A new post of a user."""
    return PostOut.model_validate(await write_post(user_id, body.model_dump()))


@router.get("/{user_id}/profile", summary="Read a profile", responses=problem_responses(404))
async def read_profile(user_id: int) -> ProfileOut:
    """What a user tells about themselves."""
    return ProfileOut.model_validate(await Profile.get(user_id=user_id))


@router.put("/{user_id}/profile", summary="Replace a profile", responses=problem_responses(404))
async def put_profile(user_id: int, body: ProfileBody) -> ProfileOut:
    """Set all fields, and make the profile where there is none; what is not sent is emptied."""
    return ProfileOut.model_validate(await replace_profile(user_id, body.model_dump()))


@router.patch("/{user_id}/profile", summary="Change a profile", responses=problem_responses(404))
async def patch_profile(user_id: int, body: ProfileBody) -> ProfileOut:
    """Set what is sent; null empties a field."""
    return ProfileOut.model_validate(await change_profile(user_id, body.model_dump(exclude_unset=True)))
