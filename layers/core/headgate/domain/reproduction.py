"""Reproductions: that someone asks for a registered model to be made again, and how far that is. Pure.

A reproduction goes through two jobs: one reads what was recorded and makes the features again, one trains.
Times are ISO-8601 UTC, money is US dollars.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, cast

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import InvalidRequest
from headgate.domain.job import SUCCEEDED, paid_seconds
from headgate.domain.reproduction_verdict import Verdict

KIND = "reproduce"
"""What a message is called that asks for one, and the compute class of the job that makes features again."""
PARAMETER = "reproduction"
Against = Literal["recorded", "declared"]
AGAINST: tuple[Against, ...] = ("recorded", "declared")
State = Literal["asked", "rebuilding", "training", "judged", "failed"]


@dataclass(frozen=True)
class Reproduction:
    """``id`` begins with the version and the time it was asked for. ``against`` says what is run on the
    recorded data: what was recorded, or what the bundle ``spec`` declares. ``problem`` says why it failed.
    """

    product: str
    id: str
    model: str
    version: int
    against: Against
    spec: str
    requested_by: str
    requested_at: str
    state: State = "asked"
    job_id: str = ""
    run: str = ""
    problem: str = ""
    finished_at: str = ""
    verdict: Mapping[str, Any] = field(default_factory=dict)

    def judged(self, found: Verdict, at: str) -> "Reproduction":
        return replace(self, state="judged", verdict=found.to_document(), finished_at=at)

    def failed(self, problem: str, at: str) -> "Reproduction":
        return replace(self, state="failed", problem=problem, finished_at=at)

    @property
    def done(self) -> bool:
        return self.state in ("judged", "failed")

    @property
    def prefix(self) -> str:
        """Key prefix of its documents in the models bucket."""
        return f"{self.product}/reproductions/{self.id}"

    def to_message(self) -> dict[str, str]:
        """What stands in a queue, and in a job's parameter."""
        return {"kind": KIND, "product": self.product, "reason": KIND, "reproduction": self.id}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Reproduction":
        return cls(**document)


@dataclass(frozen=True)
class Rebuilt:
    """What the first job found. ``gone`` names what was recorded and is there no more, ``problem`` why the
    features could not be made; ``recorded`` and ``found`` are parts of an `Evidence`. ``partitions`` are
    those of the training table, as `headgate.domain.feature_version.Partition` has them.
    """

    gone: tuple[str, ...]
    problem: str
    recorded: Mapping[str, Any]
    found: Mapping[str, Any]
    partitions: tuple[Mapping[str, Any], ...]
    entity: tuple[str, ...]
    event_time: str
    code_digest: str

    def to_document(self) -> dict[str, Any]:
        return {"format": REBUILT_FORMAT, **asdict(self)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Rebuilt":
        fields = {name: value for name, value in document.items() if name != "format"}
        lists = {name: tuple(fields[name]) for name in ("gone", "partitions", "entity")}
        return cls(**{**fields, **lists})


REBUILT_FORMAT = "headgate.rebuilt/1"


@dataclass(frozen=True)
class EndedRebuild:
    """How the first job of a reproduction ended; ``failure`` is '' when well, ``stopped_ms`` epoch
    milliseconds.
    """

    product: str
    reproduction: str
    job_id: str
    failure: str
    seconds: float
    stopped_ms: int


def reproduction_id(version: int, at: datetime, suffix: str) -> str:
    """Ids of one version sort by time."""
    return f"v{version}-{at:%Y%m%d%H%M%S}-{suffix[:8]}"


def parameter_of(record: Reproduction) -> str:
    return canonical_json(record.to_message()).decode("utf-8")


def place_of(parameter: str) -> tuple[str, str]:
    """(product, id) of a job's parameter. Raises InvalidRequest."""
    try:
        document = json.loads(parameter)
        return _text(document["product"]), _text(document["reproduction"])
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidRequest(f"the job's parameter names no reproduction: {error}") from error


def ended_rebuild(detail: Mapping[str, Any]) -> EndedRebuild:
    """The job of a state change. Raises InvalidRequest for another kind of job."""
    parameter = (detail.get("parameters") or {}).get(PARAMETER)
    if not isinstance(parameter, str):
        raise InvalidRequest(f"job {detail.get('jobId')} has no parameter {PARAMETER}: it makes none again")
    product, name = place_of(parameter)
    failure = ""
    if detail.get("status") != SUCCEEDED:
        code = (detail.get("container") or {}).get("exitCode")
        ended = f"exit code {code}" if code is not None else "no exit code"
        failure = f"{detail.get('statusReason') or 'the job failed'} ({ended})"
    stopped = cast("int | None", detail.get("stoppedAt"))
    return EndedRebuild(product, name, str(detail.get("jobId")), failure, paid_seconds(detail), stopped or 0)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a text is needed")
    return value
