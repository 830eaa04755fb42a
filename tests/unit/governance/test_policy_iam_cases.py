"""Cases of the IAM documentation, told with this platform's words, element by element."""

from datetime import UTC, datetime
from typing import Any

import pytest
from headgate.domain.identity import Principal

from tests.unit.governance.given import ALICE, BOB, decide, statement

PII = "headgate:Classification"
STAGE = "headgate:Stage"
COST = "headgate:EstimatedCostUSD"
TIME = "headgate:CurrentTime"
IP = "headgate:SourceIp"
TEAM = "headgate:PrincipalTag/team"

# (case, statement's elements, request) of statements that apply / do not apply
ELEMENTS: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("everything", {}, {}, True),
    ("action by name", {"Action": "headgate:PromoteModel"}, {}, True),
    ("action in any case", {"Action": "HEADGATE:promotemodel"}, {}, True),
    ("one of several actions", {"Action": ["headgate:Infer", "headgate:PromoteModel"]}, {}, True),
    ("another action", {"Action": "headgate:Infer"}, {}, False),
    ("action by prefix", {"Action": "headgate:Promote*"}, {}, True),
    ("action by ?", {"Action": "headgate:PromoteMode?"}, {}, True),
    ("action is matched whole", {"Action": "headgate:Read*"}, {"action": "headgate:ReplayDrop"}, False),
    ("NotAction leaves out", {"NotAction": "headgate:Promote*"}, {}, False),
    ("NotAction takes the rest", {"NotAction": ["headgate:Infer", "headgate:Read*"]}, {}, True),
    ("resource by name", {"Resource": "hrn:flights:model/late"}, {}, True),
    ("resource in another case", {"Resource": "hrn:flights:model/Late"}, {}, False),
    (
        "resource without its version",
        {"Resource": "hrn:flights:model/late"},
        {"resource": "hrn:flights:model/late/3"},
        False,
    ),
    (
        "star spans versions",
        {"Resource": "hrn:flights:model/*"},
        {"resource": "hrn:flights:model/late/3"},
        True,
    ),
    ("star takes nothing", {"Resource": "hrn:flights:model/late*"}, {}, True),
    ("one character", {"Resource": "hrn:flights:model/lat?"}, {}, True),
    ("one character is not none", {"Resource": "hrn:flights:model/late?"}, {}, False),
    ("any product", {"Resource": "hrn:*:model/late"}, {}, True),
    ("another product", {"Resource": "hrn:bookings:*"}, {}, False),
    ("NotResource leaves out", {"NotResource": "hrn:flights:model/*"}, {}, False),
    ("NotResource takes the rest", {"NotResource": "hrn:flights:dataset/*"}, {}, True),
    ("by name", {"Principal": {"Headgate": "user/alice"}}, {}, True),
    ("by group", {"Principal": {"Headgate": ["user/x", "group/ml-engineers"]}}, {}, True),
    ("by everyone in the list", {"Principal": {"Headgate": "*"}}, {}, True),
    ("someone else", {"Principal": {"Headgate": "user/alice"}}, {"who": BOB}, False),
    ("a user is not a group", {"Principal": {"Headgate": "user/ml-engineers"}}, {}, False),
    ("a service", {"Principal": {"Headgate": "service/train"}}, {"who": Principal("service/train")}, True),
    ("variable in resource", {"Resource": "hrn:${headgate:PrincipalTag/team}:model/*"}, {}, True),
    ("variable in any case", {"Resource": "hrn:${HEADGATE:principaltag/TEAM}:model/*"}, {}, True),
    ("variable of another value", {"Resource": "hrn:x${headgate:PrincipalTag/team}:model/*"}, {}, False),
    ("variable without a value", {"Resource": "hrn:${headgate:PrincipalTag/team}:*"}, {"who": BOB}, False),
    (
        "variable's default",
        {"Resource": "hrn:${headgate:PrincipalTag/team, 'flights'}:*"},
        {"who": BOB},
        True,
    ),
    ("value before default", {"Resource": "hrn:${headgate:PrincipalTag/team, 'x'}:*"}, {}, True),
    (
        "no value beside a plain name",
        {"Resource": ["hrn:${headgate:PrincipalTag/team}:*", "hrn:flights:*"]},
        {"who": BOB},
        True,
    ),
    ("escaped star is a star", {"Resource": "hrn:flights:model/${*}"}, {}, False),
]


@pytest.mark.parametrize(
    ("elements", "request_", "applies"), [c[1:] for c in ELEMENTS], ids=[c[0] for c in ELEMENTS]
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_statement_applies_when_all_its_elements_fit(
    effect: str, elements: dict[str, Any], request_: dict[str, Any], applies: bool
) -> None:
    # Given the statement beside one that allows everything (so that a Deny shows)
    beside = [] if effect == "Allow" else [statement()]
    # When the request is judged
    decision = decide(statement(effect, Sid="Tested", **elements), *beside, **request_)
    # Then it decides exactly when it should
    expected = {("Allow", True): "allow", ("Allow", False): "implicit_deny", ("Deny", True): "explicit_deny"}
    assert decision.effect == expected.get((effect, applies), "allow")


# (operator, key, values, the request's value, holds)
CONDITIONS: list[tuple[str, str, Any, Any, bool]] = [
    ("StringEquals", STAGE, "poc", "poc", True),
    ("StringEquals", STAGE, "poc", "PoC", False),
    ("StringEquals", STAGE, ["poc", "mvp"], "mvp", True),
    ("StringEquals", STAGE, "p*", "poc", False),
    ("StringEquals", STAGE, "${*}", "*", True),
    ("StringEquals", STAGE, "poc", None, False),
    ("StringEqualsIfExists", STAGE, "poc", None, True),
    ("StringEqualsIfExists", STAGE, "poc", "mvp", False),
    ("StringNotEquals", STAGE, "poc", "mvp", True),
    ("StringNotEquals", STAGE, ["poc", "mvp"], "mvp", False),  # negated values are joined by NOR
    ("StringNotEquals", STAGE, "poc", None, True),
    ("StringNotEqualsIfExists", STAGE, "poc", None, True),
    ("StringEqualsIgnoreCase", STAGE, "POC", "poc", True),
    ("StringNotEqualsIgnoreCase", STAGE, "POC", "poc", False),
    ("StringNotEqualsIgnoreCase", STAGE, "POC", None, True),
    ("StringLike", STAGE, "proto*", "prototype", True),
    ("StringLike", STAGE, "proto?ype", "prototype", True),
    ("StringLike", STAGE, "Proto*", "prototype", False),
    ("StringLike", STAGE, ["x", "*"], "", True),
    ("StringLike", STAGE, "a${*}b", "a*b", True),
    ("StringLike", STAGE, "a${*}b", "axb", False),
    ("StringLike", STAGE, "*", None, False),
    ("StringNotLike", STAGE, "proto*", "prototype", False),
    ("StringNotLike", STAGE, "proto*", None, True),
    ("StringEquals", STAGE, "${headgate:PrincipalTag/team}", "flights", True),
    ("StringEquals", STAGE, "${headgate:PrincipalTag/none, 'poc'}", "poc", True),
    ("StringEquals", STAGE, "${headgate:PrincipalTag/none}", "poc", False),
    ("NumericEquals", COST, "5.0", 5, True),
    ("NumericEquals", COST, 0.3, 0.1 + 0.2, False),
    ("NumericNotEquals", COST, "5", 5, False),
    ("NumericNotEquals", COST, ["5", "6"], 7, True),
    ("NumericNotEquals", COST, "5", None, True),
    ("NumericLessThan", COST, "10", 9.99, True),
    ("NumericLessThan", COST, "10", 10, False),
    ("NumericLessThan", COST, "10", None, False),
    ("NumericLessThanEquals", COST, "10", 10, True),
    ("NumericGreaterThan", COST, "10", "9", False),  # numbers, not texts
    ("NumericGreaterThan", COST, "10", 1e3, True),
    ("NumericGreaterThanEquals", COST, ["10", "5"], 5, True),
    ("NumericLessThanIfExists", COST, "10", None, True),
    ("NumericLessThan", "headgate:PrincipalTag/level", "4", ..., True),
    ("NumericLessThan", TEAM, "4", ..., False),  # "flights" is no number
    ("DateLessThan", TIME, "2026-06-30T00:00:00Z", datetime(2026, 6, 29, tzinfo=UTC), True),
    ("DateLessThan", TIME, "2026-06-30T00:00:00Z", "2026-06-30T01:30:00+02:00", True),
    ("DateGreaterThan", TIME, "1782777600", "2026-06-30T00:00:01Z", True),
    ("DateEquals", TIME, "2026-06-30", "2026-06-30T00:00:00Z", True),
    ("DateNotEquals", TIME, "2026-06-30", None, True),
    ("DateLessThanEquals", TIME, "2026-06-30", "2026-07-01", False),
    ("Bool", "headgate:GatePassed", "true", True, True),
    ("Bool", "headgate:GatePassed", True, False, False),
    ("Bool", "headgate:GatePassed", "False", "false", True),
    ("Bool", "headgate:GatePassed", "false", None, False),
    ("BoolIfExists", "headgate:GatePassed", "true", None, True),
    ("IpAddress", IP, "203.0.113.0/24", "203.0.113.77", True),
    ("IpAddress", IP, ["203.0.113.0/24", "2001:db8::/32"], "2001:db8::1", True),
    ("IpAddress", IP, "203.0.113.7", "203.0.113.8", False),
    ("IpAddress", IP, "0.0.0.0/0", "::1", False),
    ("IpAddress", IP, "203.0.113.0/24", "not an address", False),
    ("NotIpAddress", IP, "203.0.113.0/24", "203.0.113.77", False),
    ("NotIpAddress", IP, "203.0.113.0/24", "198.51.100.1", True),
    ("NotIpAddress", IP, "203.0.113.0/24", None, True),
    ("Null", STAGE, "true", None, True),
    ("Null", STAGE, "true", "poc", False),
    ("Null", STAGE, "false", "poc", True),
    ("Null", STAGE, False, None, False),
    ("Null", PII, "true", [], True),
    ("Null", PII, "true", [""], True),  # an empty data set is an absent one
    ("ForAllValues:StringEquals", PII, ["public", "internal"], ["public"], True),
    ("ForAllValues:StringEquals", PII, ["public", "internal"], ["public", "pii"], False),
    ("ForAllValues:StringEquals", PII, "public", None, True),
    ("ForAllValues:StringEquals", PII, "public", [], True),
    ("ForAllValues:StringNotEquals", PII, "pii", ["public", "internal"], True),
    ("ForAllValues:StringNotEquals", PII, "pii", ["public", "pii"], False),
    ("ForAllValues:StringNotEquals", PII, "pii", None, True),
    ("ForAnyValue:StringEquals", PII, "pii", ["public", "pii"], True),
    ("ForAnyValue:StringEquals", PII, ["pii", "secret"], ["public"], False),
    ("ForAnyValue:StringEquals", PII, "pii", None, False),
    ("ForAnyValue:StringLike", PII, "p*", ["secret", "pii"], True),
    ("ForAnyValue:StringNotEquals", PII, "pii", ["pii"], False),
    ("ForAnyValue:StringNotEquals", PII, "pii", ["pii", "public"], True),
    ("ForAnyValue:StringNotEquals", PII, "pii", None, False),
    ("ForAnyValue:StringEqualsIfExists", PII, "pii", None, True),
    ("ForAnyValue:StringEquals", "headgate:PrincipalGroups", "group/ml-engineers", ..., True),
    ("StringEquals", "headgate:PrincipalId", "user/alice", ..., True),
    ("StringEquals", "HEADGATE:principaltag/Team", "flights", ..., True),
]


@pytest.mark.parametrize(("operator", "key", "values", "given", "holds"), CONDITIONS)
def test_a_condition_holds_as_documented(
    operator: str, key: str, values: Any, given: Any, holds: bool
) -> None:
    # Given a statement with that condition, and a request with that value (... : the principal itself has it)
    context = {} if given is ... else {key: given}
    # When it is judged
    decision = decide(statement(Condition={operator: {key: values}}), context=context)
    # Then the statement applies exactly when the condition holds, and a failed condition is told
    assert decision.allowed == holds
    assert holds or f"the condition {operator} " in decision.reason


def test_keys_are_joined_by_and_while_their_values_are_alternatives() -> None:
    # Given two operators, one of them with two keys
    both = {
        "StringEquals": {STAGE: ["poc", "mvp"], "headgate:Alias": "champion"},
        "NumericLessThan": {COST: "5"},
    }
    good = {STAGE: "mvp", "headgate:Alias": "champion", COST: 1}
    # Then all must hold
    assert decide(statement(Condition=both), context=good).allowed
    for key, wrong in ((STAGE, "prototype"), ("headgate:Alias", "challenger"), (COST, 9)):
        assert not decide(statement(Condition=both), context={**good, key: wrong}).allowed


def test_deny_beats_allow_beats_nothing() -> None:
    assert decide(statement("Deny"), statement()).effect == "explicit_deny"
    assert decide(statement(), statement("Deny")).effect == "explicit_deny"
    assert decide(statement(), statement("Deny", Action="headgate:Infer")).effect == "allow"
    assert decide(statement(Action="headgate:Infer")).effect == "implicit_deny"


def test_not_principal_denies_everyone_but_those_it_names() -> None:
    wall = statement("Deny", NotPrincipal={"Headgate": "group/ml-engineers"})
    assert decide(wall, statement(), who=ALICE).allowed
    assert decide(wall, statement(), who=BOB).effect == "explicit_deny"


@pytest.mark.parametrize(
    "elements",
    [
        {"NotResource": "hrn:flights:model/${headgate:PrincipalTag/team}"},
        {"Condition": {"StringNotEquals": {STAGE: "${headgate:PrincipalTag/team}"}}},
    ],
)
def test_a_variable_without_a_value_never_widens_a_grant_and_never_opens_a_wall(
    elements: dict[str, Any],
) -> None:
    # Given bob, who has no team, and an element that holds when its pattern matches nothing
    request = {"who": BOB, "context": {STAGE: "poc"}}
    # Then an Allow does not apply, and a Deny does
    assert decide(statement(**elements), **request).effect == "implicit_deny"
    assert decide(statement("Deny", **elements), statement(), **request).effect == "explicit_deny"


def test_a_tag_that_looks_like_a_wildcard_is_taken_literally() -> None:
    # Given someone whose tag is a star
    sly = Principal("user/sly", (), {"team": "*"})
    # Then it stands for a star, and for nothing else
    assert not decide(statement(Resource="hrn:${headgate:PrincipalTag/team}:model/late"), who=sly).allowed
    like = {"StringLike": {STAGE: "${headgate:PrincipalTag/team}"}}
    assert not decide(statement(Condition=like), who=sly, context={STAGE: "poc"}).allowed
