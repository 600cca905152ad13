"""Every error of activerow, in one tree.

```
ActiveRowError
├── UsageError                        the program is wrong
│   ├── UnknownFieldError (KeyError)  ReadOnlyFieldError  UnknownLookupError  ReservedNameError
│   ├── NotBoundError  InstanceMethodError (NotImplementedError)  NotLoadedError
│   ├── NestedCommitError  ScopeClosedError  UnfinishedTasksError  SessionConflictError
│   ├── TransactionBrokenError  PendingWorkError
│   └── InvalidPageError              a page number or size below 1
│       InvalidCursorError            a page cursor that was not ours
├── RecordNotFoundError               no row, where one was asked for
├── MultipleRecordsError              several rows, where one was asked for
└── DatabaseError                     the database said no
    ├── SaveError                     a write failed
    │   ├── UniqueViolationError  ForeignKeyViolationError  NotNullViolationError
    │   ├── CheckViolationError  InvalidDataError
    │   └── StaleRecordError          changed or deleted by someone else
    ├── TransientError                run the whole transaction again
    │   └── DeadlockError  SerializationError  LockTimeoutError
    ├── UnavailableError              cannot be reached, or cannot work now
    │   └── PoolExhaustedError        every connection is in use
    ├── StatementTimeoutError         the statement took too long
    └── CommitUnknownError            the commit was sent, the answer lost
```

Data is in attributes, prose in `str(error)`, and `code` is a word that never changes. Values that were sent to the
database are in attributes only: neither `str`, `repr` nor `args` shows them. Every error survives `pickle` and `copy`.
"""

from activerow.errors.database import (
    CheckViolationError,
    CommitUnknownError,
    DatabaseError,
    DeadlockError,
    Facts,
    ForeignKeyViolationError,
    InvalidDataError,
    LockTimeoutError,
    NotNullViolationError,
    PoolExhaustedError,
    SaveError,
    SerializationError,
    StaleRecordError,
    StatementTimeoutError,
    TransientError,
    UnavailableError,
    UniqueViolationError,
)
from activerow.errors.record import MultipleRecordsError, RecordNotFoundError
from activerow.errors.root import ActiveRowError, UsageError
from activerow.errors.unit import (
    NestedCommitError,
    PendingWorkError,
    ScopeClosedError,
    SessionConflictError,
    TransactionBrokenError,
    UnfinishedTasksError,
)
from activerow.errors.usage import (
    InstanceMethodError,
    InvalidCursorError,
    InvalidPageError,
    NotBoundError,
    NotLoadedError,
    ReadOnlyFieldError,
    ReservedNameError,
    UnknownFieldError,
    UnknownLookupError,
)

__all__ = [
    "ActiveRowError",
    "CheckViolationError",
    "CommitUnknownError",
    "DatabaseError",
    "DeadlockError",
    "Facts",
    "ForeignKeyViolationError",
    "InstanceMethodError",
    "InvalidCursorError",
    "InvalidDataError",
    "InvalidPageError",
    "LockTimeoutError",
    "MultipleRecordsError",
    "NestedCommitError",
    "NotBoundError",
    "NotLoadedError",
    "NotNullViolationError",
    "PendingWorkError",
    "PoolExhaustedError",
    "ReadOnlyFieldError",
    "RecordNotFoundError",
    "ReservedNameError",
    "SaveError",
    "ScopeClosedError",
    "SerializationError",
    "SessionConflictError",
    "StaleRecordError",
    "StatementTimeoutError",
    "TransactionBrokenError",
    "TransientError",
    "UnavailableError",
    "UnfinishedTasksError",
    "UniqueViolationError",
    "UnknownFieldError",
    "UnknownLookupError",
    "UsageError",
]
