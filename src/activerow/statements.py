"""Telling SQL that reads from SQL that writes."""

import re

_READS = re.compile(r"\s*(?:--[^\n]*\n\s*)*(?:select|values|explain|pragma|with)\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(?:insert|update|delete|replace)\b", re.IGNORECASE)


def is_read(statement: str) -> bool:
    """Whether an SQL text only reads. In doubt it writes: `SELECT ... FOR UPDATE` does, a function call does not."""
    return _READS.match(statement) is not None and not _WRITES.search(statement)
