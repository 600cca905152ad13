"""Patterns of LIKE, made from what the program looks for."""

import re
from typing import Final

ESCAPE: Final = "/"
ANY: Final = "%"
ONE: Final = "_"

Parts = list[tuple[bool, str]]
"""A pattern in parts: `(True, "%")` is a wildcard, `(False, "50%")` is text that means itself."""


def parts_of(shape: str, value: str) -> Parts:
    """The pattern that `value` stands for: `exact`, `contains`, `startswith`, `endswith`, or `like` if it is one."""
    if shape == "like":
        # A backslash takes the meaning from `%`, `_` and itself.
        found = re.findall(r"\\(.)|([%_])|(.)", value, re.DOTALL)
        return [(bool(wildcard), wildcard or escaped or plain) for escaped, wildcard, plain in found]
    before = [(True, ANY)] if shape in {"contains", "endswith"} else []
    after = [(True, ANY)] if shape in {"contains", "startswith"} else []
    return [*before, (False, value), *after]


def like_pattern(shape: str, _case: str, value: str) -> str:
    """The pattern for `LIKE ... ESCAPE '/'`."""
    parts = parts_of(shape, value)
    return "".join(text if wild else re.sub(r"([%_/])", rf"{ESCAPE}\1", text) for wild, text in parts)
