"""Is it there? Endpoints for people and load balancers."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from notification.deps import ServicesDep
from notification.docs.openapi import may_raise
from notification.docs.status_page import wants_page
from notification.errors import NotReadyError
from notification.schemas.service import Health, Ready

router = APIRouter(tags=["service"])


_INDEX: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/plain": {"example": "Notification API (UTC: 2026.11.21 21:09:00)"},
            "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>..."},
        }
    }
}


@router.get("/", response_class=PlainTextResponse, summary="Name and time", responses=_INDEX)
async def index(request: Request, services: ServicesDep) -> Response:
    """One line with the service's name and its clock; a page that says how it is for those who ask for HTML."""
    page = services.status_page
    return page.page(await services.parts.look()) if wants_page(request.headers) else page.line()


@router.get("/health", summary="Liveness")
async def health() -> Health:
    """The process answers requests; the database is not asked."""
    return Health()


@router.get("/ready", summary="Readiness", openapi_extra=may_raise(NotReadyError))
async def ready(services: ServicesDep) -> Ready:
    """The service and what it depends on answer; 503 where something does not."""
    return Ready(checks=await services.readiness.check())
