"""Stopping a run or an experiment: who may, what ends, and what is told and paid."""

import pytest
from headgate.domain.errors import AccessDenied, NotFound, PreconditionFailed
from headgate.domain.identity import Principal
from headgate.services.training.stop_training import StopTraining

from tests.support.experiments import end, run_experiment, searching
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.trained_run import job, spec_uri

WHY = "it does not learn"


@pytest.fixture
def platform(prepared_platform: MemoryPlatform) -> MemoryPlatform:
    fork = prepared_platform.fork()
    fork.apply_product(searching())
    return fork


def stopping(platform: MemoryPlatform) -> StopTraining:
    return StopTraining(
        *(platform.products, platform.catalog, platform.catalog, platform.compute),
        *(platform.guard, platform.bus, platform.clock),
    )


def test_a_stopped_run_fails_with_the_reason_and_is_paid_until_then(platform: MemoryPlatform) -> None:
    # Given a run under way
    run = platform.train.consider("shops").run
    assert run is not None
    # When it is stopped
    told = stopping(platform).run(ALICE, "shops", run.digest, WHY)
    # Then its job is ended, and the wish is on the record
    assert platform.compute.terminations == ((run.job_id, f"stopped by user/alice: {WHY}"),)
    assert told["job_id"] == run.job_id
    for event in platform.bus.of_type("TrainingStopped"):
        platform.record.record(event)
    assert platform.ledger.decisions("shops")[0]["type"] == "TrainingStopped"
    # And the end of the job settles what it cost
    ended = job(run, "FAILED", seconds=12, reason=platform.compute.describe(run.job_id or "").reason)
    platform.end_job.on_job_ended(spec_uri(run), ended, None)
    failed = platform.catalog.run("shops", run.digest)
    assert (failed.state, failed.seconds) == ("FAILED", 12.0)
    assert f"stopped by user/alice: {WHY}" in (failed.reason or "")
    assert platform.ledger.budget("shops", "2030-01").reserved == 0


def test_one_trial_is_stopped_by_its_place_in_the_array(platform: MemoryPlatform) -> None:
    experiment = run_experiment(platform)
    stopping(platform).run(ALICE, "shops", experiment.array[2], WHY)
    assert platform.compute.terminations[0][0] == f"{experiment.job_id}:2"


def test_all_of_an_experiment_is_stopped_by_its_job(platform: MemoryPlatform) -> None:
    experiment = run_experiment(platform)
    told = stopping(platform).experiment(ALICE, "shops", experiment.id, WHY)
    assert (told["experiment"], told["job_id"]) == (experiment.id, experiment.job_id)
    for index in range(4):
        end(platform, experiment, index, state="FAILED", seconds=0)
    assert platform.catalog.experiment("shops", experiment.id).state == "FAILED"
    with pytest.raises(PreconditionFailed, match="has ended: it is FAILED"):
        stopping(platform).experiment(ALICE, "shops", experiment.id, WHY)


def test_who_may_not_ends_nothing(platform: MemoryPlatform) -> None:
    run = platform.train.consider("shops").run
    assert run is not None
    with pytest.raises(AccessDenied):
        stopping(platform).run(Principal("user/mallory"), "shops", run.digest, WHY)
    assert platform.compute.terminations == ()


def test_what_is_unknown_or_has_no_job_yet_is_refused(platform: MemoryPlatform) -> None:
    with pytest.raises(NotFound):
        stopping(platform).run(ALICE, "shops", "0" * 64, WHY)
    platform.apply_product(searching(budget_usd_per_month=0.0))
    platform.experiment.run("shops", "user/alice")
    (refused,) = platform.catalog.experiments("shops")
    with pytest.raises(PreconditionFailed, match="has ended: it is REFUSED"):
        stopping(platform).experiment(ALICE, "shops", refused.id, WHY)
