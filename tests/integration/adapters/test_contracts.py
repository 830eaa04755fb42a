"""Every AWS adapter keeps its port's contract over the emulator: the suites are those of the unit tests."""

from __future__ import annotations

from tests.unit.adapters.test_batch_compute import TestBatchCompute
from tests.unit.adapters.test_budget_race import TestBudgetRace
from tests.unit.adapters.test_dataset_catalog import TestBranchesOfADataset, TestDatasetCatalog
from tests.unit.adapters.test_experiment_catalog import TestExperimentCatalog, TestTriggerCatalog
from tests.unit.adapters.test_feature_catalog import TestFeatureCatalog
from tests.unit.adapters.test_ledger import TestLedger
from tests.unit.adapters.test_messages import TestEventBus, TestMessageQueue
from tests.unit.adapters.test_model_catalog import TestModelCatalog
from tests.unit.adapters.test_object_store import TestObjectStore
from tests.unit.adapters.test_object_versions import TestObjectVersions
from tests.unit.adapters.test_online_store import TestOnlineStore
from tests.unit.adapters.test_product_catalog import TestProductCatalog
from tests.unit.adapters.test_quarantine_catalog import TestQuarantineCatalog
from tests.unit.adapters.test_ref_catalog import TestBranches, TestHolds, TestTags
from tests.unit.adapters.test_release_catalog import TestReleaseCatalog
from tests.unit.adapters.test_run_catalog import TestRunCatalog
from tests.unit.adapters.test_signer import TestSigner

__all__ = [
    "TestBatchCompute",
    "TestBranches",
    "TestBranchesOfADataset",
    "TestBudgetRace",
    "TestDatasetCatalog",
    "TestEventBus",
    "TestExperimentCatalog",
    "TestFeatureCatalog",
    "TestHolds",
    "TestLedger",
    "TestMessageQueue",
    "TestModelCatalog",
    "TestObjectStore",
    "TestObjectVersions",
    "TestOnlineStore",
    "TestProductCatalog",
    "TestQuarantineCatalog",
    "TestReleaseCatalog",
    "TestRunCatalog",
    "TestSigner",
    "TestTags",
    "TestTriggerCatalog",
]
