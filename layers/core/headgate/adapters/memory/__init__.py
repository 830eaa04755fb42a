"""A shipped in-memory implementation of every port."""

from headgate.adapters.memory.batch import MemoryBatchCompute, Submission
from headgate.adapters.memory.catalog import MemoryCatalog
from headgate.adapters.memory.clock import ManualClock
from headgate.adapters.memory.diff import MemoryDiffEngine
from headgate.adapters.memory.erasure import MemoryErasureEngine
from headgate.adapters.memory.faults import ANY_EFFECT, Crash, Faults
from headgate.adapters.memory.ingest import MemoryIngestEngine
from headgate.adapters.memory.job_logs import MemoryJobLogs
from headgate.adapters.memory.ledger import MemoryLedger
from headgate.adapters.memory.messages import MemoryEventBus, MemoryQueue
from headgate.adapters.memory.objects import MemoryObjectStore
from headgate.adapters.memory.online import MemoryOnlineStore
from headgate.adapters.memory.runtime import LogisticModel, MemoryModelRuntime
from headgate.adapters.memory.scratch import MemoryScratch
from headgate.adapters.memory.signing import MemorySigner

__all__ = [
    "ANY_EFFECT",
    "Crash",
    "Faults",
    "LogisticModel",
    "ManualClock",
    "MemoryBatchCompute",
    "MemoryCatalog",
    "MemoryDiffEngine",
    "MemoryErasureEngine",
    "MemoryEventBus",
    "MemoryIngestEngine",
    "MemoryJobLogs",
    "MemoryLedger",
    "MemoryModelRuntime",
    "MemoryObjectStore",
    "MemoryOnlineStore",
    "MemoryQueue",
    "MemoryScratch",
    "MemorySigner",
    "Submission",
]
