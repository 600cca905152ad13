"""What one kind of server can do, and what it says.

- `sqlite`, `postgresql`, `mysql`: reading its errors; `report` is what they are read into.
- `text_sql`, `json_sql`: comparing texts and JSON documents.
- `explain`: how it would run a statement.
"""

from activerow.backends.explain import check_explanation, explained
from activerow.backends.json_sql import (
    CodePoints,
    JsonBoolean,
    JsonFloat,
    JsonIsList,
    JsonKind,
    JsonMember,
    JsonNumber,
    JsonNumeral,
    JsonPath,
    JsonPresent,
    JsonText,
    is_index,
)
from activerow.backends.report import Report
from activerow.backends.text_sql import (
    DateOf,
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

__all__ = [
    "CodePoints",
    "DateOf",
    "IExact",
    "ILike",
    "JsonBoolean",
    "JsonFloat",
    "JsonIsList",
    "JsonKind",
    "JsonMember",
    "JsonNumber",
    "JsonNumeral",
    "JsonPath",
    "JsonPresent",
    "JsonText",
    "Like",
    "Pattern",
    "Regex",
    "Report",
    "TextMatch",
    "UnicodeIExact",
    "UnicodeILike",
    "Utc",
    "check_explanation",
    "explained",
    "is_index",
]
