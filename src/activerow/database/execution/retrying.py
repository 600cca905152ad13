"""Running a transaction again, as the database asks for after a deadlock or a failed serialization."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError

from activerow.database.failures import translate
from activerow.errors import TransactionBrokenError, TransientError

logger = logging.getLogger("activerow")

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.02  # seconds at most before the second attempt; it doubles with each


async def run_again(transaction: Callable[[], Awaitable[T]], *, retries: int) -> T:
    """What `transaction` gives, begun anew up to `retries` times when it meets a `TransientError`."""
    attempt = 0
    while True:
        try:
            return await transaction()
        except Exception as error:
            if attempt >= retries or not is_transient(error):
                raise
            logger.info("transaction failed (%s), attempt %s follows", type(error).__name__, attempt + 2)
        await asyncio.sleep(random.uniform(0.5, 1.0) * _FIRST_PAUSE * 2**attempt)  # noqa: S311  (jitter, no secret)
        attempt += 1


def is_transient(error: Exception) -> bool:
    """Whether the whole transaction that met `error` is worth another attempt."""
    if isinstance(error, TransactionBrokenError):
        first = error.first_error
        return isinstance(first, Exception) and is_transient(first)
    if isinstance(error, DBAPIError):
        return isinstance(translate(error, operation="select"), TransientError)
    return isinstance(error, TransientError)
