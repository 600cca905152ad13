"""JSON lines on stderr, in `app/app.log` and in `db/db.log`, written beside the event loop.

A line says who, what and where, never with which values: e-mails are masked, and of an exception only its class and
the places it passed are told, because its text may quote what was sent to the database.
"""

import copy
import logging
import re
import sys
import sysconfig
import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, TimedRotatingFileHandler
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any, Final, cast

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from activerow.errors import DatabaseError
from notification.ops.request_context import RequestRecord, current_request
from notification.settings import Settings
from serving.settings import PROJECT_FOLDER

_app_log = logging.getLogger("notification.app")
_db_log = logging.getLogger("notification.db")

_DATABASE_LOGGERS: Final = ("notification.db", "activerow", "sqlalchemy")
# Each begins where a word does and never goes back, so that a long word costs its length and not the square of it.
_WORD: Final = r"[^\s\"<>()\[\],;:@\\/]"
_EMAIL: Final = re.compile(rf"(?<!{_WORD})({_WORD}){_WORD}*+@([\w-]++(?:\.[\w-]++)++)")
_TOKEN: Final = re.compile(r"(?<![\w-])(?=[\w-]++\.[\w-]++\.)[\w-]*?eyJ[\w-]++\.[\w-]++\.[\w-]*+|\brefresh_[\w-]{20,}+")
_METHOD_LENGTH: Final = 20
_TRACE_LENGTH: Final = 20
_PATH_LENGTH: Final = 200
_SQL_LENGTH: Final = 4000

# --- what is said -----------------------------------------------------------------------------------------------------


def log_request(request: RequestRecord, milliseconds: float) -> None:
    """One line for an answered request: info below 500, error from there on, with the error that caused it.

    The path is that of the route, `/api/v1/users/{id}`: a real one may hold what nobody else should read. Only where
    no route was found it is the beginning of what was asked for.
    """
    path, method = request.template or request.path[:_PATH_LENGTH], request.method[:_METHOD_LENGTH]
    facts: dict[str, object] = {
        "method": method,
        "path": path,
        "status": request.status,
        "duration_ms": round(milliseconds, 1),
        "queries": request.queries,
        "database_ms": round(request.database_ms, 1),
        "client": request.client,
        "user_id": request.user_id,
        "email": request.email,
        "api_key_id": request.api_key_id,
        "error": request.error,
    }
    told = {name: value for name, value in facts.items() if value is not None or name == "status"}
    answer = request.status or "was not answered"
    _app_log.log(_level(request.status), "%s %s %s", method, path, answer, extra=told)


def log_slow_statement(statement: str, milliseconds: float, site: str) -> None:
    """One warning for a statement that took long: its text with placeholders, no values, and where it came from."""
    facts = {"sql": " ".join(statement.split())[:_SQL_LENGTH], "duration_ms": round(milliseconds, 1), "site": site}
    _db_log.warning("slow statement", extra=facts)


def log_database_error(error: DatabaseError, status: int | None) -> None:
    """One line for what the database refused: model, operation and the driver's code, no values."""
    facts: dict[str, object] = {
        "code": error.code,
        "model": error.model,
        "operation": error.operation,
        "driver_code": error.driver_code,
        "columns": list(error.columns),
        "constraint": error.constraint,
        "status": status,
    }
    _db_log.log(_level(status), "%s: %s of %s", error.code, error.operation, error.model or "-", extra=facts)


def _level(status: int | None) -> int:
    return logging.INFO if status is not None and status < 500 else logging.ERROR


def log_short_secret() -> None:
    """JWT_SECRET should be longer."""
    _app_log.warning("JWT_SECRET is shorter than 32 bytes, and so easier to guess than a signature")


def log_unreadable_secret(key_id: int) -> None:
    """The secret of an API key cannot be decrypted with the keys that are configured."""
    _app_log.error("the secret of an API key cannot be decrypted; see ENCRYPTION_KEY", extra={"api_key_id": key_id})


def log_rates_unavailable(error: Exception) -> None:
    """Redis does not answer."""
    _app_log.warning("rates are counted per process, because Redis does not answer", extra={"error": describe(error)})


def describe(error: BaseException) -> dict[str, object]:
    """Class, file, function and line of an error where it left the application's own code, and the way it came."""
    frames = list(traceback.walk_tb(error.__traceback__))
    facts: dict[str, object] = {"class": _class_name(error)}
    if frames:
        frame, line = next((f for f in reversed(frames) if _is_of_the_application(f[0])), frames[-1])
        facts |= {"file": _file(frame), "function": frame.f_code.co_qualname, "line": line}
        facts["trace"] = [
            f"{_file(frame)}:{line} {frame.f_code.co_qualname}" for frame, line in frames[-_TRACE_LENGTH:]
        ]
    if causes := [_class_name(cause) for cause in _causes(error)]:
        facts["caused_by"] = causes
    return facts


def _class_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    while (cause := error.__cause__ or error.__context__) is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        error = cause


_LIBRARIES: Final = tuple(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib"))


def _is_of_the_application(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] != "activerow" and not frame.f_code.co_filename.startswith(_LIBRARIES)


def _file(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return str(path.relative_to(PROJECT_FOLDER) if path.is_relative_to(PROJECT_FOLDER) else path)


# --- how it is written ------------------------------------------------------------------------------------------------


def mask(text: str) -> str:
    """The text with e-mails shortened to `a***@example.com` and tokens taken out."""
    # Most texts have neither, which is found out faster without the patterns.
    if "@" in text:
        text = _EMAIL.sub(r"\1***@\2", text)
    return _TOKEN.sub("[token]", text) if "eyJ" in text or "refresh_" in text else text


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: _masked(part) for key, part in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_masked(part) for part in cast("Sequence[object]", value)]
    return value


class LineFormatter(JsonFormatter):
    """Writes a record as one line of JSON, masked. ASCII only: no odd character can break a line or a file."""

    _made: tuple[logging.LogRecord | None, str] = (None, "")

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, made once for all who write it one after the other."""
        if record is not self._made[0]:
            self._made = record, super().format(record)
        return self._made[1]

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Mask every text of the line, whoever wrote it."""
        return {key: _masked(value) for key, value in log_data.items()}


def _formatter() -> LineFormatter:
    return LineFormatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        reserved_attrs=[*RESERVED_ATTRS, "taskName", "color_message"],
        timestamp=True,
    )


class Recorder(QueueHandler):
    """Puts what a record says, now and here, into the queue of the writing thread."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """A copy with its text made, the request's id added and exceptions told without their own words."""
        record = copy.copy(record)
        record.msg, record.args = record.getMessage(), None
        if request := current_request():
            record.request_id = request.id
        if record.exc_info and record.exc_info[1]:
            record.error = describe(record.exc_info[1])
        record.exc_info = record.exc_text = record.stack_info = None
        return record


@contextmanager
def writing(settings: Settings) -> Generator[None]:
    """Write logs while the block runs; at its end, what is still queued is written and the files are closed.

    Raises:
        OSError: A log file cannot be opened.
    """
    handlers = _handlers(settings)
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    recorder, listener = Recorder(queue), QueueListener(queue, *handlers)
    before = _set_levels(_levels(settings))
    logging.getLogger().addHandler(recorder)
    listener.start()
    try:
        yield
    finally:
        logging.getLogger().removeHandler(recorder)
        _set_levels(before)
        listener.stop()
        for handler in handlers:
            handler.close()


def prepare_files(settings: Settings) -> None:
    """Make the folders of the log files.

    Raises:
        OSError: They cannot be made, or not be written to.
    """
    for handler in _handlers(settings):
        handler.close()


def _handlers(settings: Settings) -> list[logging.Handler]:
    app_file = _file_handler(settings.log_dir / "app" / "app.log", settings)
    app_file.addFilter(lambda record: not _is_about_the_database(record))
    db_file = _file_handler(settings.log_dir / "db" / "db.log", settings)
    db_file.addFilter(_is_about_the_database)
    handlers = [app_file, db_file, logging.StreamHandler(sys.stderr)]
    formatter = _formatter()
    for handler in handlers:
        handler.setFormatter(formatter)
    return handlers


def _levels(settings: Settings) -> dict[str, int]:
    wanted = logging.getLevelNamesMapping()[settings.log_level]
    return {
        # Not lower: other packages tell URLs at INFO, and drivers bound values at DEBUG.
        "": max(logging.WARNING, wanted),
        "uvicorn": max(logging.INFO, wanted),
        "activerow": max(logging.INFO, wanted),
        # Tells whole URLs, and the names that people try to log in with.
        "starlette_admin": logging.CRITICAL,
        "notification": wanted,
        # `create_app` makes the engine hide the values of its statements.
        "sqlalchemy.engine": logging.INFO if settings.db_echo else logging.WARNING,
    }


class _DailyFile(TimedRotatingFileHandler):
    """A file a day, for its owner's eyes, of a size that a day may have: what comes after it is on stderr alone."""

    def __init__(self, path: Path, *, backups: int, most: int) -> None:
        self._most = most
        super().__init__(path, when="midnight", utc=True, backupCount=backups, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        file = super()._open()
        Path(self.baseFilename).chmod(0o600)
        return file

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, unless the day's file is full."""
        if self.stream is None or self.shouldRollover(record) or self.stream.tell() < self._most:
            super().emit(record)


def _file_handler(path: Path, settings: Settings) -> logging.Handler:
    path.parent.mkdir(parents=True, exist_ok=True)
    return _DailyFile(path, backups=settings.log_backup_count, most=settings.log_max_bytes)


def _is_about_the_database(record: logging.LogRecord) -> bool:
    return any(record.name == name or record.name.startswith(f"{name}.") for name in _DATABASE_LOGGERS)


def _set_levels(levels: Mapping[str, int]) -> dict[str, int]:
    """Set the levels of these loggers; gives back the ones they had."""
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    return before
