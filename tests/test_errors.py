"""The error tree: data in attributes, prose in `str`, a word that never changes, and nothing secret in either."""

import copy
import pickle
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import DBAPIError

from activerow import errors
from activerow.errors import ActiveRowError, DatabaseError

SECRET = "s3cret-value"

_FACTS = {
    "model": "User",
    "operation": "insert",
    "driver_code": "23505",
    "sqlstate": "23505",
    "table": "users",
    "constraint": "uq_users_email",
    "columns": ("email",),
    "values": {"email": SECRET},
    "reason": "a few words",
}


def examples() -> Iterator[ActiveRowError]:
    """One error of every class."""
    yield errors.ActiveRowError("something")
    yield errors.UsageError("do it differently")
    yield errors.UnknownFieldError("User", "nmae", choices=("name", "email"))
    yield errors.ReadOnlyFieldError("User", "id", "it is the primary key")
    yield errors.UnknownLookupError("User", "age", "gtt", choices=("gt", "gte"))
    yield errors.ReservedNameError("User", "query")
    yield errors.NotBoundError("User")
    yield errors.InstanceMethodError("User", "update", "user = await User.get(...); await user.update(...)")
    yield errors.NotLoadedError("User", "posts", 'await user.load("posts")')
    yield errors.NestedCommitError("User.create(auto_commit=True)")
    yield errors.ScopeClosedError("Task-7", "the request's unit")
    yield errors.UnfinishedTasksError(["Task-7", "Task-8"])
    yield errors.SessionConflictError("two objects of one row", row="<User id=1>", units=("a", "b"))
    yield errors.TransactionBrokenError(errors.UniqueViolationError(**_FACTS))  # type: ignore[arg-type]  # see _FACTS
    yield errors.PendingWorkError("app/routes.py:17")
    yield errors.InvalidCursorError()
    yield errors.InvalidPageError("page()", "number")
    yield errors.RecordNotFoundError("User", {"email": SECRET}, missing=(SECRET,))
    yield errors.MultipleRecordsError("User", {"email": SECRET})
    for kind in descendants(DatabaseError):
        yield kind(**_FACTS)  # type: ignore[arg-type]  # a dict of mixed values


def descendants(kind: type[DatabaseError]) -> Iterator[type[DatabaseError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)


EXAMPLES = {type(error).__name__: error for error in examples()}


def test_every_class_of_the_tree_has_an_example() -> None:
    """The tests below speak of all of them."""
    public = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}

    assert set(EXAMPLES) == public


def test_every_class_is_in_the_drawing() -> None:
    """The tree at the top of the module is complete."""
    assert [name for name in EXAMPLES if name not in str(errors.__doc__)] == []


def test_codes_are_words_and_unique() -> None:
    """A program can tell every class by its code."""
    codes = [error.code for error in EXAMPLES.values()]

    assert len(set(codes)) == len(codes)
    assert all(code.islower() and code.replace("_", "").isalpha() for code in codes)


def test_codes_never_change() -> None:
    """Programs store and compare these words."""
    assert {name: error.code for name, error in EXAMPLES.items() if not name.startswith(("ActiveRow", "Usage"))} == {
        "UnknownFieldError": "unknown_field",
        "ReadOnlyFieldError": "read_only_field",
        "UnknownLookupError": "unknown_lookup",
        "ReservedNameError": "reserved_name",
        "NotBoundError": "not_bound",
        "InstanceMethodError": "instance_method",
        "NotLoadedError": "not_loaded",
        "NestedCommitError": "nested_commit",
        "ScopeClosedError": "scope_closed",
        "UnfinishedTasksError": "unfinished_tasks",
        "SessionConflictError": "session_conflict",
        "TransactionBrokenError": "transaction_broken",
        "PendingWorkError": "pending_work",
        "InvalidCursorError": "invalid_cursor",
        "InvalidPageError": "invalid_page",
        "RecordNotFoundError": "record_not_found",
        "MultipleRecordsError": "multiple_records",
        "DatabaseError": "database_error",
        "SaveError": "save_error",
        "UniqueViolationError": "unique_violation",
        "ForeignKeyViolationError": "foreign_key_violation",
        "NotNullViolationError": "not_null_violation",
        "CheckViolationError": "check_violation",
        "InvalidDataError": "invalid_data",
        "StaleRecordError": "stale_record",
        "TransientError": "transient_error",
        "DeadlockError": "deadlock",
        "SerializationError": "serialization_failure",
        "LockTimeoutError": "lock_timeout",
        "UnavailableError": "unavailable",
        "PoolExhaustedError": "pool_exhausted",
        "StatementTimeoutError": "statement_timeout",
        "CommitUnknownError": "commit_unknown",
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_error_survives_pickle_and_copy(name: str) -> None:
    """Attributes, args and text are the same on the other side."""
    error = EXAMPLES[name]

    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert (str(twin), twin.args) == (str(error), error.args)
        assert {**vars(twin), "first_error": None} == {**vars(error), "first_error": None}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_value_is_in_the_attributes_alone(name: str) -> None:
    """What prints an error, its repr or its args does not print what a user typed."""
    error = EXAMPLES[name]

    assert SECRET not in f"{error} {error!r} {error.args}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_is_a_sentence_about_the_case(name: str) -> None:
    """No class falls back to the default text of Exception."""
    message = str(EXAMPLES[name])

    assert message
    assert not message.startswith("(")
    assert repr(EXAMPLES[name]) == f"{name}({message!r})"


def test_an_unknown_field_is_a_key_error_with_a_readable_text() -> None:
    """`str` of a KeyError is quoted by Python; this one is a sentence with the name that was meant."""
    error = errors.UnknownFieldError("User", "nmae", choices=("name", "email"))

    assert isinstance(error, KeyError)
    assert str(error) == "User has no field 'nmae'; did you mean 'name'? choices: name, email"


def test_many_choices_are_not_listed() -> None:
    """A model with thirty columns gets the nearest name, not a wall of text."""
    error = errors.UnknownFieldError("User", "nmae", choices=[f"column_{n}" for n in range(30)] + ["name"])

    assert str(error) == "User has no field 'nmae'; did you mean 'name'?"


def test_nothing_is_guessed_when_no_name_is_near() -> None:
    """A wrong guess helps less than the list."""
    error = errors.UnknownLookupError("User", "age", "xyz", choices=("gt", "lt"))

    assert (error.nearest, str(error)) == (None, "User.age has no lookup 'xyz'; choices: gt, lt")


def test_a_reserved_name_comes_with_its_cure() -> None:
    """The line to write instead is in the message."""
    assert 'query_: Mapped[...] = mapped_column("query")' in str(errors.ReservedNameError("User", "query"))


def test_a_method_of_a_row_called_on_the_class_is_not_implemented_there() -> None:
    """The class that tools know, and the call to write instead."""
    error = errors.InstanceMethodError("User", "update", "user.update(...)")

    assert isinstance(error, NotImplementedError)
    assert str(error) == "User.update() cannot be called like this; write user.update(...)"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            errors.UniqueViolationError(model="Seat", columns=("row", "number"), constraint="uq"),
            "Seat (row, number) is taken: another row has these values (constraint 'uq')",
        ),
        (errors.UniqueViolationError(model="User"), "another row has the same unique value as User"),
        (
            errors.ForeignKeyViolationError(model="Post", columns=("user_id",), referenced_model="User"),
            "Post.user_id refers to a User that does not exist",
        ),
        (
            errors.ForeignKeyViolationError(model="User", operation="delete", referencing_model="Post"),
            "User is still referred to by Post rows; change or delete those first",
        ),
        (
            errors.ForeignKeyViolationError(model="User", operation="delete"),
            "User is still referred to by other rows; change or delete those first",
        ),
        (
            errors.ForeignKeyViolationError(model="Ticket", columns=("row", "number")),
            "Ticket (row, number) refer to a row that does not exist",
        ),
        (
            errors.NotNullViolationError(model="User", columns=("name",)),
            "User.name needs a value: the column is NOT NULL",
        ),
        (
            errors.NotNullViolationError(model="Seat", columns=("row", "number")),
            "Seat (row, number) need values: the columns are NOT NULL",
        ),
        (
            errors.InvalidDataError(model="Seat", columns=("row", "number")),
            "Seat (row, number) do not fit their columns: invalid value",
        ),
        (errors.StatementTimeoutError(), "a database operation failed: it took too long"),
        (
            errors.DeadlockError(operation="commit"),
            (
                "commit failed: two transactions waited for each other;"
                " run the whole transaction again (db.run and @db.transactional do)"
            ),
        ),
        (errors.InvalidDataError(table="tags", reason="too long"), "a row of 'tags' does not fit its column: too long"),
        (errors.DatabaseError(operation="commit", driver_code=1), "commit failed: the database refused it [1]"),
        (
            errors.UnavailableError(target="db:5432/app", reason="no such database"),
            "the database at db:5432/app is not available: no such database",
        ),
    ],
)
def test_messages_name_the_row_or_field(error: DatabaseError, message: str) -> None:
    """What happened, and to what."""
    assert str(error) == message


def test_a_foreign_key_tells_a_delete_from_the_rest() -> None:
    """The two are answered differently, so that the class says which it was."""
    assert errors.ForeignKeyViolationError(operation="delete").on_delete
    assert not errors.ForeignKeyViolationError(operation="update").on_delete


class _UnpicklableError(Exception):
    def __reduce__(self) -> str:
        raise TypeError("holds a socket")


def test_a_broken_transaction_is_picklable_whatever_broke_it() -> None:
    """The first error is replaced where it cannot travel; here it is the original."""
    first = DBAPIError("SELECT 1", {}, _UnpicklableError("a"))
    error = errors.TransactionBrokenError(first)

    twin = pickle.loads(pickle.dumps(error))

    assert error.first_error is first
    assert isinstance(twin.first_error, DatabaseError)
    assert "DBAPIError" in str(twin.first_error)
    assert "async with db.transaction()" in str(twin)


def test_the_first_error_of_a_broken_transaction_shows_no_parameters() -> None:
    """SQLAlchemy prints the parameters of a statement; the message does not repeat that."""
    first = DBAPIError("INSERT", {"pw": SECRET}, ValueError(SECRET))

    assert SECRET not in f"{errors.TransactionBrokenError(first)}"
