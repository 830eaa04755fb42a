"""What asks for training, and how often it may: thresholds, debounce, rate; and that nothing is lost."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from headgate.domain.training_request import TrainingRequest
from headgate.services.clock import parse_iso
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.memory_platform import MemoryPlatform
from tests.support.trigger_desk import DRIFT, MANUAL, TICK, VERSION, TriggerDesk, triggered

A_DAY = 24 * 60


@pytest.fixture
def desk(prepared_platform: MemoryPlatform) -> TriggerDesk:
    return TriggerDesk(prepared_platform.fork())


def declare(desk: TriggerDesk, **triggers: Any) -> TriggerDesk:
    desk.platform.apply_product(triggered(**triggers))
    return desk


def submitted(desk: TriggerDesk) -> int:
    return len(desk.platform.compute.submissions)


def skipped(desk: TriggerDesk) -> list[str]:
    return [event.detail["reason"] for event in desk.platform.bus.of_type("TrainingSkipped")]


def test_the_trigger_is_kept_with_the_run(desk: TriggerDesk) -> None:
    declare(desk, drift=True, schedule={"every_days": 1})
    for request in (VERSION, DRIFT, MANUAL):
        desk.new_version()
        desk.ask(request)
    desk.pass_time(2 * A_DAY)
    desk.new_version()
    desk.ask(TICK)
    desk.pass_time(1)
    runs = sorted(desk.platform.catalog.runs("shops"), key=lambda run: run.created_at)
    assert {run.trigger for run in runs[:3]} == {"feature_version", "drift", "manual"}
    assert [run.trigger for run in runs[3:]] == ["schedule"]


@pytest.mark.parametrize(
    ("triggers", "request_", "heard"),
    [
        ({}, VERSION, True),
        ({"feature_version": False}, VERSION, False),
        ({}, DRIFT, False),
        ({"drift": True}, DRIFT, True),
        ({"feature_version": False}, MANUAL, True),
    ],
)
def test_only_what_is_declared_is_heard(
    desk: TriggerDesk, triggers: dict[str, Any], request_: TrainingRequest, heard: bool
) -> None:
    declare(desk, **triggers).ask(request_)
    assert submitted(desk) == heard
    if not heard:
        assert desk.reasons == [f"the training declares no trigger {request_.trigger}"]


def test_drift_of_another_model_is_not_heard(desk: TriggerDesk) -> None:
    declare(desk, drift=True).ask(TrainingRequest("run", "shops", "drift", model="sells"))
    assert desk.reasons == ["product shops trains no model sells"]
    assert submitted(desk) == 0


@pytest.mark.parametrize(
    ("threshold", "steps", "reason"),
    [
        (
            {"rows": 25},
            [(10, 0.0), (10, 0.0), (10, 0.0)],
            "10 rows more than the newest run had; 25",
        ),
        ({"days": 3}, [(1, 1.0), (1, 1.0), (1, 1.5)], "1 days more than the newest run had; 3"),
    ],
)
def test_versions_add_up_until_the_threshold_is_reached(
    desk: TriggerDesk, threshold: dict[str, Any], steps: list[tuple[int, float]], reason: str
) -> None:
    # Given a first run, which is always let through
    declare(desk, feature_version=threshold).ask(VERSION)
    assert submitted(desk) == 1
    # When versions come that are each too little
    counts = []
    for rows, days in steps:
        desk.new_version(rows, days)
        desk.ask(VERSION)
        counts.append(submitted(desk))
    # Then the third, with what came before it, is enough
    assert counts == [1, 1, 2]
    assert reason in skipped(desk)[0]


def test_a_person_waits_for_no_threshold(desk: TriggerDesk) -> None:
    declare(desk, feature_version={"rows": 1000}).ask(VERSION)
    desk.new_version()
    desk.ask(MANUAL)
    assert submitted(desk) == 2


def test_what_comes_too_early_is_one_later_request(desk: TriggerDesk) -> None:
    # Given a run a moment ago, and 45 minutes between runs
    declare(desk, debounce_minutes=45).ask(VERSION)
    # When versions come every five minutes
    for _ in range(5):
        desk.pass_time(5)
        desk.new_version()
        desk.ask(VERSION)
    # Then one message waits, 900 seconds at most, and the rest is one with it
    assert (desk.answers[0], {*desk.answers[1:]}) == ("submitted", {"deferred"})
    assert desk.waiting == 1
    assert len(skipped(desk)) == 1
    # And the newest version is trained when the time is over, in one run
    desk.pass_time(19)
    assert submitted(desk) == 1
    desk.pass_time(2)
    assert submitted(desk) == 2
    (newest, *_) = desk.platform.catalog.runs("shops")
    head = desk.platform.catalog.feature_head("shops", "visit")
    assert head is not None
    assert newest.feature_version == head.digest
    assert (newest.trigger, newest.submitted_by) == ("feature_version", "service/train")
    desk.pass_time(A_DAY)
    assert (submitted(desk), desk.waiting) == (2, 0)


def test_a_person_is_not_debounced_and_what_waits_waits_on(desk: TriggerDesk) -> None:
    declare(desk, debounce_minutes=45).ask(VERSION)
    desk.pass_time(5)
    desk.new_version()
    desk.ask(VERSION)
    desk.ask(MANUAL)
    assert desk.answers == ["submitted", "deferred", "submitted"]
    desk.new_version()
    desk.ask(VERSION)
    desk.pass_time(44)
    assert submitted(desk) == 2
    desk.pass_time(2)
    assert submitted(desk) == 3


def test_drift_that_is_folded_in_is_not_held_back_by_a_threshold(desk: TriggerDesk) -> None:
    # Given a version that waits, and drift that is folded into it
    declare(desk, feature_version={"rows": 20}, drift=True, debounce_minutes=30).ask(VERSION)
    desk.new_version(rows=20)
    desk.ask(VERSION)
    desk.ask(DRIFT)
    # When its time comes
    desk.pass_time(31)
    # Then the run says that drift asked for it
    assert next(run.trigger for run in desk.platform.catalog.runs("shops")) == "drift"


def test_the_day_has_room_for_so_many(desk: TriggerDesk) -> None:
    # Given room for two a day, both taken
    declare(desk, at_most_per_day=2)
    for _ in range(2):
        desk.new_version()
        desk.ask(VERSION)
        desk.pass_time(60)
    # When a person and a version ask
    desk.new_version()
    desk.ask(MANUAL)
    desk.ask(VERSION)
    # Then the person is refused with the reason, and the version waits
    assert desk.answers[-2:] == ["refused", "deferred"]
    assert desk.reasons[-2].startswith("at most 2 runs are submitted in 24 hours; the next may be asked")
    assert skipped(desk)[-2:] == desk.reasons[-2:]
    # Until the first of them is a day old
    desk.pass_time(A_DAY - 121)
    assert submitted(desk) == 2
    desk.pass_time(2)
    assert submitted(desk) == 3


def test_a_refused_run_takes_no_place(desk: TriggerDesk) -> None:
    poor = triggered(at_most_per_day=1, debounce_minutes=60)
    poor["training"]["budget_usd_per_month"] = 0.01
    desk.platform.apply_product(poor)
    desk.ask(VERSION)
    assert desk.answers == ["refused"]
    declare(desk, at_most_per_day=1, debounce_minutes=60).ask(VERSION)
    assert desk.answers == ["refused", "submitted"]


def test_repeats_are_free(desk: TriggerDesk) -> None:
    declare(desk, at_most_per_day=1, debounce_minutes=600)
    for request in (VERSION, VERSION, MANUAL, MANUAL):
        desk.ask(request)
    assert desk.answers == ["submitted", "known", "known", "known"]


def test_the_schedule_asks_when_its_days_have_passed(desk: TriggerDesk) -> None:
    declare(desk, feature_version=False, schedule={"every_days": 2})
    desk.ask(TICK)
    desk.pass_time(1)
    assert submitted(desk) == 1
    for _ in range(3):
        desk.new_version()
        desk.pass_time(A_DAY)
        desk.ask(TICK)
        desk.pass_time(1)
    assert submitted(desk) == 2
    assert "due are none" in desk.reasons


def test_what_waited_and_whose_message_was_given_up_is_asked_for_again(desk: TriggerDesk) -> None:
    # Given a version that waits, and a queue that has given up its message
    declare(desk, debounce_minutes=45).ask(VERSION)
    desk.new_version()
    desk.ask(VERSION)
    desk.lose_messages()
    desk.pass_time(60)
    desk.ask(TICK)
    assert (submitted(desk), desk.waiting) == (1, 0)
    # When it is an hour overdue
    desk.pass_time(60)
    desk.ask(TICK)
    desk.pass_time(1)
    # Then the hourly look has asked for it again
    assert submitted(desk) == 2
    assert desk.platform.catalog.trigger_state("shops").pending is None


def test_no_schedule_is_no_request(desk: TriggerDesk) -> None:
    declare(desk).ask(TICK)
    assert (desk.reasons, desk.waiting) == (["due are none"], 0)


REQUESTS = {"version": VERSION, "drift": DRIFT, "manual": MANUAL, "tick": TICK}
STEP = st.one_of(
    st.tuples(st.just("version"), st.integers(1, 40), st.sampled_from([None, 1, 2, 3, 4, 5, 6])),
    st.tuples(st.sampled_from(["drift", "manual", "tick"]), st.just(0), st.sampled_from([None, 2, 5])),
    st.tuples(st.just("wait"), st.integers(1, 400), st.none()),
)
Steps = Sequence[tuple[str, int, int | None]]


def declared(most: int | None, debounce: int, rows: int | None, scheduled: bool) -> dict[str, Any]:
    return {
        "drift": True,
        "debounce_minutes": debounce,
        **({"at_most_per_day": most} if most else {}),
        **({"feature_version": {"rows": rows}} if rows else {}),
        **({"schedule": {"every_days": 0.5}} if scheduled else {}),
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=[("version", 9, None)] * 3, most=1, debounce=60, rows=None, scheduled=False)
@example(steps=[("version", 9, 3), ("version", 9, 4)], most=None, debounce=60, rows=None, scheduled=False)
@example(steps=[("version", 9, 5), ("version", 9, None)], most=None, debounce=0, rows=30, scheduled=False)
@given(
    steps=st.lists(STEP, min_size=1, max_size=25),
    most=st.sampled_from([None, 1, 2, 4]),
    debounce=st.sampled_from([0, 10, 60, 500]),
    rows=st.sampled_from([None, 30]),
    scheduled=st.booleans(),
)
def test_whatever_happens_the_limits_hold_and_nothing_is_lost(
    prepared_platform: MemoryPlatform,
    steps: Steps,
    most: int | None,
    debounce: int,
    rows: int | None,
    scheduled: bool,
) -> None:
    # Given any sequence of triggers, with crashes between, over any declaration
    desk = declare(TriggerDesk(prepared_platform.fork()), **declared(most, debounce, rows, scheduled))
    for kind, amount, crash_at in steps:
        if kind == "wait":
            desk.pass_time(amount)
            continue
        if kind == "version":
            desk.new_version(rows=amount)
        desk.ask(REQUESTS[kind], crash_at)
    # When it is quiet until nothing waits any more
    for _ in range(40):
        if not desk.waiting:
            break
        desk.pass_time(A_DAY)
    assert desk.waiting == 0
    runs = {run.digest for run in desk.platform.catalog.runs("shops") if run.job_id is not None}
    assert runs <= set(desk.places)
    # Then no two runs are closer than the debounce, unless a person asked for the later
    places = [place for run, place in desk.places.items() if run in runs]
    times = [parse_iso(place.time) for place in places]
    for earlier, later, place in zip(times, times[1:], places[1:], strict=False):
        assert place.trigger == "manual" or later - earlier >= timedelta(minutes=debounce)
    # And no 24 hours have more than their number
    if most is not None:
        for first, beyond in zip(times, times[most:], strict=False):
            assert beyond - first >= timedelta(hours=24)
    # And the newest version was considered: it is trained, or too little beyond what is
    if any(kind == "version" for kind, *_ in steps):
        head = desk.platform.catalog.feature_head("shops", "visit")
        trained = {run.feature_version for run in desk.platform.catalog.runs("shops") if run.job_id}
        assert head is not None
        little = rows is not None and bool(places) and head.rows - places[-1].rows < rows
        assert head.digest in trained or little


def test_rivals_take_one_place_of_one(prepared_platform: MemoryPlatform) -> None:
    # Given room for one run a day, and ten workers that each want another run submitted
    from concurrent.futures import ThreadPoolExecutor

    platform = prepared_platform.fork()
    head = platform.catalog.feature_head("shops", "visit")
    assert head is not None
    slots, limit = platform.train.slots, triggered(at_most_per_day=1)["training"]["triggers"]
    from headgate.domain.trigger import Triggers

    triggers = Triggers.from_document(limit)
    with ThreadPoolExecutor(10) as pool:
        held = list(pool.map(lambda n: slots.take(triggers, "manual", f"run-{n}", head, False), range(10)))
    assert sum(each is None for each in held) == 1
    assert len(platform.catalog.trigger_state("shops").submissions) == 1
