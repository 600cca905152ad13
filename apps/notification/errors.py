"""What the service refuses to do. No HTTP here: `app.py` has the table that gives every code word its status.

```
ApiError
├── SnsTypeNotOfferedError
├── EmailTakenError
├── LoginFailedError
├── PasswordWrongError
├── SocialLoginNeededError
├── SocialStateInvalidError
├── SocialLoginDeniedError
├── SocialCodeInvalidError
├── SocialEmailMissingError
├── SocialEmailUnverifiedError
├── SocialEmailTakenError
├── IdentityNotFoundError
├── IdentityTakenError
├── AlreadyLinkedError
├── LastWayInError
├── ProviderFailedError
├── ProviderUnavailableError
├── RefreshTokenInvalidError
│   ├── RefreshTokenExpiredError
│   └── RefreshTokenReusedError
└── NotAuthenticatedError     no token
    ├── TokenInvalidError     not one of ours, or changed on its way
    │   ├── TokenWrongAudienceError
    │   └── TokenWrongIssuerError
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


class PasswordWrongError(ApiError):
    """Who wants a new password has to know the old one, and does not."""

    code = "password_wrong"
    message = "The old password is missing or wrong."


class RefreshTokenInvalidError(ApiError):
    """Nobody was given this refresh token, or its session has ended."""

    code = "refresh_token_invalid"
    message = "The refresh token is not valid; log in again."


class RefreshTokenExpiredError(RefreshTokenInvalidError):
    """The refresh token was valid once."""

    code = "refresh_token_expired"
    message = "The refresh token has expired; log in again."


class RefreshTokenReusedError(RefreshTokenInvalidError):
    """The refresh token was used before: somebody has a copy of it, so its session is over for everybody."""

    code = "refresh_token_reused"
    message = "The refresh token was used before; for safety this session has ended. Log in again."


class SocialLoginNeededError(ApiError):
    """Users of this provider log in there."""

    code = "social_login_needed"
    message = "Log in at the provider."


class SocialStateInvalidError(ApiError):
    """The log-in was not begun in this browser, or too long ago, or is finished."""

    code = "social_state_invalid"
    message = "This log-in was not begun here, or too long ago; begin again."


class SocialLoginDeniedError(ApiError):
    """The user did not agree, or the provider did not let them."""

    code = "social_login_denied"
    message = "You were not logged in at the provider; begin again."


class SocialCodeInvalidError(ApiError):
    """The provider did not give this code, or it was used before."""

    code = "social_code_invalid"
    message = "The provider does not accept this log-in; begin again."


class SocialEmailMissingError(ApiError):
    """The provider names no e-mail, and an account needs one."""

    code = "social_email_missing"
    message = "The provider names no e-mail. Share it there, or register by e-mail and link the provider."


class SocialEmailUnverifiedError(ApiError):
    """The provider has not verified the e-mail, so it may be a stranger's."""

    code = "social_email_unverified"
    message = "Verify your e-mail at the provider first, or register by e-mail and link the provider."


class SocialEmailTakenError(ApiError):
    """An account with the provider's e-mail exists; whose it is, an e-mail does not prove."""

    code = "social_email_taken"
    message = "An account with this e-mail exists. Log in to it, then link the provider."


class IdentityNotFoundError(ApiError):
    """The user has no account of this provider linked."""

    code = "identity_not_found"
    message = "No account of this provider is linked."


class IdentityTakenError(ApiError):
    """The provider's account is another user's way in."""

    code = "identity_taken"
    message = "This account of the provider is linked by another user."


class AlreadyLinkedError(ApiError):
    """The user has another account of this provider linked."""

    code = "already_linked"
    message = "Another account of this provider is linked; unlink it first."


class LastWayInError(ApiError):
    """Without it the user could not log in any more."""

    code = "last_way_in"
    message = "This is your only way to log in; set a password first."


class ProviderFailedError(ApiError):
    """The provider answers what it should not."""

    code = "provider_failed"
    message = "The provider did not answer as it should; try again later."


class ProviderUnavailableError(ApiError):
    """The provider does not answer, or not in time."""

    code = "provider_unavailable"
    message = "The provider does not answer; try again later."


class NotAuthenticatedError(ApiError):
    """The request carries no access token."""

    code = "not_authenticated"
    message = "Log in first, and send the access token as 'Authorization: Bearer <token>'."


class TokenInvalidError(NotAuthenticatedError):
    """The access token is not one of ours, or was changed on its way."""

    code = "token_invalid"
    message = "The access token is not valid; log in again."


class TokenWrongAudienceError(TokenInvalidError):
    """The token is one of ours, for another purpose: a refresh token, for example."""

    code = "token_wrong_audience"
    message = "This is not an access token; send the 'access_token' of a log-in."


class TokenWrongIssuerError(TokenInvalidError):
    """The token is signed with our secret by another service."""

    code = "token_wrong_issuer"
    message = "The access token is of another service; log in here."


class TokenExpiredError(NotAuthenticatedError):
    """The access token was valid once."""

    code = "token_expired"
    message = "The access token has expired; log in again."


class AccountInactiveError(NotAuthenticatedError):
    """The access token is valid, but its user is blocked, deleted or gone."""

    code = "account_inactive"
    message = "This account is not active."
