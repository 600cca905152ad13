"""Numbers for Prometheus."""

from fastapi import APIRouter, Depends, Response

from notification.deps import ServicesDep, may_read_metrics
from notification.ops.metrics import MEDIA_TYPE
from notification.use_cases.administration import queue_depth

router = APIRouter(tags=["service"])


@router.get("/metrics", include_in_schema=False, dependencies=[Depends(may_read_metrics)])
async def read_metrics(services: ServicesDep) -> Response:
    """All numbers, in the text format of Prometheus."""
    return Response(services.metrics.text(await queue_depth()), media_type=MEDIA_TYPE)
