"""Training declarations, run specs, and the data a split needs."""

from dataclasses import replace
from typing import Any

import pytest
from headgate.domain.bundle import read_bundle
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature_version import Partition
from headgate.domain.run import RunRecord, RunSpec, TrainingPartition
from headgate.domain.training import Split, TrainingConfig
from headgate.domain.trigger import Triggers
from headgate.services.training.training_data import missing_data, months

from tests.support.small_product import bundle


def config(**changes: Any) -> TrainingConfig:
    return TrainingConfig.from_document({**bundle()["training"], **changes})


def spec(**changes: Any) -> RunSpec:
    made = RunSpec(
        "shops",
        config(),
        (TrainingPartition("s3://lake/1", "1" * 64, 5, "2024-01"),),
        ("id",),
        "at",
        "c",
        "e",
    )
    return replace(made, **changes)


def partition(month: str, last: str = "28T12:00:00.000Z", rows: int = 1) -> Partition:
    return Partition(month, "made", month, "0" * 64, 1, rows, None, f"{month}-01", f"{month}-{last}")


@pytest.mark.parametrize(
    "split",
    [
        (("2024-02-01", "2024-01-01"), ("2024-03-01", "2024-04-01")),
        (("2024-01-01", "2024-03-01"), ("2024-02-01", "2024-04-01")),
        (("2024-01-01", "2024-02-01"), ("2024-02-01", "2024-02-01")),
    ],
)
def test_a_holdout_must_not_begin_before_training_ends(split: Any) -> None:
    with pytest.raises(InvalidRequest, match="training split"):
        Split(*split)


@pytest.mark.parametrize("field", ["model", "feature_set", "split", "features", "gates", "seed"])
def test_a_missing_field_is_named(field: str) -> None:
    document = {name: value for name, value in bundle()["training"].items() if name != field}
    with pytest.raises(InvalidRequest, match=field):
        TrainingConfig.from_document(document)


def test_an_unknown_compute_class_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="compute_class is 'tpu'"):
        config(compute_class="tpu")


def test_equal_specs_have_one_name() -> None:
    assert spec().digest == spec().digest


@pytest.mark.parametrize(
    "changes",
    [
        {"product": "others"},
        {"config": config(seed=2)},
        {"config": config(params={"rounds": 6})},
        {"config": config(features=[{"name": "warmth", "kind": "numeric"}])},
        {"partitions": (TrainingPartition("s3://lake/1", "2" * 64, 5, "2024-01"),)},
        {"partitions": ()},
        {"code_digest": "d"},
        {"environment_digest": "f"},
    ],
)
def test_whatever_decides_a_run_is_in_its_name(changes: dict[str, Any]) -> None:
    assert spec(**changes).digest != spec().digest


def test_a_task_is_what_is_learnt_and_not_what_it_may_cost() -> None:
    same = config(gates={}, budget_usd_per_month=9.0, timeout_seconds=60, compute_class="gpu")
    assert same.task == config().task
    split = {"train": ["2024-01-01", "2024-01-15"], "holdout": ["2024-02-01", "2024-03-01"]}
    assert len({config(label="other").task, config(split=split).task, config().task}) == 3


def test_a_further_attempt_reserves_under_another_key() -> None:
    first = RunRecord("p", "m", "d" * 64, "REFUSED", "s3://", "f", "v", "cpu", 0.1, "user/a", "2030-01-31")
    assert (first.reservation, first.month) == ("d" * 64, "2030-01")
    assert replace(first, attempt=2).reservation not in (
        first.reservation,
        replace(first, attempt=3).reservation,
    )


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-01-01", "2024-02-01", ["2024-01"]),
        ("2024-01-31", "2024-02-02", ["2024-01", "2024-02"]),
        ("2023-12-15", "2024-01-02", ["2023-12", "2024-01"]),
        ("2023-11-01", "2024-03-01", ["2023-11", "2023-12", "2024-01", "2024-02"]),
    ],
)
def test_the_months_of_a_split(start: str, end: str, expected: list[str]) -> None:
    assert months(start, end) == expected


@pytest.mark.parametrize(
    ("partitions", "reason"),
    [
        ([], "waiting for data of 2024-01, 2024-02"),
        ([partition("2024-01")], "waiting for data of 2024-02"),
        ([partition("2024-01"), partition("2024-02", rows=0)], "waiting for data of 2024-02"),
        (
            [partition("2024-01"), partition("2024-02", "28T23:59:59.999Z")],
            "waiting for data until 2024-03-01; the newest label is of 2024-02-28T23:59:59.999Z",
        ),
        ([partition("2024-01"), partition("2024-02", "29T00:00:00.000Z")], None),
    ],
)
def test_what_a_split_still_lacks(partitions: list[Partition], reason: str | None) -> None:
    assert missing_data(partitions, config()) == reason


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        (True, None),
        (False, None),
        ({"rows": 1000, "days": 2.5}, None),
        ({"row": 1000}, "bundle.training.triggers.feature_version: unknown field 'row'"),
        ({"rows": 0}, "bundle.training.triggers.feature_version.rows"),
        ("daily", "bundle.training.triggers.feature_version: an object is needed"),
    ],
)
def test_a_trigger_of_versions_is_on_off_or_has_thresholds(trigger: Any, message: str | None) -> None:
    document = bundle(training={**bundle()["training"], "triggers": {"feature_version": trigger}})
    if message is None:
        assert read_bundle(document).training is not None
        return
    with pytest.raises(InvalidRequest) as refused:
        read_bundle(document)
    assert message in str(refused.value)


def test_a_search_that_is_impossible_is_refused_with_its_field() -> None:
    search = {"method": "random", "space": {"rounds": [1, 2]}, "trials": 5}
    with pytest.raises(InvalidRequest, match="training.search.trials: is 5; the space has only 2"):
        read_bundle(bundle(training={**bundle()["training"], "search": search}))


def test_budget_triggers_and_search_are_no_part_of_a_run() -> None:
    own = config()

    def of(changed: TrainingConfig) -> RunSpec:
        return replace(spec(), config=changed)

    other = replace(own, budget_usd_per_month=9.0, triggers=Triggers(drift=True), timeout_seconds=60)
    assert of(other).digest == of(own).digest
    changed = of(replace(own, seed=2))
    assert changed.digest != of(own).digest
    assert {part for part, made in changed.digests.items() if made != of(own).digests[part]} == {"config"}
