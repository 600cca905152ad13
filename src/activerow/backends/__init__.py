"""What one kind of server can do, and what it says: one `Backend` for each, and SQL that each writes in its own words.

- `backend`: the class, with every difference that the rest of the library asks for.
- `sqlite`, `postgresql`, `mysql`: its objects; beside each, what its errors mean (`report` is what they are read into).
- `known`: which there are, and which one a dialect speaks with.
- `element`, `text_sql`, `json_sql`: SQL that each writes in words of its own.
- `values`: patterns of LIKE, documents, and paths into them; `moments`: zones and fractions of a second.
- `explain`: how the server would run a statement.
- `column_types`: types of columns that are others on some servers.
- `mysql_indexes`: unique among a part of the rows, which MySQL has no word for.
"""

from activerow.backends.backend import GENERIC, Backend, Begin
from activerow.backends.column_types import BIG_KEY, STRING, counting
from activerow.backends.element import ServerElement
from activerow.backends.explain import check_explanation, explained
from activerow.backends.json_sql import (
    JsonBoolean,
    JsonFloat,
    JsonIsList,
    JsonKind,
    JsonMember,
    JsonNumber,
    JsonNumberMember,
    JsonNumeral,
    JsonPath,
    JsonPresent,
    JsonText,
    JsonTextMember,
)
from activerow.backends.known import BACKENDS, backend_at, backend_named, backend_of
from activerow.backends.moments import in_utc
from activerow.backends.mysql_indexes import has_marker, marker
from activerow.backends.report import Report
from activerow.backends.text_sql import (
    CodePoints,
    DateOf,
    Exact,
    IExact,
    ILike,
    Like,
    Pattern,
    Regex,
    TextMatch,
    UnicodeIExact,
    UnicodeILike,
    Utc,
)
from activerow.backends.values import is_index, json_text

__all__ = [
    "BACKENDS",
    "BIG_KEY",
    "GENERIC",
    "STRING",
    "Backend",
    "Begin",
    "CodePoints",
    "DateOf",
    "Exact",
    "IExact",
    "ILike",
    "JsonBoolean",
    "JsonFloat",
    "JsonIsList",
    "JsonKind",
    "JsonMember",
    "JsonNumber",
    "JsonNumberMember",
    "JsonNumeral",
    "JsonPath",
    "JsonPresent",
    "JsonText",
    "JsonTextMember",
    "Like",
    "Pattern",
    "Regex",
    "Report",
    "ServerElement",
    "TextMatch",
    "UnicodeIExact",
    "UnicodeILike",
    "Utc",
    "backend_at",
    "backend_named",
    "backend_of",
    "check_explanation",
    "counting",
    "explained",
    "has_marker",
    "in_utc",
    "is_index",
    "json_text",
    "marker",
]
