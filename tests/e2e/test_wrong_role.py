"""Enforcement is real: one S3 action taken out of one role, and the flow stops there, without loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from headgate.cli.drop import Dropped
from headgate.cli.failures import ApiRefused
from headgate_local import deploy
from headgate_local.platform_steps import (
    ARTIFACTS_BUCKET,
    Place,
    local_api_url,
    parameters,
    session,
)
from headgate_local.platform_users import ensure_user

from tests.e2e import intake
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.emulator
NAME = "wrong-role"
WHOLE_ROLE = "Action: [s3:GetObject, s3:PutObject, s3:AbortMultipartUpload]"
WRONG_ROLE = "Action: [s3:GetObject, s3:AbortMultipartUpload]"
KEY = f"{intake.PRODUCT}/orders/fine.csv"
BODY = intake.orders(intake.order("w1"))


@pytest.fixture(scope="module")
def project(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to deploy from: everything as in the repository, and room for a template of its own."""
    folder = tmp_path_factory.mktemp("wrong-role")
    for name in ("functions", "layers", "infra"):
        (folder / name).symlink_to(place.root / name)
    return folder


@pytest.fixture(scope="module")
def wrong(stack: Stack, place: Place, project: Path) -> Stack:
    """A second stack beside the first, from the same template without PutObject in ingest's role."""
    whole = place.template.read_text(encoding="utf-8")
    before, role, after = whole.partition("  IngestRole:\n")
    assert role, "the template has no IngestRole"
    changed = before + role + after.replace(WHOLE_ROLE, WRONG_ROLE, 1)
    differences = [
        pair for pair in zip(whole.splitlines(), changed.splitlines(), strict=True) if pair[0] != pair[1]
    ]
    assert [(old.strip(), new.strip()) for old, new in differences] == [(WHOLE_ROLE, WRONG_ROLE)]
    deployed = _deploy(stack, place, project, changed)
    # Five attempts half an hour apart are for production; the template itself stays as it is.
    deployed.administrator("sqs").set_queue_attributes(
        QueueUrl=deployed.outputs["IngestQueueUrl"], Attributes={"VisibilityTimeout": "1"}
    )
    deployed.api("alice").apply_product(intake.PRODUCT, intake.bundle())
    return deployed


@pytest.fixture(scope="module")
def given_up(wrong: Stack) -> Dropped:
    """A file without a fault, dropped on the stack with the wrong role, after the last attempt."""
    drop = wrong.drop(KEY, BODY)
    eventually("a dead letter", lambda: wrong.given_up().get("Ingest"), 60)
    return drop


def test_the_functions_log_says_which_access_was_denied(given_up: Dropped, wrong: Stack) -> None:
    failed = [line.message for line in wrong.log("ingest") if line.failed]

    assert failed
    assert all("AccessDenied" in message for message in failed), failed[0]
    assert all("s3:PutObject" in message for message in failed), failed[0]
    assert all(wrong.outputs["LakeBucketName"] in message for message in failed), failed[0]


def test_nothing_is_half_done(given_up: Dropped, wrong: Stack) -> None:
    alice = wrong.api("alice")

    assert alice.dataset_versions(intake.PRODUCT, "orders")["versions"] == []
    assert alice.quarantine(intake.PRODUCT)["quarantine"] == []
    assert wrong.given_up() == {"Ingest": 1}
    stored = wrong.administrator("s3").list_objects_v2(
        Bucket=wrong.outputs["LakeBucketName"], Prefix=f"{intake.PRODUCT}/datasets/"
    )
    assert stored["KeyCount"] == 0


def test_with_the_action_back_the_same_message_makes_the_version(
    given_up: Dropped, wrong: Stack, place: Place, project: Path
) -> None:
    whole = _deploy(wrong, place, project, place.template.read_text(encoding="utf-8"))
    sqs = whole.administrator("sqs")
    (letter,) = sqs.receive_message(QueueUrl=whole.outputs["IngestDlqUrl"])["Messages"]

    sqs.send_message(QueueUrl=whole.outputs["IngestQueueUrl"], MessageBody=letter["Body"])

    def version() -> list[str]:
        found = whole.api("alice").dataset_versions(intake.PRODUCT, "orders")["versions"]
        return [source["version_id"] for each in found for source in each["sources"]]

    assert eventually("the version of the redriven drop", version, 20) == [given_up.version_id]


def test_the_two_stacks_do_not_see_each_other(given_up: Dropped, wrong: Stack, stack: Stack) -> None:
    with pytest.raises(ApiRefused) as refused:
        wrong.api("alice").product("shops")

    assert refused.value.code == 404
    assert stack.given_up() == {}


def _deploy(stack: Stack, place: Place, project: Path, template: str) -> Stack:
    """Deploys a template as the second stack, with users of its own."""
    (project / "template.yaml").write_text(template, encoding="utf-8")
    emulator = stack.emulator
    administrator = session(emulator.root_credentials, emulator.region)
    outputs = deploy.deploy(
        administrator,
        template=project / "template.yaml",
        stack=NAME,
        parameters=parameters(place),
        artifacts_bucket=ARTIFACTS_BUCKET,
        endpoint_url=emulator.endpoint,
    )
    iam = administrator.client("iam", endpoint_url=emulator.endpoint)
    state = replace(
        stack.state,
        stack=NAME,
        api_url=local_api_url(emulator.endpoint, outputs["ApiId"], outputs["ApiUrl"]),
        outputs=outputs,
        dropper=ensure_user(iam, f"{NAME}-dropper", outputs["DropPolicyArn"], None),
        operator=ensure_user(iam, f"{NAME}-operator", outputs["OperatorPolicyArn"], None),
    )
    return Stack(state, emulator, stack.issuer)
