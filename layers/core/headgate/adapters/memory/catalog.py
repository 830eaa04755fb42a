"""The whole catalog in one object, as it is one table in the cloud."""

from headgate.adapters.memory.datasets import MemoryDatasets
from headgate.adapters.memory.erasures import MemoryErasures
from headgate.adapters.memory.features import MemoryFeatures
from headgate.adapters.memory.models import MemoryModels
from headgate.adapters.memory.products import MemoryProducts
from headgate.adapters.memory.runs import MemoryRuns


class MemoryCatalog(MemoryDatasets, MemoryErasures, MemoryFeatures, MemoryProducts, MemoryRuns, MemoryModels):
    """The Dataset-, Erasure-, Feature-, Product-, Run- and ModelCatalog ports.

    Fault names: ``catalog.<method>``.
    """
