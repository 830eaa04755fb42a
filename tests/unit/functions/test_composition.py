"""The composition root: loading it loads no engine, and the control plane comes out of its settings whole."""

import json
import subprocess
import sys
from dataclasses import fields

import pytest
from headgate import bootstrap
from headgate.domain.errors import ConfigurationError

from tests.unit.functions.test_config import SHARED

QUEUES = ("TRAIN", "INGEST", "MAINTAIN", "PUBLISH", "FEATURE")
API = {
    **SHARED,
    **{f"{name}_QUEUE_URL": f"https://sqs/{name.lower()}" for name in QUEUES},
    "MODELS_BUCKET_NAME": "models",
    "LANDING_BUCKET_NAME": "landing",
    "LOGS_BUCKET_NAME": "logs",
    "ONLINE_TABLE_NAME": "online",
    "LARGEST_BUILD_BYTES": "1",
    "SIGNING_KEY_ARN": "arn:aws:kms:us-east-1:111122223333:key/signing",
}
LOADED = "import json, sys; from headgate import bootstrap; print(json.dumps(sorted(sys.modules)))"
HEAVY = {"duckdb", "numpy", "onnxruntime", "pyarrow", "pyiceberg", "sqlglot", "zstandard", "jwt", "chalice"}


def test_loading_the_root_loads_no_engine_and_only_what_every_use_case_is_made_of() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))

    assert "headgate.bootstrap.parts" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert [name for name in loaded if name.startswith("headgate.adapters.engines")] == []
    services = {name for name in loaded if name.startswith("headgate.services.")}
    assert services == {f"headgate.services.{name}" for name in ("access", "clock", "products")}


def test_the_control_plane_comes_out_of_its_settings() -> None:
    plane = bootstrap.control_plane(API)

    assert all(getattr(plane, field.name) is not None for field in fields(plane))
    assert plane.rollback_model.promotion is plane.promote_model
    assert plane.read_model.documents.artifacts.bucket == "models"
    assert plane.history.datasets.lake.bucket == "lake"


def test_the_control_plane_names_what_it_lacks() -> None:
    with pytest.raises(ConfigurationError, match="TRAIN_QUEUE_URL is missing"):
        bootstrap.control_plane({name: value for name, value in API.items() if name != "TRAIN_QUEUE_URL"})
