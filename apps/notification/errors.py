"""What the service refuses to do. No HTTP here: `app.py` has the table that gives every code word its status.

```
ApiError
├── SnsTypeNotOfferedError
├── EmailTakenError
├── LoginFailedError
├── NotReadyError
├── MetricsRefusedError
├── OwnAccountError
└── NotAuthenticatedError     no token
    ├── TokenInvalidError     not one of ours, or changed on its way
    ├── TokenExpiredError
    └── AccountInactiveError  the token's user is blocked, deleted or gone
```
"""

from typing import ClassVar


class ApiError(Exception):
    """A request that the service refuses; `code` is a word that never changes, `message` may be shown to a user.

    `detail` says what was wrong this time; without one it is the message.
    """

    code: ClassVar[str]
    message: ClassVar[str]

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail or self.message

    def __str__(self) -> str:
        return self.detail


class SnsTypeNotOfferedError(ApiError):
    """The way to log in exists, but cannot be used yet."""

    code = "sns_type_not_offered"
    message = "This way to log in is not offered yet; use e-mail."


class EmailTakenError(ApiError):
    """An account with this e-mail exists."""

    code = "email_taken"
    message = "An account with this e-mail exists already; log in instead."


class LoginFailedError(ApiError):
    """The e-mail is unknown, the password is wrong or the account is not active: the caller cannot tell which."""

    code = "login_failed"
    message = "The e-mail or the password is wrong."


class NotReadyError(ApiError):
    """Something that the service depends on does not answer."""

    code = "not_ready"
    message = "The service is not ready."


class MetricsRefusedError(ApiError):
    """The numbers are for whoever has the token of METRICS_TOKEN."""

    code = "metrics_refused"
    message = "This is not for you."


class OwnAccountError(ApiError):
    """Admins do not block themselves."""

    code = "own_account"
    message = "This is your own account; let another admin do it."


class NotAuthenticatedError(ApiError):
    """The request carries no access token."""

    code = "not_authenticated"
    message = "Log in first, and send the access token as 'Authorization: Bearer <token>'."


class TokenInvalidError(NotAuthenticatedError):
    """The access token is not one of ours, or was changed on its way."""

    code = "token_invalid"
    message = "The access token is not valid; log in again."


class TokenExpiredError(NotAuthenticatedError):
    """The access token was valid once."""

    code = "token_expired"
    message = "The access token has expired; log in again."


class AccountInactiveError(NotAuthenticatedError):
    """The access token is valid, but its user is blocked, deleted or gone."""

    code = "account_inactive"
    message = "This account is not active."
