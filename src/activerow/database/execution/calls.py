"""Calls on models as data: what is wanted, of which model, in which session. The funnel chooses the way."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.orm import Session

from activerow.database.direct import Command
from activerow.errors import UsageError

T = TypeVar("T")
Work = Callable[[AsyncSession], Awaitable[T]]
"""What is done in a session."""


def given_session(given: object) -> AsyncSession:
    """The session that a call was given, or that an `async_scoped_session` holds for the caller.

    Raises:
        UsageError: It is neither.
    """
    registry: Any = given
    session: object = registry() if isinstance(given, async_scoped_session) else given
    if not isinstance(session, AsyncSession):
        raise UsageError(f"session= takes an AsyncSession, not a {type(session).__name__}")
    return session


@dataclass(frozen=True, slots=True)
class Call:
    """What a call is about, for its session and for its errors."""

    operation: str
    model: type
    row: object | None = None
    session: AsyncSession | None = None
    values: Callable[[], Mapping[str, object]] | None = None
    replica: bool | None = False
    """Whether it may read from a replica, when it has no session yet; None asks the database's policy."""


@dataclass(slots=True)
class Ready:
    """A statement that can be sent as it is; without a command there is nothing to send."""

    command: Command | None
    parameters: Any = ()


class Read(ABC, Generic[T]):
    """A read, as data: it can be carried out by a Session, and perhaps by a driver's call alone."""

    __slots__ = ("model", "replica", "session")

    operation = "select"
    row = None
    values = None
    looks_at_hand = False
    """Whether the session of a unit may hold what is read."""

    def __init__(self, model: type, session: AsyncSession | None, replica: bool | None) -> None:
        self.model, self.session, self.replica = model, session, replica

    @abstractmethod
    def run(self, session: Session) -> T:
        """Read by a Session; called in a greenlet, with the lock of its unit."""

    @abstractmethod
    def ready(self, shop: "Prepared") -> Ready | None:
        """The one statement that reads it; None where a Session is needed."""

    def made_of(self, rows: Collection[Sequence[Any]]) -> T:
        """What is read, of the rows that the statement of `ready` gave."""
        raise NotImplementedError

    def script(self, shop: "Prepared") -> "Script[T] | None":  # noqa: ARG002
        """The statements that read it, where one is not enough; None where a Session is needed."""
        return None

    def at_hand(self, session: Session) -> T | None:  # noqa: ARG002
        """What the session of a unit holds already; None where it has to be read."""
        return None

    def inside(self, shop: "Prepared") -> Ready | None:
        """The one statement that reads it in a unit; None where its Session has to."""
        return self.ready(shop)

    def held(self, rows: Collection[Sequence[Any]], session: Session) -> T:  # noqa: ARG002
        """What is read, for the session of a unit.

        Raises:
            NotImplementedError: Only the session itself can tell.
        """
        return self.made_of(rows)


Script = Generator[Ready, Collection[Sequence[Any]], T]
"""Statements, one after the other: each is yielded, and its rows are sent in return."""


class Write(ABC, Generic[T]):
    """A write of one row, as data: one statement where that is enough, else the work of a Session."""

    __slots__ = ("auto_commit", "model", "refresh", "row", "session")

    operation: str
    replica = False

    def __init__(
        self, model: type, row: object, session: AsyncSession | None, auto_commit: bool | None, *, refresh: bool
    ) -> None:
        self.model, self.row, self.session, self.auto_commit = model, row, session, auto_commit
        self.refresh = refresh
        """Whether the row is read again once it is written."""

    @abstractmethod
    def values(self) -> Mapping[str, object]:
        """What is written, for errors."""

    @abstractmethod
    def ready(self, shop: "Prepared") -> Ready | None:
        """The one statement that writes it; None where a Session is needed."""

    @abstractmethod
    def written(self, rows: Collection[Sequence[Any]], count: int, key: object) -> T:
        """What the call gives, once the statement of `ready` was carried out."""

    def inside(self, shop: "Prepared", session: Session) -> Ready | None:  # noqa: ARG002
        """The one statement that writes it in a unit, where nothing else waits; None where its Session has to."""
        return None

    def written_inside(self, rows: Collection[Sequence[Any]], count: int, key: object, session: Any) -> None:
        """Let the session of the unit know what was written."""
        raise NotImplementedError

    def undo(self) -> None:
        """Let the row show what it did before `ready`: the statement was not carried out."""

    @abstractmethod
    async def work(self, session: AsyncSession) -> None:
        """Write by a Session, with the lock of its unit."""

    @abstractmethod
    async def read_back(self, session: AsyncSession) -> None:
        """Read the row again."""

    @abstractmethod
    def worked(self) -> T:
        """What the call gives, once `work` is done."""


class Prepared:
    """The statements of one dialect that were made before, by their shape."""

    __slots__ = ("compiled", "dialect", "statements")

    MOST = 2_000

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.statements: dict[Any, Any] = {}
        self.compiled: dict[Any, Any] = {}
        """SQLAlchemy's own cache, for statements that have no shape of ours."""

    def keep(self, shape: Any, statement: T) -> T:
        """Remember the statement of a shape."""
        if len(self.statements) >= self.MOST:
            self.statements.clear()
        self.statements[shape] = statement
        return statement
