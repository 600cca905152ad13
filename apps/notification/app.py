"""The one place where the service is put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Lifespan

from activerow.fastapi import install
from notification.admin.site import mount_admin
from notification.delivery.dispatch import Dispatch
from notification.deps import Services
from notification.docs.openapi import DocumentedAPI
from notification.docs.page import serve_docs
from notification.docs.status_page import DATABASE, NAME, QUEUE, StatusPage
from notification.errors import BodyTooComplexError, BodyTooLargeError
from notification.http.access import Access, Keeper
from notification.http.allowed_methods import on_method_not_allowed
from notification.http.client_address import ClientAddress
from notification.http.problems import PROBLEMS, on_problem
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
from serving.body_limit import BodyLimit
from serving.json_limit import JsonLimit


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service for these settings, by default those of the environment. Nothing is opened before its lifespan."""
    settings = settings or Settings()
    configure(settings)
    documented = settings.environment != "production"
    app = DocumentedAPI(
        title=NAME,
        version="0.1.0",
        lifespan=_prepared(settings),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if documented else None,
    )
    if documented:
        serve_docs(app, signing=not settings.is_on_the_internet)
    known = _services(settings, app.version)
    app.state.services = known
    install(app, db, problems=PROBLEMS, on_problem=on_problem)
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, on_method_not_allowed)
    app.router.lifespan_context = _logged(app.router.lifespan_context, settings)
    for router in (
        *(service.router, metrics_route.router, auth.router, social.router, users.router),
        *(identities.router, api_keys.router, caller.router, services.router),
    ):
        app.include_router(router)
    mount_admin(app, db, settings, known)
    _surround(app, settings, known)
    return app


def _services(settings: Settings, version: str) -> Services:
    keyring = Keyring(
        settings.jwt_secret.get_secret_value(),
        tuple(secret.get_secret_value() for secret in settings.jwt_previous_secrets),
    )
    dispatch = Dispatch.of(settings)
    rates = Rates(
        login=settings.login_rate,
        service=settings.service_rate,
        redis_url=settings.redis_url.get_secret_value(),
        installation=settings.installation,
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
        status_page=StatusPage(version, documented=settings.environment != "production"),
        metrics=Metrics(lambda: db.engine),
        metrics_token=settings.metrics_token,
        rates=rates,
        secure_cookies=settings.is_on_the_internet,
        recent_login_minutes=settings.recent_login_minutes,
    )


def _probes(dispatch: Dispatch, rates: Rates) -> dict[str, Probe]:
    """What the service depends on, as far as it is configured."""
    probes: dict[str, Probe] = {"database": ask_database}
    if not dispatch.queue.is_local:
        probes["broker"] = dispatch.queue.ask
    if rates.are_shared:
        probes["redis"] = rates.ask
    return probes


def _surround(app: FastAPI, settings: Settings, services: Services) -> None:
    """Put middleware around the application, innermost first."""
    keeper = Keeper(services.tokens, SignedCalls(services.vault, services.known_keys), services.rates)
    app.add_middleware(JsonLimit, refusal=BodyTooComplexError)
    app.add_middleware(Access, keeper=keeper)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, refusal=BodyTooLargeError)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=[REQUEST_ID_HEADER, "Retry-After"],
    )
    app.add_middleware(TrustedHosts, hosts=settings.trusted_hosts)
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
