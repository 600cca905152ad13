"""Headers of e-mails, written to the byte here.

The standard library reads what it is given as a header first: an encoded word in a subject (`=?utf-8?q?a=0ABcc:...?=`)
is decoded, and several of its versions then write the line break that was in it. So nothing is read here. What is not
plain ASCII becomes encoded words of ours, and an address that could be read as anything else is refused.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Final

_WORD_BYTES: Final = 39  # in base64, with what stands around it, less than the 75 letters that an encoded word may have
_PLAIN: Final = re.compile(r"[ -~]{0,900}", re.ASCII)
# Letters of a mailbox's name as they are written without quotes, those of other scripts too.
_MAILBOX: Final = re.compile(r"[^\x00-\x20\x7f-\xa0\u2028\u2029\ufeff<>()\[\],;:\\\"@]{1,64}@[A-Za-z0-9._-]{1,255}")


def plain(name: str, value: str) -> bytes:
    """A header of visible ASCII letters.

    Raises:
        ValueError: The value has others, or is too long for a line.
    """
    if not _PLAIN.fullmatch(value):
        raise ValueError(f"{name} is not one line of ASCII")
    return f"{name}: {value}\r\n".encode("ascii")


def unstructured(name: str, value: str) -> bytes:
    """A header of any text, such as the subject.

    Raises:
        ValueError: The text has line breaks, other control characters or halves of characters.
    """
    if not value.isprintable() and re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", value):
        raise ValueError(f"{name} is not one line")
    # What looks like an encoded word is encoded, so that it arrives as the text that it is.
    if len(value) <= _WORD_BYTES and _PLAIN.fullmatch(value) and "=?" not in value and value == value.strip():
        return plain(name, value)
    words = (f"=?utf-8?b?{b64encode(chunk).decode('ascii')}?=" for chunk in _chunks(value))
    return f"{name}: {_FOLD.join(words)}\r\n".encode("ascii")


def mailboxes(name: str, addresses: Sequence[str]) -> bytes:
    """A header of addresses alone, one in a line; UTF-8 where the name of a mailbox is not ASCII (RFC 6532).

    Raises:
        ValueError: One of them is not an address, or looks like an encoded word.
    """
    if not all(_MAILBOX.fullmatch(address) and "=?" not in address for address in addresses):
        raise ValueError(f"{name} is not a list of addresses")
    return f"{name}: {f',{_FOLD}'.join(addresses)}\r\n".encode()


_FOLD: Final = "\r\n "


def _chunks(text: str) -> Iterator[bytes]:
    """The text in UTF-8, in pieces that end with a whole character."""
    chunk = b""
    for character in text:
        encoded = character.encode()
        if len(chunk) + len(encoded) > _WORD_BYTES:
            yield chunk
            chunk = b""
        chunk += encoded
    yield chunk
