"""The id of a row that is gone, in a token or a link that is not."""

import httpx

from notification.models import Base, Notifications, Users
from notification.security.known_keys import KnownKeys
from notification.use_cases.administration import block, unblock
from tests.notification.tools.service import ADA, GRACE, refusal, registered

ME = "/api/v1/users/me"


async def test_a_deleted_users_token_does_not_open_the_next_account(client_on_backend: httpx.AsyncClient) -> None:
    """SQLite gives the highest id out again once its row is gone; and a token lives on for half an hour."""
    ada = await registered(client_on_backend, ADA)
    deleted = await client_on_backend.delete(ME, headers=ada)
    await registered(client_on_backend, GRACE)

    answer = await client_on_backend.get(ME, headers=ada)

    assert deleted.status_code == 204
    assert refusal(answer) == (401, "account_inactive")


def test_no_table_gives_an_id_out_twice() -> None:
    """Links to a notification, a key or a session outlive it as well."""
    tables = [mapper.class_ for mapper in Base.registry.mappers if "id" in mapper.columns]

    assert Notifications in tables
    assert all(table.__table__.dialect_options["sqlite"]["autoincrement"] for table in tables)


async def test_an_id_alone_is_not_enough(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """A token with another stamp opens nothing: of a database that was restored, for example."""
    await Users.filter_by(email=ADA["email"]).update(stamp="another")

    assert refusal(await client.get(ME, headers=ada)) == (401, "token_revoked")


async def test_logging_out_everywhere_ends_access_tokens(client: httpx.AsyncClient) -> None:
    """Of all devices, at once; the next log-in works."""
    devices = [await registered(client, ADA)]
    devices.append(await _logged_in(client))

    answer = await client.delete(f"{ME}/sessions", headers=devices[0])

    assert answer.status_code == 204
    assert {refusal(await client.get(ME, headers=device)) for device in devices} == {(401, "token_revoked")}
    assert (await client.get(ME, headers=await _logged_in(client))).status_code == 200


async def test_a_new_password_ends_access_tokens(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """Whoever has a copy of one has it for nothing."""
    body = {"old_pw": ADA["pw"], "new_pw": "another horse battery"}

    pair = (await client.put(f"{ME}/password", json=body, headers=ada)).json()

    assert refusal(await client.get(ME, headers=ada)) == (401, "token_revoked")
    new = {"authorization": f"Bearer {pair['access_token']}"}
    assert (await client.get(ME, headers=new)).status_code == 200


async def test_tokens_of_before_a_block_stay_closed_after_it(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    """The user logs in anew."""
    await block(1, KnownKeys(), by=0)
    await unblock(1, KnownKeys())

    assert refusal(await client.get(ME, headers=ada)) == (401, "token_revoked")


async def _logged_in(client: httpx.AsyncClient) -> dict[str, str]:
    pair = (await client.post("/api/v1/auth/login/email", json=ADA)).json()
    return {"authorization": f"Bearer {pair['access_token']}"}
