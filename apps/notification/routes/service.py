"""Is it there? Endpoints for people and load balancers."""

from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from notification.deps import ReadinessDep
from notification.errors import NotReadyError
from notification.openapi import may_raise
from notification.schemas import Health, Ready

router = APIRouter(tags=["service"])


@router.get("/", response_class=PlainTextResponse, summary="Name and time")
async def index() -> str:
    """One line with the service's name and its clock."""
    return f"Notification API (UTC: {datetime.now(UTC):%Y.%m.%d %H:%M:%S})"


@router.get("/health", summary="Liveness")
async def health() -> Health:
    """The process answers requests; the database is not asked."""
    return Health()


@router.get("/ready", summary="Readiness", openapi_extra=may_raise(NotReadyError))
async def ready(readiness: ReadinessDep) -> Ready:
    """The service and what it depends on answer; 503 where something does not."""
    return Ready(checks=await readiness.check())
