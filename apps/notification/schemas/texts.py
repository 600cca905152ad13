"""Kinds of text that callers send; each has one pattern, which checks it and which the document tells."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field

# What could begin another line, of a header or a log, is not in one; and there is more than spaces in it.
_IN_LINE: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_LINE: Final = rf"^[^{_IN_LINE}]*[^{_IN_LINE}\s\ufeff][^{_IN_LINE}]*$"
_TEXT: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


def _one_line(value: str) -> str:
    if not re.fullmatch(_LINE, value):
        raise ValueError("must be one line of text")
    return value.strip()


def _without_controls(value: str) -> str:
    if not re.fullmatch(_TEXT, value):
        raise ValueError("must not contain control characters")
    return value


def _address_alone(value: object) -> object:
    # Pydantic would take `Ada <ada@example.com>` for the address in it.
    if isinstance(value, str) and ("<" in value or ">" in value):
        raise ValueError("not an e-mail address alone")
    return value


Line = Annotated[str, Field(min_length=1, json_schema_extra={"pattern": _LINE}), AfterValidator(_one_line)]
Text = Annotated[str, Field(min_length=1, json_schema_extra={"pattern": _TEXT}), AfterValidator(_without_controls)]
# One mailbox, one account: nobody means two people by Ada@example.com and ada@example.com.
Email = Annotated[EmailStr, BeforeValidator(_address_alone), Field(max_length=254), AfterValidator(str.lower)]
