"""What every function does the same way: partial batches, failures, metrics, headers."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from headgate import entrypoint
from headgate.domain.errors import HeadgateError, InvalidRequest, Throttled

from tests.unit.functions.conftest import CONTEXT, Load


@pytest.fixture
def told(load: Load, capsys: pytest.CaptureFixture[str]) -> Any:
    """What was logged and counted since; ``load`` sets up the environment."""

    def read() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        found = capsys.readouterr()
        return tuple(  # type: ignore[return-value]
            [json.loads(line) for line in text.splitlines() if line.startswith("{")]
            for text in (found.err, found.out)
        )

    return read


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m-{n}", "body": body} for n, body in enumerate(bodies)]}


def test_a_failed_message_is_given_back_alone_and_in_order(told: Any) -> None:
    seen = []

    def handle(message_id: str, body: str) -> None:
        seen.append(body)
        if body == "later":
            raise Throttled("slow down")
        if body == "never":
            raise InvalidRequest("no such thing")
        if body == "unforeseen":
            raise KeyError("x")

    response = entrypoint.each_message(batch("good", "later", "never", "unforeseen", "good"), handle)
    assert seen == ["good", "later", "never", "unforeseen", "good"]
    assert response == {"batchItemFailures": [{"itemIdentifier": f"m-{n}"} for n in (1, 2, 3)]}
    logs, _ = told()
    assert [(line["message_id"], line["error_type"], line["retry_helps"]) for line in logs] == [
        ("m-1", "Throttled", True),
        ("m-2", "InvalidRequest", False),
        ("m-3", "KeyError", True),
    ]
    # Only what nobody foresaw brings its stack
    assert ["exception" in line for line in logs] == [False, False, True]


def test_metrics_leave_also_after_a_failure(told: Any) -> None:
    @entrypoint.function
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        entrypoint.count("Tried")
        entrypoint.count("Rows", 5)
        if event:
            raise ValueError("on purpose")
        return {}

    assert handler({}, CONTEXT) == {}
    with pytest.raises(ValueError, match="on purpose"):
        handler({"fail": True}, CONTEXT)
    _, metrics = told()
    assert [(m["Tried"], m["Rows"], m["_aws"]["CloudWatchMetrics"][0]["Namespace"]) for m in metrics] == [
        ([1.0], [5.0], "Headgate"),
        ([1.0], [5.0], "Headgate"),
    ]


def test_every_line_names_its_request(told: Any) -> None:
    @entrypoint.function
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        entrypoint.logger().info("hello")
        return {}

    handler({}, SimpleNamespace(aws_request_id="r-1"))
    handler({}, None)
    logs, metrics = told()
    assert [line.get("request_id") for line in logs] == ["r-1", None]
    assert metrics == []


def _errors(base: type[HeadgateError]) -> list[type[HeadgateError]]:
    return [each for sub in base.__subclasses__() for each in (sub, *_errors(sub))]


def test_every_error_has_a_status_of_its_class() -> None:
    for error in _errors(HeadgateError):
        assert 400 <= error.status < 600, error
    assert entrypoint.status_of(InvalidRequest("x")) == 400
    assert entrypoint.status_of(Throttled("x")) == 429


def test_header_names_are_compared_in_lower_case() -> None:
    assert entrypoint.lowered({"Content-TYPE": "a", "x": "B"}) == {"content-type": "a", "x": "B"}
    assert entrypoint.lowered(None) == {}
