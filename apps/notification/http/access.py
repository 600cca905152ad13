"""Who may come in where: one table, asked before anything else of a request is looked at."""

import enum
from dataclasses import dataclass
from typing import Final

from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from activerow.errors import ActiveRowError
from activerow.fastapi import problem_response
from notification.errors import ApiError, BodyChangedError, NotAuthenticatedError
from notification.http.client_address import client_of
from notification.models import Users
from notification.ops.request_context import identify
from notification.security.known_keys import KnownKey
from notification.security.rates import Rates
from notification.security.signatures import Claim, read_claim
from notification.security.tokens import Login, Tokens
from notification.use_cases.accounts import who_is
from notification.use_cases.signed_calls import SignedCalls

_USER: Final = "notification.user"
_KEY: Final = "notification.key"


class Door(enum.Enum):
    """What it takes to come in."""

    OPEN = "nothing"
    LOGIN = "nothing, but not too often from one address"
    USER = "an access token"
    SIGNED = "a signature made with an API key"


# The first row whose path is the request's, or above it, counts. A new route below `/api` needs an access token.
DOORS: Final = (
    ("/api/v1/auth", Door.LOGIN),
    ("/api/v1/services", Door.SIGNED),
    ("/api", Door.USER),
    ("/", Door.OPEN),
)


def door_to(path: str) -> Door:
    """What it takes to reach a path; what is none, as in `OPTIONS *`, is not open."""
    doors = (door for above, door in DOORS if path == above or path.startswith(above.rstrip("/") + "/"))
    return next(doors, Door.USER)


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who is asked at the doors."""

    tokens: Tokens
    signed_calls: SignedCalls
    rates: Rates


class Access:
    """Lets a request in when it has what its door takes; tells the routes who it is."""

    def __init__(self, app: ASGIApp, *, keeper: Keeper) -> None:
        self.app, self.keeper = app, keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            receive = await self._admit(door_to(_route_path(scope)), scope, receive)
        except (ApiError, ActiveRowError) as error:
            await _refuse(error, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _admit(self, door: Door, scope: Scope, receive: Receive) -> Receive:
        """Pass when the request may come in; what is to be received from now on."""
        match door:
            case Door.OPEN:
                pass
            case Door.LOGIN:
                await self.keeper.rates.count_log_in_from(client_of(scope))
            case Door.USER:
                user, _ = scope[_USER] = await who_is(_bearer(scope), self.keeper.tokens)
                identify(user_id=user.id, email=user.email)
            case Door.SIGNED:
                return await self._admit_signed(scope, receive)
        return receive

    async def _admit_signed(self, scope: Scope, receive: Receive) -> Receive:
        signed_calls = self.keeper.signed_calls
        claim = read_claim(scope["query_string"], _signatures(scope))
        known = await signed_calls.verify(claim, client_of(scope))
        receive = await _checked(claim, receive) if claim.digest else receive
        await signed_calls.use_once(claim)
        # Afterwards: whoever has seen a signature, and repeats it, must not use up its owner's calls.
        await self.keeper.rates.count_call_by(known.id)
        scope[_KEY] = known
        identify(user_id=known.user_id, email=known.email, api_key_id=known.id)
        return receive


async def _refuse(error: ApiError | ActiveRowError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await problem_response(HTTPConnection(scope), error)(scope, receive, send)


def admitted_user(scope: Scope) -> tuple[Users, Login] | None:
    """The user whose token opened the door, and what else the token says."""
    user: tuple[Users, Login] | None = scope.get(_USER)
    return user


def admitted_key(scope: Scope) -> KnownKey | None:
    """The API key that opened the door."""
    key: KnownKey | None = scope.get(_KEY)
    return key


def _route_path(scope: Scope) -> str:
    """The path that routes are compared with."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if path.startswith(root + "/") else path


def _bearer(scope: Scope) -> str:
    scheme, token = get_authorization_scheme_param(Headers(scope=scope).get("authorization"))
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticatedError
    return token


def _signatures(scope: Scope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"secret"]


async def _checked(claim: Claim, receive: Receive) -> Receive:
    """Read the body, compare it with what was signed, and hand it on."""
    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise BodyChangedError from error
    claim.check_body(body)
    handed_on = False

    async def receive_body() -> dict[str, object]:
        nonlocal handed_on
        if handed_on:
            return dict(await receive())
        handed_on = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_body
