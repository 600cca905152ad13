"""What the service refuses to do. No HTTP here: `app.py` has the table that gives every code word its status.

```
ApiError
├── SnsTypeNotOfferedError
├── EmailTakenError
├── LoginFailedError
├── ChannelNotOfferedError
├── WebhookRefusedError
├── IdempotencyConflictError
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


class ChannelNotOfferedError(ApiError):
    """This installation cannot send by this channel."""

    code = "channel_not_offered"
    message = "Notifications by this channel are not offered here."


class WebhookRefusedError(ApiError):
    """The URL of a webhook is one that the service does not call."""

    code = "webhook_refused"
    message = "The URL of the webhook must be a public http or https address on a usual port."


class IdempotencyConflictError(ApiError):
    """The idempotency key was used for something else before."""

    code = "idempotency_conflict"
    message = "This Idempotency-Key was used for another notification; use a new key."
