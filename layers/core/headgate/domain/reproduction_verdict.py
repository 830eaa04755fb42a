"""What a reproduction says: evidence of two runs side by side, and which of data, code, library, config, seed
and hardware differ. Pure; finding the evidence is not its job.

What was made is no cause: features that differ are named only where nothing they are made of does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from typing import Any, Literal

from headgate.domain.errors import Corrupted
from headgate.domain.validation import Tolerance

Elements = Mapping[str, Any]
Kind = Literal["data", "code", "library", "config", "seed", "hardware"]
State = Literal["identical", "within tolerance", "differs", "cannot be reproduced"]
ARTIFACT = "model.onnx"
ENGINE = "feature engine"
"""The library that makes features."""
FEATURE_SEED = "feature set"
IMAGE = "trainer image"
"""Names the whole environment of a trainer; what is in it says more where it is known."""
MOST_REASONS = 50
"""A verdict names so many; ``more`` counts the others."""


@dataclass(frozen=True)
class Reason:
    """One element that is not as it was. ``recorded`` or ``found`` is None where there was none."""

    kind: Kind
    what: str
    recorded: Any
    found: Any


@dataclass(frozen=True)
class Evidence:
    """What one run was made of, and what came of it; every part maps an element's name to a digest or value.

    ``objects`` are source objects, ``files`` stored data files, ``partitions`` the features made of them.
    ``libraries`` and ``hardware`` are None where nobody noted them.
    """

    objects: Elements = field(default_factory=dict)
    files: Elements = field(default_factory=dict)
    partitions: Elements = field(default_factory=dict)
    code: Elements = field(default_factory=dict)
    config: Elements = field(default_factory=dict)
    seeds: Elements = field(default_factory=dict)
    engine: str = ""
    libraries: Elements | None = None
    image: str = ""
    hardware: Elements | None = None
    outputs: Elements = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreDifference:
    """Held-out scores of two models: ``beyond`` of ``rows`` differ by more than the tolerance."""

    rows: int
    largest: float
    beyond: int

    @classmethod
    def between(
        cls, recorded: Iterable[float], fresh: Iterable[float], tolerance: Tolerance
    ) -> "ScoreDifference":
        """Scores of the same rows in the same order. Raises Corrupted when one side has more of them."""
        rows, largest, beyond = 0, 0.0, 0
        for old, new in zip_longest(recorded, fresh):
            if old is None or new is None:
                raise Corrupted(f"the two runs held out different rows: one has a row {rows} and one has not")
            rows += 1
            apart = abs(new - old)
            largest = max(largest, apart)
            beyond += not apart <= tolerance.absolute + tolerance.relative * abs(old)
        return cls(rows, largest, beyond)


@dataclass(frozen=True)
class Verdict:
    """``note`` says in a sentence what to make of it; ``unknown`` are parts that could not be compared."""

    state: State
    reasons: tuple[Reason, ...] = ()
    note: str = ""
    scores: ScoreDifference | None = None
    unknown: tuple[str, ...] = ()
    more: int = 0

    def to_document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Verdict":
        scores = document["scores"]
        return cls(
            state=document["state"],
            reasons=tuple(Reason(**reason) for reason in document["reasons"]),
            note=document["note"],
            scores=None if scores is None else ScoreDifference(**scores),
            unknown=tuple(document["unknown"]),
            more=document["more"],
        )


def impossible(why: Sequence[str], reasons: Sequence[Reason] = ()) -> Verdict:
    """Something that was recorded is gone, or cannot be run any more: no statement about the model."""
    return _clipped("cannot be reproduced", reasons, "; ".join(why))


def not_rebuilt(recorded: Evidence, found: Evidence, problem: str) -> Verdict:
    """The features could not be made again. Where what they are made of is not what was recorded, that is the
    answer.
    """
    reasons = tuple(_reasons(recorded, replace(found, partitions=recorded.partitions)))
    if any(reason.kind in ("data", "code") for reason in reasons):
        return _clipped("differs", reasons, f"the features could not be made again: {problem}")
    return impossible([f"the features could not be made again: {problem}"], reasons)


def verdict(
    recorded: Evidence, fresh: Evidence, scores: ScoreDifference | None, unknown: Sequence[str] = ()
) -> Verdict:
    """``scores`` compare the two models, None without anything to compare by: ``unknown`` says why."""
    reasons, unknown = tuple(_reasons(recorded, fresh)), (*unknown, *_unknown(recorded, fresh))
    same = ARTIFACT in recorded.outputs and recorded.outputs[ARTIFACT] == fresh.outputs.get(ARTIFACT)
    close = same or (scores is not None and not scores.beyond)
    intact = not any(reason.kind == "data" for reason in reasons)
    state: State = "differs" if not (close and intact) else "identical" if same else "within tolerance"
    return _clipped(state, reasons, _note(same, close, reasons, unknown), scores, unknown)


def _clipped(
    state: State,
    reasons: Sequence[Reason],
    note: str,
    scores: ScoreDifference | None = None,
    unknown: tuple[str, ...] = (),
) -> Verdict:
    more = max(0, len(reasons) - MOST_REASONS)
    return Verdict(state, tuple(reasons[:MOST_REASONS]), note, scores, unknown, more)


def _reasons(recorded: Evidence, found: Evidence) -> Iterator[Reason]:
    yield from _differing("data", recorded.objects, found.objects)
    stored = list(_differing("data", recorded.files, found.files))
    code = list(_differing("code", recorded.code, found.code))
    seeds = list(_differing("seed", recorded.seeds, found.seeds))
    engine = list(_differing("library", {ENGINE: recorded.engine}, {ENGINE: found.engine}))
    yield from stored
    if not (stored or code or engine or any(reason.what == FEATURE_SEED for reason in seeds)):
        yield from _differing("data", recorded.partitions, found.partitions)
    yield from code
    yield from engine
    yield from _libraries(recorded, found)
    yield from _differing("config", recorded.config, found.config)
    yield from seeds
    if recorded.hardware is not None and found.hardware is not None:
        yield from _differing("hardware", recorded.hardware, found.hardware)


def _libraries(recorded: Evidence, found: Evidence) -> Iterator[Reason]:
    """The image stands for what is in it: it is named where nothing in it is known to differ."""
    named = []
    if recorded.libraries is not None and found.libraries is not None:
        named = list(_differing("library", recorded.libraries, found.libraries))
    yield from named
    if not named and recorded.image and found.image and recorded.image != found.image:
        yield Reason("library", IMAGE, recorded.image, found.image)


def _differing(kind: Kind, recorded: Elements, found: Elements) -> Iterator[Reason]:
    for name in sorted({*recorded, *found}):
        old, new = recorded.get(name), found.get(name)
        if old != new:
            yield Reason(kind, name, old, new)


def _unknown(recorded: Evidence, fresh: Evidence) -> Iterator[str]:
    for who, evidence in (("the recorded run", recorded), ("the fresh run", fresh)):
        if evidence.libraries is None:
            yield f"the libraries of {who}"
        if evidence.hardware is None:
            yield f"the hardware of {who}"


def _note(same: bool, close: bool, reasons: Sequence[Reason], unknown: Sequence[str]) -> str:
    apart = "the scores agree within the tolerance" if close else "the model is another one"
    model = "the model is the same byte for byte" if same else apart
    if reasons:
        return f"{model}; what differs: {', '.join(dict.fromkeys(reason.kind for reason in reasons))}"
    if same:
        return f"{model}, and nothing it is made of differs"
    left = f" ({', '.join(unknown)}: not recorded)" if unknown else ""
    return f"{model}; nothing recorded differs{left}: the trainer is not deterministic on this hardware"
