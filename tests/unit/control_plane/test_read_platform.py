"""Reads: only of one's own product, limited, never more than policy shows. And asking for training."""

import pytest
from headgate.domain.errors import AccessDenied, NotFound

from tests.unit.control_plane.world import ALICE, BOB, MALLORY, World, model_version


def test_a_list_shows_what_may_be_read_and_records_no_decision(lived: World) -> None:
    before = lived.decisions()

    assert [r.name for r in lived.plane.read.list_products(BOB, 10)] == ["flights"]
    assert lived.plane.read.list_products(MALLORY, 10) == []
    assert lived.decisions() == before


def test_limits_hold(lived: World) -> None:
    read = lived.plane.read

    assert len(read.models(ALICE, "flights", 1).versions) == 1
    assert len(read.decisions(ALICE, "flights", 1)) == 1


def test_versions_of_another_product_are_not_listed(lived: World) -> None:
    lived.catalog.add_model(model_version(3, product="trains"))

    assert [v.version for v in lived.plane.read.models(ALICE, "flights", 10).versions] == [2, 1]
    with pytest.raises(NotFound):
        lived.plane.read.model(ALICE, "flights", 3)


def test_the_present_month_is_the_default_of_costs(lived: World) -> None:
    assert lived.plane.read.costs(ALICE, "flights", None).month == "2030-01"
    assert lived.plane.read.costs(ALICE, "flights", "2029-12").lines == []


def test_decisions_are_a_chain_that_holds(lived: World) -> None:
    from headgate.domain import audit

    lived.plane.read.runs(BOB, "flights", 1)
    lived.settle()

    newest_first = lived.plane.read.decisions(ALICE, "flights", 100)

    chain = [audit.AuditEntry.from_json(entry) for entry in reversed(newest_first)]
    assert audit.verify(chain, audit.genesis("flights")).ok
    assert newest_first[0]["principal"] == "user/bob"


def test_a_product_without_training_has_no_models(world: World) -> None:
    world.apply(training=None)

    with pytest.raises(NotFound, match="declares no training"):
        world.plane.read.models(ALICE, "flights", 10)


def test_a_stranger_reads_nothing(lived: World) -> None:
    read = lived.plane.read

    for ask in (read.product, read.gates):
        with pytest.raises(AccessDenied):
            ask(MALLORY, "flights")
    for listing in (lived.plane.features.versions, read.runs, read.models, read.reports):
        with pytest.raises(AccessDenied):
            listing(MALLORY, "flights", 1)
    assert {d["decision"] for d in lived.decisions() if d["principal"] == "user/mallory"} == {"implicit_deny"}


def test_training_is_asked_for_by_message(lived: World) -> None:
    sent = lived.plane.request_training.request(ALICE, "flights")

    assert sent == {"product": "flights", "reason": "manual", "principal": "user/alice"}
    assert lived.queue.messages == (sent,)
    assert lived.decisions()[-1]["resource"] == "hrn:flights:model/late_arrival"


def test_training_that_is_refused_is_not_asked_for(lived: World) -> None:
    with pytest.raises(AccessDenied):
        lived.plane.request_training.request(BOB, "flights")

    assert lived.queue.messages == ()


def test_a_product_without_training_cannot_be_trained(world: World) -> None:
    world.apply(training=None)

    with pytest.raises(NotFound, match="declares no training"):
        world.plane.request_training.request(ALICE, "flights")
