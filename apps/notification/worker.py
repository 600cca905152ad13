"""`python -m notification.worker`: deliver notifications beside the API, as many processes as it takes.

With BROKER_URL the worker takes what the API hands over at once; without one it finds it in the outbox.
"""

import asyncio
import logging
import os
import signal
import sys
from typing import Final

from pydantic import ValidationError

from activerow.errors import ActiveRowError
from notification.delivery.dispatch import Dispatch
from notification.ops import logs
from notification.schema import MIGRATIONS, configure
from notification.settings import Settings
from serving.service import refuse
from serving.settings import explain

_NAME: Final = "Notification worker"
_log = logging.getLogger("notification.delivery")


def main() -> int:
    """Deliver until told to stop. 1 when that cannot begin, after a line for each reason."""
    os.umask(0o077)
    try:
        settings = Settings()
    except ValidationError as error:
        return refuse(_NAME, *explain(error))
    try:
        with logs.writing(settings):
            asyncio.run(_serve(settings))
    except (ActiveRowError, OSError) as error:
        # The text of a broker's error may repeat its URL, and with it a password.
        return refuse(_NAME, f"cannot work: {error if isinstance(error, ActiveRowError) else type(error).__name__}")
    return 0


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with configure(settings):
        await MIGRATIONS.upgrade()
        async with Dispatch.of(settings).working():
            _say(f"{_NAME}: ready")
            await stop.wait()
            _log.info("the worker ends: what has begun is finished")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
