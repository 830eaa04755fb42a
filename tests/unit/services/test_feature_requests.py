"""Builds and comparisons that someone asks for: one report each, whatever is delivered again or fails."""

from typing import Any

import pytest
from headgate.domain.errors import AccessDenied, Conflict, InvalidRequest, NotFound, Throttled
from headgate.domain.feature_request import FeatureRequest
from headgate.domain.identity import Principal
from headgate.domain.masking import MASK
from headgate.ports import OnlineRow
from headgate.services.features.feature_reports import FeatureReports
from headgate.services.features.online_notes import OnlineNotes

from tests.support.erasure_desk import ErasureDesk
from tests.support.feature_set_desk import FeatureDesk
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle, space
from tests.support.trained_run import take_in

NORTH = (space(), "north")
STRANGER = Principal("user/mallory")


@pytest.fixture
def desk(prepared_platform: MemoryPlatform) -> FeatureDesk:
    return FeatureDesk(prepared_platform.fork())


def store(desk: FeatureDesk, event_time: str, warmth: float, version: str = "f" * 64) -> None:
    row = OnlineRow("shops", *NORTH, event_time, {"warmth": warmth}, version)
    desk.platform.online.remove("shops", [NORTH])
    desk.platform.online.write([row])


def compared(desk: FeatureDesk) -> dict[str, Any]:
    (view,) = desk.asked_and_answered("parity")["result"]["views"]
    found: dict[str, Any] = view
    return found


# --- builds


def test_a_build_of_what_is_built_says_that_nothing_changed(desk: FeatureDesk) -> None:
    report = desk.asked_and_answered("build")
    assert (report["state"], report["result"]["outcome"]) == ("done", "unchanged")
    assert report["result"]["version"] == len(desk.listed())


def test_a_build_of_newer_inputs_makes_a_version_and_says_how_much_of_it(desk: FeatureDesk) -> None:
    before = desk.listed()[0]["ordinal"]
    take_in(desk.platform, 3)
    result = desk.asked_and_answered("build")["result"]
    assert (result["outcome"], result["version"]) == ("built", before + 1)
    assert result["inputs"] == {"sensor": 3, "visits": 3}
    assert 0 < result["built"] <= result["steps"]


def test_a_build_waits_for_an_input_that_has_no_version(platform: MemoryPlatform) -> None:
    report = FeatureDesk(platform).asked_and_answered("build")
    assert report["result"] == {
        "outcome": "waiting",
        "detail": "no version yet of sensor, visits",
        "inputs": {},
        "version": None,
    }


def test_a_view_that_fails_is_told_and_not_tried_again(desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["sql"] = "SELECT shop, known_at, warmth / nothing AS w FROM sensor"
    desk.platform.apply_product(document)
    report = desk.asked_and_answered("build")
    assert report["state"] == "failed"
    assert "nothing" in report["problem"]
    assert desk.answer().state == "failed"


def test_what_an_engine_quotes_of_values_is_hidden_where_some_are_restricted(desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["sql"] = "SELECT shop, known_at, CAST(shop AS INTEGER) AS w FROM sensor"
    document["datasets"]["sensor"]["columns"][0]["classification"] = "restricted"
    desk.platform.apply_product(document)
    problem = desk.asked_and_answered("build")["problem"]
    assert problem.endswith(f"Error: {MASK}")
    assert "north" not in problem


def test_a_request_that_is_delivered_again_is_answered_once(desk: FeatureDesk) -> None:
    first = desk.asked_and_answered("build")
    desk.platform.faults.clear()
    assert desk.answer().to_document() == first
    assert desk.platform.faults.effects == ()


def test_what_a_retry_may_help_with_is_left_to_the_queue(desk: FeatureDesk) -> None:
    name = desk.ask("parity")
    desk.platform.faults.fail_at("online.read", 1, "before", Throttled("slow down"))
    with pytest.raises(Throttled):
        desk.answer()
    assert desk.report("parity", name)["state"] == "asked"
    assert desk.answer().state == "done"


# --- who may ask, and for what


@pytest.mark.parametrize(
    ("kind", "action"), [("build", "headgate:BuildFeatures"), ("parity", "headgate:ReadFeatures")]
)
def test_asking_is_decided_by_policy_and_recorded(desk: FeatureDesk, kind: Any, action: str) -> None:
    desk.ask(kind)
    decision = desk.platform.bus.of_type("AccessDecided")[-1].detail
    assert (decision["action"], decision["resource"]) == (action, "hrn:shops:features/visit")
    with pytest.raises(AccessDenied, match=action):
        desk.asking.ask(STRANGER, kind, "shops", "visit")
    assert len(desk.queue.messages) == 1


def test_a_set_that_does_not_exist_is_refused_by_policy_first(desk: FeatureDesk) -> None:
    with pytest.raises(AccessDenied):
        desk.asking.ask(STRANGER, "build", "shops", "nothing")
    with pytest.raises(NotFound, match="it has visit"):
        desk.asking.ask(desk.caller, "build", "shops", "nothing")
    with pytest.raises(NotFound, match="no build b-1"):
        desk.report("build", "b-1")


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"kind": "other"}, "its kind is 'other'"), ({"id": ""}, "no id"), ({"product": 3}, "no product")],
)
def test_a_message_that_is_no_request_is_refused(change: dict[str, Any], reason: str) -> None:
    request = FeatureRequest("build", "shops", "visit", "b-1", "user/alice", "2030-01-01T00:00:00.000Z")
    assert FeatureRequest.from_message(request.to_message()) == request
    with pytest.raises(InvalidRequest, match=reason):
        FeatureRequest.from_message({**request.to_message(), **change})


# --- comparisons


def test_online_rows_of_the_newest_version_are_equal(desk: FeatureDesk) -> None:
    report = desk.asked_and_answered("parity")
    (view,) = report["result"]["views"]
    assert (report["result"]["checked"], report["result"]["different"]) == (2, 0)
    assert (view["view"], view["equal"], view["examples"]) == ("sensor_now", 2, [])


def test_a_row_that_differs_is_told_with_both_sides(desk: FeatureDesk) -> None:
    store(desk, "2024-02-29T12:00:00.000Z", 99.5)
    view = compared(desk)
    assert (view["equal"], view["different"]) == (1, 1)
    (example,) = view["examples"]
    assert (example["key"], example["offline"]["warmth"], example["online"]["warmth"]) == (
        "north",
        29.12,
        99.5,
    )


def test_a_row_that_a_build_writes_meanwhile_has_moved(desk: FeatureDesk) -> None:
    store(desk, "2024-03-01T12:00:00.000Z", 1.0, "e" * 64)
    OnlineNotes(desk.platform.lake, desk.platform.clock, "shops", "visit").begin("e" * 64)
    view = compared(desk)
    assert (view["moved"], view["different"]) == (1, 0)


def test_a_newer_row_of_no_build_differs(desk: FeatureDesk) -> None:
    store(desk, "2024-03-01T12:00:00.000Z", 1.0)
    view = compared(desk)
    assert (view["moved"], view["different"]) == (0, 1)


def test_a_row_of_an_entity_that_the_version_does_not_have_differs(desk: FeatureDesk) -> None:
    extra = OnlineRow("shops", space(), "west", "2024-02-29T12:00:00.000Z", {"warmth": 1.0}, "f" * 64)
    desk.platform.online.write([extra])
    view = compared(desk)
    (example,) = view["examples"]
    assert (view["checked"], view["different"]) == (3, 1)
    assert (example["key"], example["offline"], example["online"]["warmth"]) == ("west", None, 1.0)


def test_an_extra_row_that_has_expired_is_no_difference(desk: FeatureDesk) -> None:
    past = int(desk.platform.clock.now().timestamp()) - 1
    place = ("shops", space(), "west", "2024-02-29T12:00:00.000Z")
    desk.platform.online.write([OnlineRow(*place, {"warmth": 1.0}, "f" * 64, past)])
    view = compared(desk)
    assert (view["expired"], view["different"]) == (1, 0)


def test_a_comparison_during_which_a_version_comes_is_made_again(desk: FeatureDesk) -> None:
    desk.ask("parity")
    read, before = desk.platform.online.read, desk.listed()[0]["ordinal"]

    def build_then_read(*given: Any) -> Any:
        desk.platform.online.read = read  # type: ignore[method-assign]
        take_in(desk.platform, 3)
        desk.platform.build.on_dataset_version("shops", "visits")
        return read(*given)

    desk.platform.online.read = build_then_read  # type: ignore[method-assign]
    result = desk.answer().result
    assert (result["version"], result["different"]) == (before + 1, 0)


def test_a_row_that_is_gone_after_its_time_has_expired(desk: FeatureDesk) -> None:
    desk.platform.online.remove("shops", [NORTH])
    view = compared(desk)
    assert (view["expired"], view["different"]) == (1, 0)


def test_a_view_that_is_declared_anew_is_not_compared(desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["entity"] = ["size"]
    desk.platform.apply_product(document)
    view = compared(desk)
    assert (view["checked"], view["note"]) == (0, "the newest version has no column size: build it first")


def test_values_and_keys_of_restricted_columns_are_masked(desk: FeatureDesk) -> None:
    store(desk, "2024-02-29T12:00:00.000Z", 99.5)
    name = desk.ask("parity")
    desk.answer()
    # Given a column that is restricted only after the report was made
    desk.restrict("sensor", "warmth")
    (example,) = desk.report("parity", name)["result"]["views"][0]["examples"]
    assert (example["online"]["warmth"], example["key"]) == (MASK, "north")
    desk.restrict("sensor", "shop")
    (example,) = desk.report("parity", name)["result"]["views"][0]["examples"]
    assert (example["online"]["warmth"], example["key"]) == (99.5, MASK)


def test_a_comparison_of_what_was_erased_meanwhile_is_made_again(desk: FeatureDesk) -> None:
    name, erasing = desk.ask("parity"), ErasureDesk(desk.platform)
    read = desk.platform.online.read

    def erase_then_read(*given: Any) -> Any:
        desk.platform.online.read = read  # type: ignore[method-assign]
        erasing.erase("v2-5-1")
        return read(*given)

    desk.platform.online.read = erase_then_read  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="erased meanwhile"):
        desk.answer()
    assert desk.answer().state == "done"
    assert desk.report("parity", name)["state"] == "done"


def test_an_erasure_takes_reports_away(desk: FeatureDesk) -> None:
    for kind in ("build", "parity"):
        desk.asked_and_answered(kind)  # type: ignore[arg-type]
    ErasureDesk(desk.platform).erase("v2-5-1")
    folders = [key.split("/")[3] for key in desk.platform.lake.keys("shops/features/visit/")]
    assert not {"builds", "parity"} & set(folders)
    assert FeatureReports(desk.platform.lake).find("parity", "shops", "visit", "id-000001") is None
