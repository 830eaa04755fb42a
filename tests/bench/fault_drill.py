"""The fault drill: ingest workers are killed (SIGKILL) at random while drops come in; then everything is
examined. `make drill` runs the full form, tests/e2e a short one.

Real S3, SQS, DynamoDB and EventBridge requests to an emulator; the notification, the queue's redelivery and
its dead letters are those of production, with a visibility timeout of seconds instead of half an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headgate.adapters.aws.dynamo import Table
from headgate.adapters.aws.host import SystemClock
from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
from headgate.domain.dataset import Drop
from headgate.domain.events import DATASET_VERSION_COMMITTED
from headgate_local.launch import log_tail

from tests.bench import csv_file
from tests.bench.drill_verdict import Examination, Expected
from tests.bench.measuring import ROOT, say
from tests.bench.on_emulator import CATALOG, LAKE, LANDING, OnEmulator

ROWS_A_DROP = 40
VISIBILITY_SECONDS = 6
MOST_RECEIVES = 10
"""The template's queue has 5, where a worker does not die every other second."""
IDLE = ("ready", "done", "request ReceiveMessage")
MOST_WAIT_SECONDS = 1.0
BATCH_SECONDS = 0.04
"""About what a batch takes: a kill lands anywhere in it."""


@dataclass(frozen=True)
class Drill:
    """``gap_seconds`` is the mean time between kills; drops come evenly over all of them."""

    drops: int = 500
    kills: int = 50
    workers: int = 2
    gap_seconds: float = 1.8
    deadline_seconds: float = 150.0
    seed: int = 0

    def moments(self) -> list[tuple[float, str]]:
        """When to drop and when to kill, in order: the same for the same seed."""
        chance = random.Random(self.seed)
        kills, now = [], 1.0
        for _ in range(self.kills):
            now += chance.uniform(0.2, 2 * self.gap_seconds - 0.2)
            kills.append((now, "kill"))
        drops = [(now * number / self.drops, "drop") for number in range(self.drops)]
        return sorted([*drops, *kills])


@dataclass
class DrillReport:
    """What happened. ``interrupted`` counts kills by what the worker had noted last."""

    drill: Drill
    seconds: float = 0.0
    kills: int = 0
    interrupted: dict[str, int] = field(default_factory=dict)
    delivered: int = 0
    """Messages that workers were given, repeats among them."""
    versions: int = 0
    rows: int = 0
    leftovers: int = 0
    """Objects in the lake that no version names: what killed workers left to the garbage collector."""
    problems: list[str] = field(default_factory=list)

    def to_document(self) -> dict[str, Any]:
        return {**asdict(self), "ok": not self.problems}


def last_line(journal: Path) -> str:
    """What a worker noted last; empty before it did."""
    return (journal.read_text(encoding="utf-8").splitlines() or [""])[-1]


def is_busy(line: str) -> bool:
    """Whether a worker that noted this last is in the middle of a batch."""
    return line != "" and not line.startswith(IDLE)


@dataclass
class Workers:
    """Worker processes; the one that is killed is replaced at once."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    running: dict[Path, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        journal = self.folder / f"journal-{len(list(self.folder.glob('journal-*')))}"
        journal.touch()
        with (self.folder / "workers.log").open("ab") as log:
            self.running[journal] = subprocess.Popen(
                [*self.command, str(journal)],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self, journal: Path) -> str:
        """Kills one, and returns what it had noted last."""
        process = self.running.pop(journal)
        process.kill()
        process.wait()
        noted = last_line(journal) or "start"
        return noted.partition(" ")[0] if noted.startswith(("batch", "done")) else noted

    def victims(self) -> list[Path]:
        """Those in the middle of a batch, else those that wait for one: killing a Python that starts proves
        little.
        """
        noted = {journal: last_line(journal) for journal in sorted(self.running)}
        busy = [journal for journal, line in noted.items() if is_busy(line)]
        return busy or [journal for journal, line in noted.items() if line] or list(noted)

    def busy(self) -> bool:
        return any(is_busy(last_line(journal)) for journal in self.running)

    def dead(self) -> list[Path]:
        """Those that ended although nobody killed them."""
        return [journal for journal, process in self.running.items() if process.poll() is not None]

    def end(self) -> None:
        for journal in list(self.running):
            self.kill(journal)

    def delivered(self) -> int:
        lines = (line for j in self.folder.glob("journal-*") for line in j.read_text("utf-8").splitlines())
        return sum(int(line.split()[1]) for line in lines if line.startswith("batch "))


def run(drill: Drill, tell: Callable[[str], None] = say) -> DrillReport:
    """The whole drill. Raises EmulatorError; whatever else goes wrong is in the report."""
    tell(f"{drill.drops} drops, {drill.kills} kills, {drill.workers} workers, seed {drill.seed}")
    report = DrillReport(drill)
    with tempfile.TemporaryDirectory(prefix="headgate-drill-") as home, OnEmulator.started() as emulator:
        emulator.apply(csv_file.bundle())
        queue, letters = _ingest_queue(emulator)
        files = _files(Path(home), drill.drops)
        with _workers(emulator, queue, Path(home)) as workers:
            started = time.monotonic()
            drops = _storm(drill, emulator, workers, files, report, tell)
            _drain(drill, emulator, queue, workers, started, report)
            report.seconds = round(time.monotonic() - started, 1)
            if workers.dead():
                report.problems.append(f"a worker ended:\n{log_tail(workers.folder / 'workers.log')}")
        report.delivered = workers.delivered()
        _examine(emulator, drops, letters, Path(home), report)
    tell(f"{report.versions} versions, {report.delivered} deliveries, {len(report.problems)} problems")
    return report


def _storm(
    drill: Drill,
    emulator: OnEmulator,
    workers: Workers,
    files: list[Path],
    report: DrillReport,
    tell: Callable[[str], None],
) -> list[Drop]:
    """Drops and kills, each at its moment."""
    chance = random.Random(drill.seed + 1)
    drops: list[Drop] = []
    for _ in range(drill.workers):
        workers.start()
    started = time.monotonic()
    for moment, act in drill.moments():
        time.sleep(max(0.0, started + moment - time.monotonic()))
        if act == "drop":
            file = files[len(drops)]
            drops.append(
                emulator.drop(f"{csv_file.PRODUCT}/{csv_file.DATASET}/{file.name}", file.read_bytes())
            )
            continue
        _wait_for_work(workers, chance)
        during = workers.kill(chance.choice(workers.victims()))
        report.interrupted[during] = report.interrupted.get(during, 0) + 1
        workers.start()
        report.kills += 1
        if report.kills % 10 == 0:
            tell(f"  {report.kills} kills, {len(drops)} drops")
    return drops


def _wait_for_work(workers: Workers, chance: random.Random) -> None:
    """Until somebody has a batch, and then some moment of it; a queue that stays empty ends the wait."""
    until = time.monotonic() + MOST_WAIT_SECONDS
    while not workers.busy() and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(chance.uniform(0, BATCH_SECONDS))


def _drain(
    drill: Drill, emulator: OnEmulator, queue: str, workers: Workers, started: float, report: DrillReport
) -> None:
    """Waits until nothing is waiting or in flight; the workers live now."""
    while waiting := _depth(emulator, queue):
        if time.monotonic() - started > drill.deadline_seconds:
            report.problems.append(f"{waiting} messages are left after {drill.deadline_seconds:.0f} s")
            return
        if workers.dead():
            return
        time.sleep(0.2)


def _examine(emulator: OnEmulator, drops: list[Drop], letters: str, home: Path, report: DrillReport) -> None:
    if dead := _depth(emulator, letters):
        report.problems.append(f"{dead} dead letters")
    quarantine = DynamoQuarantineCatalog(Table(emulator.clients, CATALOG, SystemClock()))
    lake = emulator.store(LAKE)
    expected = Expected(csv_file.PRODUCT, csv_file.DATASET, drops, ROWS_A_DROP, "sale_id")
    verdict = Examination(emulator.catalog, quarantine, lake, home).of(expected)
    report.versions, report.rows = verdict.versions, verdict.rows
    report.problems += verdict.problems
    told = _told(emulator)
    if told != set(verdict.digests):
        report.problems.append(f"{len(told)} versions were told of on the bus, {verdict.versions} are there")
    report.leftovers = len(_stored(emulator)) - verdict.files - verdict.versions - 1


def _told(emulator: OnEmulator) -> set[str]:
    """Digests of the versions that the bus heard of, at least once each."""
    sqs, digests = emulator.clients.client("sqs"), set[str]()
    while messages := sqs.receive_message(QueueUrl=emulator.tap_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            body = json.loads(message["Body"])
            if body["detail-type"] == DATASET_VERSION_COMMITTED:
                digests.add(body["detail"]["digest"])
            sqs.delete_message(QueueUrl=emulator.tap_url, ReceiptHandle=message["ReceiptHandle"])
    return digests


def _stored(emulator: OnEmulator) -> list[str]:
    pages = emulator.clients.client("s3").get_paginator("list_objects_v2").paginate(Bucket=LAKE)
    return [
        entry["Key"]
        for page in pages
        for entry in page.get("Contents", [])
        if "/segments/" not in entry["Key"]
    ]


def _files(folder: Path, drops: int) -> list[Path]:
    """Drops with ids of their own each."""
    return csv_file.write_many(folder / "drops", drops, ROWS_A_DROP)


def _depth(emulator: OnEmulator, queue: str) -> int:
    """Messages waiting, in flight and delayed."""
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    found = emulator.clients.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)
    return sum(int(found["Attributes"][name]) for name in names)


@contextmanager
def _workers(emulator: OnEmulator, queue: str, home: Path) -> Iterator[Workers]:
    folder = home / "workers"
    folder.mkdir()
    command = [sys.executable, "-m", "tests.bench.drill_worker", queue]
    workers = Workers(command, {**os.environ, **emulator.environment}, folder)
    try:
        yield workers
    finally:
        workers.end()


def _ingest_queue(emulator: OnEmulator) -> tuple[str, str]:
    """(queue, dead letters): the landing bucket notifies the queue of every object, as in the template."""
    sqs, s3 = emulator.clients.client("sqs"), emulator.clients.client("s3")
    letters = sqs.create_queue(QueueName="drill-dlq")["QueueUrl"]
    redrive = {"deadLetterTargetArn": _arn(sqs, letters), "maxReceiveCount": MOST_RECEIVES}
    attributes = {"VisibilityTimeout": str(VISIBILITY_SECONDS), "RedrivePolicy": json.dumps(redrive)}
    queue = sqs.create_queue(QueueName="drill", Attributes=attributes)["QueueUrl"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": _arn(sqs, queue),
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{LANDING}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    notify = {"QueueArn": _arn(sqs, queue), "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=LANDING, NotificationConfiguration={"QueueConfigurations": [notify]}
    )
    return queue, letters


def _arn(sqs: Any, queue: str) -> str:
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn: str = found["Attributes"]["QueueArn"]
    return arn


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, default=Drill.drops)
    parser.add_argument("--kills", type=int, default=Drill.kills)
    parser.add_argument("--seed", type=int, default=None, help="of the moments of kills; random by default")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    report = run(Drill(given.drops, given.kills, seed=seed))
    saved = ROOT / "build/bench/drill.json"
    saved.parent.mkdir(parents=True, exist_ok=True)
    saved.write_text(json.dumps(report.to_document(), indent=1) + "\n", encoding="utf-8")
    shown = ", ".join(f"{count} x {what}" for what, count in sorted(report.interrupted.items()))
    print(f"{report.kills} kills during {given.drops} drops in {report.seconds} s (seed {seed})")
    print(f"interrupted: {shown}")
    print(f"{report.versions} versions, {report.rows} rows, {report.delivered} deliveries; saved: {saved}")
    for problem in report.problems:
        print(f"PROBLEM: {problem}")
    print("every drop is in exactly one version" if not report.problems else "FAILED")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
