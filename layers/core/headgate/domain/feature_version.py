"""What was built: partitions, the manifest that is a feature version, and the record the catalog keeps.

A feature version is named by what made it: SQL and headers, the digests of the input versions, the engine's
version and the seed. It holds the training table and every view it was joined of, as immutable Parquet files
named by their own sha256. Each partition also has an id, which says what it is made of before it is made: one
whose id is known is not built again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.errors import Corrupted
from headgate.domain.feature_set import FeatureSet
from headgate.domain.partition import WHOLE, interval

FEATURE_FORMAT = "headgate.features/2"


@dataclass(frozen=True)
class FeatureColumn:
    """``role`` is entity, event_time, known_at, label, request or feature; ``type`` is a DuckDB type;
    ``view`` says where it comes from.
    """

    name: str
    type: str
    role: str
    view: str


@dataclass(frozen=True)
class Partition:
    """One Parquet file, or none when there are no rows: ``key`` and ``sha256`` are '' then.

    ``name`` is that of a `headgate.domain.partition.Interval` or ``all``; ``id`` says what it is made of;
    times are ISO-8601 UTC, cut to milliseconds, '' without an event time.
    """

    name: str
    id: str
    key: str
    sha256: str
    bytes: int
    rows: int
    positives: int | None
    min_event_time: str
    max_event_time: str


@dataclass(frozen=True)
class ViewVersion:
    """A view as one feature version has it. ``whole_because`` says why it is not built by partitions;
    ``space`` is its `headgate.domain.online_space`, '' for one that is not online.
    """

    name: str
    recipe: str
    columns: tuple[FeatureColumn, ...]
    partitions: tuple[Partition, ...]
    whole_because: str | None
    space: str = ""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "ViewVersion":
        return cls(
            name=document["name"],
            recipe=document["recipe"],
            columns=tuple(FeatureColumn(**c) for c in document["columns"]),
            partitions=tuple(Partition(**p) for p in document["partitions"]),
            whole_because=document["whole_because"],
            space=document.get("space", ""),
        )

    @property
    def rows(self) -> int:
        return sum(p.rows for p in self.partitions)

    @property
    def content(self) -> str:
        """Digest of the rows: equal for equal content, however it was built."""
        return digest([[p.name, p.sha256] for p in self.partitions if p.rows])


@dataclass(frozen=True)
class FeatureManifest:
    """A feature version. ``inputs`` maps dataset name to version digest; ``label_rows`` is the spine's
    cardinality; ``statistics`` names the document that describes the columns; ``tests`` are the generated and
    declared tests that the version passed; ``lineage`` maps each column to the columns it is made of.
    """

    product: str
    feature_set: str
    recipe: str
    engine: str
    seed: int
    inputs: Mapping[str, str]
    columns: tuple[FeatureColumn, ...]
    partitions: tuple[Partition, ...]
    label_rows: int
    views: tuple[ViewVersion, ...] = ()
    statistics: str = ""
    tests: tuple[Mapping[str, Any], ...] = ()
    lineage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(p.rows for p in self.partitions)

    @property
    def stored(self) -> tuple[Partition, ...]:
        """Every partition that has a file, those of the views too."""
        everything = [*self.partitions, *(p for v in self.views for p in v.partitions)]
        return tuple(p for p in everything if p.key)

    @property
    def steps(self) -> int:
        """How many steps made it: partitions, and views that are built whole."""
        return len({p.id for p in (*self.partitions, *(p for v in self.views for p in v.partitions))})

    @property
    def content(self) -> str:
        """Digest of the training table's rows, whatever way they were built."""
        return digest([[p.name, p.sha256] for p in self.partitions if p.rows])

    @property
    def spaces(self) -> frozenset[str]:
        """Where its online rows lie."""
        return frozenset(v.space for v in self.views if v.space)

    def view(self, name: str) -> ViewVersion | None:
        return next((v for v in self.views if v.name == name), None)

    def to_document(self) -> dict[str, Any]:
        return {"format": FEATURE_FORMAT, **asdict(self), "inputs": dict(self.inputs)}

    @cached_property
    def digest(self) -> str:
        """The digest of the manifest document; `build_id` is known before the build, this one after it."""
        return digest(self.to_document())

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "FeatureManifest":
        if document.get("format") != FEATURE_FORMAT:
            raise Corrupted(f"expected a {FEATURE_FORMAT} document, found {document.get('format')!r}")
        return cls(
            product=document["product"],
            feature_set=document["feature_set"],
            recipe=document["recipe"],
            engine=document["engine"],
            seed=document["seed"],
            inputs=dict(document["inputs"]),
            columns=tuple(FeatureColumn(**c) for c in document["columns"]),
            partitions=tuple(Partition(**p) for p in document["partitions"]),
            label_rows=document["label_rows"],
            views=tuple(ViewVersion.from_document(v) for v in document["views"]),
            statistics=document["statistics"],
            tests=tuple(document["tests"]),
            lineage=dict(document["lineage"]),
        )


def build_id(feature_set: FeatureSet, inputs: Mapping[str, str], engine: str) -> str:
    """What names a build before it runs: recipe (SQL, headers and seed) + input version digests + engine
    version. The same id is not built twice.
    """
    return digest({"recipe": feature_set.recipe_digest(), "inputs": dict(inputs), "engine": engine})


@dataclass(frozen=True)
class FeatureVersionRecord:
    """What the catalog keeps of a feature version. ``built`` of its ``steps`` were made for it, the others
    are those of versions before: a step is a partition, of a view too, or a view that is built whole.
    """

    product: str
    feature_set: str
    ordinal: int
    digest: str
    build_id: str
    inputs: Mapping[str, str]
    rows: int
    partitions: int
    min_event_time: str
    max_event_time: str
    created_at: str
    seconds: float
    input_ordinals: Mapping[str, int] = field(default_factory=dict)
    """Dataset name to version ordinal: a build of older inputs never replaces one of newer inputs."""
    built: int = 0
    parity: Mapping[str, Any] = field(default_factory=dict)
    """By online view how a sample of it compared with the version: counts ``checked``, ``equal``,
    ``expired``, ``moved`` and ``different``.
    """
    steps: int = 0
    spec: str = ""
    """Digest of the bundle that declared the set; '' where none was kept."""
    collected_at: str = ""
    """When it was given up as garbage; '' while it is kept."""

    def supersedes(self, inputs: Mapping[str, int]) -> bool:
        """True when this version was built from newer data of some input than ``inputs``.

        What is no input any more cannot be newer: a set that dropped one can still be built.
        """
        return any(self.input_ordinals.get(dataset, 0) > ordinal for dataset, ordinal in inputs.items())

    def stands(self, head: "FeatureVersionRecord") -> bool:
        """False when this version has to become the newest once more: one of another recipe or engine took
        its place, of inputs that are not newer.
        """
        return head.build_id == self.build_id or head.supersedes(self.input_ordinals)


def partitions_between(partitions: Iterable[Partition], start: str, end: str) -> tuple[Partition, ...]:
    """Partitions with rows whose interval overlaps [start, end); bounds are ISO dates. In the order of
    time.
    """
    return tuple(p for p in sorted(partitions, key=lambda p: p.name) if p.rows and _overlaps(p, start, end))


def _overlaps(partition: Partition, start: str, end: str) -> bool:
    if partition.name == WHOLE:
        return partition.min_event_time < end and partition.max_event_time >= start
    cut = interval(partition.name)
    return cut.start.date().isoformat() < end[:10] and cut.end.date().isoformat() > start[:10]


def features_node(product: str, feature_set: str, version: str) -> str:
    return f"features/{product}/{feature_set}/{version}"
