"""Fields that nobody offered, in every body."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Boolean, DateTime, Enum, Integer

from notification.app import create_app
from notification.models import Admins, Base, SnsType, Users, UserStatus
from notification.settings import Settings
from tests.notification.tools.route_table import Endpoint, body_fields
from tests.notification.tools.service import ADA, GRACE, running
from tests.notification.tools.tenants import BODIES, Tenant, everything_stored

# What a caller may set, by endpoint. A field that is added to a body is added here, on purpose.
OFFERED: dict[tuple[str, str], set[str]] = {
    ("POST", "/api/v1/auth/register/{sns_type}"): {"email", "pw"},
    ("POST", "/api/v1/auth/login/{sns_type}"): {"email", "pw"},
    ("POST", "/api/v1/auth/refresh"): {"refresh_token"},
    ("POST", "/api/v1/auth/logout"): {"refresh_token"},
    ("POST", "/api/v1/auth/{provider}/callback"): {"code", "state", "error"},
    ("PATCH", "/api/v1/users/me"): {"name", "phone_number", "profile_img", "marketing_agree"},
    ("PUT", "/api/v1/users/me/password"): {"old_pw", "new_pw"},
    ("POST", "/api/v1/users/me/identities/{provider}"): {"pw"},
    ("POST", "/api/v1/users/me/apikeys"): {"memo"},
    ("PATCH", "/api/v1/users/me/apikeys/{key_id}"): {"memo", "status"},
    ("POST", "/api/v1/users/me/apikeys/{key_id}/whitelists"): {"ip_addr"},
    ("POST", "/api/v1/services/email"): {"to", "subject", "body"},
    ("POST", "/api/v1/services/kakao"): {"to", "message", "template", "variables"},
    ("POST", "/api/v1/services/webhook"): {"url", "text"},
}
# How a body is refused that fits: no provider and no such channel here, an invented token, registered before.
ELSEWHERE = {"refresh_token_invalid", "sns_type_not_offered", "channel_not_offered", "email_taken"}
PLANTED = "mallory"
NUMBER = 4711
TIME = "2001-02-03T04:05:06"
GENERAL: dict[str, Any] = {
    "is_admin": True,
    "admin": {"user_id": NUMBER},
    "role": PLANTED,
    "owner_id": NUMBER,
    "user": {"id": NUMBER, "status": PLANTED},
    "user__id": NUMBER,
    "__class__": PLANTED,
    "__proto__": {"is_admin": True},
    "constructor": PLANTED,
    "_sa_instance_state": PLANTED,
    "secret_key": PLANTED,
    "password": PLANTED,
    "left": [f"{PLANTED}@example.com"],
    "arrived": NUMBER,
}


def test_these_fields_are_offered(settings: Settings) -> None:
    """Each endpoint with a body, and each field of it, is in the table above; a body that fits is at hand."""
    offered = body_fields(create_app(settings))

    assert offered == OFFERED
    assert set(BODIES) == set(OFFERED)


def _planted() -> dict[str, Any]:
    """A value for every column of every table, and for what frameworks and databases are known to look at."""
    values: dict[str, Any] = {}
    for table in Base.metadata.tables.values():
        for column in table.columns:
            match column.type:
                case Boolean():
                    values[column.name] = False
                case Integer():
                    values[column.name] = NUMBER
                case DateTime():
                    values[column.name] = TIME
                case Enum() as kind:
                    values[column.name] = kind.enums[-1]
                case _:
                    values[column.name] = PLANTED
    return values | {"created_at": TIME, "updated_at": TIME, "due_at": TIME, "expires_at": TIME} | GENERAL


async def _tried(tenant: Tenant, endpoint: Endpoint) -> list[httpx.Response]:
    """The answers to all planted fields at once and, where that is refused, to one after the other."""
    body, planted = BODIES[endpoint], _planted()
    more = {name: value for name, value in planted.items() if name not in OFFERED[endpoint]}
    answers = [await tenant.ask(endpoint, body | more)]
    if answers[0].status_code == 422:
        answers += [await tenant.ask(endpoint, body | {name: value}) for name, value in more.items()]
    return answers


def _traces(stored: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str, object]]:
    """Where a planted value has been stored."""
    return [
        (model, name, value)
        for model, rows in stored.items()
        for row in rows
        for name, value in row.items()
        if PLANTED in str(value) or value == NUMBER or str(value).startswith(TIME[:10])
    ]


@pytest.mark.parametrize("method_and_path", OFFERED, ids=" ".join)
async def test_no_other_field_is_stored(settings: Settings, method_and_path: tuple[str, str]) -> None:
    """Refused or passed over; and who is an admin, active or somebody's is as before. The body without it is taken."""
    app: FastAPI = create_app(settings.model_copy(update={"webhook_allow_private": True}))
    endpoint = Endpoint(*method_and_path)
    async with running(app) as client:
        ada, grace = await Tenant.of(client, ADA), await Tenant.of(client, GRACE)
        graces = await _of_grace()

        answers = await _tried(ada, endpoint)
        plain = await ada.ask(endpoint)

        stored = await everything_stored()
        assert {answer.status_code for answer in answers} <= {200, 201, 202, 204, 400, 401, 422}
        assert plain.status_code < 300 or plain.json()["type"] in ELSEWHERE
        assert _traces(stored) == []
        assert await _of_grace() == graces
        assert await Admins.query().count() == 0
        assert {str(user["status"]) for user in stored["Users"]} == {"active"}
        assert (await client.get("/api/v1/users/me", headers=grace.headers)).status_code == 200


async def _of_grace() -> dict[str, Any]:
    return (await Users.get(email=GRACE["email"])).to_dict()


@pytest.mark.parametrize("field", ["id", "user_id", "status", "sns_type", "is_admin"])
async def test_registering_sets_nothing_else(client: httpx.AsyncClient, field: str) -> None:
    """What a body says beside e-mail and password is not looked at."""
    answer = await client.post("/api/v1/auth/register/email", json=ADA | {field: "blocked"})

    user = await Users.query().one()
    assert answer.status_code == 201
    assert (user.id, user.status, user.sns_type) == (1, UserStatus.active, SnsType.email)
    assert await Admins.query().count() == 0
