"""What EventBridge may answer beside yes, and how requests are filled."""

from __future__ import annotations

from typing import Any

import pytest
from headgate.adapters.aws.batch import job_name
from headgate.adapters.aws.eventbridge import EventBridgeBus
from headgate.domain.errors import HeadgateError, PermissionMissing, StateUnknown, Throttled

from tests.unit.adapters import records
from tests.unit.adapters.scripted import ScriptedClients


def answer(*codes: str) -> dict[str, Any]:
    entries = [{"ErrorCode": code} if code else {"EventId": "1"} for code in codes]
    return {"FailedEntryCount": sum(1 for code in codes if code), "Entries": entries}


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (("ThrottlingException", ""), Throttled),
        (("ThrottlingException", "InternalFailure"), StateUnknown),
        (("InternalFailure", ""), StateUnknown),
        (("AccessDeniedException", "AccessDeniedException"), PermissionMissing),
    ],
)
def test_events_that_were_not_taken_are_named(codes: tuple[str, ...], kind: type[HeadgateError]) -> None:
    bus = EventBridgeBus(ScriptedClients([answer(*codes)]), "bus")

    with pytest.raises(kind, match="ProductApplied: "):
        bus.publish([records.event("e1"), records.event("e2")])


def test_requests_hold_ten_events_in_order() -> None:
    clients = ScriptedClients([answer(*[""] * 10), answer(*[""] * 10), answer(*[""] * 3)])

    EventBridgeBus(clients, "bus").publish([records.event(f"e{n}", kind=f"K{n}") for n in range(23)])

    sent = [entry["DetailType"] for _, call in clients.calls for entry in call["Entries"]]
    assert sent == [f"K{n}" for n in range(23)]
    assert [len(call["Entries"]) for _, call in clients.calls] == [10, 10, 3]


def test_requests_stay_below_the_size_a_bus_takes() -> None:
    clients = ScriptedClients([answer("", ""), answer("", "")])

    EventBridgeBus(clients, "bus").publish([records.event(f"e{n}", text="x" * 100_000) for n in range(4)])

    assert [len(call["Entries"]) for _, call in clients.calls] == [2, 2]


def test_what_comes_after_a_failure_is_not_sent() -> None:
    clients = ScriptedClients([answer(*["InternalFailure"] * 10)])

    with pytest.raises(StateUnknown, match="10 of 10"):
        EventBridgeBus(clients, "bus").publish([records.event(f"e{n}") for n in range(12)])

    assert len(clients.calls) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop-churn-0a1b", "shop-churn-0a1b"),
        ("shop/churn@ü", "shop-churn-"),
        ("__x", "x"),
        ("ü", "job"),
        ("", "job"),
        ("a" * 200, "a" * 128),
    ],
)
def test_job_names_are_made_fit_for_batch(name: str, expected: str) -> None:
    assert job_name(name) == expected
