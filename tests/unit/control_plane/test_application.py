"""What surrounds the routes: size limits, unknown errors, retries, logs, and the source of the OpenAPI."""

import inspect
import json
import logging

import pytest
from headgate.domain.errors import StateUnknown, Throttled

from tests.unit.control_plane.http import Door, event
from tests.unit.control_plane.world import World


@pytest.fixture
def door(lived: World) -> Door:
    return Door(lived)


def test_a_body_of_more_than_a_mebibyte_is_refused(door: Door) -> None:
    status, body = door.call(event("apply-product", body=json.dumps({"padding": "x" * 1024 * 1024})))

    assert (status, body["type"]) == (413, "PayloadTooLarge")


def test_a_body_that_is_nested_too_deep_is_refused(door: Door) -> None:
    status, body = door.call(event("apply-product", body="[" * 100_000 + "]" * 100_000))

    assert status == 400
    assert "deep" in body["error"]


@pytest.mark.parametrize("text", ['{"to_stage": NaN}', '{"to_stage": 1e999}', '{"to_stage": "\\ud800"}'])
def test_json_that_not_every_reader_takes_is_refused(text: str, door: Door) -> None:
    status, _ = door.call(event("unknown-stage", body=text))

    assert status == 400


def test_a_body_that_is_not_base64_is_refused(door: Door) -> None:
    status, body = door.call(event("body-in-base64", body="é"))

    assert (status, body["type"]) == (400, "InvalidRequest")


def test_an_unknown_error_tells_the_request_id_and_nothing_else(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    # Given an adapter that fails in a way nobody thought of
    door.world.faults.fail_at("catalog.runs", error=RuntimeError("secret detail"))

    # When the route is called
    status, body = door.call(event("list-runs"))

    # Then the caller learns the request id, and the log has the rest
    assert status == 500
    request_id = event("list-runs")["requestContext"]["requestId"]
    assert body == {"error": "internal error", "type": "InternalError", "request_id": request_id}
    assert "secret detail" in caplog.text
    assert "RequestsFailed" in door.counted


@pytest.mark.parametrize(
    ("error", "status"), [(Throttled("slow down"), 429), (StateUnknown("answer lost"), 503)]
)
def test_an_error_that_passes_says_when_to_come_again(error: Exception, status: int, door: Door) -> None:
    door.world.faults.fail_at("catalog.runs", error=error)

    response = door.raw(event("list-runs"))

    assert response["statusCode"] == status
    assert response["headers"]["Retry-After"] == "1"


def test_nothing_is_done_when_the_decision_cannot_be_published(door: Door) -> None:
    # Given a bus that does not answer
    door.world.faults.clear()
    door.world.faults.fail_at("bus.publish", error=StateUnknown("answer lost"))

    # When an engineer promotes
    status, _ = door.call(event("promote-model"))

    # Then the alias has not moved
    assert status == 503
    assert door.world.catalog.alias("late_arrival", "champion") == 1


def test_no_answer_is_kept_by_a_cache(door: Door) -> None:
    assert door.raw(event("list-runs"))["headers"]["Cache-Control"] == "no-store"


def test_a_log_line_names_route_principal_and_status(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    door.call(event("promote-model"))

    line = caplog.records[-1]
    assert line.route == "POST /products/{product}/models/{version}/promote"  # type: ignore[attr-defined]
    assert line.principal == "user/alice"  # type: ignore[attr-defined]
    assert line.status == 200  # type: ignore[attr-defined]
    assert "better in October" not in caplog.text


def test_refusals_by_policy_are_counted(door: Door) -> None:
    door.call(event("scientist-promotes"))

    assert door.counted == ["AccessRefused"]


def test_every_route_documents_its_answer(door: Door) -> None:
    for methods in door.app.routes.values():
        for entry in methods.values():
            summary, blank, *rest = (inspect.getdoc(entry.view_function) or "").split("\n")
            assert summary and not blank, entry.view_name
            assert any(
                line.startswith(("200:", "202:")) or " 200:" in line or " 202:" in line for line in rest
            )


def test_operation_names_are_unique(door: Door) -> None:
    names = [endpoint.name for endpoint in door.endpoints]

    assert len(names) == len(set(names))
