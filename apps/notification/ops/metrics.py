"""What Prometheus reads: requests, statements, connections and the queue."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncEngine

from notification.ops.request_context import RequestRecord

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_UNKNOWN: Final = "unknown"  # one label for all paths that lead nowhere: a caller must not make new ones
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LABELS: Final = ("method", "path", "status")


class Metrics:
    """The numbers of one application; they are its own, so that several in one process do not mix."""

    def __init__(self, engine: Callable[[], AsyncEngine]) -> None:
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "notification_request_seconds", "How long requests took.", _LABELS, registry=self._registry
        )
        self._queries = Counter(
            "notification_queries", "Statements that requests sent to the database.", _LABELS, registry=self._registry
        )
        self._database = Counter(
            "notification_database_seconds", "The database's time for them.", _LABELS, registry=self._registry
        )
        self._registry.register(_Pool(engine))

    def observe(self, request: RequestRecord, seconds: float) -> None:
        """Count an answered request."""
        method = request.method if request.method in _METHODS else _UNKNOWN
        labels = (method, request.template or _UNKNOWN, str(request.status or 0))
        self._seconds.labels(*labels).observe(seconds)
        self._queries.labels(*labels).inc(request.queries)
        self._database.labels(*labels).inc(request.database_ms / 1000)

    def text(self, queue: Mapping[str, int]) -> str:
        """All of them as Prometheus reads them; `queue` is the number of notifications by status."""
        depth = CollectorRegistry()
        depth.register(_Queue(queue))
        return (generate_latest(self._registry) + generate_latest(depth)).decode()


class _Pool(Collector):
    def __init__(self, engine: Callable[[], AsyncEngine]) -> None:
        self._engine = engine

    def describe(self) -> Iterator[Metric]:
        """Nothing is asked of the pool before it is read."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The connections in use, and those beyond the pool's size."""
        pool = self._engine().sync_engine.pool
        if isinstance(pool, QueuePool):
            yield GaugeMetricFamily("notification_pool_checked_out", "Connections in use.", pool.checkedout())
            yield GaugeMetricFamily(
                "notification_pool_overflow", "Connections beyond DB_POOL_SIZE.", max(0, pool.overflow())
            )


class _Queue(Collector):
    def __init__(self, queue: Mapping[str, int]) -> None:
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        """The notifications by status."""
        depth = GaugeMetricFamily("notification_queue", "Notifications by status.", labels=["status"])
        for status, number in self._queue.items():
            depth.add_metric([status], number)
        yield depth
