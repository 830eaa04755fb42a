"""The whole catalog in one object, as it is one table in the cloud."""

from headgate.adapters.memory.collections import MemoryCollections
from headgate.adapters.memory.datasets import MemoryDatasets
from headgate.adapters.memory.erasures import MemoryErasures
from headgate.adapters.memory.experiments import MemoryExperiments
from headgate.adapters.memory.features import MemoryFeatures
from headgate.adapters.memory.products import MemoryProducts
from headgate.adapters.memory.releases import MemoryReleases
from headgate.adapters.memory.reproductions import MemoryReproductions
from headgate.adapters.memory.runs import MemoryRuns


class MemoryCatalog(
    MemoryDatasets,
    MemoryCollections,
    MemoryErasures,
    MemoryFeatures,
    MemoryProducts,
    MemoryRuns,
    MemoryExperiments,
    MemoryReleases,
    MemoryReproductions,
):
    """Every catalog's port: of datasets, names, quarantine, garbage, collections, erasures, features,
    products, runs, experiments, triggers, models, releases and reproductions.

    Fault names: ``catalog.<method>``.
    """
