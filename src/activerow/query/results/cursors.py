"""Page cursors: a place in a sorted result, as text that a client may hand back.

A cursor is base64 of a signature and of the sort keys' values as JSON. It is signed, not encrypted: whoever has one can
read those values, and nobody without the secret can make or change one. What it was made for (the model and its order)
is signed along with it, so that it fits no other query.
"""

import base64
import binascii
import hashlib
import hmac
import json
import math
import secrets
from dataclasses import dataclass
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from activerow.database import Database
from activerow.errors import InvalidCursorError, UsageError
from activerow.mapping import kind_named, kind_of_value

_PURPOSE: Final = b"activerow page cursor 1"
_SIGNATURE: Final = 16

_random_keys: "WeakKeyDictionary[Database, bytes]" = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two rows of a sorted result, and the way to go on from there.

    Attributes:
        values: The sort keys of the row that it is beside of, as the server compares them.
        backwards: Go on towards the first row.
        inclusive: That row itself still lies ahead.
    """

    values: tuple[object, ...]
    backwards: bool = False
    inclusive: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Cursors:
    """Writes and reads the cursors for one order of one model.

    Attributes:
        key: What they are signed with.
        purpose: A digest of what they are for.
        hint: Why a cursor of our own may be refused.
    """

    key: bytes
    purpose: bytes
    hint: str = ""

    @classmethod
    def of(cls, database: Database, purpose: str) -> "Cursors":
        """The cursors of a database for what `purpose` describes.

        Without `Database(secret=...)` they are signed with a random key, and die with the Database object.

        Raises:
            UsageError: The secret is empty.
        """
        digest = hashlib.sha256(purpose.encode()).digest()
        secret = database.secret
        if secret is None:
            hint = ", or by another process: give the Database a secret that all of them share"
            return cls(_random_keys.setdefault(database, secrets.token_bytes(32)), digest, hint)
        if not secret:
            raise UsageError("Database(secret=...) is empty: anybody could sign page cursors with it")
        raw = secret.encode() if isinstance(secret, str) else secret
        # A key of their own: a secret that signs other things too must not make cursors of those.
        return cls(hmac.digest(raw, _PURPOSE, "sha256"), digest)

    def write(self, position: Position) -> str:
        """The cursor of a position.

        Raises:
            UsageError: It has a value for which there is no text.
        """
        flags = position.backwards | position.inclusive << 1
        parts = [flags, *[_written(value) for value in position.values]]
        payload = json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(self._signature(payload) + payload).decode().rstrip("=")

    def read(self, cursor: object) -> Position:
        """The position of a cursor that `write` made.

        Raises:
            InvalidCursorError: It did not, or for something else, or with another key.
        """
        raw = _decoded(cursor)
        signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._signature(payload)):
            raise InvalidCursorError(f"it is damaged or was made for another query{self.hint}")
        flags, *parts = json.loads(payload.decode("utf-8", "surrogatepass"))
        return Position(tuple(map(_read, parts)), backwards=bool(flags & 1), inclusive=bool(flags & 2))

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self.key, self.purpose + payload, "sha256")[:_SIGNATURE]


def _decoded(cursor: object) -> bytes:
    if not isinstance(cursor, str):
        raise InvalidCursorError(f"it is a {type(cursor).__name__}, not text")
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursorError("it is damaged") from None
    # Base64 has several spellings of the same bytes; a cursor has one.
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != cursor:
        raise InvalidCursorError("it is damaged")
    return raw


# --- values ---------------------------------------------------------------------------------------------------------


def _written(value: object) -> object:
    """`value` as JSON: itself, or its kind and its text."""
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    kind = kind_of_value(value)
    if kind is None or kind.text is None:
        raise UsageError(f"rows cannot be walked in the order of a {type(value).__name__}: a cursor does not hold it")
    return [kind.name, kind.text[0](value)]


def _read(part: Any) -> object:
    if not isinstance(part, list):
        return part
    name, text = cast("list[str]", part)
    kind = kind_named(name)
    return text if kind.text is None else kind.text[1](text)
