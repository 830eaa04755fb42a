"""What a run of the trainer `torch` may set, with its usual values. Reads parameters, and knows no torch."""

from dataclasses import asdict, dataclass
from typing import Any

from headgate_trainer.errors import BadSpec
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers.params import keeps_checkpoints, number, refuse_unknown, whole

MOST_PROCESSES = 64
CPU_CLASS = "cpu"


@dataclass(frozen=True)
class Settings:
    """``batch_rows`` are those of one step over all processes together. Of the training rows, the last
    ``validation_share`` are not learnt from: the epoch with the least loss on them wins (0: the last epoch).
    A checkpoint may be taken every ``checkpoint_steps`` steps; 0 takes none.
    """

    seed: int
    epochs: int
    batch_rows: int
    hidden: tuple[int, ...]
    dropout: float
    embedding: int
    learning_rate: float
    weight_decay: float
    validation_share: float
    processes: int
    cuda: bool
    checkpoint_steps: int

    def to_document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Settings":
        return cls(**{**document, "hidden": tuple(document["hidden"])})


OWN = frozenset(Settings.__dataclass_fields__) - {"seed", "cuda"}


def settings(spec: RunSpec) -> Settings:
    """Raises BadSpec naming the parameter that cannot be honoured."""
    refuse_unknown(spec, OWN)
    dropout = number(spec, "dropout", 0.0, 0.0, 1.0)
    if dropout == 1.0:
        raise BadSpec("params: dropout is 1.0; a number from 0 to below 1 is needed")
    found = Settings(
        seed=spec.seed,
        epochs=whole(spec, "epochs", 10, 1, 10_000),
        batch_rows=whole(spec, "batch_rows", 4096, 1, 1 << 22),
        hidden=_hidden(spec),
        dropout=dropout,
        embedding=whole(spec, "embedding", 8, 1, 256),
        learning_rate=number(spec, "learning_rate", 1e-3, 0.0, 1.0),
        weight_decay=number(spec, "weight_decay", 1e-2, 0.0, 1.0),
        validation_share=number(spec, "validation_share", 0.0, 0.0, 0.5),
        processes=whole(spec, "processes", 0, 0, MOST_PROCESSES),
        cuda=spec.compute_class != CPU_CLASS,
        checkpoint_steps=_checkpoint_steps(spec),
    )
    if found.batch_rows < found.processes:
        raise BadSpec(f"params: batch_rows is {found.batch_rows}, fewer than the {found.processes} processes")
    return found


def _hidden(spec: RunSpec) -> tuple[int, ...]:
    found = spec.params.get("hidden", [128, 64])
    plain = isinstance(found, list) and 1 <= len(found) <= 16
    if not plain or not all(type(width) is int and 1 <= width <= 65_536 for width in found):
        raise BadSpec(f"params: hidden is {found!r}; a list of up to 16 widths from 1 to 65536 is needed")
    return tuple(found)


def _checkpoint_steps(spec: RunSpec) -> int:
    """0 where none are kept."""
    declared = whole(spec, "checkpoint_steps", 500, 1, 1_000_000_000)
    return declared if keeps_checkpoints(spec) else 0
