"""What every path may be answered, whatever its route does: at its door, by the database, by what stands around it."""

from collections.abc import Mapping
from typing import Final

from activerow.errors import (
    ActiveRowError,
    CommitUnknownError,
    DatabaseError,
    DeadlockError,
    PoolExhaustedError,
    SaveError,
    StatementTimeoutError,
    UnavailableError,
)
from notification.errors import (
    AccountInactiveError,
    ApiError,
    BodyChangedError,
    DigestMalformedError,
    NotAuthenticatedError,
    ParameterRepeatedError,
    RateLimitedError,
    SignatureExpiredError,
    SignatureInvalidError,
    SignatureMissingError,
    SignatureUsedError,
    TimestampMalformedError,
    TokenExpiredError,
    TokenInvalidError,
    TokenRevokedError,
    TokenWrongAudienceError,
    TokenWrongIssuerError,
)
from notification.http.access import Door

Refusals = tuple[type[ApiError | ActiveRowError], ...]

BY_DATABASE: Final[Refusals] = (
    DatabaseError,
    SaveError,
    CommitUnknownError,
    UnavailableError,
    PoolExhaustedError,
    DeadlockError,
    StatementTimeoutError,
)

# Users and keys are looked up in the database, so who asks at their doors may hear from it.
AT_DOOR: Final[Mapping[Door, Refusals]] = {
    Door.OPEN: (),
    Door.LOGIN: (RateLimitedError,),
    Door.USER: (
        NotAuthenticatedError,
        TokenInvalidError,
        TokenWrongAudienceError,
        TokenWrongIssuerError,
        TokenExpiredError,
        TokenRevokedError,
        AccountInactiveError,
        *BY_DATABASE,
    ),
    Door.SIGNED: (
        SignatureMissingError,
        ParameterRepeatedError,
        TimestampMalformedError,
        DigestMalformedError,
        SignatureInvalidError,
        SignatureExpiredError,
        SignatureUsedError,
        BodyChangedError,
        RateLimitedError,
        *BY_DATABASE,
    ),
}
