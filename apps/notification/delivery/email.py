"""E-mails: over SMTP, or into a folder where nothing is to be sent."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib

from notification.delivery.failures import TryAgainError, UndeliverableError
from notification.delivery.headers import mailboxes, plain, unstructured
from notification.models import Notifications

_PERMANENT = 500
_PORTS = {"smtp": 25, "smtps": 465}
_SUBMISSION_PORT = 587


def compose(notification: Notifications, sender: str) -> bytes:
    """The message as it travels: the headers of `headers.py`, and a text.

    Its Message-ID is the same in every attempt, so that a mail server can recognise one that it has already.

    Raises:
        UndeliverableError: It cannot be written as an e-mail.
    """
    payload, domain = notification.payload, sender.rpartition("@")[2]
    text = EmailMessage(policy=policy.SMTP)
    try:
        headers = (
            mailboxes("From", [sender]),
            mailboxes("To", [_travelling(address) for address in payload["to"]]),
            unstructured("Subject", payload["subject"]),
            plain("Date", format_datetime(notification.created_at)),
            plain("Message-ID", f"<{notification.id}.{notification.created_at:%Y%m%d%H%M%S.%f}@{domain}>"),
            plain("Auto-Submitted", "auto-generated"),
        )
        text.set_content(payload["body"])
    except ValueError as error:
        raise UndeliverableError("it cannot be written as an e-mail") from error
    return b"".join(headers) + text.as_bytes()


def _travelling(address: str) -> str:
    """The address with its domain as the mail system spells it."""
    mailbox, _, domain = address.rpartition("@")
    return f"{mailbox}@{domain.encode('idna').decode()}"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mails are handed in: `smtp://user:password@host:587`, or `smtps://` for TLS from the first byte.

    A password travels over `smtp://` only after STARTTLS; without one, STARTTLS is used where the server offers it.
    """

    url: str = field(repr=False)
    sender: str
    timeout: float

    async def send(self, notification: Notifications) -> str | None:
        """Hand one e-mail in; the answer says which part of the recipients was refused for good, if one was.

        Raises:
            TryAgainError: The server, or one of its recipients, may take it later.
            UndeliverableError: The server refuses the message, or all recipients.
        """
        message = compose(notification, self.sender)
        left: Sequence[str] = notification.payload.get("left", notification.payload["to"])
        try:
            async with self._client() as client:
                answers, _ = await client.sendmail(
                    self.sender,
                    [_travelling(address) for address in left],
                    message,
                    mail_options=_options(notification.payload["to"]),
                )
            refused = {address: answer.code for address, answer in answers.items()}
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = {each.recipient: each.code for each in error.recipients}
        except (aiosmtplib.SMTPException, OSError, ssl.CertificateError) as error:
            raise _translated(error) from error
        return _verdict(notification.payload, left, refused)

    async def aclose(self) -> None:
        """Nothing is kept open between e-mails."""

    def _client(self) -> aiosmtplib.SMTP:
        parts = urlsplit(self.url)
        with_tls, password = parts.scheme == "smtps", parts.password
        default_port = _SUBMISSION_PORT if password and not with_tls else _PORTS[parts.scheme]
        return aiosmtplib.SMTP(
            hostname=parts.hostname,
            port=parts.port or default_port,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(password) if password else None,
            use_tls=with_tls,
            start_tls=False if with_tls else True if password else None,
            timeout=self.timeout,
            # By default the machine's own name is looked up in the DNS, and everybody waits for that.
            local_hostname=self.sender.rpartition("@")[2],
        )


def _options(addresses: Sequence[str]) -> list[str]:
    """What a mail server has to know to take headers and recipients that are not ASCII."""
    ascii_only = all(_travelling(address).isascii() for address in addresses)
    return [] if ascii_only else ["SMTPUTF8", "BODY=8BITMIME"]


def _translated(error: Exception) -> TryAgainError | UndeliverableError:
    if isinstance(error, aiosmtplib.SMTPDataError) and error.code >= _PERMANENT:
        return UndeliverableError(f"the mail server refused the message ({error.code})")
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return UndeliverableError("the mail server cannot write to such an address")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        # Refusing the greeting, the log-in or the sender is about us, not about the message.
        return TryAgainError(f"the mail server did not take it ({error.code})")
    if isinstance(error, TimeoutError):
        return TryAgainError("the mail server did not answer in time")
    return TryAgainError("the connection to the mail server failed")


def _verdict(payload: Mapping[str, Any], left: Sequence[str], codes: Mapping[str, int]) -> str | None:
    """What became of the recipients, by the code for each that was refused.

    Raises:
        TryAgainError: Some may be accepted later.
        UndeliverableError: All were refused for good, now or before.
    """
    refused = {address: codes[_travelling(address)] for address in left if _travelling(address) in codes}
    later = [address for address, code in refused.items() if code < _PERMANENT]
    arrived: int = payload.get("arrived", 0) + len(left) - len(refused)
    total = len(payload["to"])
    if later:
        reason = f"{len(later)} of {total} recipients refused for now ({refused[later[0]]})"
        raise TryAgainError(reason, payload={**payload, "left": later, "arrived": arrived})
    if arrived == total:
        return None
    code = f" ({next(iter(refused.values()))})" if refused else ""
    if not arrived:
        raise UndeliverableError(f"all {total} recipients refused{code}")
    return f"{total - arrived} of {total} recipients refused{code}"


@dataclass(frozen=True, slots=True)
class MailFolder:
    """Writes e-mails as `.eml` files into a folder instead of sending them: for development."""

    folder: Path
    sender: str

    async def send(self, notification: Notifications) -> None:
        """Write the file; one that is there from an earlier attempt is replaced."""
        content = compose(notification, self.sender)
        await asyncio.to_thread(self._write, f"{notification.id}.eml", content)

    async def aclose(self) -> None:
        """Nothing is kept open between e-mails."""

    def _write(self, name: str, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)
