"""What the server said, as activerow's errors.

- `translation`: what SQLAlchemy and the drivers raise, by SQLSTATE or error number.
- `attribution`: of which model and columns an error speaks.
- `statement_text`: what the text of a statement tells.
- `unreadable`: stored values that a type cannot read.
"""

from activerow.database.failures.statement_text import first_word, is_read, read_statement
from activerow.database.failures.translation import (
    StaleVersionError,
    is_fatal,
    is_outdated,
    note_autocommitted,
    translate,
    translating,
)

__all__ = [
    "StaleVersionError",
    "first_word",
    "is_fatal",
    "is_outdated",
    "is_read",
    "note_autocommitted",
    "read_statement",
    "translate",
    "translating",
]
