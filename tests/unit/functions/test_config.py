"""Settings: every problem is named at once, and every variable is one that the architecture names."""

import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from headgate import config
from headgate.config import (
    BuildFeaturesSettings,
    IngestJobSettings,
    IngestSettings,
    Settings,
    TrainSettings,
)
from headgate.domain.errors import ConfigurationError
from headgate.domain.source_limits import SourceLimits, setting

SHARED = {
    "HEADGATE_ENVIRONMENT": "dev",
    "CATALOG_TABLE_NAME": "catalog",
    "LEDGER_TABLE_NAME": "ledger",
    "EVENT_BUS_NAME": "bus",
    "LAKE_BUCKET_NAME": "lake",
}
TRAIN = {
    **SHARED,
    "MODELS_BUCKET_NAME": "models",
    "SIGNING_KEY_ARN": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "IDEMPOTENCY_TABLE_NAME": "idempotency",
    "BATCH_QUEUES": '{"cpu": "queue"}',
    "BATCH_JOB_DEFINITIONS": '{"cpu": "definition"}',
    "TRAINER_IMAGE_DIGEST": "sha256:1",
    "TRAIN_QUEUE_URL": "https://sqs/train",
}
EVERY = [
    each
    for each in vars(config).values()
    if isinstance(each, type) and issubclass(each, Settings) and each is not Settings
]


def test_settings_are_read_and_parsed() -> None:
    settings = TrainSettings.from_env(TRAIN)
    assert settings.batch_queues == {"cpu": "queue"}
    assert settings.environment == "dev"
    jobs = {n: TRAIN[n] for n in ("BATCH_QUEUES", "BATCH_JOB_DEFINITIONS")}
    build = {**SHARED, **jobs, "ONLINE_TABLE_NAME": "o", "LARGEST_BUILD_BYTES": "1"}
    assert BuildFeaturesSettings.from_env(build).memory_mb == 3008
    memory = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}
    assert BuildFeaturesSettings.from_env({**build, **memory}).memory_mb == 512


@pytest.mark.parametrize("settings", EVERY, ids=lambda each: each.__name__)
def test_every_missing_variable_is_named_at_once(settings: type[Settings]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings.from_env({"HEADGATE_ENVIRONMENT": "  "})
    required = [field for field in fields(settings) if field.default is MISSING]
    assert str(refused.value).count("is missing") == len(required)
    assert "HEADGATE_ENVIRONMENT is missing" in str(refused.value)


@pytest.mark.parametrize("text", ["cpu", "[]", '["cpu"]', '{"cpu": 1}', '{"cpu": null}', "{"])
def test_a_malformed_variable_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="BATCH_QUEUES is malformed") as refused:
        TrainSettings.from_env({**TRAIN, "BATCH_QUEUES": text, "EVENT_BUS_NAME": ""})
    assert "EVENT_BUS_NAME is missing" in str(refused.value)


def test_a_memory_size_is_a_number() -> None:
    with pytest.raises(ConfigurationError, match="AWS_LAMBDA_FUNCTION_MEMORY_SIZE is malformed"):
        IngestSettings.from_env(
            {**SHARED, "LANDING_BUCKET_NAME": "l", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "much"}
        )


def test_every_limit_of_a_source_is_a_setting() -> None:
    # Given each limit set to another number
    names = [field.name for field in fields(SourceLimits)]
    job = {**SHARED, "LANDING_BUCKET_NAME": "l", "JOB_MEMORY_MB": "1024"}
    changed = {setting(name): str(number) for number, name in enumerate(names, 1)}
    # Then the limits are those numbers, and the defaults where nothing is set
    found = IngestJobSettings.from_env({**job, **changed}).source_limits
    assert [getattr(found, name) for name in names] == list(range(1, len(names) + 1))
    assert IngestJobSettings.from_env(job).source_limits == SourceLimits()
    with pytest.raises(ConfigurationError, match="SOURCE_MAX_RATIO is malformed"):
        IngestJobSettings.from_env({**job, "SOURCE_MAX_RATIO": "0"})


def test_every_variable_is_in_the_architecture(root: Path) -> None:
    page = (root / "docs/architecture.md").read_text(encoding="utf-8")
    section = page[page.index("## Functions: environment variables") :]
    asked: set[str] = set()
    for settings in EVERY:
        with pytest.raises(ConfigurationError) as refused:
            settings.from_env({})
        asked |= set(re.findall(r"([A-Z_]+) is missing", str(refused.value)))
    assert asked
    assert {name for name in asked if name not in section} == set()
