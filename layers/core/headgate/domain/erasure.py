"""Erasure: whose rows are to be gone, what holds them, and what is kept of having erased them.

What is kept names files, versions and models, never a value: of the subjects only a salted digest stays.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import InvalidRequest
from headgate.domain.identity import Principal

KIND = "erase"
MOST_SUBJECTS = 1000
State = Literal["asked", "running", "found", "erased", "failed"]


@dataclass(frozen=True)
class Subject:
    """Rows in which ``columns`` have one of the ``values``, all as text."""

    columns: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, columns: Sequence[str], values: Sequence[Sequence[str]]) -> "Subject":
        """Raises InvalidRequest unless every entry has a value for every column."""
        if not columns or len(set(columns)) != len(columns):
            raise InvalidRequest("the key needs one column or more, each once")
        if not 1 <= len(values) <= MOST_SUBJECTS:
            raise InvalidRequest(f"between 1 and {MOST_SUBJECTS} values are needed, found {len(values)}")
        if any(len(v) != len(columns) or "" in v for v in values):
            raise InvalidRequest(f"each value needs {len(columns)} parts with something in them")
        return cls(tuple(columns), tuple(sorted({tuple(v) for v in values})))

    def digest(self, salt: str) -> str:
        """What is kept of the subjects: with the salt, someone who knows the values can show that they were
        meant.
        """
        body = canonical_json({"columns": list(self.columns), "values": [list(v) for v in self.values]})
        return hashlib.sha256(salt.encode() + body).hexdigest()

    def is_in(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of plain values is one of the subject's."""
        if any(c not in row for c in self.columns):
            return False
        return any(all(_same(row[c], t) for c, t in zip(self.columns, v, strict=True)) for v in self.values)

    def named_in(self, text: str) -> bool:
        """Whether the parts of one of the values stand in ``text`` as words."""
        return any(all(_word(part).search(text) for part in value) for value in self.values)


@dataclass(frozen=True)
class ErasureRequest:
    """A command: find what holds the subject, and erase it unless ``dry_run``."""

    id: str
    product: str
    dataset: str
    subject: Subject
    reason: str
    principal: Principal
    dry_run: bool

    def to_message(self) -> dict[str, Any]:
        document = asdict(self)
        document["principal"]["tags"] = dict(self.principal.tags)
        return {"kind": KIND, **document}

    @classmethod
    def from_message(cls, document: Mapping[str, Any]) -> "ErasureRequest":
        """Raises InvalidRequest when the message is broken."""
        try:
            who, whose = document["principal"], document["subject"]
            return cls(
                id=document["id"],
                product=document["product"],
                dataset=document["dataset"],
                subject=Subject.of(whose["columns"], whose["values"]),
                reason=document["reason"],
                principal=Principal(who["id"], tuple(who["groups"]), dict(who["tags"])),
                dry_run=document["dry_run"],
            )
        except (KeyError, TypeError) as error:
            raise InvalidRequest(f"the message is no erasure: {error}") from error


@dataclass(frozen=True)
class Findings:
    """What holds the subject. Files are lake keys; nodes are lineage nodes; ``diffs`` are the reports of
    differences between versions, which go whatever rows they show; ``external`` are objects of other buckets,
    which stay their owner's; ``unsearched`` are objects that may hold it and cannot be read.
    """

    rows: int = 0
    files: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    feature_versions: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    prediction_rows: int = 0
    prediction_logs: tuple[str, ...] = ()
    online_rows: int = 0
    quarantined: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    unsearched: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether anything is left that erasing would change."""
        return bool(
            self.files
            or self.sources
            or self.feature_versions
            or self.prediction_logs
            or self.online_rows
            or self.quarantined
        )

    def merged(self, other: "Findings") -> "Findings":
        """Both: a second look after a crash finds less than the first did."""
        mine, theirs = asdict(self), asdict(other)
        merged: dict[str, Any] = {
            name: max(value, theirs[name])
            if isinstance(value, int)
            else tuple(sorted({*value, *theirs[name]}))
            for name, value in mine.items()
        }
        return Findings(**merged)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Findings":
        fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in document.items()}
        return cls(**fields)


@dataclass(frozen=True)
class Rewrite:
    """One file that stands without the subject's rows under another digest now; ``new`` is empty when the
    file is gone.
    """

    key: str
    old: str
    new: str


@dataclass(frozen=True)
class ErasureRecord:
    """What is kept of an erasure, whatever became of it. Times are ISO-8601 UTC."""

    id: str
    product: str
    dataset: str
    columns: tuple[str, ...]
    subjects: int
    salt: str
    subject_digest: str
    reason: str
    requested_by: str
    requested_at: str
    dry_run: bool
    state: State = "asked"
    finished_at: str = ""
    problem: str = ""
    findings: Findings = field(default_factory=Findings)
    rewritten: tuple[Rewrite, ...] = ()
    committed: tuple[int, ...] = ()
    """Ordinals of the versions that took the rows away from branches."""
    taken_at: str = ""
    """When rows were taken away last: features that began to be made before may still bring them back."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "ErasureRecord":
        fields = dict(document)
        fields["findings"] = Findings.from_document(document["findings"])
        fields["rewritten"] = tuple(Rewrite(**r) for r in document["rewritten"])
        fields["columns"] = tuple(document["columns"])
        fields["committed"] = tuple(document["committed"])
        return cls(**fields)

    def clipped(self, most: int) -> "ErasureRecord":
        """At most so many entries a list: a catalog's item has its limits, the report has none."""
        lists: dict[str, Any] = {
            name: value[:most] for name, value in vars(self.findings).items() if isinstance(value, tuple)
        }
        return replace(self, findings=replace(self.findings, **lists), rewritten=self.rewritten[:most])

    def with_found(self, findings: Findings) -> "ErasureRecord":
        return replace(self, findings=self.findings.merged(findings))


def _same(value: Any, text: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == text.lower()
    if isinstance(value, int | float):
        try:
            return float(text) == value
        except ValueError:
            return False
    return value is not None and str(value) == text


def _word(part: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(part)}(?!\w)")
