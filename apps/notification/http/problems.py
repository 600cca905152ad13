"""The one table of HTTP statuses: how everything that goes wrong is answered, and what the logs are told about it."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.requests import HTTPConnection

from activerow.errors import (
    ActiveRowError,
    CheckViolationError,
    CommitUnknownError,
    DatabaseError,
    ForeignKeyViolationError,
    InvalidCursorError,
    InvalidDataError,
    NotNullViolationError,
    PoolExhaustedError,
    RecordNotFoundError,
    SaveError,
    StaleRecordError,
    StatementTimeoutError,
    TransientError,
    UnavailableError,
    UniqueViolationError,
)
from activerow.fastapi import Problem
from notification.errors import (
    AccountInactiveError,
    AlreadyLinkedError,
    ApiError,
    BodyChangedError,
    BodyTooComplexError,
    BodyTooLargeError,
    ChannelNotOfferedError,
    DigestMalformedError,
    EmailTakenError,
    IdempotencyConflictError,
    IdentityNotFoundError,
    IdentityTakenError,
    LastWayInError,
    LoginFailedError,
    LoginTooOldError,
    MetricsRefusedError,
    NotAuthenticatedError,
    NotReadyError,
    OwnAccountError,
    ParameterRepeatedError,
    PasswordWrongError,
    ProviderFailedError,
    ProviderUnavailableError,
    RateLimitedError,
    RefreshTokenExpiredError,
    RefreshTokenInvalidError,
    RefreshTokenReusedError,
    SignatureExpiredError,
    SignatureInvalidError,
    SignatureMissingError,
    SignatureUsedError,
    SnsTypeNotOfferedError,
    SocialCodeInvalidError,
    SocialEmailMissingError,
    SocialEmailTakenError,
    SocialEmailUnverifiedError,
    SocialLoginDeniedError,
    SocialLoginNeededError,
    SocialStateInvalidError,
    TimestampMalformedError,
    TokenExpiredError,
    TokenInvalidError,
    TokenRevokedError,
    TokenWrongAudienceError,
    TokenWrongIssuerError,
    TooManyAddressesError,
    TooManyKeysError,
    UntrustedHostError,
    WebhookRefusedError,
)
from notification.ops.logs import describe, log_database_error
from notification.ops.request_context import current_request

# What a 401 asks for: a token, or a signed call.
_BEARER: Final = {"WWW-Authenticate": "Bearer"}
_RECENT: Final = {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication"'}  # RFC 9470
_SIGNED: Final = {"WWW-Authenticate": "HMAC-SHA256"}
_NOT_SAVED: Final = Problem(500, "5000001", "Saving failed", "It could not be saved.")
_NOT_DELETED: Final = Problem(500, "5000002", "Deleting failed", "It could not be deleted.")

_BY_FRAMEWORK: Final = {
    status.value: Problem(status.value, f"{status.value}0000", status.phrase, f"{status.phrase}.")
    for status in HTTPStatus
    if 400 <= status < 500
}

# Codes are never used again for something else. Errors of the service's own say their message themselves.
PROBLEMS: Final[Mapping[Any, Problem]] = MappingProxyType(
    {
        **_BY_FRAMEWORK,
        400: Problem(400, "4000000", "Bad Request", "The body could not be read."),
        SnsTypeNotOfferedError: Problem(400, "4000001", "Not offered yet"),
        UntrustedHostError: Problem(400, "4000002", "Unknown host"),
        SocialLoginNeededError: Problem(400, "4000010", "Log in at the provider"),
        SocialStateInvalidError: Problem(400, "4000011", "Log-in not begun here"),
        SocialLoginDeniedError: Problem(400, "4000012", "Log-in denied"),
        SocialCodeInvalidError: Problem(400, "4000013", "Code not valid"),
        SocialEmailMissingError: Problem(400, "4000014", "E-mail missing"),
        SocialEmailUnverifiedError: Problem(400, "4000015", "E-mail not verified"),
        SignatureMissingError: Problem(400, "4000020", "Not signed"),
        ParameterRepeatedError: Problem(400, "4000021", "Parameter repeated"),
        TimestampMalformedError: Problem(400, "4000022", "Timestamp not valid"),
        DigestMalformedError: Problem(400, "4000023", "Digest not valid"),
        ChannelNotOfferedError: Problem(400, "4000030", "Channel not offered"),
        NotAuthenticatedError: Problem(401, "4010001", "Not logged in", headers=_BEARER),
        LoginFailedError: Problem(401, "4010002", "Log-in failed", headers=_BEARER),
        TokenInvalidError: Problem(401, "4010003", "Token not valid", headers=_BEARER),
        TokenExpiredError: Problem(401, "4010004", "Token expired", headers=_BEARER),
        AccountInactiveError: Problem(401, "4010005", "Account not active", headers=_BEARER),
        TokenRevokedError: Problem(401, "4010006", "Session ended", headers=_BEARER),
        LoginTooOldError: Problem(401, "4010007", "Log-in too old", headers=_RECENT),
        TokenWrongAudienceError: Problem(401, "4010010", "Not an access token", headers=_BEARER),
        TokenWrongIssuerError: Problem(401, "4010011", "Token of another service", headers=_BEARER),
        RefreshTokenInvalidError: Problem(401, "4010012", "Refresh token not valid", headers=_BEARER),
        RefreshTokenExpiredError: Problem(401, "4010013", "Refresh token expired", headers=_BEARER),
        RefreshTokenReusedError: Problem(401, "4010014", "Refresh token used before", headers=_BEARER),
        PasswordWrongError: Problem(403, "4030010", "Wrong password"),
        SignatureInvalidError: Problem(401, "4010020", "Not accepted", headers=_SIGNED),
        SignatureExpiredError: Problem(401, "4010021", "Signature expired", headers=_SIGNED),
        SignatureUsedError: Problem(401, "4010022", "Signature used", headers=_SIGNED),
        BodyChangedError: Problem(401, "4010023", "Body changed", headers=_SIGNED),
        MetricsRefusedError: Problem(403, "4030041", "Metrics refused"),
        OwnAccountError: Problem(403, "4030040", "Own account"),
        RecordNotFoundError: Problem(404, "4040001", "Not found", "There is no such record."),
        IdentityNotFoundError: Problem(404, "4040010", "Not linked"),
        EmailTakenError: Problem(409, "4090001", "E-mail taken"),
        UniqueViolationError: Problem(409, "4090002", "Already taken", "Another record has this value."),
        (ForeignKeyViolationError, "delete"): Problem(
            409, "4090003", "Still in use", "Other records still refer to it."
        ),
        StaleRecordError: Problem(
            409, "4090004", "Changed meanwhile", "It was changed or deleted meanwhile; read it again."
        ),
        LastWayInError: Problem(409, "4090010", "Last way to log in"),
        IdentityTakenError: Problem(409, "4090011", "Linked by another user"),
        AlreadyLinkedError: Problem(409, "4090012", "Already linked"),
        SocialEmailTakenError: Problem(409, "4090013", "E-mail taken"),
        TooManyKeysError: Problem(409, "4090020", "Too many keys"),
        TooManyAddressesError: Problem(409, "4090021", "Too many networks"),
        BodyTooLargeError: Problem(413, "4130001", "Body too large"),
        BodyTooComplexError: Problem(413, "4130002", "Body too complex"),
        IdempotencyConflictError: Problem(409, "4090030", "Key used before"),
        RequestValidationError: Problem(
            422, "4220001", "Request not valid", "Some of what was sent is missing or not valid."
        ),
        NotNullViolationError: Problem(422, "4220002", "Value missing", "A required value is missing."),
        CheckViolationError: Problem(422, "4220003", "Value not allowed", "A value is not allowed."),
        InvalidDataError: Problem(
            422, "4220004", "Value not valid", "A value is too long, out of range or of the wrong type."
        ),
        ForeignKeyViolationError: Problem(
            422, "4220005", "Unknown reference", "It refers to a record that does not exist."
        ),
        InvalidCursorError: Problem(422, "4220006", "Page cursor not valid", "Start again without a cursor."),
        RateLimitedError: Problem(429, "4290001", "Too many requests"),
        WebhookRefusedError: Problem(422, "4220030", "Webhook not allowed"),
        Exception: Problem(
            500, "5000000", "Internal error", "Something went wrong on our side.", type="unexpected_error"
        ),
        SaveError: _NOT_SAVED,
        (SaveError, "delete"): _NOT_DELETED,
        DatabaseError: Problem(500, "5000003", "Database error", "Something went wrong on our side."),
        (DatabaseError, "delete"): _NOT_DELETED,
        (DatabaseError, "insert"): _NOT_SAVED,
        (DatabaseError, "update"): _NOT_SAVED,
        (DatabaseError, "flush"): _NOT_SAVED,
        (DatabaseError, "commit"): _NOT_SAVED,
        CommitUnknownError: Problem(
            500, "5000004", "Outcome unknown", "It may have been saved; look before you repeat it."
        ),
        ActiveRowError: Problem(500, "5000005", "Internal error", "Something went wrong on our side."),
        ProviderFailedError: Problem(502, "5020001", "Provider failed"),
        ProviderUnavailableError: Problem(503, "5030010", "Provider not available"),
        UnavailableError: Problem(503, "5030001", "Database not available", "The service is not available now."),
        PoolExhaustedError: Problem(503, "5030002", "Too busy", "The service is too busy; try again.", retry_after=1),
        TransientError: Problem(
            503, "5030003", "Try again", "The request collided with another; try again.", retry_after=1
        ),
        NotReadyError: Problem(503, "5030040", "Not ready"),
        StatementTimeoutError: Problem(504, "5040001", "Timed out", "The request took too long."),
    }
)


def on_problem(_: HTTPConnection, error: Exception, document: dict[str, Any]) -> None:
    """Tell the logs what is answered, and a client what it was this time."""
    status: int = document["status"]
    del document["instance"]
    refused = error.__cause__ if isinstance(error, ApiError) else error
    if isinstance(refused, DatabaseError):
        log_database_error(refused, status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        note(error)
    elif isinstance(error, ActiveRowError):
        document["detail"] = str(error)


def note(error: BaseException) -> None:
    """Tell the log line of this request which error made it a 5xx."""
    if request := current_request():
        request.error = describe(error)
