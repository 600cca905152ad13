"""Values as servers want them: patterns of LIKE, and paths into JSON documents."""

import json
import re
from typing import Final

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
    return "".join(text if wild else re.sub(r"([%_/])", r"/\1", text) for wild, text in parts)


def json_path(keys: tuple[str, ...]) -> str:
    """`$."tags"[0]`."""
    # SQLite before 3.45 and MariaDB find a key by the letters it is stored in: those of SQLAlchemy's JSON are ASCII.
    return "$" + "".join(f"[{key}]" if is_index(key) else f".{json.dumps(key)}" for key in keys)


def is_index(key: str) -> bool:
    """A key of digits means a place in a list."""
    return key.isascii() and key.isdigit()
