"""Kinds of text that callers send; each has one pattern, which checks it and which the document tells.

Write the length before the kind, `Annotated[str, Field(max_length=100), LINE]`, for then it is checked first. No
pattern has two ways to read the same letters, so that what is refused costs its length and not the square of it.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

# What could begin another line, of a header or a log, is not in one; and there is more than spaces in it.
_IN_LINE: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_SPACES: Final = r" \xa0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff"
_EMAIL_LENGTH: Final = 254


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of text: what it looks like, and what is said of a text that does not."""

    pattern: str
    complaint: str
    stripped: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after everything that stands before it."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tell the pattern."""
        return {**handler(schema), "pattern": self.pattern}

    def _checked(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.complaint)
        return value.strip() if self.stripped else value


LINE: Final = Kind(rf"^[{_SPACES}]*[^{_IN_LINE}{_SPACES}][^{_IN_LINE}]*$", "must be one line of text", stripped=True)
TEXT: Final = Kind(r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$", "must not contain control characters")


def _address_alone(value: object) -> object:
    if isinstance(value, str):
        if len(value) > _EMAIL_LENGTH:
            raise PydanticKnownError("string_too_long", {"max_length": _EMAIL_LENGTH})
        # Pydantic would take `Ada <ada@example.com>` for the address in it.
        if "<" in value or ">" in value:
            raise ValueError("not an e-mail address alone")
    return value


# One mailbox, one account: nobody means two people by Ada@example.com and ada@example.com.
Email = Annotated[EmailStr, BeforeValidator(_address_alone), Field(max_length=_EMAIL_LENGTH), AfterValidator(str.lower)]
