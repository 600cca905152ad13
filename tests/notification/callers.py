"""Other services, which call with a key."""

from typing import Annotated

import httpx
from fastapi import FastAPI, Header

from notification.deps import calling_key
from notification.errors import NotAuthenticatedError
from notification.models import ApiKeys, Users

KEY_HEADER = "x-test-key"


def admit_test_keys(app: FastAPI) -> None:
    """Let callers say which key they have, instead of signing with it."""

    async def named_key(name: Annotated[str | None, Header(alias=KEY_HEADER)] = None) -> ApiKeys:
        key = await ApiKeys.filter_by(access_key=name or "").include("user").first()
        if key is None:
            raise NotAuthenticatedError
        return key

    app.dependency_overrides[calling_key] = named_key


async def new_key(name: str = "ada") -> ApiKeys:
    """A key, and a user who owns it."""
    user = await Users.create(email=f"{name}@example.com")
    return await ApiKeys.create(user=user, access_key=name, secret=b"-")


def calls_of(client: httpx.AsyncClient, key: ApiKeys) -> httpx.AsyncClient:
    """The client, from now on calling with this key."""
    client.headers[KEY_HEADER] = key.access_key
    return client
