"""What is measured."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Task:
    """One piece of work: the method of a peer that has its name.

    Attributes:
        warm: Calls before the first that is timed.
        least, most: How many calls are timed, whatever time they take.
        size: What the method is told beside the number of the call: rows to read, tasks to start.
    """

    name: str
    title: str
    writes: bool = False
    inside: bool = False
    warm: int = 15
    least: int = 8
    most: int = 100_000
    method: str = ""
    size: int | None = None

    @property
    def call(self) -> str:
        """The name of the peer's method."""
        return self.method or self.name


CONCURRENT: Final = 32
GETS: Final = 256
MOST_DELETES: Final = 500

CALLS: Final = (
    Task("create", "create a row, committed", writes=True, most=1_500),
    Task("create_100", "100 creates in one transaction", writes=True, warm=3, least=4, most=40),
    Task("bulk_create", "10,000 rows from dicts", writes=True, warm=1, least=2, most=6),
    Task("get", "get by primary key"),
    Task("filter_one", "filter, one row"),
    Task("filter_100", "filter, 100 objects"),
    Task("all_rows", "10,000 objects", warm=2, least=4),
    Task("load_save", "load, change, save", writes=True),
    Task("update_where", "update 100 rows by a filter", writes=True),
    Task("load_delete", "load, delete", writes=True, most=MOST_DELETES),
    Task("include", "100 parents with 500 children"),
    Task("count", "count by a filter"),
    Task("exists", "exists by a filter"),
    Task("concurrent_gets", "256 gets by 32 tasks", warm=1, least=3),
    Task("to_json", "100 rows as JSON bytes"),
)
UNITS: Final = (
    Task("unit_create", "create, in a transaction", writes=True, inside=True),
    Task("unit_get", "get by primary key, in a transaction", inside=True),
    Task("unit_first", "filter, first row, in a transaction", inside=True),
    Task("unit_update", "load, change, flush, in a transaction", writes=True, inside=True),
    Task("unit_delete", "create, delete, in a transaction", writes=True, inside=True),
    Task("unit_include", "100 parents with 500 children, in a transaction", inside=True),
    Task("unit_exists", "exists, in a transaction", inside=True),
    Task("unit_100", "filter, 100 objects, in a transaction", inside=True),
    Task("savepoint", "an empty savepoint", inside=True),
    Task("whole_create", "a transaction of one create", writes=True),
    Task("whole_get", "a transaction of one get"),
    Task("scoped_get", "a scoped session and a get"),
)
REQUESTS: Final = (
    Task("http_session", "GET one, session from Depends"),
    Task("http_get", "GET one"),
    Task("http_list", "GET a list of 100"),
    Task("http_create", "POST one", writes=True, most=1_500),
)
SCALING: Final = tuple(
    Task(f"gets_by_{tasks}", f"{GETS} gets by {tasks} tasks", warm=1, least=3, method="gets_by", size=tasks)
    for tasks in (1, 8, 64, 256)
)
ROWS: Final = tuple(
    Task(f"rows_{rows}", f"{rows:,} objects", warm=1, least=3, method="first_rows", size=rows)
    for rows in (1, 10, 100, 1_000, 10_000, 100_000)
)
GROUPS: Final = {"calls": CALLS, "units": UNITS, "requests": REQUESTS, "scaling": SCALING, "rows": ROWS}
MOST_ROWS: Final = 100_000


def chosen(words: list[str]) -> list[Task]:
    """The tasks of the groups and names in `words`, in their order.

    Raises:
        ValueError: A word is neither a group nor a task.
    """
    known = {task.name: task for group in GROUPS.values() for task in group}
    if unknown := [word for word in words if word not in GROUPS and word not in known]:
        raise ValueError(f"no task or group is called {unknown[0]!r}; groups are {', '.join(GROUPS)}")
    names = {task.name for word in words for task in GROUPS.get(word, ()) or (known[word],)}
    return [task for name, task in known.items() if name in names]
