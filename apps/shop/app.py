"""The one place where the shop is put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError

from activerow.fastapi import install
from serving.body_limit import BodyLimit
from serving.json_limit import JsonLimit
from shop.errors import BodyTooComplexError, BodyTooLargeError
from shop.models import db
from shop.problems import PROBLEMS, on_validation_error
from shop.routes import orders, products, store_users, users
from shop.schema import MIGRATIONS, configure
from shop.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The shop for these settings, by default those of the environment. Nothing is opened before its lifespan."""
    settings = settings or Settings()
    configure(settings)
    app = FastAPI(title="Shop API", version="0.1.0", lifespan=_migrated)
    install(app, db, problems=PROBLEMS)
    for router in (products.router, users.router, orders.router, store_users.router):
        app.include_router(router)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_middleware(JsonLimit, refusal=BodyTooComplexError)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, refusal=BodyTooLargeError)
    return app


@asynccontextmanager
async def _migrated(_: FastAPI) -> AsyncGenerator[None]:
    await MIGRATIONS.upgrade()
    yield
