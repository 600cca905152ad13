"""Signed calls: what a caller says in the query string and signs with an API key's secret.

`?key=ACCESS_KEY&timestamp=1790000000`, and the header `secret`: base64 of HMAC-SHA256 over the query string exactly as
it is sent. `digest`, the SHA-256 of the body, is optional.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl

from notification.errors import (
    BodyChangedError,
    DigestMalformedError,
    ParameterRepeatedError,
    SignatureExpiredError,
    SignatureMissingError,
    TimestampMalformedError,
)

WINDOW_SECONDS: Final = 60
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_SIGNED: Final = ("key", "timestamp", "digest")


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a caller says it is, and what it signed; nothing of it is proven."""

    access_key: str
    timestamp: int
    digest: str | None
    query: bytes
    signature: bytes

    def is_signed_with(self, secret: str) -> bool:
        """The signature was made with this secret; the answer takes the same time either way."""
        return hmac.compare_digest(sign(secret, self.query), self.signature)

    def check_time(self, now: float) -> None:
        """Pass when the call was signed just now.

        Raises:
            SignatureExpiredError: More than a minute ago, or more than a minute from now.
        """
        if abs(now - self.timestamp) > WINDOW_SECONDS:
            raise SignatureExpiredError

    def check_body(self, body: bytes) -> None:
        """Pass when this is the body that was signed, or none was.

        Raises:
            BodyChangedError: It is another.
        """
        if self.digest is not None and not hmac.compare_digest(sha256(body).hexdigest(), self.digest):
            raise BodyChangedError


def sign(secret: str, query: bytes) -> bytes:
    """The signature of a query string, as the header `secret` carries it."""
    return b64encode(hmac.digest(secret.encode(), query, "sha256"))


def read_claim(query: bytes, signatures: Sequence[bytes]) -> Claim:
    """What a query string and the headers `secret` claim.

    Raises:
        SignatureMissingError: The key, the timestamp or the signature is missing.
        ParameterRepeatedError: One of them, or the digest, is there twice, also in another spelling (`%6Bey`).
        TimestampMalformedError: The timestamp is not made of digits.
        DigestMalformedError: The digest is not one.
    """
    sent = [pair for pair in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if pair[0] in _SIGNED]
    values = dict(sent)
    if len(values) < len(sent) or len(signatures) > 1:
        raise ParameterRepeatedError
    if not (values.get("key") and values.get("timestamp") and signatures and signatures[0]):
        raise SignatureMissingError
    if not _TIMESTAMP.fullmatch(values["timestamp"]):
        raise TimestampMalformedError
    digest = values.get("digest")
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise DigestMalformedError
    timestamp = int(values["timestamp"])
    return Claim(values["key"], timestamp, digest.lower() if digest else None, query, signatures[0])
