"""The one place where the shop is put together, and the one table of its HTTP statuses."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError

from activerow.fastapi import install
from shop.errors import ShopError
from shop.models import db
from shop.problems import Problems, Row
from shop.routes import orders, products, store_users, users
from shop.schema import MIGRATIONS, configure
from shop.settings import Settings

# What the library answers by itself, with the shop's numbers.
CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "record_not_found": "4040101",
        "unique_violation": "4090102",
        "foreign_key_violation": "4090103",
        "stale_record": "4090104",
        "invalid_data": "4220103",
        "check_violation": "4220104",
        "not_null_violation": "4220105",
        "unavailable": "5030101",
        "transient_error": "5030102",
        "pool_exhausted": "5030103",
    }
)

# What the shop refuses: code word to answer. Numbers are never used again for something else.
ANSWERS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "out_of_stock": Row(409, 101, "Out of stock"),
        "unknown_product": Row(422, 101, "Unknown product"),
    }
)
_NOT_VALID: Final = 422


def create_app(settings: Settings | None = None) -> FastAPI:
    """The shop for these settings, by default those of the environment. Nothing is opened before its lifespan."""
    configure(settings or Settings())
    app = FastAPI(title="Shop API", version="0.1.0", lifespan=_migrated)
    install(app, db, codes=CODES)
    for router in (products.router, users.router, orders.router, store_users.router):
        app.include_router(router)
    problems = Problems(ANSWERS, _NOT_VALID)
    app.add_exception_handler(ShopError, problems.on_shop_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    return app


@asynccontextmanager
async def _migrated(_: FastAPI) -> AsyncGenerator[None]:
    await MIGRATIONS.upgrade()
    yield
