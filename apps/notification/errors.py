"""What the service refuses to do. No HTTP here: `http/problems.py` has the table that gives each its status.

```
ApiError
├── SnsTypeNotOfferedError
├── EmailTakenError
├── LoginFailedError
├── ChannelNotOfferedError
├── WebhookRefusedError
├── IdempotencyConflictError
├── NotReadyError
├── MetricsRefusedError
├── OwnAccountError
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
├── NotAuthenticatedError     no token
│   ├── TokenInvalidError     not one of ours, or changed on its way
│   │   ├── TokenWrongAudienceError
│   │   └── TokenWrongIssuerError
│   ├── TokenExpiredError
│   ├── TokenRevokedError     its sessions were ended
│   ├── LoginTooOldError      good for other things, but not for this one
│   └── AccountInactiveError  the token's user is blocked, deleted or gone
├── TooManyKeysError
├── TooManyAddressesError
├── RateLimitedError
├── BodyTooLargeError
├── BodyTooComplexError
├── UntrustedHostError
└── SignedCallError
    ├── SignatureMissingError     no key, timestamp or signature
    ├── ParameterRepeatedError    two values for one of them
    ├── TimestampMalformedError
    ├── DigestMalformedError
    ├── SignatureInvalidError     and whatever else a caller must not be told
    ├── SignatureExpiredError
    ├── SignatureUsedError
    └── BodyChangedError          not the body that was signed
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
        self.retry_after: int | None = None  # seconds after which asking again makes sense

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


class TokenRevokedError(NotAuthenticatedError):
    """All sessions of the token's user were ended after it was given out."""

    code = "token_revoked"
    message = "The session has ended; log in again."


class LoginTooOldError(NotAuthenticatedError):
    """What is asked for takes a log-in of a few minutes ago, so that a stolen token is not enough."""

    code = "login_too_old"
    message = "This takes a recent log-in; log in again, with your password or at your provider."


class AccountInactiveError(NotAuthenticatedError):
    """The access token is valid, but its user is blocked, deleted or gone."""

    code = "account_inactive"
    message = "This account is not active."


class TooManyKeysError(ApiError):
    """The user has as many keys as one may have."""

    code = "too_many_keys"
    message = "You have three keys already; delete one first."


class TooManyAddressesError(ApiError):
    """The key has as many networks as it may have."""

    code = "too_many_addresses"
    message = "The key has ten networks already; delete one first."


class RateLimitedError(ApiError):
    """The caller asks more often than it may."""

    code = "rate_limited"
    message = "Too many requests; try again later."

    def __init__(self, detail: str | None = None, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class BodyTooLargeError(ApiError):
    """The body is longer than bodies may be."""

    code = "body_too_large"
    message = "The request's body is too large."


class BodyTooComplexError(ApiError):
    """The body's JSON has more values, or is nested deeper, than any request needs."""

    code = "body_too_complex"
    message = "The request's JSON has too many values or is nested too deeply."


class UntrustedHostError(ApiError):
    """The request is for a host name that is none of ours."""

    code = "untrusted_host"
    message = "This service does not answer for this host name."


class SignedCallError(ApiError):
    """A call that should be signed with an API key, and is not as it should be."""


class SignatureMissingError(SignedCallError):
    """The call is not signed."""

    code = "signature_missing"
    message = "Sign the call: 'key' and 'timestamp' in the query string, the signature in the header 'secret'."


class ParameterRepeatedError(SignedCallError):
    """What signs the call is there twice: readers may disagree on which one counts."""

    code = "parameter_repeated"
    message = "'key', 'timestamp', 'digest' and the header 'secret' may be sent once."


class TimestampMalformedError(SignedCallError):
    """The timestamp is no time."""

    code = "timestamp_malformed"
    message = "'timestamp' is the time in seconds since 1970, as digits."


class DigestMalformedError(SignedCallError):
    """The digest of the body is none."""

    code = "digest_malformed"
    message = "'digest' is the SHA-256 of the body, as 64 hexadecimal digits."


class SignatureInvalidError(SignedCallError):
    """Key, signature, state of the key or its owner, or the caller's address: the caller cannot tell which."""

    code = "signature_invalid"
    message = "The call was refused: key, signature or address are not accepted."


class SignatureExpiredError(SignedCallError):
    """The timestamp is too far from now."""

    code = "signature_expired"
    message = "The call was signed too long ago, or the caller's clock is wrong; sign it anew."


class SignatureUsedError(SignedCallError):
    """A call with this signature was accepted before."""

    code = "signature_used"
    message = "This signature was used already; sign each call anew, with a 'nonce' where calls follow closely."


class BodyChangedError(SignedCallError):
    """The body is not the one whose digest was signed."""

    code = "body_changed"
    message = "The body is not the one that was signed."


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
