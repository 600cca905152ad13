"""The one place where the service is put together, and the one table of its HTTP statuses."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Lifespan

from activerow.errors import ActiveRowError
from activerow.fastapi import install
from notification import logs
from notification.delivery.dispatch import Dispatch
from notification.deps import Services
from notification.errors import ApiError
from notification.middleware import REQUEST_ID_HEADER, RequestLog, TrustedHosts, UnexpectedErrors
from notification.models import db
from notification.openapi import DocumentedAPI
from notification.passwords import Passwords
from notification.problems import Problems, Row
from notification.routes import auth, service, services, users
from notification.schema import MIGRATIONS, configure
from notification.settings import Settings
from notification.tokens import Tokens

# Code word to answer; `word.operation` is the answer for that operation alone. A database error without a row of its
# own gets that of the nearest class above it. Numbers are never used again for something else.
ANSWERS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "sns_type_not_offered": Row(400, 1, "Not offered yet"),
        "untrusted_host": Row(400, 2, "Unknown host", "This service does not answer for this host name."),
        "channel_not_offered": Row(400, 30, "Channel not offered"),
        "not_authenticated": Row(401, 1, "Not logged in"),
        "login_failed": Row(401, 2, "Log-in failed"),
        "token_invalid": Row(401, 3, "Token not valid"),
        "token_expired": Row(401, 4, "Token expired"),
        "account_inactive": Row(401, 5, "Account not active"),
        "record_not_found": Row(404, 1, "Not found", "There is no such record."),
        "email_taken": Row(409, 1, "E-mail taken"),
        "unique_violation": Row(409, 2, "Already taken", "Another record has this value."),
        "foreign_key_violation.delete": Row(409, 3, "Still in use", "Other records still refer to it."),
        "stale_record": Row(409, 4, "Changed meanwhile", "It was changed or deleted meanwhile; read it again."),
        "idempotency_conflict": Row(409, 30, "Key used before"),
        "validation_error": Row(422, 1, "Request not valid", "Some of what was sent is missing or not valid."),
        "not_null_violation": Row(422, 2, "Value missing", "A required value is missing."),
        "check_violation": Row(422, 3, "Value not allowed", "A value is not allowed."),
        "invalid_data": Row(422, 4, "Value not valid", "A value is too long, out of range or of the wrong type."),
        "foreign_key_violation": Row(422, 5, "Unknown reference", "It refers to a record that does not exist."),
        "invalid_cursor": Row(422, 6, "Page cursor not valid", "Start again without a cursor."),
        "webhook_refused": Row(422, 30, "Webhook not allowed"),
        "unexpected_error": Row(500, 0, "Internal error", "Something went wrong on our side."),
        "save_error": Row(500, 1, "Saving failed", "It could not be saved."),
        "save_error.delete": Row(500, 2, "Deleting failed", "It could not be deleted."),
        "database_error": Row(500, 3, "Database error", "Something went wrong on our side."),
        "database_error.delete": Row(500, 2, "Deleting failed", "It could not be deleted."),
        "database_error.insert": Row(500, 1, "Saving failed", "It could not be saved."),
        "database_error.update": Row(500, 1, "Saving failed", "It could not be saved."),
        "database_error.flush": Row(500, 1, "Saving failed", "It could not be saved."),
        "database_error.commit": Row(500, 1, "Saving failed", "It could not be saved."),
        "commit_unknown": Row(500, 4, "Outcome unknown", "It may have been saved; look before you repeat it."),
        "activerow_error": Row(500, 5, "Internal error", "Something went wrong on our side."),
        "unavailable": Row(503, 1, "Database not available", "The service is not available now."),
        "pool_exhausted": Row(503, 2, "Too busy", "The service is too busy; try again.", retry_after=1),
        "transient_error": Row(503, 3, "Try again", "The request collided with another; try again.", retry_after=1),
        "statement_timeout": Row(504, 1, "Timed out", "The request took too long."),
    }
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service for these settings, by default those of the environment. Nothing is opened before its lifespan."""
    settings = settings or Settings()
    configure(settings)
    problems = Problems(ANSWERS)
    app = DocumentedAPI(title="Notification API", version="0.1.0", lifespan=_migrated)
    app.problems = problems
    app.state.services = Services(
        Passwords(),
        Tokens(settings.jwt_secret.get_secret_value(), settings.access_token_minutes),
        Dispatch.of(settings),
    )
    install(app, db)
    app.router.lifespan_context = _logged(app.router.lifespan_context, settings)
    for router in (service.router, auth.router, users.router, services.router):
        app.include_router(router)
    _answer_errors(app, problems)
    _surround(app, problems, settings)
    return app


def _answer_errors(app: FastAPI, problems: Problems) -> None:
    app.add_exception_handler(ApiError, problems.on_api_error)
    app.add_exception_handler(ActiveRowError, problems.on_activerow_error)
    app.add_exception_handler(HTTPException, problems.on_http_exception)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)


def _surround(app: FastAPI, problems: Problems, settings: Settings) -> None:
    """Put middleware around the application, innermost first."""
    app.add_middleware(UnexpectedErrors, problems=problems)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=[REQUEST_ID_HEADER],
    )
    app.add_middleware(TrustedHosts, hosts=settings.trusted_hosts, problems=problems)
    app.add_middleware(RequestLog)


@asynccontextmanager
async def _migrated(app: FastAPI) -> AsyncGenerator[None]:
    await MIGRATIONS.upgrade()
    services: Services = app.state.services
    async with services.dispatch.asking():
        yield


def _logged(inner: Lifespan[Any], settings: Settings) -> Lifespan[Any]:
    """The lifespan `inner` with the logs open around it, so that they tell of its beginning and its end."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncGenerator[Any]:
        with logs.writing(settings):
            if settings.secret_is_short:
                logs.log_short_secret()
            async with inner(app) as state:
                yield state

    return lifespan
