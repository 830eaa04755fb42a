"""Builds that are planned before they run, and handed to Batch stage by stage when they are too large."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from headgate.adapters.memory import Crash, MemoryBatchCompute
from headgate.bootstrap import price_table
from headgate.domain.errors import ConfigurationError, InvalidRequest, NotFound, Permanent
from headgate.domain.feature_job import FEATURES, PARAMETER, FeatureJob, ended_job
from headgate.services.features.build_features import BuildFeatures
from headgate.services.features.feature_build import BuildOutcome
from headgate.services.features.feature_compute import FeatureCompute, FeatureJobs
from headgate.services.features.feature_manifests import features_prefix
from headgate.services.features.feature_memo import forget_all
from headgate.services.features.make_feature_share import MakeFeatureShare
from headgate.services.features.plan_features import ENGINE, PlanFeatures

from tests.support.feature_desk import Desk, contents, contents_of
from tests.support.feature_set_desk import FeatureDesk
from tests.support.memory_platform import ALICE

ALL_HERE = 1 << 30


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk.open(tmp_path)
    found.visits([0, 30, 700, 1500])
    found.sensor([0, 29, 690, 1490])
    return found


def decide(largest: int) -> FeatureCompute:
    return FeatureCompute(price_table(), largest, 3008)


def planner(desk: Desk, largest: int = ALL_HERE) -> PlanFeatures:
    p = desk.platform
    return PlanFeatures(p.products, p.catalog, p.catalog, p.lake, p.guard, decide(largest))


def plan(desk: Desk, largest: int = ALL_HERE) -> dict[str, Any]:
    return planner(desk, largest).plan(ALICE, "shops", "visit")


def batch(desk: Desk) -> tuple[BuildFeatures, MemoryBatchCompute]:
    """Builds of which nothing is made by the function itself."""
    compute = MemoryBatchCompute(deployed=[FEATURES])
    p = desk.platform
    jobs = FeatureJobs(compute, p.lake, p.catalog, decide(0), p.clock)
    return replace(desk.platform.build, jobs=jobs), compute


def build(service: BuildFeatures) -> BuildOutcome:
    (outcome,) = service.on_dataset_version("shops", "visits")
    return outcome


def work(desk: Desk, compute: MemoryBatchCompute) -> tuple[FeatureJob, dict[str, Any]]:
    """Runs every worker of the newest job; the state change that AWS Batch tells then."""
    asked = compute.submissions[-1]
    job = FeatureJob.from_parameter(asked.parameters[PARAMETER])
    p = desk.platform
    share = MakeFeatureShare(p.products, p.catalog, p.lake, p.build.engine, p.scratch, p.catalog)
    for index in range(job.size):
        share.make(job, index)
    return job, {"jobId": asked.job_id, "status": "SUCCEEDED", "parameters": dict(asked.parameters)}


def test_the_engine_that_plans_name_is_the_one_that_builds(desk: Desk) -> None:
    assert desk.platform.build.engine.version == ENGINE


def test_a_plan_says_what_a_build_then_makes(desk: Desk) -> None:
    for happens in (lambda: None, lambda: desk.visits([31, 900]), lambda: desk.sensor([5])):
        happens()
        planned = plan(desk)
        outcome = build(desk.platform.build)
        assert outcome.record is not None
        assert planned["total"]["to_build"] >= outcome.record.built > 0
        after = plan(desk)
        assert (after["unchanged"], after["total"]["to_build"]) == (outcome.record.ordinal, 0)


def test_a_plan_names_the_partitions_that_a_drop_touches_and_why_a_view_is_whole(desk: Desk) -> None:
    build(desk.platform.build)
    desk.visits([1500])
    told = {v["view"]: v for v in plan(desk)["views"]}

    assert told["visit"]["names"] == ["2024-03"]
    assert told["recent"]["names"] == []
    assert told["catalogue"]["build"] == "whole"
    assert "no event_time" in told["catalogue"]["because"]
    assert told["visit"]["because"] is None
    assert plan(desk)["training"]["names"] == ["2024-03"]
    desk.drop("prices", "item", ["north", "south", "west"])
    # a whole view is in every training row
    assert plan(desk)["training"]["names"] == ["2024-01", "2024-02", "2024-03"]


def test_a_plan_says_where_it_runs_and_what_that_costs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    here, away = plan(desk), plan(desk, largest=0)
    assert {s["kind"] for s in here["stages"]} == {"function"}
    assert {s["kind"] for s in away["stages"]} == {"array"}
    assert 0 < here["total"]["usd"] < away["total"]["usd"]
    assert (decide(0).place([5]).kind, decide(0).place([5, 5]).workers) == ("job", 2)


def test_a_date_that_reaches_too_many_partitions_makes_a_view_whole_and_is_told(desk: Desk) -> None:
    build(desk.platform.build)
    reading = "north,{},3"
    desk.drop(
        "sensor",
        "shop,known_at,warmth",
        [reading.format("2024-01-01 00:05:00"), reading.format("2064-01-01 00:05:00")],
    )

    told = {v["view"]: v for v in plan(desk)["views"]}
    outcome = build(desk.platform.build)

    assert "2024-01-01 to 2064-01-01 and reach 14,611 partitions by day" in told["sensor_now"]["because"]
    assert told["visit"]["because"] is None
    assert outcome.record is not None and outcome.record.partitions == 3


@pytest.mark.parametrize("at", ["9999-12-31 00:00:00", "9999-12-31 23:59:59.999999"])
def test_the_end_of_the_calendar_is_a_time_like_any_other(desk: Desk, at: str) -> None:
    desk.drop("visits", "visit_id,visited_at,shop,size,bought", [f"last,{at},north,3,true"])
    manifest = desk.build()
    assert [p.name for p in manifest.partitions][-1] == "9999-12"
    assert manifest.rows == manifest.label_rows == 5
    assert contents(manifest) == contents_of(desk.from_nothing(), manifest)


@pytest.mark.parametrize("at", ["12024-01-01 00:00:00", "infinity", "0044-03-15 (BC) 00:00:00"])
def test_a_time_that_no_calendar_has_is_refused_by_name(desk: Desk, at: str) -> None:
    desk.drop("visits", "visit_id,visited_at,shop,size,bought", [f"odd,{at},north,3,true"])
    with pytest.raises(InvalidRequest, match=r"view visit: 1 rows have a visited_at outside of the years"):
        build(desk.platform.build)


def test_a_plan_that_waits_says_for_what(tmp_path: Path) -> None:
    desk = Desk.open(tmp_path)
    desk.visits([0])
    assert plan(desk)["waiting"] == ["sensor"]
    with pytest.raises(NotFound, match="no feature set 'other'; it has visit"):
        planner(desk).plan(ALICE, "shops", "other")


def test_stages_go_to_batch_one_after_the_other_and_make_the_same(desk: Desk) -> None:
    service, compute = batch(desk)
    outcome = build(service)
    kinds = []
    for _ in range(10):
        if outcome.state != "handed over":
            break
        job, told = work(desk, compute)
        kinds.append((job.stage, job.size > 1))
        outcome = service.on_job_ended(ended_job(told))

    assert outcome.state == "built"
    assert [stage for stage, _ in kinds] == [0, 1, 2]
    assert any(array for _, array in kinds)
    assert {s.compute_class for s in compute.submissions} == {FEATURES}
    manifest = desk.build()
    assert contents(manifest) == contents_of(desk.from_nothing(), manifest)


def test_an_event_that_is_told_twice_submits_one_job(desk: Desk) -> None:
    service, compute = batch(desk)
    first, second = build(service), build(service)
    assert (first.state, second.state) == ("handed over", "handed over")
    assert len(compute.submissions) == 1


def failed(told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "status": "FAILED", "statusReason": "Essential container in task exited"}


def test_a_job_that_failed_is_told_and_may_be_tried_again(desk: Desk) -> None:
    service, compute = batch(desk)
    build(service)
    asked = compute.submissions[-1]
    told = failed(
        {"jobId": asked.job_id, "parameters": dict(asked.parameters), "container": {"exitCode": 70}}
    )
    ended = ended_job(told)
    with pytest.raises(Permanent, match=r"stage 0 of shops/visit was not made: .*exit code 70"):
        service.on_job_ended(ended)
    assert build(service).state == "handed over"
    assert len(compute.submissions) == 2


def test_a_job_that_made_nothing_is_not_submitted_for_ever(desk: Desk) -> None:
    service, compute = batch(desk)
    build(service)
    asked = compute.submissions[-1]
    ended = ended_job({"jobId": asked.job_id, "status": "SUCCEEDED", "parameters": dict(asked.parameters)})
    with pytest.raises(Permanent, match="ended well, and"):
        service.on_job_ended(ended)
    assert len(compute.submissions) == 1


def test_a_job_of_a_set_that_was_declared_anew_makes_nothing(desk: Desk) -> None:
    service, compute = batch(desk)
    build(service)
    document = dict(desk.platform.products.get("shops").product.document)
    document["feature_sets"] = {"visit": {**document["feature_sets"]["visit"], "seed": 5}}
    desk.platform.apply_product(document)
    job = FeatureJob.from_parameter(compute.submissions[-1].parameters[PARAMETER])
    p = desk.platform
    share = MakeFeatureShare(p.products, p.catalog, p.lake, p.build.engine, p.scratch, p.catalog)
    assert share.make(job, 0).stale
    assert service.on_job_ended(ended_job(end_of(compute))).state == "superseded"


OTHERS: list[dict[str, Any]] = [
    {"jobId": "x", "status": "SUCCEEDED", "parameters": {"drop": "{}"}},
    {"jobId": "x", "status": "SUCCEEDED"},
    {"jobId": "x", "status": "SUCCEEDED", "parameters": {PARAMETER: "{}"}},
]


@pytest.mark.parametrize("change", OTHERS)
def test_the_end_of_another_job_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        ended_job(change)


def test_the_end_of_one_worker_is_paid_for_and_is_not_the_end_of_the_array(desk: Desk) -> None:
    service, compute = batch(desk)
    build(service)
    asked = compute.submissions[-1]
    told = {
        "status": "SUCCEEDED",
        "parameters": dict(asked.parameters),
        "startedAt": 1000,
        "stoppedAt": 61_000,
    }
    one = ended_job({**told, "jobId": f"{asked.job_id}:0", "arrayProperties": {"index": 0}})
    whole = ended_job({**told, "jobId": asked.job_id, "arrayProperties": {"size": 2}})

    assert [service.on_job_ended(one).state for _ in range(2)] == ["at work"] * 2
    assert (whole.scope, whole.seconds) == ("array", 0.0)
    lines = desk.platform.bus.of_type("CostIncurred")
    assert {(e.id, e.detail["quantity"], e.detail["usd"]) for e in lines} == {
        (f"features-{asked.job_id}:0", 60.0, round(price_table().compute_usd("cpu", 60.0), 6))
    }


def end_of(compute: MemoryBatchCompute, nth: int = -1) -> dict[str, Any]:
    """The state change of a job that ended well, whatever it made."""
    asked = compute.submissions[nth]
    return {"jobId": asked.job_id, "status": "SUCCEEDED", "parameters": dict(asked.parameters)}


def finish(desk: Desk, service: BuildFeatures, compute: MemoryBatchCompute) -> BuildOutcome:
    """Jobs and what follows them, until no job is at work."""
    for _ in range(20):
        submitted = len(compute.submissions)
        _, told = work(desk, compute)
        outcome = service.on_job_ended(ended_job(told))
        if len(compute.submissions) == submitted:
            return outcome
    raise AssertionError("jobs without end")


def test_drops_that_come_while_a_stage_is_at_work_wait_for_it_and_are_one_build_then(desk: Desk) -> None:
    service, compute = batch(desk)
    build(service)
    for hours in ([40], [41], [42]):
        desk.visits(hours)
        waits = build(service)
        assert waits.state == "handed over"
        assert (
            "is at work on stage 0 of prices v1, sensor v1, visits v1: what is newer is built once"
            in waits.detail
        )
    assert len(compute.submissions) == 1

    outcome = finish(desk, service, compute)

    assert outcome.record is not None
    assert outcome.record.input_ordinals == {"visits": 4, "sensor": 1, "prices": 1}
    jobs = [FeatureJob.from_parameter(s.parameters[PARAMETER]) for s in compute.submissions]
    assert [job.inputs["visits"] for job in jobs] == [1] * 3 + [4] * (len(jobs) - 3)
    manifest = desk.build()
    assert contents(manifest) == contents_of(desk.from_nothing(), manifest)


def test_of_workers_at_once_one_submits(desk: Desk) -> None:
    service, compute = batch(desk)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(build, [service] * 4))
    assert {o.state for o in outcomes} == {"handed over"}
    assert len(compute.submissions) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_while_it_submits_is_followed_by_one_that_waits_until_it_is_dead(
    desk: Desk, when: Literal["before", "after"]
) -> None:
    service, compute = batch(desk)
    desk.platform.faults.clear()
    desk.platform.faults.fail_at("catalog.put_stage_job", 2 if when == "after" else 1, "before")
    with pytest.raises(Crash):
        build(service)
    desk.platform.faults.clear()
    submitted = len(compute.submissions)
    if when == "after":
        assert (build(service).state, len(compute.submissions)) == ("handed over", 1)
        desk.platform.clock.advance(3600)
    assert (build(service).state, len(compute.submissions)) == ("handed over", submitted + 1)


def test_the_end_of_an_earlier_job_that_is_told_again_starts_no_other(desk: Desk) -> None:
    service, compute = batch(desk)
    build(service)
    ended = ended_job(failed(end_of(compute)))
    with pytest.raises(Permanent):
        service.on_job_ended(ended)
    build(service)
    assert service.on_job_ended(ended).state == "at work"
    build(service)
    assert len(compute.submissions) == 2


def test_who_asked_for_a_build_is_told_that_its_job_failed(desk: Desk) -> None:
    service, compute = batch(desk)
    asked = FeatureDesk(desk.platform)
    asked.answering = replace(asked.answering, builder=service)
    name = asked.ask("build")
    asked.answer()
    assert asked.report("build", name)["state"] == "done"
    assert asked.report("build", name)["result"]["outcome"] == "handed over"
    with pytest.raises(Permanent):
        service.on_job_ended(ended_job(failed(end_of(compute))))
    told = asked.report("build", name)
    assert told["state"] == "failed"
    assert "stage 0 of shops/visit was not made: " in told["problem"]
    # When it is asked for again, the failure is not that of the new job
    again = asked.ask("build")
    asked.answer()
    assert asked.report("build", again)["state"] == "done"


def test_what_waited_for_a_job_that_failed_is_built_all_the_same(desk: Desk) -> None:
    service, compute = batch(desk)
    build(service)
    desk.visits([40])
    assert service.on_job_ended(ended_job(failed(end_of(compute)))).state == "handed over"
    assert FeatureJob.from_parameter(compute.submissions[-1].parameters[PARAMETER]).inputs["visits"] == 2


def test_what_could_not_be_submitted_holds_nothing_up(desk: Desk) -> None:
    service, compute = batch(desk)
    refusing = replace(service, jobs=replace(service.jobs, compute=MemoryBatchCompute(deployed=["cpu"])))
    with pytest.raises(ConfigurationError):
        build(refusing)
    assert (build(service).state, len(compute.submissions)) == ("handed over", 1)


def test_workers_know_what_the_newest_version_holds_though_an_erasure_took_the_records(desk: Desk) -> None:
    service, compute = batch(desk)
    build(service)
    finish(desk, service, compute)
    forget_all(desk.platform.lake, features_prefix("shops", "visit"))
    desk.visits([1501])

    assert build(service).state == "handed over"
    outcome = finish(desk, service, compute)

    assert outcome.state == "built"
    manifest = desk.newest()
    assert contents(manifest) == contents_of(desk.from_nothing(), manifest)
