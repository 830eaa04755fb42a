"""botocore's errors become the domain's, by code."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as boto
from headgate.adapters.aws.errors import failed_conditions, from_response, translated
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


def response(code: str, status: int = 400, message: str = "the service's words", **more: Any) -> Any:
    problem = {"Code": code, "Message": message}
    return {"Error": problem, "ResponseMetadata": {"HTTPStatusCode": status}, **more}


def cancelled(*codes: str) -> Any:
    reasons = [{"Code": code} for code in codes]
    return response("TransactionCanceledException", CancellationReasons=reasons)


def raised(error: Exception, write: bool) -> HeadgateError:
    with pytest.raises(HeadgateError) as caught, translated("writing the table", write=write):
        raise error
    return caught.value


CODES = [
    ("NoSuchKey", 404, NotFound),
    ("NoSuchVersion", 404, NotFound),
    ("404", 404, NotFound),
    ("MethodNotAllowed", 405, NotFound),
    ("ConditionalCheckFailedException", 400, Conflict),
    ("PreconditionFailed", 412, Conflict),
    ("ConditionalRequestConflict", 409, Conflict),
    ("ThrottlingException", 400, Throttled),
    ("Throttling", 400, Throttled),
    ("TooManyRequestsException", 429, Throttled),
    ("SlowDown", 503, Throttled),
    ("ProvisionedThroughputExceededException", 400, Throttled),
    ("RequestLimitExceeded", 400, Throttled),
    ("TransactionConflictException", 400, Throttled),
    ("AccessDenied", 403, PermissionMissing),
    ("AccessDeniedException", 400, PermissionMissing),
    ("403", 403, PermissionMissing),
    ("NoSuchBucket", 404, ConfigurationError),
    ("ResourceNotFoundException", 400, ConfigurationError),
    ("AWS.SimpleQueueService.NonExistentQueue", 400, ConfigurationError),
    ("ExpiredToken", 400, ConfigurationError),
    ("ValidationException", 400, InvalidRequest),
    ("SomethingNew", 400, Permanent),
]


@pytest.mark.parametrize(("code", "status", "kind"), CODES, ids=[code for code, _, _ in CODES])
@pytest.mark.parametrize("write", [True, False])
def test_a_code_names_one_error_with_the_services_words(
    code: str, status: int, kind: type[HeadgateError], write: bool
) -> None:
    error = raised(boto.ClientError(response(code, status), "PutItem"), write)

    assert type(error) is kind
    assert str(error).startswith("writing the table: the service's words")
    assert isinstance(error.__cause__, boto.ClientError)


def test_text_never_decides() -> None:
    misleading = response("SomethingNew", message="NoSuchKey: ThrottlingException, AccessDenied")

    assert type(from_response(misleading, "reading", write=False)) is Permanent


def test_a_failure_without_words_still_says_something() -> None:
    assert str(from_response({}, "reading", write=False)) == "reading: failed without a reason ()"
    assert (
        str(from_response({"Error": {"Code": "NoSuchKey"}}, "reading", write=False)) == "reading: NoSuchKey"
    )


@pytest.mark.parametrize("code", ["InternalError", "ServiceUnavailable", "InternalServerError"])
def test_a_failing_service_leaves_a_writes_state_unknown(code: str) -> None:
    assert type(raised(boto.ClientError(response(code, 500), "PutItem"), True)) is StateUnknown
    assert type(raised(boto.ClientError(response(code, 503), "GetItem"), False)) is Retryable


CANCELLATIONS = [
    (("None", "ConditionalCheckFailed"), Conflict),
    (("TransactionConflict", "ConditionalCheckFailed"), Conflict),
    (("TransactionConflict", "None"), Throttled),
    (("ThrottlingError",), Throttled),
    (("ProvisionedThroughputExceeded",), Throttled),
    (("ValidationError", "None"), InvalidRequest),
    (("None",), Retryable),
    ((), Retryable),
]


@pytest.mark.parametrize(("reasons", "kind"), CANCELLATIONS)
def test_a_cancelled_transaction_is_what_its_reasons_say(
    reasons: tuple[str, ...], kind: type[HeadgateError]
) -> None:
    assert type(raised(boto.ClientError(cancelled(*reasons), "TransactWriteItems"), True)) is kind


def test_the_writes_whose_conditions_failed_are_known_by_position() -> None:
    reasons = cancelled("ConditionalCheckFailed", "None", "TransactionConflict", "ConditionalCheckFailed")

    assert failed_conditions(raised(boto.ClientError(reasons, "TransactWriteItems"), True)) == (0, 3)
    assert failed_conditions(raised(boto.ClientError(response("SlowDown"), "PutItem"), True)) == ()
    assert failed_conditions(Conflict("from elsewhere")) == ()


LOST = [
    boto.ReadTimeoutError(endpoint_url="http://x"),
    boto.ConnectTimeoutError(endpoint_url="http://x"),
    boto.EndpointConnectionError(endpoint_url="http://x"),
    boto.ConnectionClosedError(endpoint_url="http://x"),
    boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    boto.ResponseStreamingError(error="reset"),
    boto.SSLError(endpoint_url="https://x", error=OSError("eof")),
]


@pytest.mark.parametrize("error", LOST, ids=[type(error).__name__ for error in LOST])
def test_a_lost_answer_leaves_a_writes_state_unknown_and_lets_a_read_be_retried(error: Exception) -> None:
    assert type(raised(error, write=True)) is StateUnknown
    assert type(raised(error, write=False)) is Retryable
    assert type(error).__name__ in str(raised(error, write=False))


def test_errors_of_other_kinds_pass() -> None:
    with pytest.raises(KeyError), translated("reading", write=False):
        raise KeyError("a bug")
