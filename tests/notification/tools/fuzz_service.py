"""The service as strangers reach it: listening on a port, sending nothing anywhere; and people who use it."""

import itertools
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import uvicorn
from fastapi import FastAPI

from notification.settings import Settings
from serving.server import address_of, listen
from tests.notification.tools.service import ADA, GRACE, KEYS, Key, settings_for
from tests.notification.tools.social_server import CLIENT_ID, CLIENT_SECRET, SocialServer, google_user

ME = "/api/v1/users/me"
_NOWHERE = "127.0.0.1:9"

Json = dict[str, Any]


def fuzzed_settings(folder: Path, database_url: str, broker_url: str, social_url: str) -> Settings:
    """Settings with which everything is offered; what is to be delivered waits in a queue that nobody reads."""
    social: Json = {}
    for name in ("google", "kakao", "facebook"):
        social |= {f"{name}_client_id": CLIENT_ID, f"{name}_client_secret": CLIENT_SECRET, f"{name}_url": social_url}
    return settings_for(
        folder,
        database_url=database_url,
        broker_url=broker_url,
        smtp_url=f"smtp://{_NOWHERE}",
        kakao_api_url=f"http://{_NOWHERE}",
        log_level="WARNING",
        **social,
    )


class _Server(uvicorn.Server):
    """A server that says when it serves, or that it does not."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
        self.began = threading.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # handed on
        try:
            await super().startup(sockets)  # type: ignore[arg-type]
        finally:
            self.began.set()


@contextmanager
def served(app: FastAPI) -> Generator[str]:
    """The address of `app` while a thread of its own serves it."""
    with listen("127.0.0.1", 0) as listening:
        server = _Server(app)
        thread = threading.Thread(target=server.run, args=([listening],), name="service")
        thread.start()
        server.began.wait()
        try:
            assert server.started, "the service did not start; its log says why"
            yield address_of(listening)
        finally:
            server.should_exit = True
            thread.join()


class People:
    """Ada, who uses the service; Grace, whose key signs; and some who are there to be deleted."""

    def __init__(self, client: httpx.Client, social: SocialServer) -> None:
        self._client, self._social = client, social
        self._names = (f"{number}@example.com" for number in itertools.count(1))
        self.ada = self.register(ADA)["access_token"]
        self.key = Key(self._post(KEYS, {"memo": "orders"}, self.register(GRACE)["access_token"]).json())
        self.mortal: Json = {}

    def register(self, credentials: Json) -> Json:
        """The tokens of somebody new."""
        return dict(self._post("/api/v1/auth/register/email", credentials).json())

    def somebody(self) -> Json:
        """Tokens and credentials of somebody whom nobody will miss."""
        if not self.mortal:
            credentials = self.stranger()
            self.mortal = credentials | self.register(credentials)
        return self.mortal

    def token_of_somebody(self) -> str:
        """A token of somebody like that, whose sessions or account may have been ended by another request."""
        credentials = {name: self.somebody()[name] for name in ("email", "pw")}
        answer = self._client.post("/api/v1/auth/login/email", json=credentials)
        if answer.is_success:
            return str(answer.json()["access_token"])
        self.mortal = {}
        return str(self.somebody()["access_token"])

    def stranger(self) -> Json:
        """What somebody who has not registered would log in with."""
        return ADA | {"email": next(self._names)}

    def log_in(self) -> Json:
        """Tokens of a new session of Ada's."""
        return dict(self._post("/api/v1/auth/login/email", ADA).json())

    def key_of_ada(self) -> int:
        """The number of a key of Ada's."""
        listed = self._client.get(KEYS, headers=_bearer(self.ada)).json()
        return int((listed or [self._post(KEYS, {}, self.ada).json()])[0]["id"])

    def address_of(self, key_id: int) -> int:
        """The number of a network on the key's list."""
        return int(self._post(f"{KEYS}/{key_id}/whitelists", {"ip_addr": "192.0.2.7"}, self.ada).json()["id"])

    def handshake(self) -> tuple[Json, str]:
        """What Google sends back with somebody who agreed, and the cookie of the browser that began."""
        self._social.user = google_user("g-2", "lin@example.com")
        begun = self._client.get("/api/v1/auth/google/authorize")
        return self._agree(begun), begun.cookies["social_handshake"]

    def link_google(self) -> None:
        """Let Ada log in by Google."""
        self._social.user = google_user("g-1")
        begun = self._post(f"{ME}/identities/google", {"pw": ADA["pw"]}, self.ada)
        cookies = f"social_handshake={begun.cookies['social_handshake']}"
        self._client.get("/api/v1/auth/google/callback", params=self._agree(begun), headers={"cookie": cookies})

    def _agree(self, begun: httpx.Response) -> Json:
        self._client.cookies.clear()
        location = self._client.get(begun.json()["authorization_url"]).headers["location"]
        return dict(parse_qsl(urlsplit(location).query))

    def _post(self, path: str, body: Json, token: str = "") -> httpx.Response:
        answer = self._client.post(path, json=body, headers=_bearer(token) if token else {})
        assert answer.is_success, answer.text
        return answer


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
