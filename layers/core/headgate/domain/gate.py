"""The gates between stages: what each asks, and whether what was measured is enough. Pure; finding the
numbers is not its job.

A gate passes when every criterion does. A criterion that this version of the platform cannot measure does
not pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from headgate.domain.model import ModelVersion
from headgate.domain.product import Criterion, GateEvidence
from headgate.domain.version import VersionRecord

CONSTANT = "constant"
FRESH_FOR = timedelta(days=7)
DEFAULT_LEAK_CEILING = 0.95
MEGABYTE = 1_000_000
_TOLERANCE = 1e-6

LATER_CRITERIA: Mapping[str, tuple[tuple[str, str], ...]] = {
    "prototype": (
        ("end_to_end_run", "a run from drop to prediction on an environment"),
        ("bottleneck_report", "seconds and memory of every stage of that run"),
        ("fault_drill", "a drill in which every side effect failed once and was healed"),
    ),
    "mvp": (
        ("slo_measured", "service level objectives measured over a week"),
        ("alarms", "an alarm for every queue and objective"),
        ("budget", "a month inside its budget"),
        ("rollback_rehearsed", "a release rolled back and forward"),
    ),
}


@dataclass(frozen=True)
class Throughput:
    """What taking in one dataset cost: source bytes, seconds, and over how many versions."""

    dataset: str
    versions: int
    bytes: int
    seconds: float

    @property
    def megabytes_per_second(self) -> float | None:
        """MB (10^6 bytes) a second, None when nothing was measured."""
        return self.bytes / MEGABYTE / self.seconds if self.seconds > 0 else None

    @classmethod
    def of(cls, dataset: str, records: Sequence[VersionRecord]) -> "Throughput":
        measured = [record for record in records if record.ingest_seconds > 0]
        return cls(
            dataset,
            len(measured),
            sum(record.ingest_bytes for record in measured),
            sum(record.ingest_seconds for record in measured),
        )


@dataclass(frozen=True)
class Skill:
    """How far a model's AUC is above the best baseline's, with its bootstrap interval."""

    model: str
    version: int
    auc: float
    baselines: Mapping[str, float]
    best: str
    value: float
    low: float
    high: float
    against: str

    @classmethod
    def of(cls, version: ModelVersion) -> "Skill | None":
        """The skill a version's metrics tell, or None when they lack AUC, baselines or the interval."""
        metrics = version.metrics
        interval = metrics.get("skill")
        baselines = {name: float(auc) for name, auc in (metrics.get("baselines") or {}).items()}
        if metrics.get("auc") is None or not baselines or not isinstance(interval, Mapping):
            return None
        if any(interval.get(key) is None for key in ("low", "high", "against")):
            return None
        best = max(sorted(baselines), key=lambda name: baselines[name])
        auc = float(metrics["auc"])
        return cls(
            model=version.model,
            version=version.version,
            auc=auc,
            baselines=baselines,
            best=best,
            value=auc - baselines[best],
            low=float(interval["low"]),
            high=float(interval["high"]),
            against=str(interval["against"]),
        )


def poc_criteria(
    skill: Skill | None, declared: Iterable[str], leak_ceiling: float, throughput: Sequence[Throughput]
) -> tuple[Criterion, ...]:
    """The PoC gate: ``declared`` are the baselines of the training declaration, ``leak_ceiling`` its
    highest credible AUC.
    """
    wanted = sorted({CONSTANT, *declared})
    return (
        _baselines(skill, wanted),
        _skill(skill),
        _forecastable(skill, leak_ceiling),
        _ingestion(throughput),
    )


def later_criteria(stage: str) -> tuple[Criterion, ...]:
    """The criteria of a later stage's gate that cannot be checked yet: none of them passes."""
    return tuple(
        Criterion(name, passed=False, found="cannot be checked yet", needed=needed)
        for name, needed in LATER_CRITERIA[stage]
    )


def verdict(skill: Skill | None, leak_ceiling: float) -> str:
    """forecastable, not forecastable, undecided, or a suspected leak: an AUC too good to be true."""
    if skill is None:
        return "undecided"
    if skill.auc > leak_ceiling:
        return "suspected leak"
    if skill.low > 0:
        return "forecastable"
    return "undecided" if skill.high > 0 else "not forecastable"


def missing_evidence(evidence: GateEvidence | None, stage: str, spec: str, now: datetime) -> str | None:
    """Why ``evidence`` does not let a product leave ``stage``, or None when it does."""
    if evidence is None:
        return f"the {stage} gate was never checked"
    if not evidence.passed:
        failed = "; ".join(
            f"{c.name}: {c.found}, needed {c.needed}" for c in evidence.criteria if not c.passed
        )
        return f"the {stage} gate did not pass ({failed})"
    if evidence.spec != spec:
        return (
            f"the {stage} gate was checked for another bundle ({evidence.spec[:12]}, applied is {spec[:12]})"
        )
    age = age_of(evidence, now)
    if age > FRESH_FOR:
        return f"the {stage} gate was checked {age.days} days ago; evidence counts for {FRESH_FOR.days} days"
    return None


def age_of(evidence: GateEvidence, now: datetime) -> timedelta:
    """How old evidence is."""
    return now - datetime.fromisoformat(evidence.checked_at)


def evidence_document(
    skill: Skill | None, leak_ceiling: float, throughput: Sequence[Throughput]
) -> dict[str, Any]:
    """The numbers the PoC gate rests on, as plain JSON."""
    return {
        "skill": None if skill is None else asdict(skill),
        "verdict": verdict(skill, leak_ceiling),
        "leak_ceiling": leak_ceiling,
        "ingestion": [
            {**asdict(each), "megabytes_per_second": each.megabytes_per_second} for each in throughput
        ],
    }


def _baselines(skill: Skill | None, wanted: Sequence[str]) -> Criterion:
    found = {} if skill is None else skill.baselines
    missing = [name for name in wanted if name not in found]
    listed = ", ".join(f"{name} {auc:.3f}" for name, auc in sorted(found.items())) or "none"
    return Criterion(
        "baselines_computed",
        passed=not missing,
        found=f"AUC {listed}" if found else "no model version with baselines",
        needed=f"an AUC for {', '.join(wanted)}",
    )


def _skill(skill: Skill | None) -> Criterion:
    needed = "an interval wholly above 0, against the best baseline"
    if skill is None:
        return Criterion(
            "skill_over_baseline", passed=False, found="no model version with a skill", needed=needed
        )
    found = f"{skill.value:+.4f} [{skill.low:+.4f}, {skill.high:+.4f}] against {skill.against}"
    fair = skill.baselines.get(skill.against, -1.0) >= skill.baselines[skill.best] - _TOLERANCE
    if not fair:
        found += f"; the best baseline is {skill.best}"
    return Criterion("skill_over_baseline", passed=fair and skill.low > 0, found=found, needed=needed)


def _forecastable(skill: Skill | None, leak_ceiling: float) -> Criterion:
    found = verdict(skill, leak_ceiling)
    return Criterion(
        "forecastable",
        passed=found == "forecastable",
        found=found if skill is None else f"{found} (AUC {skill.auc:.3f})",
        needed=f"forecastable: skill above 0 and an AUC of at most {leak_ceiling}",
    )


def _ingestion(throughput: Sequence[Throughput]) -> Criterion:
    missing = [each.dataset for each in throughput if each.megabytes_per_second is None]
    listed = ", ".join(
        f"{each.dataset} {each.megabytes_per_second:.1f} MB/s"
        for each in throughput
        if each.megabytes_per_second is not None
    )
    return Criterion(
        "ingestion_measured",
        passed=bool(throughput) and not missing,
        found=(listed or "nothing measured") + (f"; not measured: {', '.join(missing)}" if missing else ""),
        needed="MB/s of every declared dataset",
    )
