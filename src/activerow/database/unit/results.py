"""Results that are read piece by piece while other tasks use the same session: each piece takes the unit's lock."""

from functools import partial
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncResult
from sqlalchemy.util.concurrency import await_, greenlet_spawn, in_greenlet

from activerow.backends import backend_of
from activerow.database.unit.unit import Unit
from activerow.errors import UsageError

_streamed: Final[dict[type[Any], type[Any]]] = {}


def share(result: AsyncResult[Any], unit: Unit) -> AsyncResult[Any]:
    """Let other calls of `unit` run between the fetches of `result`, and none during one."""
    internals: Any = result
    real = internals._real_result
    real.__class__ = _streamed_class(real.__class__)
    real.unit = unit
    raw = getattr(real, "raw", real)
    if backend_of(raw.dialect).busy_cursor and not raw._soft_closed:
        _refuse_others(raw)
    return result


def _refuse_others(raw: Any) -> None:
    """Refuse other statements while the result is open: the driver would throw the rest of it away."""

    def refuse(*_: object) -> None:
        if not raw._soft_closed:
            raise UsageError(
                "a stream is open in this unit, and on MySQL its connection can do nothing else: read the stream to its"
                " end or close() it first, or do the other work in db.transaction(independent=True)"
            )

    event.listen(raw.connection, "before_cursor_execute", refuse)


def _streamed_class(kind: type[Any]) -> type[Any]:
    """The same kind of result with the lock in front; made once for each of SQLAlchemy's few kinds."""
    if kind not in _streamed:
        _streamed[kind] = type(f"Streamed{kind.__name__}", (_Streamed, kind), {"__slots__": ()})
    return _streamed[kind]


class _Streamed:
    """Stands in front of what a result asks its cursor; the rows, and what is loaded with them, come from there."""

    __slots__ = ()

    unit: Unit

    def _fetchone_impl(self, *args: Any, **options: Any) -> Any:
        plain: Any = super()
        return self._locked(plain._fetchone_impl, *args, **options)

    def _fetchmany_impl(self, *args: Any, **options: Any) -> Any:
        plain: Any = super()
        return self._locked(plain._fetchmany_impl, *args, **options)

    def _fetchall_impl(self, *args: Any, **options: Any) -> Any:
        plain: Any = super()
        return self._locked(plain._fetchall_impl, *args, **options)

    def _soft_close(self, *args: Any, **options: Any) -> None:
        plain: Any = super()
        if self.unit.ended or not in_greenlet():
            plain._soft_close(*args, **options)
        else:
            close = partial(greenlet_spawn, plain._soft_close, *args, **options)
            await_(self.unit.run(close, whole=False))

    def _locked(self, fetch: Any, *args: Any, **options: Any) -> Any:
        return await_(self.unit.run(partial(greenlet_spawn, fetch, *args, **options)))
