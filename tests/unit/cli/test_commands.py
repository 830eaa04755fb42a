"""The command line against a fake platform: what it asks, what it answers, and how it fails."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from headgate.cli.app import take_flag
from headgate.cli.client import reach_loopback_directly
from headgate.cli.logs import LogLine, failures, level_of

from tests.unit.cli import product_folders
from tests.unit.cli.fake_platform import Workplace

VERSION = {
    "ordinal": 3,
    "digest": "ab" * 32,
    "operation": "append",
    "rows": 1200,
    "files": 2,
    "bytes": 4096,
    "added_rows": 200,
    "created_at": "2024-01-01T00:00:00Z",
    "sources": [],
}
MODELS = {
    "model": "shop_late",
    "aliases": {"champion": 2, "challenger": None},
    "models": [
        {"version": 2, "metrics": {"auc": 0.73}, "run": "cd" * 32, "gates": []},
        {"version": 1, "metrics": {"auc": 0.70}, "run": "ef" * 32, "gates": []},
    ],
}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up()


def test_lists_versions_as_a_table(place: Workplace) -> None:
    place.api.on("GET", "/products/shop/datasets/orders/versions", {"versions": [VERSION]})
    code, text = place.run("data", "log", "orders")
    assert code == 0
    assert "1,200" in text and "abababababab" in text and "ab" * 7 not in text


def test_json_is_the_whole_of_standard_output(place: Workplace) -> None:
    place.api.on("GET", "/products/shop/datasets/orders/versions", {"versions": [VERSION]})
    for line in (["--json", "data", "log", "orders"], ["data", "log", "orders", "--json"]):
        code, text = place.run(*line)
        assert (code, json.loads(text)) == (0, {"versions": [VERSION]})


def test_sends_the_bearer_token_of_the_chosen_person(place: Workplace) -> None:
    place.api.on("GET", "/products", {"products": []})
    place.home.save_token("bob", "token-of-bob")
    place.run("product", "list")
    place.run("--as", "bob", "product", "list")
    place.environ["HEADGATE_TOKEN"] = "from-outside"
    place.run("product", "list")
    assert [asked.token for asked in place.api.asked] == ["token-of-alice", "token-of-bob", "from-outside"]


def test_environment_overrides_the_saved_address(place: Workplace) -> None:
    place.environ["HEADGATE_API_URL"] = "http://elsewhere.example/api/"
    seen: list[str] = []
    answer = place.api
    place.api = lambda m, url, h, b: (seen.append(url), answer(m, url, h, b))[1]  # type: ignore[assignment,func-returns-value]
    place.run("product", "list")
    assert seen == ["http://elsewhere.example/api/products"]


def test_refusal_names_the_statement_and_exits_1(place: Workplace) -> None:
    refusal = {
        "error": "statement flights.Walls denies it",
        "type": "AccessDenied",
        "statement": "flights.Walls",
    }
    place.api.on("POST", "/products/shop/models/2/promote", refusal, 403)
    code, text = place.run("models", "promote", "v2")
    assert (code, text) == (1, "")
    assert "denies it" in place.notes and "flights.Walls" in place.notes
    code, document = place.json("models", "promote", "2")
    assert code == 1
    assert document == {
        "error": "statement flights.Walls denies it",
        "type": "AccessDenied",
        "status": 403,
        "statement": "flights.Walls",
    }


def test_promotion_sends_alias_and_reason(place: Workplace) -> None:
    place.api.on("POST", "/products/shop/models/2/promote", {"to_version": 2})
    assert place.run("models", "promote", "2", "--alias", "challenger", "--reason", "looks good")[0] == 0
    assert place.api.asked[-1].body == {"alias": "challenger", "reason": "looks good"}


def test_models_show_where_the_aliases_are(place: Workplace) -> None:
    place.api.on("GET", "/products/shop/models", MODELS)
    text = place.run("models", "list")[1]
    assert [line.split()[:2] for line in text.splitlines()[1:]] == [["2", "champion"], ["1", "-"]]


def test_wrong_usage_exits_2_and_says_what_is_wrong(place: Workplace) -> None:
    assert place.run("data", "lug")[0] == 2
    assert "No such command 'lug'" in place.notes
    code, document = place.json("data", "log")
    assert (code, document["type"]) == (2, "Usage")
    assert place.run()[0] == 2


def test_help_exits_0(place: Workplace) -> None:
    assert place.run("models", "--help")[0] == 0


def test_without_a_platform_says_what_to_do(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    code, _ = place.run("status")
    assert code == 1 and "headgate up" in place.notes and "HEADGATE_API_URL" in place.notes


def test_unreachable_platform_is_an_error_of_one_line(place: Workplace) -> None:
    place.api.down = True
    code, _ = place.run("product", "list")
    assert code == 1 and "nobody answers at" in place.notes and "Traceback" not in place.notes


def test_answer_that_is_no_json_is_an_error_with_its_text(place: Workplace) -> None:
    place.api.on("GET", "/products", b"<html>gateway</html>", 502)
    assert place.run("product", "list")[0] == 1
    assert "<html>gateway</html>" in place.notes and "headgate logs api" in place.notes


def test_expired_token_says_login(place: Workplace) -> None:
    place.api.on("GET", "/products", {"message": "Unauthorized"}, 401)
    assert place.run("product", "list")[0] == 1
    assert "headgate login" in place.notes


def test_apply_compiles_sends_and_remembers_the_product(tmp_path: Path) -> None:
    place = Workplace(tmp_path).set_up(product=None)
    folder = product_folders.write_product(
        tmp_path / "infra" / "products" / "shop",
        contract=product_folders.contract(),
        descriptor=product_folders.descriptor(),
        training=product_folders.training(),
    )
    place.api.on("PUT", "/products/shop", {"name": "shop", "created": True, "changed": True})
    assert place.run("product", "apply", str(folder))[0] == 0
    assert place.api.asked[-1].body["datasets"]["orders"]["format"] == "csv"
    state = place.home.load()
    assert state is not None and state.product == "shop"


def test_apply_of_a_broken_folder_lists_the_problems_and_sends_nothing(tmp_path: Path) -> None:
    place = Workplace(tmp_path).set_up()
    (tmp_path / "broken").mkdir()
    assert place.run("product", "apply", str(tmp_path / "broken"))[0] == 1
    assert "a product has exactly one" in place.notes and "policy.json: is missing" in place.notes
    assert place.api.asked == []


def test_drop_puts_the_bytes_under_product_and_dataset(place: Workplace) -> None:
    file = place.folder / "2013-01 a+b.csv"
    file.write_bytes(b"a,b\n1,2\n")
    code, document = place.json("drop", "orders", str(file))
    assert code == 0
    assert place.aws.objects == {("landing", "shop/orders/2013-01 a+b.csv"): b"a,b\n1,2\n"}
    assert document["drops"][0]["sha256"] == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert place.aws.identities[0] is not None and place.aws.identities[0].access_key_id == "dropper-key"


def test_drop_and_wait_tells_what_became_of_each(place: Workplace) -> None:
    good, bad = place.folder / "good.csv", place.folder / "bad.csv"
    good.write_bytes(b"good")
    bad.write_bytes(b"bad")
    source = {"sha256": hashlib.sha256(b"good").hexdigest()}
    place.api.on(
        "GET", "/products/shop/datasets/orders/versions", {"versions": [{**VERSION, "sources": [source]}]}
    )
    refused = {"key": "shop/orders/bad.csv", "version_id": "v2", "rule": "not_null", "reason": "2 rows"}
    place.api.on("GET", "/products/shop/quarantine", {"quarantine": [refused]})
    code, document = place.json("drop", "--wait", "shop/orders", str(good), str(bad))
    assert code == 1
    assert [(d["outcome"], d.get("ordinal"), d.get("rule")) for d in document["drops"]] == [
        ("committed", 3, None),
        ("quarantined", None, "not_null"),
    ]


def test_drop_that_is_never_taken_in_ends_at_the_deadline(place: Workplace) -> None:
    file = place.folder / "late.csv"
    file.write_bytes(b"x")
    place.api.on("GET", "/products/shop/datasets/orders/versions", {"versions": []})
    place.api.on("GET", "/products/shop/quarantine", {"quarantine": []})
    assert place.run("drop", "orders", str(file), "--wait", "--timeout", "0")[0] == 1
    assert "headgate logs ingest" in place.notes


def test_predict_sends_one_tensor_a_column(place: Workplace) -> None:
    place.api.on("GET", "/products/shop", {"bundle": {"training": {"model": "shop_late"}}})
    reply = {
        "model_name": "shop_late",
        "model_version": "2",
        "id": "p-1",
        "outputs": [{"name": "score", "shape": [2, 1], "datatype": "FP32", "data": [0.25, 0.75]}],
    }
    place.api.on("POST", "/v2/models/shop_late/infer", reply)
    rows = ['{"order_id": "a", "items": 3, "weight": 1}', '{"order_id": "b", "items": null, "weight": 1.5}']
    code, text = place.run("predict", *rows)
    assert code == 0 and "0.75" in text and "headgate trace p-1" in text
    assert place.api.asked[-1].body == {
        "parameters": {"input": "entity"},
        "inputs": [
            {"name": "order_id", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]},
            {"name": "items", "shape": [2], "datatype": "INT64", "data": [3, None]},
            {"name": "weight", "shape": [2], "datatype": "FP64", "data": [1, 1.5]},
        ],
    }


def test_predict_tells_of_what_the_features_are(place: Workplace) -> None:
    place.api.on("GET", "/products/shop", {"bundle": {"training": {"model": "shop_late"}}})
    parameters = {
        "alias": "champion",
        "features.load": "a" * 64 + "," + "b" * 64,
        "features.load.missing": "1: it is stale",
        "features.weather": "",
        "features.redeclared": True,
    }
    output = {"name": "score", "shape": [1, 1], "datatype": "FP32", "data": [0.25]}
    reply = {"model_name": "m", "model_version": "2", "id": "p-1", "outputs": [output]}
    place.api.on("POST", "/v2/models/shop_late/infer", {**reply, "parameters": parameters})
    code, text = place.run("predict", '{"order_id": "a"}')
    assert code == 0
    assert f"load of {'a' * 12}, {'b' * 12}; rows without values: 1: it is stale" in text
    assert "weather of no row" in text
    assert "the product declares them otherwise by now" in text


def test_predict_refuses_what_is_no_row(place: Workplace) -> None:
    assert place.run("predict", "{order: 1}")[0] == 1
    assert "a row is no JSON" in place.notes


def test_trace_shows_the_tree_and_its_sources(place: Workplace) -> None:
    leaf = {
        "node": "object/landing/a.csv?versionId=v1",
        "facts": {"sha256": "ab" * 32},
        "upstream": [],
        "repeated": False,
    }
    tree = {"node": "prediction/p-1", "facts": {}, "upstream": [leaf], "repeated": False}
    source = {"key": "a.csv", "version_id": "v1", "sha256": "ab" * 32, "bytes": 8}
    document = {"prediction": {}, "tree": tree, "sources": [source], "truncated": False}
    place.api.on("GET", "/products/shop/predictions/p-1/trace", document)
    text = place.run("trace", "p-1")[1]
    assert "prediction/p-1" in text and "versionId=v1" in text and "abababababab" in text


def test_gate_that_does_not_pass_exits_1_with_its_criteria(place: Workplace) -> None:
    criteria = [{"name": "skill", "passed": False, "found": "none", "needed": "above 0"}]
    place.api.on(
        "POST", "/products/shop/gates/poc/check", {"stage": "poc", "passed": False, "criteria": criteria}
    )
    code, text = place.run("gate", "check", "poc")
    assert code == 1 and "above 0" in text
    assert place.json("gate", "check", "poc")[1]["criteria"] == criteria


def test_stage_is_sent_as_the_service_reads_it(place: Workplace) -> None:
    place.api.on("POST", "/products/shop/stage", {"changed": True})
    assert place.run("stage", "set", "prototype")[0] == 0
    assert place.api.asked[-1].body == {"to_stage": "prototype"}


def test_explain_asks_the_product_of_the_resource(place: Workplace) -> None:
    answer = {
        "decision": "implicit_deny",
        "reason": "no statement allows it",
        "statements": [],
        "missing_grant": {"Effect": "Allow"},
    }
    place.api.on("GET", "/products/bakery/access/explain", answer)
    code, text = place.run("access", "explain", "headgate:Infer", "hrn:bakery:model/bread")
    assert code == 0 and "implicit_deny" in text and "least statement" in text
    assert place.api.asked[-1].query == "action=headgate%3AInfer&resource=hrn%3Abakery%3Amodel%2Fbread"


@pytest.mark.parametrize(
    ("line", "path", "document", "shown"),
    [
        (["product", "list"], "/products", {"products": [{"name": "shop", "stage": "poc"}]}, "poc"),
        (
            ["data", "quarantine"],
            "/products/shop/quarantine",
            {"quarantine": [{"rule": "not_null"}]},
            "not_null",
        ),
        (
            ["features", "list"],
            "/products/shop/features",
            {"features": [{"feature_set": "basket"}]},
            "basket",
        ),
        (["runs", "list"], "/products/shop/runs", {"runs": [{"state": "RUNNING"}]}, "RUNNING"),
        (
            ["gate", "show"],
            "/products/shop/gates",
            {"gates": [{"stage": "poc", "passed": True}]},
            "poc passed",
        ),
        (
            ["access", "decisions"],
            "/products/shop/decisions",
            {"decisions": [{"decision": "allow"}]},
            "allow",
        ),
        (["costs"], "/products/shop/costs", {"month": "2024-01", "usd": 0.5, "costs": []}, "$0.500000"),
        (
            ["monitoring"],
            "/products/shop/monitoring",
            {
                "reports": [
                    {"kind": "performance", "auc": 0.7, "baselines": {"constant": 0.5}, "rows": 9},
                    {"kind": "drift", "psi": {"temp": 0.3}},
                ]
            },
            "constant 0.500",
        ),
        (["status"], "/v2/health/live", {"live": True}, "Ingest"),
    ],
)
def test_command_asks_its_route_and_shows_the_answer(
    place: Workplace, line: list[str], path: str, document: Any, shown: str
) -> None:
    place.api.on("GET", path, document)
    code, text = place.run(*line)
    assert (code, place.api.asked[-1].path) == (0, path)
    assert shown in text
    assert place.run(*line, "--json")[0] == 0


def test_logs_shows_structured_lines_as_sentences_and_hides_the_runtime(place: Workplace) -> None:
    lines = [
        "START RequestId: 1 Version: $LATEST",
        json.dumps({"level": "INFO", "message": "committed", "dataset": "orders", "timestamp": "x"}),
        json.dumps({"level": "ERROR", "message": "refused", "rule": "not_null"}),
    ]
    events = [{"timestamp": 1000 * (i + 1), "message": m, "logStreamName": "s"} for i, m in enumerate(lines)]
    place.aws.log_events["/aws/lambda/headgate-ingest"] = events
    text = place.run("logs", "ingest")[1]
    assert "committed dataset=orders" in text and "refused rule=not_null" in text and "START" not in text
    assert [x["level"] for x in place.json("logs", "ingest", "--errors")[1]["lines"]] == ["ERROR"]
    assert place.aws.identities[-1] is not None and place.aws.identities[-1].access_key_id == "operator-key"


def test_logs_of_an_unknown_function_lists_those_there_are(place: Workplace) -> None:
    assert place.run("logs", "ingets")[0] == 1
    assert "build-features" in place.notes
    assert place.run("logs", "ingest", "--since", "soon")[0] == 2


def test_login_with_a_token_keeps_it_for_its_owner_alone(place: Workplace) -> None:
    assert place.run("login", "--as", "carol", "--token", "token-of-carol")[0] == 0
    file = place.home.folder / "tokens" / "carol.token"
    assert file.read_text().strip() == "token-of-carol"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.home.state_file.stat().st_mode) == 0o600
    state = place.home.load()
    assert state is not None and state.principal == "carol"


def test_person_without_a_token_is_told_to_log_in(place: Workplace) -> None:
    assert place.run("--as", "bob", "product", "list")[0] == 1
    assert "headgate login --as bob" in place.notes


def test_doctor_finds_given_up_messages_and_says_where_to_look(place: Workplace) -> None:
    place.api.on("GET", "/v2/health/live", {"live": True}).on("GET", "/products", {"products": []})
    place.aws.depths["FeatureDlq"] = 2
    code, document = place.json("doctor")
    findings = {f["check"]: f for f in document["findings"]}
    assert code == 1
    assert findings["api"]["well"] and findings["token"]["well"] and findings["queue Ingest"]["well"]
    assert findings["queue Feature"]["found"] == "0 waiting, 2 given up"
    assert findings["queue Feature"]["to_do"] == "headgate logs build-features --errors"


def test_json_flag_is_left_alone_after_the_double_dash() -> None:
    assert take_flag(["predict", "--json", "--", "--json"]) == (["predict", "--", "--json"], True)
    assert take_flag(["predict", "--", "--json"]) == (["predict", "--", "--json"], False)


def test_product_shown_with_its_datasets(place: Workplace) -> None:
    contract = {
        "name": "orders",
        "version": "1.2.0",
        "format": "csv",
        "operation": "append",
        "columns": [1, 2],
    }
    place.api.on(
        "GET",
        "/products/shop",
        {"name": "shop", "stage": "poc", "bundle": {"datasets": {"orders": contract}}},
    )
    text = place.run("product", "show")[1]
    assert "1.2.0" in text and "csv" in text


def test_traceback_stays_together_with_the_error_that_began_it() -> None:
    def line(message: str, stream: str = "a") -> LogLine:
        return LogLine(0.0, stream, message, level_of(message))

    lines = [
        line("Traceback (most recent call last):"),
        line('  File "app.py", line 3'),
        line("elsewhere", stream="b"),
        line("KeyError: 'x'"),
        line('{"level": "INFO", "message": "fine"}'),
        line('{"level": "ERROR", "event": "failed", "run": "' + "ab" * 32 + '"}'),
    ]
    assert failures(lines) == [
        "Traceback (most recent call last):\n  File \"app.py\", line 3\nKeyError: 'x'",
        "failed run=abababababab",
    ]


def test_broken_state_file_says_what_to_do(place: Workplace) -> None:
    place.home.state_file.write_text("{")
    assert place.run("status")[0] == 1
    assert "delete it" in place.notes


def test_loopback_is_reached_without_a_proxy() -> None:
    environ = {"HTTP_PROXY": "http://proxy.example:3128", "NO_PROXY": "intranet.example"}
    reach_loopback_directly(environ)
    assert environ["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"
    assert environ["no_proxy"] == "127.0.0.1,localhost"
