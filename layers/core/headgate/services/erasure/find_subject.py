"""What holds a subject's rows: data files and the versions that show them, dropped objects, feature versions,
the models trained on them, predictions, online rows and refused drops.

It reads everything a product keeps and changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from headgate.domain.contract import Contract
from headgate.domain.dataset import DataFile, QuarantineRecord, object_node
from headgate.domain.entity_key import entity_parts
from headgate.domain.erasure import Findings, Subject
from headgate.domain.errors import NotFound
from headgate.domain.external_object import external_object
from headgate.domain.feature_version import features_node
from headgate.domain.model import model_node
from headgate.domain.run import RunRecord, run_prefix
from headgate.ports import (
    DatasetCatalog,
    ErasureEngine,
    KeyColumns,
    ModelCatalog,
    ObjectStore,
    OnlineStore,
    QuarantineCatalog,
    RunCatalog,
    Scratch,
)
from headgate.services.erasure.search_lake import Documents, FeatureFiles, SearchLake, key_columns
from headgate.services.erasure.search_landing import Dropped, SearchLanding
from headgate.services.erasure.search_predictions import LoggedRows, SearchPredictions
from headgate.services.products import AppliedProduct, Products
from headgate.services.versions.ancestry import newest_first
from headgate.services.versions.diff_reports import reports_prefix

ALL = 1_000_000


@dataclass(frozen=True)
class Holdings:
    """Everything that holds the subject, as it must be known to take it away.

    ``data`` are rows by data file of the lake or imported object; ``artifacts`` rows by key in the models'
    bucket; ``online`` (space, key) pairs.
    """

    keys: KeyColumns
    data: Mapping[str, int]
    documents: Documents
    versions: tuple[int, ...]
    dropped: Dropped
    features: tuple[FeatureFiles, ...]
    models: tuple[str, ...]
    artifacts: Mapping[str, int]
    logged: tuple[LoggedRows, ...]
    online: tuple[tuple[str, str], ...]
    refused: tuple[QuarantineRecord, ...]
    diffs: tuple[str, ...] = ()
    landing: str = ""
    findings: Findings = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "findings", self._findings())

    @property
    def files(self) -> Mapping[str, DataFile]:
        """The affected data files that some manifest or segment names."""
        return self.documents.files

    def _findings(self) -> Findings:
        external = tuple(sorted(key for key in self.data if external_object(key) is not None))
        sources = (object_node(self.landing, *place) for place in self.dropped.holding)
        unsearched = (object_node(self.landing, *place) for place in self.dropped.unsearched)
        partitions = chain.from_iterable(f.partitions for f in self.features)
        return Findings(
            rows=sum(self.data.values()),
            files=tuple(sorted({*self.data, *partitions, *self.artifacts})),
            versions=self.versions,
            sources=tuple(sorted(sources)),
            feature_versions=tuple(
                sorted(f"{f.name}/{digest}" for f in self.features for digest in f.versions)
            ),
            models=self.models,
            prediction_rows=sum(each.rows for each in self.logged),
            prediction_logs=tuple(each.key for each in self.logged),
            online_rows=len(self.online),
            quarantined=tuple(sorted(f"{r.dataset}/{r.id}" for r in self.refused)),
            diffs=self.diffs,
            external=external,
            unsearched=tuple(sorted(unsearched)),
        )


@dataclass(frozen=True)
class FindSubject:
    """The use case. Every bucket is only read."""

    products: Products
    datasets: DatasetCatalog
    runs: RunCatalog
    models: ModelCatalog
    quarantine: QuarantineCatalog
    landing: ObjectStore
    lake: ObjectStore
    artifacts: ObjectStore
    logs: ObjectStore
    online: OnlineStore
    engine: ErasureEngine
    scratch: Scratch

    def find(self, product: str, dataset: str, subject: Subject) -> Holdings:
        """Raises NotFound when the product is not applied."""
        applied = self.products.get(product)
        contract = _contract(applied, dataset)
        keys = key_columns(contract, subject)
        search = SearchLake(self.lake, self.engine)
        prefix = f"{product}/datasets/{dataset}"
        data = search.data(prefix, keys, subject)
        documents = search.documents(prefix, frozenset(data))
        if imported := search.holding(sorted(documents.external), keys, subject):
            data |= imported
            documents = search.documents(prefix, frozenset(data))
        records = list(newest_first(self.datasets, product, dataset))
        sources = {(s.key, s.version_id): s.sha256 for r in records for s in r.sources}
        affected = [f.source for f in documents.files.values()]
        dropped = SearchLanding(self.landing, self.engine, self.scratch).search(
            f"{product}/{dataset}/", contract, keys, subject, affected, sources
        )
        features = search.features(product, keys, subject)
        trained = list(self._runs(product, {d for f in features for d in f.versions}))
        return Holdings(
            keys=keys,
            data=data,
            documents=documents,
            versions=tuple(sorted(r.ordinal for r in records if documents.shows(r.digest, prefix))),
            dropped=dropped,
            features=tuple(features),
            models=tuple(sorted(self._models(trained))),
            artifacts=self._artifacts(trained, keys, subject),
            logged=tuple(SearchPredictions(self.logs).search(product, subject)),
            online=tuple(self._online(applied, subject)),
            refused=tuple(self._refused(product, dataset, subject, dropped)),
            diffs=tuple(sorted({e.key for e in self.lake.entries(reports_prefix(product, dataset))})),
            landing=self.landing.bucket,
        )

    def _runs(self, product: str, versions: set[str]) -> Iterator[RunRecord]:
        """The runs that were given one of these feature versions."""
        if versions:
            yield from (r for r in self.runs.runs(product, ALL) if r.feature_version in versions)

    def _models(self, runs: list[RunRecord]) -> Iterator[str]:
        digests = {r.digest for r in runs}
        for name in sorted({r.model for r in runs}):
            for version in self.models.model_versions(name, ALL):
                if version.run in digests:
                    yield model_node(name, version.version)

    def _artifacts(self, runs: list[RunRecord], keys: KeyColumns, subject: Subject) -> dict[str, int]:
        """What trainers wrote of single rows: the scores of those that were held out. An older version of
        them may hold rows that the newest does not.
        """
        names = [f"{run_prefix(r.product, r.digest)}/out/holdout_scores.parquet" for r in runs]
        written = [e for name in names for e in self.artifacts.entries(name) if e.key == name]
        newest = [e.key for e in written if e.is_latest]
        older = {e.key: 0 for e in written if not e.is_latest}
        return {**older, **SearchLake(self.artifacts, self.engine).holding(newest, keys, subject)}

    def _online(self, applied: AppliedProduct, subject: Subject) -> Iterator[tuple[str, str]]:
        """Rows of views that nobody declares any more too: each names the columns of its key."""
        for row in self.online.rows(applied.record.name):
            key = dict(zip(row.entity, entity_parts(row.key), strict=False))
            held = [row.values, *(each.values for each in row.earlier)]
            if any(subject.is_in({**values, **key}) for values in held):
                yield row.space, row.key

    def _refused(
        self, product: str, dataset: str, subject: Subject, dropped: Dropped
    ) -> Iterator[QuarantineRecord]:
        """Records that tell of the subject, and open ones whose object holds it."""
        for record in self.quarantine.quarantine(product, ALL):
            if record.dataset != dataset:
                continue
            told = subject.named_in(f"{record.reason} {list(record.sample)}")
            if told or (record.state == "open" and (record.key, record.version_id) in dropped.holding):
                yield record


def holding_nodes(product: str, findings: Findings) -> list[str]:
    """Feature versions and models as lineage nodes."""
    features = [features_node(product, *each.split("/", 1)) for each in findings.feature_versions]
    return [*features, *findings.models]


def _contract(applied: AppliedProduct, dataset: str) -> Contract | None:
    try:
        return applied.product.contract(dataset)
    except NotFound:
        return None
