"""The part of a feature build that a Batch job makes: one stage, shared by the workers of an array."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from headgate.domain.canonical import canonical_json, digest
from headgate.domain.errors import InvalidRequest
from headgate.domain.job import paid_seconds

FEATURES = "features"
"""The compute class of the job."""
PARAMETER = "build"


@dataclass(frozen=True)
class FeatureJob:
    """``inputs`` maps dataset to version ordinal; ``stage`` counts views by how deep they read each other,
    and the training table after them; ``size`` workers share it, each by its array index.

    ``recipe`` is the set's: a job of a set that was declared anew meanwhile has nothing to do any more.
    ``before`` is the ordinal of the version whose partitions count as made, 0 without one.
    """

    product: str
    feature_set: str
    recipe: str
    inputs: Mapping[str, int]
    stage: int
    size: int
    chunk_bytes: int
    before: int = 0

    @property
    def name(self) -> str:
        """What is made, however many workers share it."""
        made = {"recipe": self.recipe, "inputs": dict(self.inputs), "stage": self.stage}
        return digest({"product": self.product, "feature_set": self.feature_set, **made})

    def to_parameter(self) -> str:
        return canonical_json(asdict(self)).decode("utf-8")

    @classmethod
    def from_parameter(cls, parameter: str) -> "FeatureJob":
        """Raises InvalidRequest."""
        try:
            return cls(**json.loads(parameter))
        except (ValueError, TypeError) as error:
            raise InvalidRequest(f"the job's parameter is no part of a feature build: {error}") from error


@dataclass(frozen=True)
class StageJob:
    """The one job of a set and recipe that may be at work. It is claimed before it is submitted: ``job_id``
    is '' until then. ``token`` tells claims apart; ``claimed_at`` is ISO-8601 UTC. ``problem`` is why the
    build it was for came to nothing.
    """

    product: str
    feature_set: str
    recipe: str
    stage: int
    inputs: Mapping[str, int]
    token: str
    claimed_at: str
    job_id: str = ""
    ended: bool = False
    problem: str = ""

    def failed(self, inputs: Mapping[str, int]) -> bool:
        """Whether a build of ``inputs`` that was handed over came to nothing with it."""
        return bool(self.problem) and all(self.inputs.get(d, 0) >= n for d, n in inputs.items())

    def told(self) -> str:
        """For who has to wait for it."""
        made_of = ", ".join(f"{dataset} v{ordinal}" for dataset, ordinal in sorted(self.inputs.items()))
        who = f"job {self.job_id}" if self.job_id else "another worker"
        return f"{who} is at work on stage {self.stage} of {made_of}: what is newer is built once it ends"


Scope = Literal["job", "array", "worker"]
"""What has ended: a job alone, all of an array, or one worker of an array."""


@dataclass(frozen=True)
class EndedFeatureJob:
    """What AWS Batch told of one that ended; ``failure`` is '' when it ended well. ``seconds`` were computed
    and are paid for, none by an array itself; ``stopped_ms`` is epoch milliseconds.
    """

    job: FeatureJob
    job_id: str
    scope: Scope
    failure: str
    seconds: float
    stopped_ms: int


def ended_job(detail: Mapping[str, Any]) -> EndedFeatureJob:
    """The job of a state change. Raises InvalidRequest for another kind of job."""
    parameter = (detail.get("parameters") or {}).get(PARAMETER)
    if not isinstance(parameter, str):
        raise InvalidRequest(f"job {detail.get('jobId')} has no parameter {PARAMETER}: it builds no features")
    array = detail.get("arrayProperties") or {}
    scope: Scope = "worker" if "index" in array else "array" if array.get("size") else "job"
    failure = ""
    if detail.get("status") != "SUCCEEDED":
        code = (detail.get("container") or {}).get("exitCode")
        ended = f"exit code {code}" if code is not None else "no exit code"
        failure = f"{detail.get('statusReason') or 'the job failed'} ({ended})"
    return EndedFeatureJob(
        job=FeatureJob.from_parameter(parameter),
        job_id=str(detail.get("jobId")),
        scope=scope,
        failure=failure,
        seconds=0.0 if scope == "array" else paid_seconds(detail),
        stopped_ms=detail.get("stoppedAt") or 0,
    )
