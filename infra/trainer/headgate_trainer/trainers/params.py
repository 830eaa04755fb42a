"""Parameters of a run, checked. Owns how what cannot be honoured is refused; each trainer names its own."""

from collections.abc import Collection
from typing import Any

from headgate_trainer.errors import BadSpec
from headgate_trainer.run_spec import RunSpec

SEEDS = 2**31


def refuse_unknown(spec: RunSpec, known: Collection[str]) -> None:
    """Raises BadSpec naming every parameter that is not among ``known``."""
    unknown = sorted(set(spec.params) - set(known))
    if unknown:
        raise BadSpec(
            f"params: {', '.join(unknown)} cannot be set for {spec.trainer}; "
            f"known: {', '.join(sorted(known)) or 'none'}"
        )


def whole(spec: RunSpec, name: str, usual: int, least: int, most: int) -> int:
    """A whole number from ``least`` to ``most``. Raises BadSpec."""
    found = spec.params.get(name, usual)
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise BadSpec(f"params: {name} is {found!r}; a whole number from {least} to {most} is needed")
    return found


def number(spec: RunSpec, name: str, usual: float, least: float, most: float) -> float:
    """A number from ``least`` to ``most``. Raises BadSpec."""
    found: Any = spec.params.get(name, usual)
    if not isinstance(found, int | float) or isinstance(found, bool) or not least <= found <= most:
        raise BadSpec(f"params: {name} is {found!r}; a number from {least:g} to {most:g} is needed")
    return float(found)


def keeps_checkpoints(spec: RunSpec) -> bool:
    """Whether the spec declares minutes between checkpoints."""
    return float(spec.document.get("checkpoint_minutes") or 0.0) > 0


def steps_between_checkpoints(spec: RunSpec, steps: int) -> int:
    """After how many steps a checkpoint may be taken: a tenth of them, or `checkpoint_rounds`.

    It is the spec's to say and never the clock's, so that resuming changes nothing. Without checkpoints, all
    of them.
    """
    if not keeps_checkpoints(spec):
        return steps
    return whole(spec, "checkpoint_rounds", max(1, -(-steps // 10)), 1, steps)
