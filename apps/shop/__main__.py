"""`python -m shop`: serve the shop as the settings say."""

import sys
from typing import Any, Final

from uvicorn.config import LOGGING_CONFIG

from serving.service import Service
from shop.app import create_app
from shop.models import db
from shop.settings import Settings


def _options(settings: Settings) -> dict[str, Any]:
    """uvicorn's options: what the library has to say is written as uvicorn's own lines are."""
    library = {"handlers": ["default"], "level": settings.log_level, "propagate": False}
    loggers = LOGGING_CONFIG["loggers"] | {"activerow": library}
    return {"log_level": settings.log_level.lower(), "log_config": LOGGING_CONFIG | {"loggers": loggers}}


SERVICE: Final = Service("Shop API", Settings, create_app, db, _options)

if __name__ == "__main__":
    sys.exit(SERVICE.main())
