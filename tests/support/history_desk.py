"""A dataset's history over the in-memory platform: versions made of named pieces, and what each shows."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from headgate.domain.contract import Contract
from headgate.domain.dataset import ColumnStats, DataFile, Drop, SourceRef
from headgate.domain.version import MAIN, VersionRecord
from headgate.services.versions.branches import Versions, open_branch
from headgate.services.versions.commit_version import Authorship, Line
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.history import History
from headgate.services.versions.manifests import Manifests, data_key
from headgate.services.versions.merge_branch import MergeBranch
from headgate.services.versions.name_version import NameVersion
from headgate.services.versions.publish_version import PublishVersion
from headgate.services.versions.rollback_dataset import RollbackDataset
from headgate.services.versions.take_in import Accepted, take_in

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle, visits_contract

PRODUCT, DATASET = "shops", "visits"
CHECK = {"name": "rows", "severity": "error", "passed": True, "rows": 0}


@dataclass(frozen=True)
class HistoryDesk:
    """Every use case of history. A piece is a file whose bytes are its name."""

    platform: MemoryPlatform
    objects: Iterator[int] = field(default_factory=count, kw_only=True)

    @property
    def datasets(self) -> Datasets:
        p = self.platform
        return Datasets(p.products, p.catalog, p.catalog, p.lake, p.guard, p.bus, p.clock)

    @property
    def history(self) -> History:
        return History(self.datasets)

    @property
    def rolling(self) -> RollbackDataset:
        return RollbackDataset(self.datasets)

    @property
    def merging(self) -> MergeBranch:
        return MergeBranch(self.datasets)

    @property
    def publishing(self) -> PublishVersion:
        return PublishVersion(self.datasets)

    @property
    def naming(self) -> NameVersion:
        return NameVersion(self.datasets)

    def manual(self) -> "HistoryDesk":
        """The dataset's versions wait from now on."""
        contract = {**visits_contract(), "publish": "manual"}
        self.platform.apply_product(bundle(datasets={**bundle()["datasets"], DATASET: contract}))
        self.platform.faults.clear()
        return self

    def deny(self, action: str, condition: dict[str, Any] | None = None) -> None:
        """Nobody may do ``action`` from now on, where ``condition`` holds."""
        refusal = {
            "Sid": "Never",
            "Effect": "Deny",
            "Principal": {"Headgate": ["group/ml-engineers"]},
            "Action": action,
            "Resource": "hrn:shops:*",
            **({"Condition": condition} if condition else {}),
        }
        applied = self.platform.products.get(PRODUCT).product.document
        policy = {**applied["policy"], "Statement": [*applied["policy"]["Statement"], refusal]}
        self.platform.apply_product({**applied, "policy": policy})

    def overwriting(self) -> Contract:
        return Contract.from_document({**visits_contract(), "operation": "overwrite"})

    def add(
        self, *pieces: str, branch: str = MAIN, contract: Contract | None = None, at: float = 60.0
    ) -> VersionRecord:
        """One version that adds the pieces, as ingest would commit and publish it, ``at`` seconds later."""
        p = self.platform
        p.clock.advance(at)
        line = Line(PRODUCT, DATASET, branch)
        if branch == "pending":
            open_branch(p.catalog, p.catalog, line, "service/ingest", self.datasets.now())
        applied = contract or p.products.get(PRODUCT).product.contract(DATASET)
        accepted = [self.written(piece) for piece in pieces]
        commits = self.datasets.commits
        by = Authorship("service/ingest")
        record = commits.commit(line, take_in(applied, accepted), by, [a.source for a in accepted])
        commits.publish(record)
        return record

    def shown(self, name: str = MAIN) -> list[str]:
        """The pieces that a version shows, each read from the lake; sorted."""
        record = Versions(self.platform.catalog, self.platform.catalog).resolve(PRODUCT, DATASET, name)
        manifests = Manifests(self.platform.lake, PRODUCT, DATASET)
        files = manifests.files(manifests.load(record.digest))
        return sorted(self.platform.lake.get(f.key).decode() for f in files)

    def head(self, branch: str = MAIN) -> VersionRecord:
        found = self.platform.catalog.dataset_head(PRODUCT, DATASET, branch)
        assert found is not None
        return found

    def history_of(self, ordinal: int) -> VersionRecord:
        return self.platform.catalog.dataset_version(PRODUCT, DATASET, ordinal)

    def written(self, piece: str) -> Accepted:
        """The first half of a commit: the piece's bytes in the lake, from an object of its own each time."""
        body = piece.encode()
        sha256 = hashlib.sha256(body).hexdigest()
        version_id = f"{next(self.objects)}-of-{piece}"
        source = SourceRef("landing", f"{PRODUCT}/{DATASET}/{piece}.csv", version_id, sha256, len(body))
        key = data_key(PRODUCT, DATASET, sha256)
        self.datasets.lake.put(key, body)
        columns = (ColumnStats("visit_id", "VARCHAR", 0, piece, piece),)
        file = DataFile(key, len(body), sha256, 10, columns, source, (0, 10))
        drop = Drop("landing", source.key, source.version_id, 1, piece)
        return Accepted((drop,), source, file, (CHECK,), 0.1)
