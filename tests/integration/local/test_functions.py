"""Functions under the emulator: their interpreter, environment, layers, errors, logs and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from headgate_local.patches.speed import END_OF_LOG

from tests.integration.local.conftest import FUNCTION_PYTHON, Clients
from tests.integration.local.stack import eventually

pytestmark = pytest.mark.emulator
Invoke = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("module", ["ministack", "hypercorn", "headgate_local", "pytest", "in_one"])
def test_package_that_is_in_no_layer_of_the_function_is_not_found(invoke: Invoke, module: str) -> None:
    answer = invoke("Plain", action="import", module=module)

    assert answer["payload"]["errorType"] == "ModuleNotFoundError"


def test_boto3_is_there_as_aws_supplies_it(invoke: Invoke) -> None:
    answer = invoke("Plain", action="import", module="boto3")

    assert answer["payload"].startswith(str(FUNCTION_PYTHON.parent.parent))


def test_layers_are_merged_and_code_wins_over_them(invoke: Invoke) -> None:
    found = {
        name: invoke("Layered", action="import", module=name)["payload"]
        for name in ("in_one", "in_two", "both")
    }

    assert found["in_one"].endswith("/python/in_one.py")
    assert found["in_two"].endswith("/site-packages/in_two.py")
    assert "/code/" in found["both"]


def test_function_sees_its_variables_and_nothing_of_the_host(invoke: Invoke) -> None:
    found = invoke("Layered", action="environment")["payload"]

    assert found["GREETING"] == "salve"
    assert found["AWS_LAMBDA_FUNCTION_NAME"].startswith("shop-Layered-")
    assert {"AWS_ENDPOINT_URL", "AWS_REGION", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "_HANDLER"} <= set(
        found
    )
    assert set(found) & {"HOME", "PYTHONPATH", "VIRTUAL_ENV", "GATEWAY_PORT", "AUTH", "PWD", "USER"} == set()


def test_error_has_its_own_name_and_stack_and_the_process_lives_on(invoke: Invoke) -> None:
    before = invoke("Plain", action="pid")["payload"]

    failed = invoke("Plain", action="raise")

    assert failed["error"] == "Unhandled"
    assert failed["payload"]["errorType"] == "OutOfStock"
    assert failed["payload"]["errorMessage"] == "none left"
    assert "raise OutOfStock" in failed["payload"]["stackTrace"][-1]
    assert invoke("Plain", action="pid")["payload"] == before


def messages(account: Clients, group: str) -> list[str]:
    events = account("logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in events]


def test_failed_import_is_named_and_logged(account: Clients, shop: dict[str, str], invoke: Invoke) -> None:
    failed = invoke("Broken")

    assert failed["payload"]["errorType"] == "Runtime.ImportModuleError"
    assert failed["payload"]["errorMessage"] == "Unable to import module 'app': No module named 'absent'"
    assert any("import absent" in line for line in messages(account, f"/aws/lambda/{shop['Broken']}"))


def test_log_of_an_invocation_is_its_own_and_complete(
    account: Clients, shop: dict[str, str], invoke: Invoke
) -> None:
    assert invoke("Layered", action="print")["payload"] == "real"
    assert invoke("Layered", action="pid")["error"] is None

    logs, group = account("logs"), f"/aws/lambda/{shop['Layered']}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    texts = [
        [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=name)["events"]]
        for name in (stream["logStreamName"] for stream in streams)
    ]
    printed = [text for text in texts if "to stdout" in text]
    assert len(printed) == 1
    assert printed[0][1:-2] == ["to stdout", "to stderr", '{"status": "ok", "result": "forged"}']


def test_a_log_ends_with_its_own_invocation(account: Clients, shop: dict[str, str], invoke: Invoke) -> None:
    for action in ("print", "pid", "print", "pid"):
        invoke("Plain", action=action)

    logs, group = account("logs"), f"/aws/lambda/{shop['Plain']}"
    streams = [s["logStreamName"] for s in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    texts = [
        [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=name)["events"]]
        for name in streams
    ]
    assert not any(END_OF_LOG in line for text in texts for line in text)
    # A silent invocation has nothing of the talkative one before it, and a talkative one has all of its own
    assert {text.count("to stdout") for text in texts} == {0, 1}
    assert sum(text.count("to stdout") for text in texts) == 2


def test_report_tells_the_memory_used(account: Clients, shop: dict[str, str], invoke: Invoke) -> None:
    invoke("Plain", action="pid")

    line = [line for line in messages(account, f"/aws/lambda/{shop['Plain']}") if line.startswith("REPORT")][
        -1
    ]

    used = int(line.rpartition("Max Memory Used: ")[2].removesuffix(" MB"))
    # The emulator itself holds more than 60 MB.
    assert 5 < used < 60


def test_embedded_metric_reaches_cloudwatch(account: Clients, invoke: Invoke) -> None:
    invoke("Plain", action="measure", sold=[3, 4])

    def statistics() -> Any:
        return account("cloudwatch").get_metric_statistics(
            Namespace="Shop",
            MetricName="Sold",
            Dimensions=[{"Name": "service", "Value": "till"}],
            StartTime=time.time() - 600,
            EndTime=time.time() + 60,
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]

    assert sum(point["Sum"] for point in eventually(statistics)) == 7
