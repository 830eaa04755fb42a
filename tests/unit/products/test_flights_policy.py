"""Who may do what with the flights product, decided by the platform's own engine."""

from __future__ import annotations

import pytest
from headgate.bootstrap import price_table
from headgate.domain.identity import Principal
from headgate.domain.policy import AccessRequest, PolicyDocument, evaluate
from headgate.domain.product import Product

ALICE = Principal("user/alice", frozenset({"group/ml-engineers"}))
BOB = Principal("user/bob", frozenset({"group/data-scientists"}))
CAROL = Principal("user/carol", frozenset({"group/consumers"}))
BOTH = Principal("user/both", frozenset({"group/ml-engineers", "group/data-scientists"}))
MODEL, RUN, PRODUCT = "model/late_arrival/1", "run/0a", "product/flights"


def decide(
    product: Product, principal: Principal, action: str, resource: str, **context: object
) -> tuple[str, str | None]:
    facts = {f"headgate:{key}": value for key, value in context.items()}
    request = AccessRequest(principal, f"headgate:{action}", f"hrn:flights:{resource}", facts)  # type: ignore[arg-type]
    decision = evaluate([PolicyDocument.parse(product.policy, product.name)], request)
    return decision.effect, None if decision.statement is None else decision.statement.sid


@pytest.mark.parametrize(
    ("principal", "action", "resource"),
    [
        (ALICE, "ApplyProduct", PRODUCT),
        (ALICE, "PromoteModel", MODEL),
        (ALICE, "ReadAudit", "audit/flights"),
        (ALICE, "SubmitTraining", "model/late_arrival"),
        (ALICE, "BuildFeatures", "features/departure"),
        (BOB, "SubmitTraining", "model/late_arrival"),
        (BOB, "Infer", MODEL),
        (BOB, "ReadProduct", PRODUCT),
        (BOB, "ExplainAccess", PRODUCT),
        (CAROL, "Infer", MODEL),
        (Principal("service/ingest"), "CommitVersion", "dataset/flights"),
        (Principal("service/build_features"), "BuildFeatures", "features/departure"),
        (Principal("service/register"), "RegisterModel", "model/late_arrival"),
    ],
)
def test_the_product_s_people_and_services_may_do_their_work(
    flights: Product, principal: Principal, action: str, resource: str
) -> None:
    assert decide(flights, principal, action, resource)[0] == "allow"


@pytest.mark.parametrize("principal", [BOB, BOTH])
def test_scientists_are_refused_promotion_by_name_whatever_else_they_are(
    flights: Product, principal: Principal
) -> None:
    assert decide(flights, principal, "PromoteModel", MODEL) == ("explicit_deny", "OnlyEngineersPromote")


@pytest.mark.parametrize(
    ("principal", "action", "resource"),
    [
        (BOB, "ReadAudit", "audit/flights"),
        (BOB, "ApplyProduct", PRODUCT),
        (BOB, "BuildFeatures", "features/departure"),
        (CAROL, "ReadProduct", PRODUCT),
        (CAROL, "PromoteModel", MODEL),
        (CAROL, "SubmitTraining", "model/late_arrival"),
        (Principal("user/nobody"), "Infer", MODEL),
        (Principal("service/ingest"), "PromoteModel", MODEL),
        (Principal("service/infer"), "CommitVersion", "dataset/flights"),
    ],
)
def test_what_nobody_granted_is_denied(
    flights: Product, principal: Principal, action: str, resource: str
) -> None:
    assert decide(flights, principal, action, resource) == ("implicit_deny", None)


@pytest.mark.parametrize(
    ("cost", "effect"), [("0.12", "allow"), ("2.00", "allow"), ("2.01", "implicit_deny")]
)
def test_a_run_or_a_search_may_cost_two_dollars(flights: Product, cost: str, effect: str) -> None:
    train = Principal("service/train")

    assert decide(flights, train, "SubmitTraining", RUN, EstimatedCostUSD=cost)[0] == effect


def test_a_run_without_an_estimate_is_not_submitted(flights: Product) -> None:
    assert decide(flights, Principal("service/train"), "SubmitTraining", RUN)[0] == "implicit_deny"


@pytest.mark.parametrize(("stage", "effect"), [("poc", "allow"), ("prototype", "implicit_deny")])
def test_models_promote_themselves_in_poc_alone(flights: Product, stage: str, effect: str) -> None:
    assert decide(flights, Principal("service/register"), "PromoteModel", MODEL, Stage=stage)[0] == effect


@pytest.mark.parametrize(("passed", "effect"), [(True, "allow"), (False, "implicit_deny")])
def test_the_stage_follows_the_evidence(flights: Product, passed: bool, effect: str) -> None:
    assert decide(flights, ALICE, "ChangeStage", PRODUCT, GatePassed=passed)[0] == effect


CHAMPION = {"Alias": "champion", "Stage": "prototype"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"ProposedBy": "user/bob", "ProposedBySelf": False}, ("allow", "EngineersOperate")),
        ({"ProposedBy": "user/alice", "ProposedBySelf": True}, ("explicit_deny", "TwoPersonsPromote")),
        ({}, ("explicit_deny", "NothingIsPromotedUnproposed")),
        ({"Stage": "poc"}, ("allow", "EngineersOperate")),
        ({"Alias": "challenger"}, ("allow", "EngineersOperate")),
    ],
)
def test_after_poc_a_champion_takes_two_people(
    flights: Product, facts: dict[str, object], expected: tuple[str, str]
) -> None:
    assert decide(flights, ALICE, "PromoteModel", MODEL, **{**CHAMPION, **facts}) == expected


def test_rolling_back_takes_one_person(flights: Product) -> None:
    assert decide(flights, ALICE, "RollbackModel", MODEL, **CHAMPION)[0] == "allow"


@pytest.mark.parametrize(
    ("principal", "effect"), [(ALICE, "allow"), (BOB, "allow"), (CAROL, "implicit_deny")]
)
def test_scientists_propose_what_engineers_promote(
    flights: Product, principal: Principal, effect: str
) -> None:
    assert decide(flights, principal, "ProposeModel", MODEL)[0] == effect


def test_the_declared_search_is_twelve_settings_that_scientists_may_ask_for(flights: Product) -> None:
    training = flights.training
    assert training is not None
    assert training.search is not None
    configurations = training.search.configurations()
    own = {name: training.params[name] for name in training.search.space}
    assert (len(configurations), own in configurations) == (12, True)
    usd = price_table().compute_usd(training.compute_class, training.timeout_seconds) * len(configurations)
    facts = {"EstimatedCostUSD": str(usd), "ComputeClass": training.compute_class}
    assert decide(flights, BOB, "SubmitTraining", "model/late_arrival", **facts)[0] == "allow"
    assert decide(flights, Principal("service/train"), "SubmitTraining", RUN, **facts)[0] == "allow"
    too_much = {**facts, "EstimatedCostUSD": "2.01"}
    assert decide(flights, BOB, "SubmitTraining", "model/late_arrival", **too_much)[0] == "implicit_deny"
    assert usd <= training.budget_usd_per_month
