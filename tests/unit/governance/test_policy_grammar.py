"""The grammar is closed: what a policy may not say is refused where it says it, with the reason."""

import json
from typing import Any

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.policy import PolicyDocument, PolicyError

from tests.unit.governance.given import statement, written


def refusal(source: Any) -> PolicyError:
    with pytest.raises(PolicyError) as refused:
        PolicyDocument.parse(source, "flights")
    return refused.value


def condition(operator: str, key: str, *values: Any) -> dict[str, Any]:
    return written(statement(Condition={operator: {key: list(values)}}))


REFUSED: list[tuple[str, Any, str, str]] = [
    ("no JSON", "{", "policy flights", "not JSON"),
    ("bytes that are no text", b"\xff", "policy flights", "not JSON"),
    ("too deep", "[" * 20_000, "policy flights", "JSON"),
    ("a list", "[]", "policy flights", "not a JSON object"),
    ("a key twice", '{"Version": "2012-10-17", "Version": "x"}', "policy flights", "'Version' stands twice"),
    ("too long", written(statement(Sid="A"), Id="x" * 21_000), "policy flights", "at most 20480"),
    ("no version", {"Statement": [statement()]}, "policy flights", '"Version": "2012-10-17" is needed'),
    (
        "old version",
        {**written(statement()), "Version": "2008-10-17"},
        "policy flights",
        "found '2008-10-17'",
    ),
    (
        "unknown key",
        {**written(statement()), "Statements": []},
        "policy flights",
        'did you mean "Statement"?',
    ),
    ("Id no string", written(statement(), Id=3), "policy flights", "Id needs a string"),
    ("no statement", {"Version": "2012-10-17"}, "policy flights", "Statement is missing"),
    ("empty statement list", written(), "policy flights", "Statement is empty"),
    ("statement no object", written("x"), "policy flights: Statement[0]", "a JSON object"),
    ("statement key", written(statement(Actions=["*"])), "policy flights: Statement[0]", 'mean "Action"?'),
    ("Sid with blank", written(statement(Sid="a b")), "policy flights: Statement[0]", "letters and digits"),
    (
        "Sid twice",
        written(statement(Sid="A"), statement(Sid="A")),
        "policy flights",
        "Sid 'A' names Statement[0] and",
    ),
    (
        "Effect in lower case",
        written(statement("allow")),
        "policy flights: Statement[0]",
        "Effect is 'allow'",
    ),
    ("no Effect", written(statement(Effect=None)), "policy flights: Statement[0]", "Effect is None"),
    ("no Action", written(statement(Action=None)), "policy flights: Statement[0]", "Action is missing"),
    (
        "Action and NotAction",
        written({**statement(NotAction="*"), "Action": "*"}),
        "policy flights: Statement[0]",
        "Action and NotAction exclude each other",
    ),
    ("empty Action", written(statement(Action=[])), "policy flights: Statement[0]: Action", "list is empty"),
    (
        "Action no text",
        written(statement(Action=[3])),
        "policy flights: Statement[0]: Action",
        "3 is not a string",
    ),
    (
        "unknown action",
        written(statement(Sid="Promote", Action=["headgate:Infer", "headgate:PromotModel"])),
        'policy flights: Statement[0] "Promote": Action',
        "'headgate:PromotModel' matches no action; did you mean \"headgate:PromoteModel\"?",
    ),
    (
        "wild, but nothing",
        written(statement(Action="headgate:Zap*")),
        "policy flights: Statement[0]: Action",
        "no action",
    ),
    (
        "another service",
        written(statement(Action="s3:*")),
        "policy flights: Statement[0]: Action",
        "matches no action",
    ),
    (
        "unknown NotAction",
        written(statement(NotAction="headgate:Infr")),
        "policy flights: Statement[0]: NotAction",
        'did you mean "headgate:Infer"?',
    ),
    (
        "variable in Action",
        written(statement(Action="headgate:${headgate:Stage}")),
        "policy flights: Statement[0]: Action",
        "variable is not allowed here",
    ),
    (
        "resource no hrn",
        written(statement(Resource="arn:aws:s3:::x")),
        "policy flights: Statement[0]: Resource",
        "hrn:<",
    ),
    (
        "resource no kind",
        written(statement(Resource="hrn:flights")),
        "policy flights: Statement[0]: Resource",
        "can match",
    ),
    (
        "kind alone",
        written(statement(Resource="hrn:flights:model")),
        "policy flights: Statement[0]: Resource",
        "model/*",
    ),
    (
        "unknown kind",
        written(statement(Resource="hrn:flights:modle/late")),
        "policy flights: Statement[0]: Resource",
        "unknown resource kind 'modle'; known are dataset",
    ),
    (
        "variable not closed",
        written(statement(Resource="hrn:flights:model/${headgate:Stage")),
        "policy flights: Statement[0]: Resource",
        "not closed",
    ),
    (
        "unknown variable",
        written(statement(Resource="hrn:flights:model/${aws:username}")),
        "policy flights: Statement[0]: Resource",
        "unknown condition key 'aws:username'",
    ),
    (
        "variable of many values",
        written(statement(Resource="hrn:flights:model/${headgate:PrincipalGroups}")),
        "policy flights: Statement[0]: Resource",
        "many values",
    ),
    (
        "no Principal",
        written(statement(Principal=None)),
        "policy flights: Statement[0]",
        "Principal is missing",
    ),
    (
        "principal of AWS",
        written(statement(Principal={"AWS": "*"})),
        "policy flights: Statement[0]: Principal",
        "unknown key 'AWS'",
    ),
    (
        "bare principal",
        written(statement(Principal="user/a")),
        "policy flights: Statement[0]: Principal",
        "Headgate",
    ),
    (
        "no principals",
        written(statement(Principal={})),
        "policy flights: Statement[0]: Principal",
        "is needed",
    ),
    (
        "wildcard within a principal",
        written(statement(Principal={"Headgate": ["user/*"]})),
        "policy flights: Statement[0]: Principal",
        "'user/*' names no principal",
    ),
    (
        "NotPrincipal with Allow",
        written(statement(NotPrincipal={"Headgate": "user/a"})),
        "policy flights: Statement[0]: NotPrincipal",
        "would grant everyone else",
    ),
    (
        "NotPrincipal everyone",
        written(statement("Deny", NotPrincipal="*")),
        "policy flights: Statement[0]: NotPrincipal",
        "could never apply",
    ),
    (
        "Condition no object",
        written(statement(Condition=[])),
        "policy flights: Statement[0]",
        "Condition is a JSON",
    ),
    (
        "operator without keys",
        written(statement(Condition={"StringEquals": {}})),
        "policy flights: Statement[0]: Condition.StringEquals",
        "at least one condition key",
    ),
    (
        "unknown operator",
        condition("StringEqual", "headgate:Stage", "poc"),
        "policy flights: Statement[0]: Condition.StringEqual",
        'did you mean "StringEquals"?',
    ),
    (
        "unknown set operator",
        condition("ForSomeValues:StringEquals", "headgate:Classification", "pii"),
        "policy flights: Statement[0]: Condition.ForSomeValues:StringEquals",
        "only ForAllValues: and ForAnyValue:",
    ),
    (
        "unknown key",
        condition("StringEquals", "headgate:Stge", "poc"),
        "policy flights: Statement[0]: Condition.StringEquals",
        'did you mean "headgate:Stage"?',
    ),
    (
        "key twice but for case",
        written(statement(Condition={"StringEquals": {"headgate:Stage": "a", "headgate:stage": "b"}})),
        "policy flights: Statement[0]: Condition.StringEquals",
        "stands twice",
    ),
    (
        "number as text",
        condition("StringEquals", "headgate:EstimatedCostUSD", "5"),
        "policy flights: Statement[0]: Condition.StringEquals",
        "headgate:EstimatedCostUSD is a number: StringEquals cannot compare it, use Numeric…",
    ),
    (
        "not a number",
        condition("NumericLessThan", "headgate:Rows", "x"),
        "policy flights: Statement[0]",
        "no number",
    ),
    (
        "NaN",
        condition("NumericLessThan", "headgate:Rows", "NaN"),
        "policy flights: Statement[0]",
        "no number",
    ),
    (
        "no date",
        condition("DateLessThan", "headgate:CurrentTime", "soon"),
        "policy flights: Statement[0]",
        "no time",
    ),
    (
        "no truth",
        condition("Bool", "headgate:GatePassed", "yes"),
        "policy flights: Statement[0]",
        "neither true nor",
    ),
    (
        "no address",
        condition("IpAddress", "headgate:SourceIp", "10.0.0.0/99"),
        "policy flights: Statement[0]",
        "10.0",
    ),
    (
        "no values",
        condition("StringEquals", "headgate:Stage"),
        "policy flights: Statement[0]",
        "has no values",
    ),
    (
        "null value",
        condition("StringEquals", "headgate:Stage", None),
        "policy flights: Statement[0]",
        "None is neither",
    ),
    (
        "many values without a set operator",
        condition("StringEquals", "headgate:Classification", "pii"),
        "policy flights: Statement[0]",
        "write ForAnyValue:StringEquals or ForAllValues:StringEquals",
    ),
    (
        "set operator on one value",
        condition("ForAllValues:StringEquals", "headgate:Stage", "poc"),
        "policy flights: Statement[0]",
        "write StringEquals without ForAllValues:",
    ),
    (
        "Null with IfExists",
        condition("NullIfExists", "headgate:Stage", "true"),
        "policy flights: Statement[0]",
        "neither a set operator nor IfExists",
    ),
    (
        "variable in a number",
        condition("NumericLessThan", "headgate:Rows", "${headgate:PrincipalTag/level}"),
        "policy flights: Statement[0]",
        "no number",
    ),
]


@pytest.mark.parametrize(
    ("source", "where", "why"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_the_grammar_does_not_know_is_refused_with_where_and_why(
    source: Any, where: str, why: str
) -> None:
    # When a document outside the grammar is read
    refused = refusal(source)
    # Then the refusal names the place and the reason, and is the caller's fault
    assert refused.where.startswith(where)
    assert why in refused.why
    assert isinstance(refused, InvalidRequest)
    assert str(refused) == f"{refused.where}: {refused.why}"


@pytest.mark.parametrize(
    "accepted",
    [
        written(statement()),
        {"Version": "2012-10-17", "Statement": statement()},
        written(statement(Sid="A"), statement("Deny", Sid="B"), Id="flights"),
        written(statement(Resource="hrn:${headgate:PrincipalTag/team, 'a:b'}:model/*")),
        written(statement(Resource=["hrn:*", "hrn:fl*", "hrn:flights:*", "hrn:flights:mod?l/late"])),
        written(statement(Action=["headgate:*", "HEADGATE:infer", "headgate:Read*"])),
        written(statement(Principal={"Headgate": "user/alice"})),
        written(statement("Deny", NotPrincipal={"Headgate": ["group/ml-engineers", "service/train"]})),
        written(statement(Condition={"NumericLessThan": {"headgate:Rows": 5, "headgate:Metric/auc": 0.7}})),
        written(statement(Condition={"Bool": {"headgate:GatePassed": True}})),
        written(statement(Condition={"NumericLessThanIfExists": {"headgate:PrincipalTag/level": "3"}})),
    ],
)
def test_the_same_document_is_read_from_text_and_from_json(accepted: dict[str, Any]) -> None:
    # When a good document is read as text, as bytes and as parsed JSON
    text = json.dumps(accepted)
    # Then all three are one policy
    parsed = PolicyDocument.parse(accepted, "flights")
    assert parsed.statements
    assert (
        repr(PolicyDocument.parse(text, "flights"))
        == repr(parsed)
        == repr(PolicyDocument.parse(text.encode(), "flights"))
    )
