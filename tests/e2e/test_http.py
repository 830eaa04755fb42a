"""The HTTP door: who comes in, what a policy refuses and why, and bad requests told from broken platforms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from headgate.cli.failures import ApiRefused
from headgate.domain import events
from headgate_local.issuer import LocalIssuer

from tests.e2e import shops
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Stack
from tests.e2e.story import Story
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.emulator
RUNS = f"/products/{shops.PRODUCT}/runs"
INFER = f"/v2/models/{shops.MODEL}/infer"


def tensor(name: str, datatype: str, *data: Any, shape: list[int] | None = None) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data), 1], "data": list(data)}


SIZE, WARMTH = tensor("double_size", "FP32", 20.0), tensor("warmth", "FP32", 10.0)
SHOP = tensor("shop", "BYTES", "north")
DENYING = f"{shops.PRODUCT}#OnlyEngineersPromote"
WHOLE = {"inputs": [SIZE, WARMTH, SHOP]}


# --- who comes in


@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer garbage", "Bearer a.b.c", "Basic YWxpY2U6YWxpY2U=", "Bearer ", "alice"],
    ids=["none", "garbage", "three_parts", "basic", "empty", "bare_name"],
)
@pytest.mark.parametrize(("method", "path"), [("GET", RUNS), ("POST", INFER), ("GET", "/v2")])
def test_a_caller_without_a_token_stays_outside(
    stack: Stack, method: str, path: str, authorization: str | None
) -> None:
    status, answer = stack.call(method, path, authorization, {} if method == "POST" else None)

    assert status == 401
    assert "Bearer" in answer["error"]


def test_an_expired_token_is_no_token(stack: Stack) -> None:
    yesterday = LocalIssuer(_key_folder(stack), now=lambda: datetime.now(UTC) - timedelta(days=1))

    status, answer = stack.call("GET", RUNS, f"Bearer {yesterday.issue_for('alice')}")

    assert (status, list(answer)) == (401, ["error"])


def test_a_token_for_another_audience_or_of_another_issuer_is_no_token(stack: Stack, tmp_path: Path) -> None:
    strangers = LocalIssuer(tmp_path)
    misled = LocalIssuer(_key_folder(stack), issuer="https://elsewhere.local")

    for token in (
        stack.issuer.issue_for("alice", audience="another"),
        strangers.issue_for("alice"),
        misled.issue_for("alice"),
    ):
        assert stack.call("GET", RUNS, f"Bearer {token}")[0] == 401


def test_a_changed_token_is_no_token(stack: Stack) -> None:
    header, payload, signature = stack.token("carol").split(".")
    stolen = stack.token("alice").split(".")[1]

    assert stack.call("GET", RUNS, f"Bearer {header}.{stolen}.{signature}")[0] == 401
    assert stack.call("GET", RUNS, f"Bearer {header}.{payload}.")[0] == 401


def test_health_needs_no_token(stack: Stack) -> None:
    assert stack.call("GET", "/v2/health/live") == (200, {"live": True})
    assert stack.call("GET", "/v2/health/ready") == (200, {"ready": True})


# --- what a policy refuses


def test_a_refused_promotion_names_the_statement_and_is_recorded(trained: Story, stack: Stack) -> None:
    with pytest.raises(ApiRefused) as refused:
        stack.api("bob").promote(shops.PRODUCT, "1", "champion", "mine is better")

    assert (refused.value.code, refused.value.kind) == (403, "AccessDenied")
    assert refused.value.statement == DENYING

    def recorded() -> list[dict[str, Any]]:
        listed = stack.api("alice").get(f"/products/{shops.PRODUCT}/decisions", limit=1000)["decisions"]
        return [
            d
            for d in listed
            if (d.get("principal"), d.get("action")) == ("user/bob", "headgate:PromoteModel")
        ]

    decided = eventually("the refusal among the decisions", recorded, 15)[0]
    assert (decided["decision"], decided["statement"]) == ("explicit_deny", DENYING)
    assert decided["resource"] == f"hrn:{shops.PRODUCT}:model/{shops.MODEL}/1"
    assert len(decided["entry_hash"]) == 64


def test_a_consumer_may_infer_and_not_look_around(trained: Story, stack: Stack) -> None:
    carol = stack.api("carol")

    assert len(carol.infer(shops.MODEL, WHOLE)["outputs"][0]["data"]) == 1
    for forbidden in (carol.runs, carol.models, carol.decisions, carol.quarantine, carol.costs):
        with pytest.raises(ApiRefused) as refused:
            forbidden(shops.PRODUCT)
        assert (refused.value.code, refused.value.kind) == (403, "AccessDenied")
    assert carol.products()["products"] == []


def test_an_engineer_may_promote_and_it_is_an_event(trained: Story, stack: Stack, tap: EventTap) -> None:
    moved = stack.api("alice").promote(shops.PRODUCT, "1", "challenger", "to compare")

    assert (moved["from_version"], moved["to_version"], moved["principal"]) == (None, 1, "user/alice")
    heard = tap.wait(events.ALIAS_MOVED, shops.PRODUCT, seconds=15, alias="challenger")
    assert heard[0].detail["principal"] == "user/alice"


# --- Open Inference Protocol


def test_server_and_model_metadata(trained: Story, stack: Stack) -> None:
    carol = stack.api("carol")

    assert carol.get("/v2")["name"] == "headgate"
    for version in (None, "1"):
        found = carol.model_metadata(shops.MODEL, version)
        assert (found["name"], found["versions"], found["platform"]) == (
            shops.MODEL,
            ["1"],
            "onnxruntime_onnx",
        )
        assert [i["name"] for i in found["inputs"]] == ["double_size", "warmth", "shop"]
        assert [o["name"] for o in found["outputs"]] == ["score"]
    assert carol.get(f"/v2/models/{shops.MODEL}/ready") == {
        "name": shops.MODEL,
        "version": "1",
        "ready": True,
    }
    assert carol.get(f"/v2/models/{shops.MODEL}/versions/1/ready")["ready"] is True


def test_a_version_can_be_asked_by_number(trained: Story, stack: Stack) -> None:
    answer = stack.api("carol").infer(shops.MODEL, {**WHOLE, "id": "mine"}, "1")

    assert answer["model_version"] == "1"
    assert answer["parameters"] == {"request_id": "mine"}


BAD_REQUESTS: dict[str, Any] = {
    "no_json": b"{",
    "no_object": [],
    "no_inputs": {},
    "empty_inputs": {"inputs": []},
    "unknown_field": {**WHOLE, "input": 1},
    "unknown_datatype": {"inputs": [tensor("double_size", "FP128", 1.0), WARMTH, SHOP]},
    "wrong_value": {"inputs": [tensor("double_size", "FP32", "large"), WARMTH, SHOP]},
    "wrong_datatype": {"inputs": [tensor("double_size", "BYTES", "large"), WARMTH, SHOP]},
    "shape_and_data_differ": {"inputs": [tensor("double_size", "FP32", 1.0, shape=[2, 1]), WARMTH, SHOP]},
    "ragged": {"inputs": [tensor("double_size", "FP32", 1.0, 2.0), WARMTH, SHOP]},
    "named_twice": {"inputs": [SIZE, SIZE, WARMTH, SHOP]},
    "missing_input": {"inputs": [SIZE, SHOP]},
    "unknown_input": {"inputs": [*WHOLE["inputs"], tensor("colour", "BYTES", "red")]},
    "unknown_output": {**WHOLE, "outputs": [{"name": "colour"}]},
    "too_many_rows": {"inputs": [tensor("double_size", "FP32", *[1.0] * 5001)]},
    "unknown_entity_column": {"parameters": {"input": "entity"}, "inputs": [SIZE]},
    "unknown_kind_of_input": {**WHOLE, "parameters": {"input": "guess"}},
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_inference_request_is_the_callers_fault(trained: Story, stack: Stack, name: str) -> None:
    status, answer = stack.call("POST", INFER, f"Bearer {stack.token('carol')}", BAD_REQUESTS[name])

    assert status == 400, answer
    assert list(answer) == ["error"]
    assert len(answer["error"]) > 10


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/nosuch", 404),
        ("/v2/models/nosuch/ready", 404),
        (f"/v2/models/{shops.MODEL}/versions/99", 404),
        (f"/v2/models/{shops.MODEL}/versions/newest", 400),
        (f"/v2/models/{shops.MODEL}/versions/-1", 400),
        ("/products/nosuch", 404),
        (f"/products/{shops.PRODUCT}/datasets/nosuch/versions", 404),
        (f"/products/{shops.PRODUCT}/runs/{'0' * 64}", 404),
        (f"/products/{shops.PRODUCT}/runs/short", 400),
        (f"/products/{shops.PRODUCT}/models/99", 404),
        (f"/products/{shops.PRODUCT}/predictions/nosuch/trace", 404),
        (f"/products/{shops.PRODUCT}/runs?limit=many", 400),
        ("/nowhere", 404),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(
    trained: Story, stack: Stack, path: str, status: int
) -> None:
    found, answer = stack.call("GET", path, f"Bearer {stack.token('alice')}")

    assert found == status, answer
    assert answer["error"]


def test_an_unknown_model_cannot_be_asked(trained: Story, stack: Stack) -> None:
    status, answer = stack.call("POST", "/v2/models/nosuch/infer", f"Bearer {stack.token('carol')}", WHOLE)

    assert (status, list(answer)) == (404, ["error"])


def test_nothing_of_this_failed_inside(trained: Story, stack: Stack) -> None:
    failed = {name: [line.message for line in stack.log(name) if line.failed] for name in ("infer", "api")}

    assert failed == {"infer": [], "api": []}


def _key_folder(stack: Stack) -> Path:
    return Path(stack.state.emulator["log"]).parent / "identity"
