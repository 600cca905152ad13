"""What the admin pages show. Passwords, secrets, digests and what notifications contain are not among the fields."""

from collections.abc import Sequence
from typing import Any, Final

from markupsafe import escape
from starlette.requests import Request
from starlette_admin.actions import ActionSelection, action, row_action
from starlette_admin.contrib.sqla import ModelView
from starlette_admin.exceptions import ActionFailed
from starlette_admin.fields import BooleanField, DateTimeField, EmailField, EnumField, IntegerField, StringField
from starlette_admin.flash import flash
from starlette_admin.views import CustomView
from starlette_admin.widgets import BaseWidget, HtmlWidget, PanelWidget
from typing_extensions import override

from notification.errors import OwnAccountError
from notification.models import ApiKeys, Channel, Delivery, KeyStatus, Notifications, SnsType, Users, UserStatus
from notification.use_cases.administration import block, try_again, unblock, waiting_and_dead

_LARGEST_ID: Final = 2**31 - 1


class ReadView(ModelView):
    """Rows to look at, search and filter. What changes them is an action, which is a use case."""

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

    def get_search_query(self, request: Request, term: str) -> Any:
        """The condition for a search; PostgreSQL knows no NUL characters."""
        return super().get_search_query(request, term.replace("\x00", ""))

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
        IntegerField("id", label="Id"),
        EmailField("email"),
        StringField("name"),
        StringField("phone_number"),
        EnumField("status", enum=UserStatus),
        EnumField("sns_type", label="Logs in with", enum=SnsType),
        BooleanField("marketing_agree"),
        DateTimeField("created_at"),
        DateTimeField("updated_at"),
    )
    searchable_fields = (
        "email",
        "name",
        "phone_number",
    )
    exclude_fields_from_list = (
        "marketing_agree",
        "updated_at",
    )
    actions = ()
    row_actions = (
        "view",
        "block",
        "unblock",
    )

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
            done = await block(int(pk), by=request.state.admin_id)
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
        _tell(request, "The user may log in again.", done=await unblock(int(pk)))


class ApiKeysView(ReadView):
    """Keys of users; the secrets stay where they are."""

    fields = (
        IntegerField("id", label="Id"),
        IntegerField("user_id", label="User"),
        StringField("access_key"),
        StringField("memo"),
        EnumField("status", enum=KeyStatus),
        DateTimeField("created_at"),
        DateTimeField("updated_at"),
    )
    searchable_fields = (
        "access_key",
        "memo",
    )
    actions = ()
    row_actions = ("view",)


class NotificationsView(ReadView):
    """What is, was or could not be delivered; what it says is for its receiver."""

    fields = (
        IntegerField("id", label="Id"),
        IntegerField("user_id", label="User"),
        IntegerField("api_key_id", label="API key"),
        EnumField("channel", enum=Channel),
        EnumField("status", enum=Delivery),
        IntegerField("attempts"),
        StringField("last_error"),
        DateTimeField("due_at"),
        DateTimeField("sent_at"),
        DateTimeField("created_at"),
    )
    searchable_fields = ("last_error",)
    exclude_fields_from_list = (
        "api_key_id",
        "sent_at",
    )
    actions = ("retry",)
    row_actions = ("view",)

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


def all_views() -> list[ReadView]:
    """The views, in the order of the menu."""
    return [
        NotificationsView(Notifications, icon="fa-solid fa-paper-plane", menu_label="Notifications"),
        UsersView(Users, icon="fa-solid fa-users", menu_label="Users", display_name="User"),
        ApiKeysView(ApiKeys, icon="fa-solid fa-key", menu_label="API keys", display_name="API key"),
    ]


class Overview(CustomView):
    """The first page: what waits, and what needs somebody's attention."""

    def __init__(self) -> None:
        super().__init__(menu_label="", route_name="index", add_to_menu=False, widget=self._counts)

    async def _counts(self, request: Request) -> BaseWidget:
        waiting, dead = await waiting_and_dead()
        notifications = request.url_for("admin:list", key="notifications")
        return PanelWidget(
            title="Notifications",
            icon="fa-solid fa-paper-plane",
            children=[
                HtmlWidget(
                    html=f"<p><strong>{waiting}</strong> wait for delivery, <strong>{dead}</strong> could not be "
                    f'delivered.</p><p class="mb-0"><a href="{escape(str(notifications))}">Look at them</a></p>'
                )
            ],
        )
