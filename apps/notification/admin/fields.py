"""Values as the admin pages show them: moments in UTC, whose a row is, and how it is."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette_admin.fields import DateTimeField, EnumField, HasOne
from starlette_admin.types import RequestAction
from typing_extensions import override

from notification.admin.filters import After, Before, OwnedBy


@dataclass
class MomentField(DateTimeField):
    """A moment, in UTC wherever the browser is; its label says so."""

    def __post_init__(self) -> None:
        self.label = f"{self.label} (UTC)"
        self.filters = [After, Before]
        super().__post_init__()

    @override
    async def serialize_value(self, request: Request, value: datetime) -> str:
        """To the minute in lists, to the second for a single row."""
        seconds = "" if request.state.action == RequestAction.LIST else ":%S"
        return value.astimezone(UTC).strftime(f"%Y-%m-%d %H:%M{seconds}")


@dataclass
class OwnerField(HasOne):
    """The user to whom a row belongs."""

    def __post_init__(self) -> None:
        self.key, self.filters = "users", [OwnedBy]
        super().__post_init__()


@dataclass
class StatusField(EnumField):
    """How a row is, as a badge with a colour of its own."""

    list_template: str = "fields/status.html"
    detail_template: str = "fields/status.html"
