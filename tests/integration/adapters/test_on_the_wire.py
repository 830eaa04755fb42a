"""What only a server can show: real denials, lost connections, volume, and a job that gets its run spec."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from headgate.adapters.aws.dynamo import Table
from headgate.adapters.aws.host import SystemClock
from headgate.adapters.aws.online import DynamoOnlineStore
from headgate.adapters.aws.run_catalog import DynamoRunCatalog
from headgate.adapters.aws.s3 import PART_BYTES, S3ObjectStore
from headgate.adapters.aws.s3_access import s3_access
from headgate.adapters.aws.session import AwsClients
from headgate.domain.errors import ConfigurationError, PermissionMissing, Retryable, StateUnknown

from tests.unit.adapters import records
from tests.unit.adapters.backends import AwsBackend, make_bucket, make_table

Found = TypeVar("Found")


def eventually(look: Callable[[], Found | None], seconds: float = 30) -> Found:
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"nothing seen within {seconds} s"
        time.sleep(0.1)
    return found


def user_who_may_only_read(clients: AwsClients, bucket: str, table: str) -> AwsClients:
    """Clients of a user with GetObject on ``bucket`` and GetItem on ``table``."""
    iam, name = clients.client("iam"), f"reader-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    region = clients.client("dynamodb").meta.region_name
    rights = [
        ("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
        ("dynamodb:GetItem", f"arn:aws:dynamodb:{region}:*:table/{table}"),
    ]
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in rights]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return AwsClients(boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=region))


def test_a_refusal_keeps_the_services_own_words(backend: AwsBackend, clients: AwsClients) -> None:
    # Given a user who may read and not write
    table = make_table(clients, f"runs-{uuid4().hex[:8]}")
    backend.store.put("key", b"body")
    DynamoRunCatalog(Table(clients, table, SystemClock())).add_run(records.run("r1"))
    theirs = user_who_may_only_read(clients, backend.store.bucket, table)
    store = S3ObjectStore(theirs, backend.store.bucket)
    runs = DynamoRunCatalog(Table(theirs, table, SystemClock()))

    # When they read, they succeed; when they write, they are refused
    assert store.get("key") == b"body"
    assert runs.run("shop", "r1").digest == "r1"
    with pytest.raises(PermissionMissing, match=r"s3://.*not authorized to perform: s3:PutObject"):
        store.put("key", b"changed")
    with pytest.raises(PermissionMissing, match=r"dynamodb:PutItem"):
        runs.add_run(records.run("r2"))


def test_a_table_or_bucket_that_is_not_there_is_a_matter_of_configuration(clients: AwsClients) -> None:
    with pytest.raises(ConfigurationError, match="no-such-table"):
        Table(clients, "no-such-table", SystemClock()).get(pk="a", sk="b")
    with pytest.raises(ConfigurationError, match="no-such-bucket"):
        S3ObjectStore(clients, "no-such-bucket").get("key")


def test_a_write_without_an_answer_leaves_the_state_unknown() -> None:
    # Given an address where nothing listens
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        session = boto3.Session("key", "secret", region_name="us-east-1")
        lost = AwsClients(session, Config(retries={"total_max_attempts": 1}, connect_timeout=1))
        store, table = S3ObjectStore(lost, "lake"), Table(lost, "catalog", SystemClock())

        # When writing, the outcome is unknown; when reading, another try may do
        with pytest.raises(StateUnknown):
            store.put("key", b"body")
        with pytest.raises(StateUnknown):
            DynamoRunCatalog(table).add_run(records.run("r1"))
        for read in (lambda: store.get("key"), lambda: table.get(pk="a", sk="b")):
            with pytest.raises(Retryable) as failed:
                read()
            assert not isinstance(failed.value, StateUnknown)


def test_five_thousand_rows_are_online(backend: AwsBackend) -> None:
    rows = [records.online_row(f"N{n:05d}", values={f"f{i}": n / 3 for i in range(12)}) for n in range(5000)]
    online: DynamoOnlineStore = backend.online

    written = online.write(rows)
    again = online.write(rows[:100])

    assert (written, again) == (5000, 100)
    found = online.read("shop", [("spend", row.key) for row in rows[::50]])
    assert sorted(found.values(), key=lambda row: row.key) == rows[::50]


def test_a_file_of_several_parts_goes_up_and_down_whole(backend: AwsBackend, tmp_path: Path) -> None:
    body = b"0123456789abcdef" * (5 * PART_BYTES // 16) + b"tail"
    (tmp_path / "up").write_bytes(body)

    backend.store.upload(tmp_path / "up", "shop/big file.parquet")
    backend.store.download("shop/big file.parquet", tmp_path / "down")

    assert (tmp_path / "down").read_bytes() == body


def test_the_sql_engines_access_is_that_of_the_session(clients: AwsClients) -> None:
    bucket = make_bucket(clients, f"lake-{uuid4().hex[:8]}")
    S3ObjectStore(clients, bucket).put("key", b"body")

    access = s3_access(clients)()

    session = boto3.Session(
        access.access_key_id, access.secret_access_key, access.session_token, access.region
    )
    other = session.client("s3", endpoint_url=access.endpoint, config=Config(s3={"addressing_style": "path"}))
    assert other.get_object(Bucket=bucket, Key="key")["Body"].read() == b"body"


def test_a_job_is_given_its_run_spec_and_ends_with_its_exit_code(
    backend: AwsBackend, clients: AwsClients
) -> None:
    uri = "s3://models/shop/runs/r 1/spec.json"
    job_id = backend.batch.submit(
        name="shop/churn r1", compute_class="cpu", parameters={"run_spec": uri}, timeout_seconds=120
    )

    def ended() -> object:
        job = backend.batch.describe(job_id)
        return job if job.state in ("SUCCEEDED", "FAILED") else None

    eventually(ended)
    job = backend.batch.describe(job_id)
    assert (job.state, job.exit_code, job.name) == ("SUCCEEDED", 0, "shop-churn-r1")
    assert job.started_at and job.stopped_at and job.started_at <= job.stopped_at
    assert job.log_stream
    logged = clients.client("logs").get_log_events(
        logGroupName="/aws/batch/job", logStreamName=job.log_stream
    )
    assert [event["message"].strip() for event in logged["events"]] == [uri]
