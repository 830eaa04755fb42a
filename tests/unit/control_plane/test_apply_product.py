"""Applying bundles: who may, what is kept, what a repeat changes (nothing), how a crash is healed."""

import json
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.memory import ANY_EFFECT, Crash
from headgate.cli.compile_product import compile_product
from headgate.domain.canonical import digest
from headgate.domain.errors import AccessDenied, InvalidRequest, PreconditionFailed
from headgate.services.products import spec_key

from tests.unit.control_plane.world import ALICE, BOB, MALLORY, POLICY, World, bundle, changed


def _apply(world: World, document: dict[str, Any], principal: Any = ALICE, name: str = "flights") -> Any:
    return world.plane.apply_product.apply(principal, name, document)


def test_a_first_bundle_is_kept_under_its_digest_and_becomes_current(world: World) -> None:
    done = _apply(world, bundle())

    assert (done.created, done.changed) == (True, True)
    assert done.product.spec == digest(bundle())
    assert json.loads(world.lake.get(spec_key("flights", done.product.spec))) == bundle()
    assert world.catalog.product("flights") == done.product
    (fact,) = world.facts("ProductApplied")
    assert fact.detail == {"spec": done.product.spec, "stage": "poc", "principal": "user/alice"}


def test_the_first_bundle_is_governed_by_its_own_policy(world: World) -> None:
    with pytest.raises(AccessDenied):
        _apply(world, bundle(), MALLORY)

    assert world.catalog.products() == []
    assert world.decisions()[-1]["decision"] == "implicit_deny"


def test_a_later_bundle_is_governed_by_the_policy_that_is_applied(world: World) -> None:
    # Given a product of the engineers
    _apply(world, bundle())
    everyone = POLICY["Statement"][0] | {"Principal": "*"}

    # When a stranger sends a bundle whose policy lets everyone do everything
    with pytest.raises(AccessDenied):
        _apply(world, bundle(policy={**POLICY, "Statement": [everyone]}), MALLORY)

    # Then it is not the current one
    assert world.products.get("flights").product.policy == POLICY


def test_the_same_bundle_again_changes_nothing(world: World) -> None:
    first = _apply(world, bundle())
    world.clock.advance(60)
    world.faults.clear()

    again = _apply(world, bundle())

    assert (again.created, again.changed) == (False, False)
    assert again.product == first.product
    assert set(world.faults.effects) == {"bus.publish"}
    assert len({event.id for event in world.facts("ProductApplied")}) == 1


def test_a_bundle_that_returns_is_a_new_fact(world: World) -> None:
    for title in ("one", "two", "one"):
        _apply(world, bundle(title=title))
        world.clock.advance(60)

    assert len({event.id for event in world.facts("ProductApplied")}) == 3


def test_a_new_bundle_keeps_the_stage_the_product_is_in(world: World) -> None:
    _apply(world, bundle())
    world.catalog.change_stage("flights", "poc", "prototype", "2030-01-01T00:00:00.000Z")

    done = _apply(world, bundle(title="Another"))

    assert done.product.stage == "prototype"


def test_a_bundle_that_shuts_out_its_applier_is_refused(world: World) -> None:
    _apply(world, bundle())
    without = {**POLICY, "Statement": POLICY["Statement"][1:]}

    with pytest.raises(InvalidRequest, match="would shut out user/alice"):
        _apply(world, bundle(policy=without))

    assert world.products.get("flights").product.policy == POLICY


def test_a_model_belongs_to_one_product(world: World) -> None:
    _apply(world, bundle())
    statement = POLICY["Statement"][0] | {"Resource": "*"}
    other = bundle(name="trains", policy={**POLICY, "Statement": [statement]})

    with pytest.raises(PreconditionFailed, match="is the model of product flights"):
        _apply(world, other, name="trains")


def test_a_scientist_may_not_apply(world: World) -> None:
    _apply(world, bundle())

    with pytest.raises(AccessDenied):
        _apply(world, bundle(title="mine"), BOB)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_effect_is_healed_by_a_retry(when: Any, tmp_path: Path) -> None:
    # Given how many effects an application has
    clean = World(tmp_path / "clean")
    _apply(clean, bundle())
    assert len(clean.faults.effects) == 4

    for nth in range(1, len(clean.faults.effects) + 1):
        # When the process dies at one of them, and the client asks again
        world = World(tmp_path / f"{when}-{nth}")
        world.faults.fail_at(ANY_EFFECT, nth, when)
        with pytest.raises(Crash):
            _apply(world, bundle())
        world.restart()
        _apply(world, bundle())

        # Then bundle, record and fact are there
        assert world.products.get("flights").record == clean.products.get("flights").record
        assert {e.id for e in world.facts("ProductApplied")} == {e.id for e in clean.facts("ProductApplied")}


BAD_BUNDLES: dict[str, tuple[str, Any, str]] = {
    "no name": ("name", ..., "bundle.name: missing"),
    "a name with a blank": ("name", "two words", "letters, digits and _ only"),
    "another format": ("format", "headgate.product/2", "bundle.format"),
    "an unknown stage": ("stage", "production", "bundle.stage"),
    "a list of datasets": ("datasets", [], "bundle.datasets: an object is needed"),
    "a contract under another key": ("datasets.flights.name", "weather", "its key says 'flights'"),
    "a contract without columns": ("datasets.flights.columns", [], "at least 1 needed"),
    "a misspelt column field": ("datasets.flights.columns.0.requierd", True, 'did you mean "required"'),
    "an unknown column type": ("datasets.flights.columns.0.type", "MONEY[]", "MONEY"),
    "bounds the wrong way": (
        "datasets.flights.columns.0",
        {"name": "n", "type": "INTEGER", "minimum": 5, "maximum": 1},
        "minimum 5 is above maximum 1",
    ),
    "a rule twice": (
        "datasets.flights.rules",
        [{"name": "r", "sql": "SELECT 1"}, {"name": "r", "sql": "SELECT 2"}],
        "'rule:r' is declared twice",
    ),
    "a view of an unknown kind": ("views.departures.kind", "table", "one of feature, spine, on_demand"),
    "a view that reads what is not there": ("views.departures.inputs", ["trains"], "reads trains"),
    "a view without SQL": ("views.departures.sql", " ", "bundle.views.departures.sql"),
    "a set without its spine": ("feature_sets.late.spine", "nothing", "no view 'nothing'"),
    "training on an unknown set": ("training.feature_set", "nothing", "no feature set 'nothing'"),
    "training on another label": ("training.label", "carrier", "that of late is 'late'"),
    "the label among the features": (
        "training.features",
        [{"name": "late", "kind": "numeric"}],
        "the label 'late' is among them",
    ),
    "a split that overlaps": ("training.split.holdout", ["2013-08-01", "2013-10-01"], "training split"),
    "a split with no dates": ("training.split.train", ["January", "March"], "a date such as"),
    "a baseline that is computed anyway": (
        "training.baselines",
        [{"name": "seasonal", "mean_by": ["carrier"]}],
        "'seasonal' is always computed, choose another name",
    ),
    "an unknown gate": ("training.gates", {"min_acu": 0.7}, 'did you mean "min_auc"'),
    "a gate that is no number": ("training.gates", {"min_auc": "0.7"}, "bundle.training.gates.min_auc"),
    "an unknown compute class": ("training.compute_class", "tpu", "one of cpu, gpu"),
    "a seed that is true": ("training.seed", True, "bundle.training.seed: a whole number"),
    "a negative budget": ("training.budget_usd_per_month", -1, "less than nothing"),
    "no timeout": ("training.timeout_seconds", 0, "between 1 and"),
    "a policy of no statements": ("policy.Statement", [], "Statement is empty"),
    "a policy with an unknown action": ("policy.Statement.0.Action", "headgate:Promote", "matches no action"),
    "a source without a digest": ("sources", {"a.sql": "abc"}, "64 lower-case hex digits"),
}


@pytest.mark.parametrize("case", BAD_BUNDLES)
def test_a_bad_bundle_is_refused_naming_the_field(case: str, world: World) -> None:
    path, value, sentence = BAD_BUNDLES[case]

    with pytest.raises(InvalidRequest) as refused:
        _apply(world, changed(bundle(), path, value))

    assert sentence in str(refused.value)
    assert world.faults.effects == ()


@pytest.mark.parametrize("document", [None, [], "bundle", 7])
def test_what_is_no_object_is_no_bundle(document: Any, world: World) -> None:
    with pytest.raises(InvalidRequest, match="bundle: an object is needed"):
        _apply(world, document)


def test_the_product_in_the_repository_can_be_applied(root: Path, world: World) -> None:
    document = json.loads(json.dumps(compile_product(root / "infra/products/flights")))

    assert _apply(world, document).created


def _contract(**changes: Any) -> dict[str, Any]:
    document = bundle()
    document["datasets"]["flights"] = {**document["datasets"]["flights"], **changes}
    return document


NARROWER = [
    {"name": "flight", "type": "VARCHAR", "required": True},
    {"name": "time_hour", "type": "TIMESTAMPTZ", "required": True},
    {"name": "carrier", "type": "VARCHAR", "allowed": ["UA"]},
    {"name": "late", "type": "BOOLEAN"},
]


def test_a_breaking_contract_is_refused_until_its_major_version_says_so(world: World) -> None:
    _apply(world, bundle())

    with pytest.raises(PreconditionFailed) as refused:
        _apply(world, _contract(columns=NARROWER, version="1.9.0"))
    assert "column carrier: DL are no longer allowed" in str(refused.value)
    assert "contract version 2.0.0 (it is 1.9.0)" in str(refused.value)

    assert _apply(world, _contract(columns=NARROWER, version="2.0.0")).changed


def test_a_contract_that_breaks_nobody_needs_no_major_version(world: World) -> None:
    _apply(world, bundle())
    more = [*NARROWER[:2], {"name": "carrier", "type": "VARCHAR"}, NARROWER[3]]

    assert _apply(world, _contract(columns=more, version="1.1.0")).changed


def test_a_dataset_goes_only_when_the_product_says_it_is_retired(world: World) -> None:
    spare = {"name": "spare", "version": "1", "format": "csv", "columns": [{"name": "a", "type": "DATE"}]}
    with_spare = bundle()
    with_spare["datasets"] = {**with_spare["datasets"], "spare": spare}
    _apply(world, with_spare)

    with pytest.raises(PreconditionFailed, match=r"dataset spare is gone: say so with `retired: \[spare\]`"):
        _apply(world, bundle())

    assert _apply(world, bundle(retired=["spare"])).changed
    with pytest.raises(InvalidRequest, match="'flights' is a dataset of the product still"):
        _apply(world, bundle(retired=["flights"]))
