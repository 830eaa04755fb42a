"""Monitoring: drift and performance of a champion, each reported once, and crashes."""

from dataclasses import replace
from typing import Any

import pytest
from headgate.adapters.memory import LogisticModel, MemoryCatalog
from headgate.domain.errors import Corrupted, NotFound
from headgate.domain.model import CHAMPION, AliasMove, ModelVersion

from tests.support.crash_points import after_every_crash
from tests.support.memory_platform import MemoryPlatform
from tests.support.serving import train_champion
from tests.support.small_product import bundle, other_product
from tests.support.trained_run import FAIR, TrainedRun, build, job, spec_uri, take_in

UNLABELLED = """
SELECT visit_id, visited_at, shop, size,
       CASE WHEN visited_at < TIMESTAMP '2024-03-11' THEN CAST(bought AS INTEGER) END AS bought FROM visits
"""


@pytest.fixture(scope="module")
def prepared(prepared_platform: MemoryPlatform) -> MemoryPlatform:
    platform = prepared_platform.fork()
    train_champion(platform)
    take_in(platform, 3)
    build(platform)
    return platform


@pytest.fixture
def live(prepared: MemoryPlatform) -> MemoryPlatform:
    """A champion, and the whole of March has happened since."""
    return prepared.fork()


def reports(platform: MemoryPlatform) -> dict[str, dict[str, Any]]:
    found = platform.catalog.reports("buys")
    assert len({r["kind"] for r in found}) == len(found), "one of each kind"
    return {r["kind"]: dict(r) for r in found}


def test_there_is_nothing_to_see_before_a_champion_and_before_its_future(platform: MemoryPlatform) -> None:
    assert platform.monitor.observe("shops") == []
    train_champion(platform)
    assert platform.monitor.observe("shops") == []
    platform.apply_product(bundle(training=None))
    assert platform.monitor.observe("shops") == []


def test_drift_is_measured_against_the_training_rows(live: MemoryPlatform) -> None:
    live.monitor.observe("shops")
    drift = reports(live)["drift"]
    assert drift["rows"] == 31 * 4
    assert set(drift["psi"]) == {"double_size", "warmth"}
    # Sizes are as they were; the reference says warmth was missing in 4 rows of 124, in March it is in half
    assert drift["psi"]["double_size"] < 0.1
    assert drift["drifted"] == ["warmth"]
    (event,) = live.bus.of_type("DriftDetected")
    assert (event.detail["feature"], event.detail["psi"]) == ("warmth", drift["psi"]["warmth"])
    assert live.logs.get(f"drift/shops/{drift['id']}.json")


def test_performance_is_measured_on_labels_that_came_later(live: MemoryPlatform) -> None:
    live.monitor.observe("shops")
    performance = reports(live)["performance"]
    assert (performance["auc"], performance["rows"], performance["holdout_auc"]) == (1.0, 31 * 4, 1.0)
    assert set(performance["baselines"]) == {"constant", "naive", "seasonal", "by_shop"}
    assert performance["train_window"] == ["2024-01-01", "2024-02-01"]
    assert performance["window"] == ["2024-03-01", "2024-03-31T13:30:00.000Z"]
    (event,) = live.bus.of_type("PerformanceMeasured")
    assert event.detail["auc"] == 1.0


@pytest.mark.parametrize("told", [True, False], ids=["train-window-kept", "older-than-train-windows"])
def test_baselines_are_those_of_registration_less_the_embargo(platform: MemoryPlatform, told: bool) -> None:
    # Given a champion that learnt nothing from the 20 days before its holdout, watched over March
    declare(platform, train=["2024-01-01", "2024-02-01"], holdout=["2024-02-01", "2024-03-01"], hours=20 * 24)
    train_champion(platform)
    take_in(platform, 3)
    build(platform)
    monitor = platform.monitor if told else replace(platform.monitor, models=Forgetful(platform.catalog))
    watched = next(r for r in monitor.observe("shops") if r["kind"] == "performance")
    # When registration judges another model on March, with baselines of the same days, and of all of January
    declare(platform, train=["2024-01-01", "2024-01-12"], holdout=["2024-03-01", "2024-04-01"])
    same = registered(platform, FAIR)
    declare(platform, train=["2024-01-01", "2024-02-01"], holdout=["2024-03-01", "2024-04-01"])
    more = registered(platform, LogisticModel(-50.9, FAIR.weights))
    # Then the numbers compare
    assert watched["train_window"] == same["train_window"] == ["2024-01-01", "2024-01-12"]
    assert watched["baselines"] == same["baselines"]
    assert watched["baselines"] != more["baselines"]


class Forgetful:
    """A catalog of versions that do not tell what their baselines were learnt on."""

    def __init__(self, catalog: MemoryCatalog) -> None:
        self.catalog = catalog

    def __getattr__(self, name: str) -> Any:
        return getattr(self.catalog, name)

    def model_version(self, model: str, version: int) -> ModelVersion:
        found = self.catalog.model_version(model, version)
        return replace(found, metrics={k: v for k, v in found.metrics.items() if k != "train_window"})


def declare(platform: MemoryPlatform, train: list[str], holdout: list[str], hours: float = 0.0) -> None:
    split = {"train": train, "holdout": holdout, "embargo_hours": hours}
    platform.apply_product(bundle(training={**bundle()["training"], "split": split}))


def registered(platform: MemoryPlatform, model: LogisticModel) -> dict[str, Any]:
    """The metrics of another version."""
    platform.clock.advance(60)
    platform.train.consider("shops")
    run = next(r for r in platform.catalog.runs("shops") if r.state == "SUBMITTED")
    TrainedRun(platform, run, model).write()
    outcome = platform.register.on_job_ended(spec_uri(run), job(run))
    assert outcome.model is not None, outcome.run.reason
    return dict(outcome.model.metrics)


def test_the_same_data_is_reported_once_and_told_again(live: MemoryPlatform) -> None:
    first = live.monitor.observe("shops")
    live.clock.advance(3600)
    again = live.monitor.observe("shops")
    assert again == first
    assert len(reports(live)) == 2
    for kind in ("DriftDetected", "PerformanceMeasured"):
        told = live.bus.of_type(kind)
        assert (len(told), len({(e.id, e.time) for e in told})) == (2, 1)


def test_newer_data_is_another_report(live: MemoryPlatform) -> None:
    live.monitor.observe("shops")
    take_in(live, 4)
    build(live)
    live.monitor.observe("shops")
    rows = [r["rows"] for r in live.catalog.reports("buys") if r["kind"] == "performance"]
    assert sorted(rows) == [31 * 4, (31 + 30) * 4]


def test_another_champion_is_another_report(live: MemoryPlatform) -> None:
    # Given two versions, the second of which is made champion
    live.monitor.observe("shops")
    live.apply_product(bundle(training={**bundle()["training"], "seed": 9}))
    live.train.consider("shops")
    run = next(r for r in live.catalog.runs("shops") if r.state == "SUBMITTED")
    TrainedRun(live, run, FAIR).write()
    live.register.on_job_ended(spec_uri(run), job(run))
    live.catalog.move_alias(AliasMove("buys", CHAMPION, 1, 2, "user/alice", "", "2030-01-02T00:00:00.000Z"))
    # When it is observed
    live.clock.advance(60)
    found = live.monitor.observe("shops")
    # Then it has reports of its own
    assert {r["version"] for r in found} == {2}
    assert len(live.catalog.reports("buys")) == 4


def test_a_model_is_watched_from_the_end_of_its_own_holdout(live: MemoryPlatform) -> None:
    # When the product's declaration has moved on, and its model has not yet
    split = {"train": ["2024-01-01", "2024-03-01"], "holdout": ["2024-03-01", "2024-04-01"]}
    live.apply_product(bundle(training={**bundle()["training"], "split": split}))
    # Then March is still new to the model
    assert {r["window"][0] for r in live.monitor.observe("shops")} == {"2024-03-01"}


def test_rows_without_a_label_yet_count_for_drift_alone(platform: MemoryPlatform) -> None:
    document = bundle()
    document["views"]["visit"] = {**document["views"]["visit"], "sql": UNLABELLED}
    platform.apply_product(document)
    train_champion(platform)
    take_in(platform, 3)
    build(platform)
    platform.monitor.observe("shops")
    found = reports(platform)
    assert (found["drift"]["rows"], found["performance"]["rows"]) == (31 * 4, 10 * 4)


def test_without_any_label_there_is_no_performance(platform: MemoryPlatform) -> None:
    document = bundle()
    unlabelled = UNLABELLED.replace("2024-03-11", "2024-03-01")
    document["views"]["visit"] = {**document["views"]["visit"], "sql": unlabelled}
    platform.apply_product(document)
    train_champion(platform)
    take_in(platform, 3)
    build(platform)
    platform.monitor.observe("shops")
    assert set(reports(platform)) == {"drift"}


def test_an_artifact_that_was_exchanged_is_not_measured(live: MemoryPlatform) -> None:
    model = live.catalog.model_version("buys", 1)
    live.models.put(model.artifact_key, FAIR.to_bytes())
    with pytest.raises(Corrupted, match="not what was registered"):
        live.monitor.observe("shops")


def test_the_schedule_looks_at_every_product_though_one_fails(live: MemoryPlatform) -> None:
    # Given a product before the other in the alphabet whose reference is gone
    training = {**bundle()["training"], "model": "other_buys"}
    live.apply_product(other_product(training=training))
    train_champion(live, product="others")
    take_in(live, 3, product="others")
    build(live, "others")
    (run,) = live.catalog.runs("others")
    live.models.put(f"others/runs/{run.digest}/out/reference.json", b"{}")
    # When the schedule asks for all
    with pytest.raises(Corrupted, match="has no features"):
        live.monitor.observe_all()
    # Then the other one was observed
    assert set(reports(live)) == {"drift", "performance"}


def test_the_schedule_reports_every_product(live: MemoryPlatform) -> None:
    assert {r["model"] for r in live.monitor.observe_all()} == {"buys"}


def test_an_unknown_product_is_not_found(platform: MemoryPlatform) -> None:
    with pytest.raises(NotFound):
        platform.monitor.observe("nobody")


def test_a_crash_at_any_side_effect_is_healed_by_redelivery(live: MemoryPlatform) -> None:
    for platform, crash in after_every_crash(live, lambda p: p.monitor.observe("shops")):
        found = reports(platform)
        assert set(found) == {"drift", "performance"}, crash
        assert [e.detail["feature"] for e in platform.bus.of_type("DriftDetected")][-1:] == ["warmth"], crash
        assert {e.id for e in platform.bus.of_type("PerformanceMeasured")} == {found["performance"]["id"]}, (
            crash
        )
        for report in found.values():
            assert platform.logs.get(f"drift/shops/{report['id']}.json"), crash
