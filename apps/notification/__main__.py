"""`python -m notification`: serve the API as the settings say."""

import sys
from typing import Any, Final

from notification.app import create_app
from notification.docs.status_page import NAME
from notification.models import db
from notification.ops.logs import prepare_files
from notification.settings import Settings
from serving.service import Service


def _options(_: Settings) -> dict[str, Any]:
    """uvicorn's options; its log lines go the way of all others, and requests are logged by the application."""
    return {
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,  # `ClientAddress` reads them, as TRUSTED_PROXIES says
    }


SERVICE: Final = Service(NAME, Settings, create_app, db, _options, prepare_files)

if __name__ == "__main__":
    sys.exit(SERVICE.main())
