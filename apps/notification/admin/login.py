"""Who may see the admin pages: admins, with a signed cookie that ends with the day's work or a new password."""

import hashlib
import hmac
from typing import Final

from pydantic import ValidationError
from starlette._utils import get_route_path
from starlette.requests import Request
from starlette_admin.auth import AdminUser, AuthProvider
from starlette_admin.exceptions import LoginFailed
from typing_extensions import override

from notification.errors import LoginFailedError
from notification.http.client_address import client_of
from notification.models import Users
from notification.ops.request_context import identify
from notification.schemas.accounts import Credentials
from notification.security.passwords import Passwords
from notification.security.rates import Rates
from notification.use_cases.administration import active_admin, log_in_admin

_ID: Final = "id"
_SEAL: Final = "seal"


class AdminLogin(AuthProvider):
    """Logs admins in with e-mail and password, and asks the database at every request whether they still are."""

    def __init__(self, passwords: Passwords, rates: Rates, secret: bytes) -> None:
        super().__init__()
        self._passwords, self._rates, self._secret = passwords, rates, secret

    @override
    async def login(self, username: str, password: str, remember_me: bool, request: Request) -> None:
        """Begin a session.

        Raises:
            LoginFailed: Not an admin's e-mail and password; the page says no more than that.
            RateLimitedError: One attempt too many from this address, or to this account.
        """
        await self._rates.count_log_in_from(client_of(request.scope))
        try:
            entered = Credentials.model_validate({"email": username, "pw": password})
            await self._rates.count_log_in_to(entered.email)
            user = await log_in_admin(entered.email, entered.pw.get_secret_value(), self._passwords)
        except (ValidationError, LoginFailedError):
            raise LoginFailed(LoginFailedError.message) from None
        request.session.clear()
        request.session.update({_ID: user.id, _SEAL: self._seal(user)})

    async def logout(self, request: Request) -> None:
        """End the session."""
        request.session.clear()

    async def authenticate(self, request: Request) -> AdminUser | None:
        """The admin of this session, None when there is none any more. Nobody is asked for a file of the pages."""
        if get_route_path(request.scope).startswith("/static/"):
            return None
        who: object = request.session.get(_ID)
        user = await active_admin(who) if isinstance(who, int) else None
        if user is None or not hmac.compare_digest(self._seal(user), str(request.session.get(_SEAL))):
            request.session.clear()
            return None
        identify(user_id=user.id, email=user.email)
        request.state.admin_id = user.id
        return AdminUser(username=user.name or user.email)

    def _seal(self, user: Users) -> str:
        """Changes with the password and when all sessions are ended, and tells nothing about either."""
        return hmac.new(self._secret, f"{user.id}:{user.pw}:{user.stamp}".encode(), hashlib.sha256).hexdigest()
