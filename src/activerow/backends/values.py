"""Values as servers want them: patterns of LIKE, JSON documents, and paths into them."""

import json
import re
from typing import Final

from activerow.errors import InvalidDataError

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


def json_text(value: object) -> str:
    """A document that every server takes.

    Raises:
        InvalidDataError: It holds what JSON does not have; some servers would store it, and not read it.
    """
    try:
        text = json.dumps(value, allow_nan=False)
        if r"\ud" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidDataError(reason="half of a surrogate pair, which is no character") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidDataError(reason=f"no JSON: {_wrong_json(error)}") from error
    return text


def _wrong_json(error: Exception) -> str:
    """What is wrong, without the value."""
    if isinstance(error, TypeError):
        return str(error)  # Object of type set is not JSON serializable
    text = str(error)
    return "NaN or an infinity" if text.startswith("Out of range") else "it holds itself, or too much"


def is_index(key: str) -> bool:
    """A key of digits means a place in a list."""
    return key.isascii() and key.isdigit()
