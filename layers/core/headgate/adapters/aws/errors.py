"""Translates botocore's errors to the domain's, by code: the only place that does.

A code says what happened; message text is for people and never decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, which is not the builtin
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)

from headgate.domain.errors import (
    ConfigurationError,
    Conflict,
    HeadgateError,
    InvalidRequest,
    NotFound,
    Permanent,
    PermissionMissing,
    Retryable,
    StateUnknown,
    Throttled,
)

_CODES: dict[type[HeadgateError], tuple[str, ...]] = {
    # MethodNotAllowed answers a GET of a version that is a delete marker.
    NotFound: ("404", "NoSuchKey", "NoSuchVersion", "NotFound", "MethodNotAllowed"),
    Conflict: (
        "412",
        "PreconditionFailed",
        "ConditionalCheckFailed",
        "ConditionalCheckFailedException",
        "ConditionalRequestConflict",
        "OperationAborted",
    ),
    Throttled: (
        "429",
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    ),
    PermissionMissing: (
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "NotAuthorized",
        "UnauthorizedOperation",
    ),
    ConfigurationError: (
        "AWS.SimpleQueueService.NonExistentQueue",
        "DisabledException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "KMSInvalidStateException",
        "NoSuchBucket",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ),
    InvalidRequest: ("EntityTooLarge", "KeyTooLongError", "ValidationError", "ValidationException"),
}
BY_CODE = {code: kind for kind, codes in _CODES.items() for code in codes}

_CANCELLED = "TransactionCanceledException"
_LOST = (HTTPClientError, ConnectionError, IncompleteReadError, FlexibleChecksumError)


@contextmanager
def translated(operation: str, *, write: bool) -> Iterator[None]:
    """Around one call to AWS: what botocore raises comes out as the domain's error, its cause kept.

    ``operation`` starts the message: what was done to what. A ``write`` whose answer is lost is StateUnknown.
    """
    try:
        yield
    except ClientError as error:
        raise from_response(error.response, operation, write=write) from error
    except _LOST as error:
        lost = StateUnknown if write else Retryable
        raise lost(f"{operation}: the connection failed ({type(error).__name__})") from error


def from_response(response: Any, operation: str, *, write: bool) -> HeadgateError:
    """The error for an AWS error response (``{"Error": {"Code", "Message"}, "ResponseMetadata", …}``)."""
    problem = response.get("Error", {})
    code = str(problem.get("Code", ""))
    message = f"{operation}: {problem.get('Message') or code or 'failed without a reason'}"
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    if code == _CANCELLED:
        return _cancellation(response)(message)
    kind = BY_CODE.get(code)
    if kind is None and status >= 500:
        kind = StateUnknown if write else Retryable
    # Who has to mend a deployment looks for the service's own code.
    said = message if kind not in (None, PermissionMissing) else f"{message} ({code})"
    return (kind or Permanent)(said)


def failed_conditions(error: BaseException) -> tuple[int, ...]:
    """Positions in a cancelled transaction whose own condition failed; empty for any other error."""
    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return ()
    reasons: Any = cause.response.get("CancellationReasons", ())
    return tuple(i for i, reason in enumerate(reasons) if BY_CODE.get(reason.get("Code", "")) is Conflict)


def _cancellation(response: Any) -> type[HeadgateError]:
    """A failed condition outweighs contention: once it does not hold, trying the same again is of no use."""
    kinds = {BY_CODE.get(str(r.get("Code"))) for r in response.get("CancellationReasons", ())}
    for kind in (Conflict, Throttled, InvalidRequest):
        if kind in kinds:
            return kind
    return Retryable
