"""The demo's flights of a year as typed Parquet, a file a drop, and the product's feature set over them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.cli.compile_product import compile_product
from headgate.domain.bundle import read_bundle
from headgate.domain.feature_set import FeatureSet
from headgate.domain.product import Product
from headgate.services.features.planned_input import PlannedInput

from tests.bench.measuring import ROOT
from tests.support.local_features import planned_input

FEATURE_SET = "departure"


@dataclass(frozen=True)
class FlightsYear:
    product: Product
    files: dict[str, tuple[Path, ...]]
    """By dataset, in the order of their names: a monthly one ends with December."""

    @classmethod
    def typed(cls, drops: Path, folder: Path, limits: Limits) -> FlightsYear:
        """Every drop of the feature set's inputs, as ingest would store it."""
        product = read_bundle(compile_product(ROOT / "infra/products/flights"))
        engine, files = DuckDbIngestEngine(limits), {}
        for name in product.feature_sets[FEATURE_SET].inputs:
            found = sorted((drops / name).glob("*.csv"))
            files[name] = tuple(_typed(engine, product, name, drop, folder / name) for drop in found)
        return cls(product, files)

    @property
    def feature_set(self) -> FeatureSet:
        return self.product.feature_sets[FEATURE_SET]

    def inputs(self, months: int) -> dict[str, PlannedInput]:
        """Of the monthly datasets the first ``months``, of the others everything."""
        found = {}
        for name, files in self.files.items():
            contract = self.product.datasets[name]
            known_at = {c.name: c.known_at for c in contract.columns if c.known_at}
            chosen = files[:months]
            found[name] = planned_input(name, chosen, contract.event_time, contract.primary_key, known_at)
        return found


def _typed(engine: DuckDbIngestEngine, product: Product, name: str, drop: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    source, target = folder / drop.name, folder / f"{drop.stem}.parquet"
    source.hardlink_to(drop)
    engine.convert(source, drop.name, product.datasets[name], target)
    return target
