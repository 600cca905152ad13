"""Two users with one record of each kind, who know each other's ids."""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from notification.http.access import Door
from notification.models import Base, Users
from tests.notification.tools.deliveries import NOWHERE, noted
from tests.notification.tools.route_table import Endpoint
from tests.notification.tools.service import KEYS, Key, registered

# A body that each endpoint accepts. Who adds an endpoint with a body adds one here.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/v1/auth/register/{sns_type}"): {"email": "eve@example.com", "pw": "eve"},
    ("POST", "/api/v1/auth/login/{sns_type}"): {"email": "ada@example.com", "pw": "correct horse battery"},
    ("POST", "/api/v1/auth/refresh"): {"refresh_token": "refresh_x"},
    ("POST", "/api/v1/auth/logout"): {"refresh_token": "refresh_x"},
    ("POST", "/api/v1/auth/{provider}/callback"): {"code": "x", "state": "x"},
    ("PATCH", "/api/v1/users/me"): {"name": "Ada Lovelace"},
    ("PUT", "/api/v1/users/me/password"): {"old_pw": "correct horse battery", "new_pw": "correct horse battery"},
    ("POST", "/api/v1/users/me/identities/{provider}"): {"pw": "correct horse battery"},
    ("POST", "/api/v1/users/me/apikeys"): {"memo": "shop"},
    ("PATCH", "/api/v1/users/me/apikeys/{key_id}"): {"memo": "shop"},
    ("POST", "/api/v1/users/me/apikeys/{key_id}/whitelists"): {"ip_addr": "127.0.0.0/8"},
    ("POST", "/api/v1/services/email"): {"to": ["ada@example.com"], "subject": "Hello", "body": "Hello"},
    ("POST", "/api/v1/services/kakao"): {"to": "010-1234-5678", "message": "Hello"},
    ("POST", "/api/v1/services/webhook"): {"url": NOWHERE, "text": "Hello"},
}


@dataclass
class Tenant:
    """A user, how that user comes in, and the ids of what is the user's."""

    client: httpx.AsyncClient
    headers: dict[str, str]
    key: Key
    ids: dict[str, int]

    @classmethod
    async def of(cls, client: httpx.AsyncClient, credentials: dict[str, str]) -> Self:
        """A user who has registered, with a key, a network and a notification."""
        headers = await registered(client, credentials)
        key = await Key.of(client, headers)
        listed = await client.post(f"{KEYS}/{key.id}/whitelists", json={"ip_addr": "127.0.0.1"}, headers=headers)
        row = await noted(await Users.get(email=credentials["email"]), api_key_id=key.id, status="sent")
        ids = {"key_id": key.id, "address_id": listed.json()["id"], "notification_id": row.id}
        return cls(client, headers, key, ids)

    async def ask(self, endpoint: Endpoint, body: Any = None, **ids: int) -> httpx.Response:
        """Call an endpoint with the credentials that its door takes, by default with one's own ids."""
        url = endpoint.url(**{name: (self.ids | ids)[name] for name in endpoint.ids})
        headers = self.headers
        if endpoint.door is Door.SIGNED:
            query = self.key.query()
            url, headers = f"{url}?{query}", self.key.sign(query)
        body = BODIES.get(endpoint) if body is None else body
        return await self.client.request(endpoint.method, url, json=body, headers=headers)


async def everything_stored() -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables."""
    models: list[type[Base]] = [mapper.class_ for mapper in Base.registry.mappers]
    return {model.__name__: [row.to_dict() for row in await model.query().all()] for model in models}
