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
from notification.admin.site import mount_admin
from notification.delivery.dispatch import Dispatch
from notification.deps import Services
from notification.docs.openapi import DocumentedAPI
from notification.docs.page import serve_docs
from notification.docs.status_page import DATABASE, NAME, QUEUE, StatusPage
from notification.errors import ApiError
from notification.http.access import Access, Keeper
from notification.http.body_limit import BodyLimit
from notification.http.client_address import ClientAddress
from notification.http.problems import Problems, Row
from notification.http.redirects import OwnRedirects
from notification.http.request_log import REQUEST_ID_HEADER, RequestLog
from notification.http.security_headers import SecurityHeaders
from notification.http.trusted_hosts import TrustedHosts
from notification.http.unexpected_errors import UnexpectedErrors
from notification.models import db
from notification.networks import network_of
from notification.ops import logs
from notification.ops.metrics import Metrics
from notification.ops.statement_watch import watching_statements
from notification.routes import api_keys, auth, caller, identities, service, services, social, users
from notification.routes import metrics as metrics_route
from notification.schema import MIGRATIONS, configure
from notification.security.handshakes import Handshakes
from notification.security.keyring import Keyring
from notification.security.known_keys import KnownKeys
from notification.security.passwords import Passwords
from notification.security.rates import Rates
from notification.security.tokens import Tokens
from notification.security.vault import Vault
from notification.settings import Settings
from notification.social.providers import configured
from notification.use_cases.readiness import Probe, Readiness, ask_database, ask_queue
from notification.use_cases.signed_calls import SignedCalls

SIGNED_CALL: Final = "HMAC-SHA256"  # how a 401 names the way to sign, as others say Bearer

# Code word to answer; `word.operation` is the answer for that operation alone. A database error without a row of its
# own gets that of the nearest class above it. Numbers are never used again for something else.
ANSWERS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "bad_request": Row(400, 0, "Bad Request", "The body could not be read."),
        "sns_type_not_offered": Row(400, 1, "Not offered yet"),
        "untrusted_host": Row(400, 2, "Unknown host", "This service does not answer for this host name."),
        "social_login_needed": Row(400, 10, "Log in at the provider"),
        "social_state_invalid": Row(400, 11, "Log-in not begun here"),
        "social_login_denied": Row(400, 12, "Log-in denied"),
        "social_code_invalid": Row(400, 13, "Code not valid"),
        "social_email_missing": Row(400, 14, "E-mail missing"),
        "social_email_unverified": Row(400, 15, "E-mail not verified"),
        "signature_missing": Row(400, 20, "Not signed"),
        "parameter_repeated": Row(400, 21, "Parameter repeated"),
        "timestamp_malformed": Row(400, 22, "Timestamp not valid"),
        "digest_malformed": Row(400, 23, "Digest not valid"),
        "channel_not_offered": Row(400, 30, "Channel not offered"),
        "not_authenticated": Row(401, 1, "Not logged in"),
        "login_failed": Row(401, 2, "Log-in failed"),
        "token_invalid": Row(401, 3, "Token not valid"),
        "token_expired": Row(401, 4, "Token expired"),
        "account_inactive": Row(401, 5, "Account not active"),
        "token_wrong_audience": Row(401, 10, "Not an access token"),
        "token_wrong_issuer": Row(401, 11, "Token of another service"),
        "refresh_token_invalid": Row(401, 12, "Refresh token not valid"),
        "refresh_token_expired": Row(401, 13, "Refresh token expired"),
        "refresh_token_reused": Row(401, 14, "Refresh token used before"),
        "password_wrong": Row(403, 10, "Wrong password"),
        "signature_invalid": Row(401, 20, "Not accepted", challenge=SIGNED_CALL),
        "signature_expired": Row(401, 21, "Signature expired", challenge=SIGNED_CALL),
        "signature_used": Row(401, 22, "Signature used", challenge=SIGNED_CALL),
        "body_changed": Row(401, 23, "Body changed", challenge=SIGNED_CALL),
        "metrics_refused": Row(403, 41, "Metrics refused"),
        "own_account": Row(403, 40, "Own account"),
        "record_not_found": Row(404, 1, "Not found", "There is no such record."),
        "identity_not_found": Row(404, 10, "Not linked"),
        "email_taken": Row(409, 1, "E-mail taken"),
        "unique_violation": Row(409, 2, "Already taken", "Another record has this value."),
        "foreign_key_violation.delete": Row(409, 3, "Still in use", "Other records still refer to it."),
        "stale_record": Row(409, 4, "Changed meanwhile", "It was changed or deleted meanwhile; read it again."),
        "last_way_in": Row(409, 10, "Last way to log in"),
        "identity_taken": Row(409, 11, "Linked by another user"),
        "already_linked": Row(409, 12, "Already linked"),
        "social_email_taken": Row(409, 13, "E-mail taken"),
        "too_many_keys": Row(409, 20, "Too many keys"),
        "too_many_addresses": Row(409, 21, "Too many networks"),
        "body_too_large": Row(413, 1, "Body too large"),
        "idempotency_conflict": Row(409, 30, "Key used before"),
        "validation_error": Row(422, 1, "Request not valid", "Some of what was sent is missing or not valid."),
        "not_null_violation": Row(422, 2, "Value missing", "A required value is missing."),
        "check_violation": Row(422, 3, "Value not allowed", "A value is not allowed."),
        "invalid_data": Row(422, 4, "Value not valid", "A value is too long, out of range or of the wrong type."),
        "foreign_key_violation": Row(422, 5, "Unknown reference", "It refers to a record that does not exist."),
        "invalid_cursor": Row(422, 6, "Page cursor not valid", "Start again without a cursor."),
        "rate_limited": Row(429, 1, "Too many requests"),
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
        "provider_failed": Row(502, 1, "Provider failed"),
        "provider_unavailable": Row(503, 10, "Provider not available"),
        "unavailable": Row(503, 1, "Database not available", "The service is not available now."),
        "pool_exhausted": Row(503, 2, "Too busy", "The service is too busy; try again.", retry_after=1),
        "transient_error": Row(503, 3, "Try again", "The request collided with another; try again.", retry_after=1),
        "not_ready": Row(503, 40, "Not ready"),
        "statement_timeout": Row(504, 1, "Timed out", "The request took too long."),
    }
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service for these settings, by default those of the environment. Nothing is opened before its lifespan."""
    settings = settings or Settings()
    configure(settings)
    problems = Problems(ANSWERS)
    app = DocumentedAPI(title=NAME, version="0.1.0", lifespan=_prepared(settings), docs_url=None, redoc_url=None)
    serve_docs(app, signing=settings.environment in {"development", "test"})
    app.problems = problems
    known = _services(settings, app.version)
    app.state.services = known
    install(app, db)
    app.router.lifespan_context = _logged(app.router.lifespan_context, settings)
    for router in (
        *(service.router, metrics_route.router, auth.router, social.router, users.router),
        *(identities.router, api_keys.router, caller.router, services.router),
    ):
        app.include_router(router)
    mount_admin(app, db, settings, known)
    _answer_errors(app, problems)
    _surround(app, problems, settings, known)
    return app


def _services(settings: Settings, version: str) -> Services:
    keyring = Keyring(
        settings.jwt_secret.get_secret_value(),
        tuple(secret.get_secret_value() for secret in settings.jwt_previous_secrets),
    )
    dispatch = Dispatch.of(settings)
    rates = Rates(
        login=settings.login_rate, service=settings.service_rate, redis_url=settings.redis_url.get_secret_value()
    )
    return Services(
        passwords=Passwords(),
        tokens=Tokens(keyring, settings.access_token_minutes, settings.refresh_token_days),
        handshakes=Handshakes(keyring),
        providers=configured(settings),
        dispatch=dispatch,
        vault=Vault(settings.passphrases),
        known_keys=KnownKeys(),
        readiness=Readiness(_probes(dispatch, rates)),
        parts=Readiness({DATABASE: ask_database, QUEUE: ask_queue}),
        status_page=StatusPage(version),
        metrics=Metrics(lambda: db.engine),
        metrics_token=settings.metrics_token,
        rates=rates,
    )


def _probes(dispatch: Dispatch, rates: Rates) -> dict[str, Probe]:
    """What the service depends on, as far as it is configured."""
    probes: dict[str, Probe] = {"database": ask_database}
    if not dispatch.queue.is_local:
        probes["broker"] = dispatch.queue.ask
    if rates.are_shared:
        probes["redis"] = rates.ask
    return probes


def _answer_errors(app: FastAPI, problems: Problems) -> None:
    app.add_exception_handler(ApiError, problems.on_api_error)
    app.add_exception_handler(ActiveRowError, problems.on_activerow_error)
    app.add_exception_handler(HTTPException, problems.on_http_exception)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)


def _surround(app: FastAPI, problems: Problems, settings: Settings, services: Services) -> None:
    """Put middleware around the application, innermost first."""
    keeper = Keeper(services.tokens, SignedCalls(services.vault, services.known_keys), services.rates)
    app.add_middleware(Access, keeper=keeper, problems=problems)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, problems=problems)
    app.add_middleware(UnexpectedErrors, problems=problems)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=[REQUEST_ID_HEADER, "Retry-After"],
    )
    app.add_middleware(TrustedHosts, hosts=settings.trusted_hosts, problems=problems)
    app.add_middleware(OwnRedirects)
    app.add_middleware(SecurityHeaders, https_only=settings.environment == "production")
    app.add_middleware(RequestLog, observe=services.metrics.observe)
    app.add_middleware(ClientAddress, trusted=[network_of(text) for text in settings.trusted_proxies])


def _prepared(settings: Settings) -> Lifespan[Any]:
    """The innermost lifespan, in which the database is connected: its tables are up to date, its statements watched."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncGenerator[None]:
        await MIGRATIONS.upgrade()
        services: Services = app.state.services
        with watching_statements(db, settings.slow_query_ms):
            async with services.dispatch.asking():
                yield

    return lifespan


def _logged(inner: Lifespan[Any], settings: Settings) -> Lifespan[Any]:
    """The lifespan `inner` with the logs open around it, so that they tell of its beginning and its end."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncGenerator[Any]:
        with logs.writing(settings):
            if settings.secret_is_short:
                logs.log_short_secret()
            try:
                async with inner(app) as state:
                    yield state
            finally:
                await app.state.services.rates.close()

    return lifespan
