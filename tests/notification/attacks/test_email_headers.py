"""Headers of e-mails that callers write: subjects and addresses that are read as something else."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification.delivery.email import compose
from notification.delivery.failures import UndeliverableError
from notification.models import Notifications

OURS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
]
SMUGGLED = (
    "=?utf-8?q?Hello=0ABcc:_eve@example.com?=",
    "=?utf-8?q?Hello=0D=0ABcc:_eve@example.com=0D=0A=0D=0ABody?=",
    "=?utf-8?b?SGVsbG8KQmNjOiBldmVAZXhhbXBsZS5jb20=?=",
    "x" * 70 + " =?utf-8?q?=0ABcc:_eve@example.com?=",
    "=?utf-8?q?" + "=0A" * 60 + "?=",
    "=?us-ascii?q?=0D?= =?utf-8?q?=0A?= Bcc: eve@example.com",
    "é =?utf-8?q?=0ABcc:_eve@example.com?=",
)


def _composed(**changes: Any) -> bytes:
    payload = {"to": ["grace@example.com"], "subject": "Hello", "body": "How are you?"} | changes
    row = Notifications(id=1, payload=payload, created_at=datetime(2026, 11, 22, tzinfo=UTC))
    return compose(row, "notification@example.org")


def _names(message: bytes) -> list[str]:
    """What the lines before the first empty one begin with, for a reader that knows nothing but lines."""
    head = message.partition(b"\r\n\r\n")[0]
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"\r" not in head.replace(b"\r\n", b"")
    return [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]


def _subject(message: bytes) -> str:
    raw = dict(message_from_bytes(message, policy=policy.compat32).items())["Subject"]
    return str(make_header(decode_header(raw)))


@pytest.mark.parametrize("subject", SMUGGLED)
def test_an_encoded_word_in_a_subject_is_text(subject: str) -> None:
    """Whatever the interpreter's version does with a line break in one."""
    message = _composed(subject=subject)

    assert _names(message) == OURS
    assert _subject(message) == subject


@pytest.mark.parametrize(
    "address",
    [
        "=?utf-8?q?a=0ABcc:_eve?=@example.com",
        "=?utf-8?q?=3Ceve=40example.com=3E?=@example.com",
        '"eve@example.com,"@example.com',
        "a,eve@example.com",
        "a@example.com\nBcc: eve@example.com",
    ],
)
def test_an_address_that_reads_as_another_is_refused(address: str) -> None:
    """By the one who writes it, whatever was checked before."""
    with pytest.raises(UndeliverableError):
        _composed(to=[address])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_subject_leaves_our_headers_alone(subject: str) -> None:
    """It arrives as it was, or is refused for its line breaks."""
    try:
        message = _composed(subject=subject)
    except UndeliverableError:
        return
    assert _names(message) == OURS
    assert max(len(line) for line in message.split(b"\r\n")) < 998
    assert _subject(message) == subject or not subject.isascii() or subject != subject.strip()


@given(st.from_regex(r"[^@]{1,30}@[a-z]{1,9}\.com", fullmatch=True), st.text(max_size=50))
def test_any_address_and_text_leave_our_headers_alone(address: str, body: str) -> None:
    """What is no address is refused; a text is below the headers."""
    try:
        message = _composed(to=[address, "grace@example.com"], body=body)
    except UndeliverableError:
        return
    assert _names(message) == OURS
