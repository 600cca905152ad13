"""Who sends what schemathesis makes up: people with credentials, who know what exists."""

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import requests
import schemathesis
from requests.auth import AuthBase
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from tests.notification.tools.fuzz_service import ME, Json, People
from tests.notification.tools.service import ADA, SERVICES

Case = schemathesis.Case[Any]


class Credentials(AuthBase):
    """What it takes to come in: a token for users, a signature of the query string as it is sent for services."""

    def __init__(self, people: People) -> None:
        self._people = people

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        parts = urlsplit(str(request.url))
        if parts.path.startswith(SERVICES):
            query = "&".join(filter(None, (parts.query, self._people.key.query())))
            request.url = urlunsplit(parts._replace(query=query))
            request.headers.update(self._people.key.sign(query))
        elif (request.method, parts.path) in {("DELETE", ME), ("PUT", f"{ME}/password"), ("DELETE", f"{ME}/sessions")}:
            request.headers["Authorization"] = f"Bearer {self._people.token_of_somebody()}"
        elif parts.path.startswith(ME):
            request.headers["Authorization"] = f"Bearer {self._people.ada}"
        return request


class Knowledge:
    """Puts what exists into every second valid request, since nobody guesses a password, a token or a number."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._asked = Counter[str]()
        self._known: Mapping[str, Callable[[Case], None]] = {
            "POST /api/v1/auth/register/{sns_type}": self._stranger,
            "POST /api/v1/auth/login/{sns_type}": self._credentials,
            "POST /api/v1/auth/refresh": self._refresh_token,
            "POST /api/v1/auth/logout": self._refresh_token,
            f"POST {SERVICES}/email": self._idempotency_key,
            f"POST {SERVICES}/kakao": self._idempotency_key,
            f"POST {SERVICES}/webhook": self._idempotency_key,
            "GET /api/v1/auth/{provider}/callback": self._handshake,
            "POST /api/v1/auth/{provider}/callback": self._handshake,
            f"PUT {ME}/password": self._old_password,
            f"POST {ME}/identities/{{provider}}": self._password,
            f"DELETE {ME}/identities/{{provider}}": self._identity,
            f"PATCH {ME}/apikeys/{{key_id}}": self._key,
            f"DELETE {ME}/apikeys/{{key_id}}": self._key,
            f"GET {ME}/apikeys/{{key_id}}/whitelists": self._key,
            f"POST {ME}/apikeys/{{key_id}}/whitelists": self._key,
            f"DELETE {ME}/apikeys/{{key_id}}/whitelists/{{address_id}}": self._address,
        }

    @contextmanager
    def told(self) -> Generator[None]:
        """The block's requests know."""

        def before_call(_: Any, case: Case, kwargs: Json) -> None:
            self._tell(case)

        hooks = cast("Any", GLOBAL_HOOK_DISPATCHER)
        hooks.register_hook_with_name(before_call, "before_call")
        try:
            yield
        finally:
            hooks.unregister(before_call)

    def _tell(self, case: Case) -> None:
        label = case.operation.label
        if label not in self._known or case.meta is None or not case.meta.generation.mode.is_positive:
            return
        self._asked[label] += 1
        if self._asked[label] % 2:
            self._known[label](case)

    def _stranger(self, case: Case) -> None:
        case.path_parameters["sns_type"] = "email"
        case.body = self._people.stranger()

    def _credentials(self, case: Case) -> None:
        case.path_parameters["sns_type"] = "email"
        case.body = Json(ADA)

    def _refresh_token(self, case: Case) -> None:
        case.body = {"refresh_token": self._people.log_in()["refresh_token"]}

    def _idempotency_key(self, case: Case) -> None:
        cast("Any", case).headers["Idempotency-Key"] = uuid4().hex

    def _handshake(self, case: Case) -> None:
        grant, cookie = self._people.handshake()
        case.path_parameters["provider"] = "google"
        case.cookies = {"social_handshake": cookie}
        if case.method == "GET":
            case.query = grant
        else:
            case.body = grant

    def _old_password(self, case: Case) -> None:
        case.body = {"old_pw": self._people.somebody()["pw"], "new_pw": "a moth in relay 70"}

    def _password(self, case: Case) -> None:
        case.path_parameters["provider"] = "google"
        case.body = {"pw": ADA["pw"]}

    def _identity(self, case: Case) -> None:
        self._people.link_google()
        case.path_parameters["provider"] = "google"

    def _key(self, case: Case) -> None:
        case.path_parameters["key_id"] = self._people.key_of_ada()

    def _address(self, case: Case) -> None:
        self._key(case)
        case.path_parameters["address_id"] = self._people.address_of(case.path_parameters["key_id"])
