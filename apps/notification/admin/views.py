"""What the admin pages show. Passwords, secrets, digests and what notifications contain are not among the fields."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, or_
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.actions import ActionSelection, action, row_action
from starlette_admin.contrib.sqla import ModelView
from starlette_admin.exceptions import ActionFailed
from starlette_admin.fields import BooleanField, EnumField, IntegerField, StringField
from starlette_admin.flash import flash
from typing_extensions import override

from notification.admin.fields import MomentField, OwnerField, StatusField
from notification.errors import OwnAccountError
from notification.models import ApiKeys, Channel, Delivery, KeyStatus, Notifications, SnsType, Users, UserStatus
from notification.security.known_keys import KnownKeys
from notification.use_cases.administration import block, try_again, unblock

_LARGEST_ID: Final = 2**31 - 1


class ReadView(ModelView):
    """Rows to look at, search and filter. What changes them is an action, which is a use case."""

    searched: ClassVar[Sequence[str]]  # where the text of a search is looked for; `searchable_fields` have filters

    exporters = ()
    importers = ()
    fields_default_sort = (("id", True),)
    page_size = 25

    @override
    def can_create(self, request: Request) -> bool:
        """No."""
        return False

    @override
    def can_edit(self, request: Request) -> bool:
        """No."""
        return False

    @override
    def can_delete(self, request: Request) -> bool:
        """No."""
        return False

    @override
    def can_export(self, request: Request) -> bool:
        """No: a file of everybody's e-mails is nobody's everyday work."""
        return False

    @override
    def can_import(self, request: Request) -> bool:
        """No."""
        return False

    @override
    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """The condition for a search; PostgreSQL knows no NUL characters."""
        columns = (getattr(self.model, name) for name in self.searched)
        return or_(*(column.icontains(term.replace("\x00", ""), autoescape=True) for column in columns))

    @override
    async def handle_action(self, request: Request, selection: ActionSelection, name: str) -> Response | None:
        """Act on rows. What the database refuses is answered like everywhere: the parent class would quote it."""
        return await super(ModelView, self).handle_action(request, selection, name)

    @override
    async def handle_row_action(self, request: Request, pk: Any, name: str) -> Response | None:
        """Act on a row."""
        if not _is_id(pk):
            raise ActionFailed("There is no such row.")
        return await super(ModelView, self).handle_row_action(request, pk, name)

    async def find_by_pk(self, request: Request, pk: Any) -> Any:
        """The row, None where there is none or the key is no key."""
        return await super().find_by_pk(request, pk) if _is_id(pk) else None

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        """The rows that there are."""
        return await super().find_by_pks(request, [pk for pk in pks if _is_id(pk)])


def _is_id(pk: object) -> bool:
    text = str(pk)
    return text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= _LARGEST_ID


class UsersView(ReadView):
    """People with an account."""

    fields = (
        IntegerField("id", label="ID"),
        StringField("email", label="E-mail"),
        StringField("name"),
        StringField("phone_number", label="Phone"),
        StatusField("status", enum=UserStatus),
        EnumField("sns_type", label="Logs in with", enum=SnsType),
        BooleanField("marketing_agree", label="Agrees to marketing"),
        MomentField("created_at", label="Created"),
        MomentField("updated_at", label="Updated"),
    )
    searched = ("email", "name", "phone_number")
    searchable_fields = ("email", "name", "phone_number", "status", "created_at")
    exclude_fields_from_list = ("sns_type", "marketing_agree", "updated_at")
    actions = ()
    row_actions = ("view", "block", "unblock")

    def __init__(self, known_keys: KnownKeys) -> None:
        super().__init__(Users, icon="fa-solid fa-users", menu_label="Users", display_name="User")
        self._known_keys = known_keys

    @override
    async def repr(self, obj: Users, request: Request) -> str:
        """How other pages name a user."""
        return obj.email

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Users) -> bool:
        """Whether the row offers the action."""
        if name == "block":
            return obj.status is UserStatus.active
        if name == "unblock":
            return obj.status is UserStatus.blocked
        return await super().is_row_action_allowed_for_obj(request, name, obj)

    @row_action(
        name="block",
        text="Block",
        confirmation="Block this user? All sessions of the user end.",
        icon_class="fa-solid fa-ban",
        submit_btn_text="Block",
    )
    async def block(self, request: Request, pk: Any) -> None:
        """Block the user."""
        try:
            done = await block(int(pk), self._known_keys, by=request.state.admin_id)
        except OwnAccountError as error:
            raise ActionFailed(str(error)) from error
        _tell(request, "The user is blocked.", done=done)

    @row_action(
        name="unblock",
        text="Unblock",
        confirmation="Let this user in again?",
        icon_class="fa-solid fa-unlock",
        submit_btn_text="Unblock",
    )
    async def unblock(self, request: Request, pk: Any) -> None:
        """Let the user in again."""
        _tell(request, "The user may log in again.", done=await unblock(int(pk), self._known_keys))


class ApiKeysView(ReadView):
    """Keys of users; the secrets stay where they are."""

    fields = (
        IntegerField("id", label="ID"),
        OwnerField("user"),
        StringField("access_key"),
        StringField("memo"),
        StatusField("status", enum=KeyStatus),
        MomentField("created_at", label="Created"),
        MomentField("updated_at", label="Updated"),
    )
    searched = ("access_key", "memo")
    searchable_fields = ("user", "access_key", "memo", "status", "created_at")
    exclude_fields_from_list = ("updated_at",)
    actions = ()
    row_actions = ("view",)

    def __init__(self) -> None:
        super().__init__(ApiKeys, icon="fa-solid fa-key", menu_label="API keys", display_name="API key")


class NotificationsView(ReadView):
    """What is, was or could not be delivered; what it says is for its receiver."""

    fields = (
        IntegerField("id", label="ID"),
        OwnerField("user"),
        IntegerField("api_key_id", label="API key ID"),
        EnumField("channel", enum=Channel),
        StatusField("status", enum=Delivery),
        IntegerField("attempts"),
        StringField("last_error"),
        MomentField("due_at", label="Due"),
        MomentField("sent_at", label="Sent"),
        MomentField("created_at", label="Created"),
    )
    searched = ("last_error",)
    searchable_fields = ("status", "channel", "user", "attempts", "last_error", "created_at")
    exclude_fields_from_list = ("api_key_id", "due_at", "sent_at")
    actions = ("retry",)
    row_actions = ("view", "retry_one")

    def __init__(self) -> None:
        super().__init__(Notifications, icon="fa-solid fa-paper-plane", menu_label="Notifications")

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Notifications) -> bool:
        """Whether the row offers the action."""
        if name == "retry_one":
            return obj.status is Delivery.dead
        return await super().is_row_action_allowed_for_obj(request, name, obj)

    @row_action(
        name="retry_one",
        text="Try again",
        confirmation="Queue this notification again?",
        submit_btn_text="Try again",
        icon_class="fa-solid fa-rotate-right",
    )
    async def retry_one(self, request: Request, pk: Any) -> None:
        """Queue a dead notification again."""
        if not await try_again([int(pk)]):
            raise ActionFailed("It is not dead any more; look again.")
        flash(request, "Queued again.", "success")

    @action(
        name="retry",
        text="Try again",
        confirmation="Queue the dead ones of these notifications again?",
        submit_btn_text="Try again",
        icon_class="fa-solid fa-rotate-right",
    )
    async def retry(self, request: Request, selection: ActionSelection) -> None:
        """Queue dead notifications again."""
        count = await try_again([int(pk) for pk in await selection.pks() if _is_id(pk)])
        flash(request, f"{count} queued again." if count else "None of them is dead.", "success" if count else "info")


def _tell(request: Request, text: str, *, done: bool) -> None:
    if not done:
        raise ActionFailed("The user's status has changed meanwhile; look again.")
    flash(request, text, "success")


def all_views(known_keys: KnownKeys) -> list[ReadView]:
    """The views, in the order of the menu."""
    return [NotificationsView(), UsersView(known_keys), ApiKeysView()]
