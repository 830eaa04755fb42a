"""What a decision says: who decided, why, what is missing; and what the audit log is told."""

import json

import pytest
from headgate.domain.audit import access_decided
from headgate.domain.errors import AccessDenied, InvalidRequest
from headgate.domain.policy import AccessRequest, evaluate, explain, hrn

from tests.unit.governance.given import ALICE, BOB, MODEL, asked, decide, policy, statement

ENGINEERS = {"Headgate": ["group/ml-engineers"]}


def test_a_refusal_names_the_statement_that_refused() -> None:
    # Given a policy that keeps data scientists from promoting
    wall = statement(
        "Deny", Sid="OnlyEngineersPromote", NotPrincipal=ENGINEERS, Action="headgate:PromoteModel"
    )
    # When bob promotes
    decision = decide(statement(Sid="Members"), wall, who=BOB)
    # Then the refusal names that statement
    assert str(decision.statement) == "flights#OnlyEngineersPromote"
    assert decision.reason == (
        "statement flights#OnlyEngineersPromote denies "
        "headgate:PromoteModel on hrn:flights:model/late for user/bob"
    )
    with pytest.raises(AccessDenied) as denied:
        decision.require()
    assert denied.value.statement == "flights#OnlyEngineersPromote"


def test_a_statement_without_a_sid_is_named_by_its_position() -> None:
    decision = decide(statement(Action="headgate:Infer"), statement())
    assert str(decision.statement) == "flights#Statement[1]"
    decision.require()


def test_without_any_grant_the_reason_says_so() -> None:
    decision = decide(statement(Action="headgate:Infer"), who=BOB)
    assert (
        decision.reason == "no statement allows headgate:PromoteModel on hrn:flights:model/late for user/bob"
    )
    with pytest.raises(AccessDenied) as denied:
        decision.require()
    assert denied.value.statement is None
    assert evaluate([], asked(who=BOB)).reason == decision.reason


def test_the_nearest_grant_is_named_with_what_it_lacks() -> None:
    # Given one grant bob is not named by, and one whose condition fails
    cheap = {"NumericLessThan": {"headgate:EstimatedCostUSD": "5"}}
    decision = decide(
        statement(Sid="Other", Action="headgate:Infer"),
        statement(Sid="Elsewhere", Resource="hrn:flights:dataset/*"),
        statement(Sid="Engineers", Principal=ENGINEERS, Action="headgate:PromoteModel"),
        statement(Sid="Cheap", Condition=cheap),
        who=BOB,
        context={"headgate:EstimatedCostUSD": 7.5},
    )
    # Then the one with the failed condition is nearest, and the reason says which condition
    assert decision.nearest is not None
    assert str(decision.nearest.ref) == "flights#Cheap"
    assert decision.reason.endswith(
        "; the nearest, flights#Cheap, does not apply: "
        "the condition NumericLessThan headgate:EstimatedCostUSD 5 fails (the request has 7.5)"
    )


def test_a_principal_that_is_not_named_is_told_who_is() -> None:
    decision = decide(statement(Sid="Engineers", Principal=ENGINEERS), who=BOB)
    assert (
        "its Principal names group/ml-engineers (the caller is user/bob of group/data-scientists)"
        in decision.reason
    )


def test_an_absent_key_is_told_as_absent() -> None:
    decision = decide(statement(Condition={"StringEquals": {"headgate:Stage": ["poc", "mvp"]}}))
    assert (
        "the condition StringEquals headgate:Stage poc or mvp fails (the request has no such key)"
        in decision.reason
    )


def test_explaining_shows_every_statement_and_the_missing_grant() -> None:
    # Given a policy with one statement for others
    documents = [policy(statement(Sid="Engineers", Principal=ENGINEERS))]
    # When bob asks why not
    explained = explain(documents, asked(who=BOB)).to_json()
    # Then he sees what the statement made of him, and the least statement that would let him
    assert explained["statements"][0]["applies"] is False
    assert [miss["element"] for miss in explained["statements"][0]["misses"]] == ["Principal"]
    missing = explained["missing_grant"]
    assert missing["Principal"] == {"Headgate": ["user/bob"]}
    assert evaluate([*documents, policy(missing)], asked(who=BOB)).allowed
    assert json.loads(json.dumps(explained)) == explained


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_explaining_agrees_with_evaluating(effect: str) -> None:
    documents = [policy(statement(effect, Sid="Decides"))]
    explained = explain(documents, asked())
    assert explained.decision == evaluate(documents, asked())
    assert explained.missing_grant is None
    assert explained.to_json()["nearest"] is None


def test_a_decision_becomes_the_event_the_architecture_names() -> None:
    # Given a decision
    decision = decide(statement("Deny", Sid="Wall"), who=BOB)
    # When it is published
    event = access_decided(decision, id="d-1", time="2026-03-01T12:00:00Z")
    # Then the event has the fields every reader of the bus expects
    assert event.type == "AccessDecided"
    assert event.to_detail() == {
        "product": "flights",
        "id": "d-1",
        "time": "2026-03-01T12:00:00Z",
        "principal": "user/bob",
        "action": "headgate:PromoteModel",
        "resource": "hrn:flights:model/late",
        "decision": "explicit_deny",
        "statement": "flights#Wall",
        "reason": decision.reason,
    }


@pytest.mark.parametrize(
    ("action", "context", "why"),
    [
        ("headgate:PromotModel", {}, 'did you mean "headgate:PromoteModel"?'),
        ("headgate:promotemodel", {}, "unknown action"),
        ("headgate:Infer", {"headgate:Stge": "poc"}, 'did you mean "headgate:Stage"?'),
        ("headgate:Infer", {"headgate:PrincipalTag/team": "x"}, "comes from the principal"),
        ("headgate:Infer", {"headgate:PrincipalId": "user/alice"}, "comes from the principal"),
        ("headgate:Infer", {"headgate:Stage": ["poc", "mvp"]}, "has one value, 2 were given"),
        ("headgate:Infer", {"headgate:EstimatedCostUSD": float("nan")}, "no number to compare"),
    ],
)
def test_a_question_outside_the_vocabulary_is_refused(
    action: str, context: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match="unknown|comes from|has one value|no number") as refused:
        AccessRequest(ALICE, action, MODEL, context)  # type: ignore[arg-type]
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "name", ["", "*", "a b", "a:b", "a/b/c", "la?e", "x" * 257, "${headgate:Stage}", "a\n"]
)
def test_a_name_that_could_be_read_as_a_pattern_is_no_resource(name: str) -> None:
    with pytest.raises(InvalidRequest, match="names no resource"):
        hrn("flights", "model", name, 1)


def test_resources_are_named_with_and_without_a_version() -> None:
    assert hrn("flights", "model", "late") == "hrn:flights:model/late"
    assert hrn("flights", "model", "late", 3) == "hrn:flights:model/late/3"
