"""The launcher: readiness, isolation, root, and a clean end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from headgate_local.emulator import alive
from headgate_local.launch import PACKAGE_ROOT, SUPPORTED_MINISTACK, Emulator, EmulatorError, start

from tests.integration.local.conftest import EMULATOR_PYTHON, FUNCTION_PYTHON, Clients, ClientsOf
from tests.integration.local.stack import eventually

pytestmark = pytest.mark.emulator


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_state_file_is_for_its_owner_alone_and_tells_the_version(emulator: Emulator) -> None:
    path = emulator.log_file.with_name("state.json")

    assert path.stat().st_mode & 0o777 == 0o600
    assert emulator.state.ministack_version == SUPPORTED_MINISTACK
    assert emulator.endpoint.startswith("http://127.0.0.1:")


def test_emulator_listens_on_the_loopback_interface_alone(emulator: Emulator) -> None:
    port = int(emulator.endpoint.rsplit(":", 1)[-1])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]

    addresses = {
        fields[1] for fields in listening if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == port
    }

    assert addresses == {f"0100007F:{port:04X}"}


@pytest.mark.parametrize("key", ["test", "123456789012", "AKIAIOSFODNN7EXAMPLE"])
def test_well_known_keys_are_not_root(emulator: Emulator, clients_of: ClientsOf, key: str) -> None:
    strangers = clients_of(key, "test")

    with pytest.raises(ClientError) as s3:
        strangers("s3").list_buckets()
    with pytest.raises(ClientError) as sts:
        strangers("sts").get_caller_identity()

    assert code(s3) == "InvalidAccessKeyId"
    assert code(sts) == "InvalidClientTokenId"


def test_root_key_with_another_secret_is_refused(emulator: Emulator, clients_of: ClientsOf) -> None:
    impostor = clients_of(emulator.root_credentials.access_key_id, "guess")

    with pytest.raises(ClientError) as error:
        impostor("s3").list_buckets()

    assert code(error) == "SignatureDoesNotMatch"


def test_generated_key_is_root(emulator: Emulator, account: Clients) -> None:
    assert account("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"


def test_object_is_not_served_without_credentials(
    emulator: Emulator, account: Clients, shop: dict[str, str]
) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{emulator.endpoint}/code/app.zip")
    error.value.close()
    presigned = account("s3").generate_presigned_url(
        "get_object", Params={"Bucket": "code", "Key": "app.zip"}
    )

    assert error.value.code == 403
    with urllib.request.urlopen(presigned) as answer:
        assert answer.status == 200


def test_user_has_what_the_policy_gives_and_no_more(
    account: Clients, clients_of: ClientsOf, shop: dict[str, str]
) -> None:
    iam = account("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::code/app.zip"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=document)
    s3 = clients_of(key["AccessKeyId"], key["SecretAccessKey"])("s3")

    assert s3.get_object(Bucket="code", Key="app.zip")["ContentLength"] > 0
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="code", Key="layer.zip")
    assert code(error) == "AccessDenied"


def test_a_policy_may_name_the_database_that_is_read(account: Clients, clients_of: ClientsOf) -> None:
    iam, prefix = account("iam"), "arn:aws:glue:us-east-1:000000000000"
    iam.create_user(UserName="cataloguer")
    key = iam.create_access_key(UserName="cataloguer")["AccessKey"]
    statement = {
        "Effect": "Allow",
        "Action": "glue:GetDatabase",
        "Resource": [f"{prefix}:catalog", f"{prefix}:database/open"],
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="cataloguer", PolicyName="p", PolicyDocument=document)
    for name in ("open", "closed"):
        account("glue").create_database(DatabaseInput={"Name": name})
    glue = clients_of(key["AccessKeyId"], key["SecretAccessKey"])("glue")

    assert glue.get_database(Name="open")["Database"]["Name"] == "open"
    with pytest.raises(ClientError) as error:
        glue.get_database(Name="closed")
    assert code(error) == "AccessDeniedException"


def test_two_emulators_share_nothing_and_leave_nothing(emulator: Emulator, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    other_environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(PACKAGE_ROOT)}
    state = tmp_path / "state.json"
    command = [
        str(EMULATOR_PYTHON),
        "-m",
        "headgate_local.emulator",
        "--function-python",
        str(FUNCTION_PYTHON),
    ]
    process = subprocess.Popen([*command, "--state-file", str(state)], env=other_environment, cwd=tmp_path)
    try:
        eventually(state.exists)
        found = json.loads(state.read_text())
        assert found["root_access_key_id"] != emulator.root_credentials.access_key_id
        assert found["endpoint"] != emulator.endpoint
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
    assert list(scratch.iterdir()) == []
    assert not state.exists()


PARENT = """
import sys, time
from headgate_local.launch import start
emulator = start({emulator!r}, {function!r}, log_file={log!r}, state_file={state!r})
print(emulator.state.pid, flush=True)
time.sleep(60)
"""


def test_emulator_ends_with_the_program_that_started_it(emulator: Emulator, tmp_path: Path) -> None:
    script = PARENT.replace("{log!r}", "Path({log!r})").replace("{state!r}", "Path({state!r})")
    script = "from pathlib import Path\n" + script.format(
        emulator=str(EMULATOR_PYTHON),
        function=str(FUNCTION_PYTHON),
        log=str(tmp_path / "log"),
        state=str(tmp_path / "state"),
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.kill()

    eventually(lambda: not alive(pid), 5)


def test_wrong_version_is_refused_naming_both(emulator: Emulator, tmp_path: Path) -> None:
    pretended = tmp_path / "ministack-9.9.9.dist-info"
    pretended.mkdir()
    (pretended / "METADATA").write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 9.9.9\n")
    command = [
        str(EMULATOR_PYTHON),
        "-m",
        "headgate_local.emulator",
        "--function-python",
        "p",
        "--state-file",
        "s",
    ]

    answer = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{PACKAGE_ROOT}"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert answer.returncode == 1
    assert "9.9.9" in answer.stderr
    assert SUPPORTED_MINISTACK in answer.stderr


def test_taken_port_is_an_error_that_names_the_cause(emulator: Emulator, tmp_path: Path) -> None:
    port = int(emulator.endpoint.rsplit(":", 1)[-1])

    with pytest.raises(EmulatorError, match="Address already in use"):
        start(EMULATOR_PYTHON, FUNCTION_PYTHON, port=port, state_file=tmp_path / "s", log_file=tmp_path / "l")


def test_stop_takes_no_longer_than_a_moment_while_functions_and_jobs_run(tmp_path: Path) -> None:
    with start(
        EMULATOR_PYTHON,
        FUNCTION_PYTHON,
        state_file=tmp_path / "state",
        log_file=tmp_path / "log",
        batch_images={"*": FUNCTION_PYTHON.parent.parent},
    ) as emulator:
        batch = Clients(emulator, emulator.root_credentials)("batch")
        batch.create_compute_environment(
            computeEnvironmentName="c",
            type="MANAGED",
            computeResources={"type": "EC2", "maxvCpus": 2, "subnets": ["s"]},
        )
        order = [{"order": 1, "computeEnvironment": "c"}]
        batch.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=order)
        pid_file = tmp_path / "pid"
        command = ["sh", "-c", f"trap '' TERM; echo $$ > {pid_file}; while :; do sleep 0.1; done"]
        needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
        batch.register_job_definition(
            jobDefinitionName="d",
            type="container",
            containerProperties={"image": "i", "command": command, "resourceRequirements": needs},
        )
        batch.submit_job(jobName="j", jobQueue="q", jobDefinition="d")
        eventually(lambda: pid_file.exists() and pid_file.read_text().strip())
        began = time.monotonic()

    assert time.monotonic() - began < 6
    assert not alive(int(pid_file.read_text()))
