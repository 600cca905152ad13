"""The ways to send that this installation has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from notification.delivery.email import MailFolder, MailServer
from notification.delivery.kakao import Kakao
from notification.delivery.webhook import Webhooks
from notification.errors import ChannelNotOfferedError
from notification.models import Channel, Notifications
from notification.settings import Settings


class Sender(Protocol):
    """Sends notifications of one channel."""

    async def send(self, notification: Notifications) -> str | None:
        """Send one; the answer is a remark for its owner, if there is one.

        Raises:
            NotDeliveredError: It did not arrive.
        """

    async def aclose(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True)
class Senders:
    """A sender for each channel that is offered."""

    by_channel: Mapping[Channel, Sender]

    @classmethod
    def of(cls, settings: Settings) -> "Senders":
        """What the settings allow. In development, e-mails are files where there is no mail server."""
        found: dict[Channel, Sender] = {
            Channel.webhook: Webhooks(settings.delivery_timeout, allow_private=settings.webhook_allow_private)
        }
        if url := settings.smtp_url.get_secret_value():
            found[Channel.email] = MailServer(url, settings.mail_from, settings.delivery_timeout)
        elif settings.environment == "development":
            found[Channel.email] = MailFolder(settings.log_dir / "outbox", settings.mail_from)
        if settings.kakao_api_url:
            key = settings.kakao_api_key.get_secret_value()
            found[Channel.kakao] = Kakao(settings.kakao_api_url, key, settings.delivery_timeout)
        return cls(found)

    def check_offered(self, channel: Channel, url: str | None = None) -> None:
        """Pass when a notification can be sent by this channel, to this URL if it goes to one.

        Raises:
            ChannelNotOfferedError: This installation has no sender for the channel.
            WebhookRefusedError: The URL is none that is called.
        """
        sender = self.by_channel.get(channel)
        if sender is None:
            raise ChannelNotOfferedError
        if isinstance(sender, Webhooks) and url is not None:
            sender.check(url)

    async def aclose(self) -> None:
        """Close what is open."""
        for sender in self.by_channel.values():
            await sender.aclose()
