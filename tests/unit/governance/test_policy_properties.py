"""What holds for every policy: deny wins, grants only add, denials only take away, order is nothing."""

import re
from typing import Any

from headgate.domain.identity import Principal
from headgate.domain.policy import ACTIONS, evaluate
from headgate.domain.policy_patterns import Pattern, matches
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.governance.given import asked, policy, statement

# No deadline: a busy machine is slow, not wrong.
examples = settings(deadline=None, max_examples=150)

people = st.sampled_from(["user/alice", "user/bob", "service/train"])
groups = st.lists(st.sampled_from(["group/a", "group/b"]), unique=True)
teams = st.sampled_from([{}, {"team": "flights"}, {"team": "bookings"}])
stages = st.sampled_from(["poc", "prototype", "mvp"])
names = st.sampled_from(["late", "late/1", "early"])
costs = st.one_of(st.none(), st.integers(0, 20))
classes = st.one_of(st.none(), st.lists(st.sampled_from(["public", "pii"]), max_size=2))


@st.composite
def requests(draw: st.DrawFn) -> Any:
    context = {
        "headgate:Stage": draw(st.one_of(st.none(), stages)),
        "headgate:EstimatedCostUSD": draw(costs),
        "headgate:Classification": draw(classes),
    }
    who = Principal(draw(people), tuple(draw(groups)), draw(teams))
    resource = f"hrn:{draw(st.sampled_from(['flights', 'bookings']))}:model/{draw(names)}"
    return asked(who, draw(st.sampled_from(sorted(ACTIONS)[:6])), resource, context)


conditions = st.sampled_from(
    [
        {},
        {"StringEquals": {"headgate:Stage": ["poc", "mvp"]}},
        {"StringNotLike": {"headgate:Stage": "p*"}},
        {"NumericLessThan": {"headgate:EstimatedCostUSD": "10"}},
        {"NumericGreaterThanIfExists": {"headgate:EstimatedCostUSD": "5"}},
        {"ForAllValues:StringEquals": {"headgate:Classification": "public"}},
        {"ForAnyValue:StringNotEquals": {"headgate:Classification": "pii"}},
        {
            "Null": {"headgate:PrincipalTag/team": "false"},
            "StringEquals": {"headgate:PrincipalTag/team": "flights"},
        },
    ]
)
actions = st.lists(
    st.sampled_from(["*", "headgate:*", "headgate:Build*", *sorted(ACTIONS)[:6]]), min_size=1, max_size=3
)
resources = st.sampled_from(
    [
        "*",
        "hrn:flights:*",
        "hrn:*:model/late",
        "hrn:${headgate:PrincipalTag/team}:model/*",
        "hrn:flights:model/late?1",
    ]
)
principals = st.sampled_from(["*", {"Headgate": ["group/a"]}, {"Headgate": ["user/alice", "user/bob"]}])


@st.composite
def statements(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> dict[str, Any]:
    action = "NotAction" if draw(st.booleans()) else "Action"
    resource = "NotResource" if draw(st.booleans()) else "Resource"
    elements = {action: draw(actions), resource: draw(resources), "Condition": draw(conditions)}
    return statement(draw(st.sampled_from(effects)), Principal=draw(principals), **elements)


policies = st.lists(statements(), min_size=1, max_size=5)


@examples
@given(policies, requests())
def test_a_deny_that_applies_always_wins(written: list[dict[str, Any]], request: Any) -> None:
    # Given any policy, and in it a Deny that fits the request
    everything = statement("Deny")
    for position in range(len(written) + 1):
        with_wall = [*written[:position], everything, *written[position:]]
        # Then the request is denied wherever the Deny stands
        assert evaluate([policy(*with_wall)], request).effect == "explicit_deny"


@examples
@given(policies, statements(effects=("Allow",)), requests())
def test_adding_an_allow_never_takes_access_away(
    written: list[dict[str, Any]], more: dict[str, Any], request: Any
) -> None:
    before = evaluate([policy(*written)], request)
    after = evaluate([policy(*written, more)], request)
    assert after.allowed or not before.allowed
    assert (after.effect == "explicit_deny") == (before.effect == "explicit_deny")


@examples
@given(policies, statements(effects=("Deny",)), requests())
def test_adding_a_deny_never_gives_access(
    written: list[dict[str, Any]], more: dict[str, Any], request: Any
) -> None:
    before = evaluate([policy(*written)], request)
    after = evaluate([policy(*written, more)], request)
    assert before.allowed or not after.allowed
    assert after.effect == before.effect or after.effect == "explicit_deny"


@examples
@given(policies, requests(), st.randoms(use_true_random=False))
def test_the_order_of_statements_and_documents_does_not_matter(
    written: list[dict[str, Any]], request: Any, random: Any
) -> None:
    shuffled = list(written)
    random.shuffle(shuffled)
    apart = [policy(each, name=f"p{index}") for index, each in enumerate(shuffled)]
    effects = {
        evaluate(documents, request).effect for documents in ([policy(*written)], [policy(*shuffled)], apart)
    }
    assert len(effects) == 1


@examples
@given(policies, requests())
def test_the_decision_names_a_statement_of_the_deciding_effect(
    written: list[dict[str, Any]], request: Any
) -> None:
    decision = evaluate([policy(*written)], request)
    if decision.statement is None:
        assert decision.effect == "implicit_deny"
    else:
        named = written[decision.statement.index]
        assert named["Effect"] == ("Allow" if decision.allowed else "Deny")
        # and that statement alone decides the same
        assert evaluate([policy(named)], request).effect == decision.effect


glob_text = st.text(alphabet="ab*?:/", max_size=12)


@examples
@given(glob_text, st.text(alphabet="ab*?:/", max_size=12))
def test_matching_equals_a_regular_expression(written: str, text: str) -> None:
    # Given the same glob as a regular expression
    oracle = re.compile(
        "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in written), re.DOTALL
    )
    # Then both agree on every text
    pattern = Pattern.parse(written, wildcards=True, variables=True)
    tokens = pattern.resolve(lambda _: None)
    assert tokens is not None
    assert matches(tokens, text) == (oracle.fullmatch(text) is not None)


@examples
@given(st.text(max_size=20), st.text(max_size=20))
def test_a_variable_matches_its_value_and_nothing_else(value: str, text: str) -> None:
    tokens = Pattern.parse("${headgate:PrincipalTag/x}", wildcards=True, variables=True).resolve(
        lambda _: value
    )
    assert tokens is not None
    assert matches(tokens, text) == (value == text)
    assert matches(tokens, value)


def test_a_hostile_pattern_takes_no_exponential_time() -> None:
    # Given a pattern on which backtracking regular expressions would never end
    tokens = Pattern.parse("*a" * 60 + "b", wildcards=True, variables=False).resolve(lambda _: None)
    assert tokens is not None
    # Then it is answered at once
    assert not matches(tokens, "a" * 600)
