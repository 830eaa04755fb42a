"""Feature views, feature sets, and the manifests that are feature versions.

A feature version is named by what made it: the SQL and headers, the input version digests, and the engine's
version. Its partitions are immutable Parquet files, one per calendar month of the spine's event time, named
by their own sha256.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from headgate.domain.canonical import digest
from headgate.domain.contract import IDENTIFIER
from headgate.domain.errors import Corrupted, InvalidRequest

FEATURE_FORMAT = "headgate.features/1"
ViewKind = Literal["feature", "spine", "on_demand"]
REQUEST_TABLE = "request"


@dataclass(frozen=True)
class FeatureView:
    """One ``.sql`` file. ``max_age_seconds`` is the staleness cap: an older value counts as missing."""

    name: str
    kind: ViewKind
    inputs: tuple[str, ...]
    entity: tuple[str, ...]
    event_time: str | None
    max_age_seconds: int | None
    online: bool
    sql: str

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "FeatureView":
        """Raises InvalidRequest naming the view and the field."""
        name, kind = document["name"], document["kind"]
        if kind not in ("feature", "spine", "on_demand"):
            raise InvalidRequest(f"view {name}: kind is {kind!r}; known: feature, spine, on_demand")
        columns = [*document["entity"], *([document["event_time"]] if document.get("event_time") else [])]
        for column in [name, *columns, *document["inputs"]]:
            if not IDENTIFIER.match(column):
                raise InvalidRequest(f"view {name}: {column!r} is no identifier (letters, digits and _ only)")
        if not document["entity"]:
            raise InvalidRequest(f"view {name}: no entity columns")
        if kind == "spine" and not document.get("event_time"):
            raise InvalidRequest(f"view {name}: a spine needs an event_time")
        return cls(
            name=name,
            kind=cast(ViewKind, kind),
            inputs=tuple(document["inputs"]),
            entity=tuple(document["entity"]),
            event_time=document.get("event_time"),
            max_age_seconds=document.get("max_age_seconds"),
            online=bool(document.get("online", False)),
            sql=document["sql"],
        )


@dataclass(frozen=True)
class RequestColumn:
    """One column a caller sends for an entity row; ``type`` is a DuckDB scalar type."""

    name: str
    type: str


@dataclass(frozen=True)
class FeatureSet:
    """A training table: the spine with its on-demand features and the as-of joined views."""

    name: str
    spine: FeatureView
    on_demand: FeatureView | None
    views: tuple[FeatureView, ...]
    label: str | None
    request: tuple[RequestColumn, ...]

    @classmethod
    def from_document(cls, document: Mapping[str, Any], views: Mapping[str, FeatureView]) -> "FeatureSet":
        """Raises InvalidRequest when it names a view that is missing or of the wrong kind."""

        def view(name: str, kind: ViewKind) -> FeatureView:
            found = views.get(name)
            if found is None:
                raise InvalidRequest(
                    f"feature set {document['name']}: no view {name!r}; known: {', '.join(sorted(views))}"
                )
            if found.kind != kind:
                raise InvalidRequest(
                    f"feature set {document['name']}: view {name!r} is {found.kind}, {kind} is needed"
                )
            return found

        on_demand = document.get("on_demand")
        return cls(
            name=document["name"],
            spine=view(document["spine"], "spine"),
            on_demand=view(on_demand, "on_demand") if on_demand else None,
            views=tuple(view(v, "feature") for v in document["views"]),
            label=document.get("label"),
            request=tuple(RequestColumn(**c) for c in document.get("request", ())),
        )

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every dataset the set reads, sorted."""
        return tuple(sorted({i for v in (self.spine, *self.views) for i in v.inputs}))

    def recipe_digest(self) -> str:
        """Digest of everything declared: SQL, headers, label and request columns."""
        return digest(asdict(self))


@dataclass(frozen=True)
class FeatureColumn:
    """``role`` is entity, event_time, label, request or feature; ``type`` is a DuckDB type; ``view`` says
    where it comes from.
    """

    name: str
    type: str
    role: str
    view: str


@dataclass(frozen=True)
class Partition:
    """One Parquet file of a feature version: ``month`` is ``yyyy-mm``; times are ISO-8601 UTC."""

    month: str
    key: str
    sha256: str
    bytes: int
    rows: int
    positives: int | None
    min_event_time: str
    max_event_time: str


@dataclass(frozen=True)
class FeatureManifest:
    """A feature version. ``inputs`` maps dataset name to version digest; ``label_rows`` is the spine's
    cardinality.
    """

    product: str
    feature_set: str
    recipe: str
    engine: str
    inputs: Mapping[str, str]
    columns: tuple[FeatureColumn, ...]
    partitions: tuple[Partition, ...]
    label_rows: int

    @property
    def rows(self) -> int:
        return sum(p.rows for p in self.partitions)

    def to_document(self) -> dict[str, Any]:
        return {"format": FEATURE_FORMAT, **asdict(self), "inputs": dict(self.inputs)}

    @property
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
            inputs=dict(document["inputs"]),
            columns=tuple(FeatureColumn(**c) for c in document["columns"]),
            partitions=tuple(Partition(**p) for p in document["partitions"]),
            label_rows=document["label_rows"],
        )


def build_id(feature_set: FeatureSet, inputs: Mapping[str, str], engine: str) -> str:
    """What names a build before it runs: recipe + input version digests + engine version. The same id is not
    built twice.
    """
    return digest({"recipe": feature_set.recipe_digest(), "inputs": dict(inputs), "engine": engine})


@dataclass(frozen=True)
class FeatureVersionRecord:
    """What the catalog keeps of a feature version."""

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

    def supersedes(self, inputs: Mapping[str, int]) -> bool:
        """True when this version was built from newer data of some input than ``inputs``.

        What is no input any more cannot be newer: a set that dropped one can still be built.
        """
        return any(self.input_ordinals.get(dataset, 0) > ordinal for dataset, ordinal in inputs.items())


def partitions_between(partitions: Iterable[Partition], start: str, end: str) -> tuple[Partition, ...]:
    """Partitions whose month overlaps [start, end); bounds are ISO dates. Sorted by month."""
    last = _last_month(end)
    return tuple(sorted((p for p in partitions if start[:7] <= p.month <= last), key=lambda p: p.month))


def _last_month(end: str) -> str:
    """The last month that a half-open interval ending at the date ``end`` reaches."""
    year, month, day = (int(part) for part in end[:10].split("-"))
    if day > 1:
        return end[:7]
    return f"{year - 1}-12" if month == 1 else f"{year}-{month - 1:02d}"


def features_node(product: str, feature_set: str, version: str) -> str:
    return f"features/{product}/{feature_set}/{version}"


def entity_key(parts: Sequence[Any]) -> str:
    """The online store's key of an entity: its columns' values, escaped and joined by ``|``.

    Equal values have one key: null is not the empty text, and 5.0 is 5.
    """
    return "|".join(map(_key_part, parts))


def _key_part(part: Any) -> str:
    if part is None:
        return "\\N"
    if isinstance(part, float) and part.is_integer():
        part = int(part)
    return str(part).replace("\\", "\\\\").replace("|", "\\|")
