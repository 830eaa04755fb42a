"""Results of benchmarks: what a row says, how rows are printed and saved. Measures nothing itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One measured number.

    ``against`` is what else was measured in the same run, in the same unit, and ``ratio`` is value over
    against. ``target`` is the most that ``bound`` (the value, or the ratio) may be; a row without one
    informs.
    """

    name: str
    value: float | None
    unit: str
    against: float | None = None
    against_name: str = ""
    target: float | None = None
    bound: Literal["value", "ratio"] = "value"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.against if self.value is not None and self.against else None

    @property
    def ok(self) -> bool:
        """Whether it is within its target; what could not be measured is not."""
        bound = self.value if self.bound == "value" else self.ratio
        return bound is not None and (self.target is None or bound <= self.target)

    def to_document(self) -> dict[str, object]:
        return {**asdict(self), "ratio": self.ratio, "ok": self.ok}


def not_measured(name: str, unit: str, reason: str, target: float | None = None) -> Row:
    """A row that says why there is no number."""
    return Row(name, None, unit, target=target, note=f"not measured: {reason}")


def save(rows: Sequence[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([row.to_document() for row in rows], indent=1) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text, with their notes below."""
    head = ("what", "value", "against", "ratio", "target", "")
    cells = [head, *(_cells(row, number) for number, row in enumerate(rows, start=1))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [
        f"{line[0]:<{widths[0]}}  "
        + "  ".join(f"{cell:>{w}}" for cell, w in zip(line[1:], widths[1:], strict=True))
        for line in cells
    ]
    rule = "-" * max(map(len, lines))
    notes = [f"{number:>3}  {row.note}" for number, row in enumerate(rows, start=1) if row.note]
    return "\n".join(line.rstrip() for line in [lines[0], rule, *lines[1:], rule, *notes])


def _cells(row: Row, number: int) -> tuple[str, str, str, str, str, str]:
    against = "" if row.against is None else f"{row.against_name} {_number(row.against)}".strip()
    target = "" if row.target is None else f"<= {_number(row.target)}{'x' if row.bound == 'ratio' else ''}"
    verdict = "" if row.target is None and row.ok else "ok" if row.ok else "MISSED"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
    return f"{number:>2} {row.name}", f"{_number(row.value)} {row.unit}", against, ratio, target, verdict


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
