"""Users over HTTP: the same with models and with stores."""

import httpx
import pytest

from shop.models import Profile, User
from shop.stores import UserStore
from tests.shop.service import add, statements

BOTH = pytest.mark.parametrize("users", ["/users", "/store/users"])


@BOTH
async def test_users_are_found_by_id_and_by_name(client_on_backend: httpx.AsyncClient, users: str) -> None:
    """And a name that nobody has finds nobody."""
    ada = await add(client_on_backend, users, username="ada")
    await add(client_on_backend, users, username="grace")

    by_id = await client_on_backend.get(f"{users}/{ada['id']}")
    by_name = await client_on_backend.get(f"{users}?username=ada")
    nobody = await client_on_backend.get(f"{users}?username=eve")

    assert by_id.json() == ada == {"id": ada["id"], "username": "ada"}
    assert (by_name.json()["items"], nobody.json()["items"]) == ([ada], [])


@BOTH
async def test_a_name_that_is_taken_is_a_409(client_on_backend: httpx.AsyncClient, users: str) -> None:
    """The constraint speaks, and says which field it was; other letters are another name."""
    await add(client_on_backend, users, username="ada")

    answer = await client_on_backend.post(users, json={"username": "ada"})

    assert (answer.status_code, answer.json()["code"]) == (409, "4090102")
    assert answer.json()["errors"][0]["loc"] == ["body", "username"]
    await add(client_on_backend, users, username="Ada")


@BOTH
async def test_a_user_writes_posts(client_on_backend: httpx.AsyncClient, users: str) -> None:
    """They are listed under the user, and found by their words."""
    ada = await add(client_on_backend, users, username="ada")
    eve = await add(client_on_backend, users, username="eve")
    for title in ("On engines", "On looms"):
        await add(client_on_backend, f"{users}/{ada['id']}/posts", title=title, body="...")

    with statements() as sent:
        listed = await client_on_backend.get(f"{users}/{ada['id']}/posts?sort=-title")
    found = await client_on_backend.get(f"{users}?posts__title__icontains=LOOM")
    none = await client_on_backend.get(f"{users}/{eve['id']}/posts")

    assert [post["title"] for post in listed.json()["items"]] == ["On looms", "On engines"]
    assert len(sent) == 3, sent  # the user, the posts and their number
    assert [user["username"] for user in found.json()["items"]] == ["ada"]
    assert none.json()["total"] == 0


@BOTH
async def test_a_profile_is_made_replaced_and_changed(client_on_backend: httpx.AsyncClient, users: str) -> None:
    """PUT empties what is not sent, PATCH leaves it as it is; there is one profile all along."""
    ada = await add(client_on_backend, users, username="ada")
    path = f"{users}/{ada['id']}/profile"
    assert (await client_on_backend.get(path)).status_code == 404
    assert (await client_on_backend.patch(path, json={"bio": "x"})).status_code == 404

    made = await client_on_backend.put(path, json={"first_name": "Ada", "bio": "analyst"})
    replaced = await client_on_backend.put(path, json={"first_name": "Ada", "last_name": "Lovelace"})
    changed = await client_on_backend.patch(path, json={"bio": "countess", "last_name": None})

    assert (made.status_code, made.json()["bio"]) == (200, "analyst")
    assert (replaced.json()["last_name"], replaced.json()["bio"]) == ("Lovelace", None)
    expected = {"user_id": ada["id"], "first_name": "Ada", "last_name": None, "bio": "countess"}
    assert changed.json() == (await client_on_backend.get(path)).json() == expected
    assert await Profile.query().count() == 1


@BOTH
@pytest.mark.parametrize("rest", ["", "/posts", "/profile"])
async def test_a_user_that_is_not_there_is_a_404(client: httpx.AsyncClient, users: str, rest: str) -> None:
    """And so is what would belong to it; nothing is written for nobody."""
    path = f"{users}/7{rest}"
    answers = [await client.get(path)]
    if rest == "/posts":
        answers.append(await client.post(path, json={"title": "x", "body": ""}))
    if rest == "/profile":
        answers.append(await client.put(path, json={}))

    assert {answer.status_code for answer in answers} == {404}


async def test_a_store_finds_a_user_by_name(client: httpx.AsyncClient) -> None:
    """With the method that its team has given it."""
    ada = await add(client, "/store/users", username="ada")

    found = await client.get("/store/users/by-name/ada")
    nobody = await client.get("/store/users/by-name/eve")

    assert (found.json(), nobody.status_code) == (ada, 404)
    assert (nobody.json()["code"], nobody.json()["detail"]) == ("4040101", "User not found")


async def test_a_name_that_nobody_has_is_no_error_of_the_store(client: httpx.AsyncClient) -> None:
    """Whether that is one, its caller says."""
    ada = await User.create(username="ada")

    found, nobody = [await UserStore().get_user_by_username(name) for name in ("ada", "eve")]

    assert found is not None
    assert (found.id, nobody) == (ada.id, None)


@pytest.mark.parametrize("username", ["", " ", "x" * 41, None, 5, "nul\0"])
async def test_what_is_no_name_is_a_422(client: httpx.AsyncClient, username: object) -> None:
    """Whichever way the route is written."""
    for users in ("/users", "/store/users"):
        answer = await client.post(users, json={"username": username})

        assert answer.status_code == 422
