"""Other services, which call with a key."""

import base64
import hmac
import time
from collections.abc import Generator
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from notification.models import ApiKeys, Users
from notification.security.vault import Vault
from tests.notification.tools.service import SECRET

_SECRET_KEY = "the secret of every key of these tests"


class _Signed(httpx.Auth):
    """Signs each request; a nonce makes each signature another one."""

    def __init__(self, access_key: str) -> None:
        self.access_key = access_key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        signed = {"key": self.access_key, "timestamp": str(int(time.time())), "nonce": uuid4().hex}
        query = urlencode([*request.url.params.multi_items(), *signed.items()]).encode()
        request.url = request.url.copy_with(query=query)
        digest = hmac.digest(_SECRET_KEY.encode(), query, "sha256")
        request.headers["secret"] = base64.b64encode(digest).decode()
        yield request


async def new_key(name: str = "ada") -> ApiKeys:
    """A key, and a user who owns it."""
    user = await Users.create(email=f"{name}@example.com")
    return await ApiKeys.create(user=user, access_key=name, secret=Vault((SECRET,)).seal(_SECRET_KEY, name))


def calls_of(client: httpx.AsyncClient, key: ApiKeys) -> httpx.AsyncClient:
    """The client, from now on calling with this key."""
    client.auth = _Signed(key.access_key)
    return client
