"""evaluateOnExit: which failures are tried again."""

from __future__ import annotations

import pytest
from headgate_local.batch.model import Attempt, RetryRule, RetryStrategy
from headgate_local.batch.retry import matches, should_retry
from hypothesis import given
from hypothesis import strategies as st

EXITED = "Essential container in task exited"


def attempt(exit_code: int | None = 1, reason: str | None = None, status_reason: str = EXITED) -> Attempt:
    return Attempt("stream", exit_code=exit_code, reason=reason, status_reason=status_reason)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (None, None, True),
        ("75", "75", True),
        ("75", "750", False),
        ("7*", "750", True),
        ("*", None, True),
        ("Host EC2*", "Host EC2 (instance i-1) terminated.", True),
        ("CannotPull*", None, False),
        ("a.c", "abc", False),
    ],
)
def test_pattern_is_literal_with_one_star_at_its_end(
    pattern: str | None, value: str | None, expected: bool
) -> None:
    assert matches(pattern, value) is expected


def test_failure_is_retried_until_the_attempts_are_spent() -> None:
    strategy = RetryStrategy(attempts=3)

    assert [should_retry(strategy, made, attempt()) for made in (1, 2, 3)] == [True, True, False]


def test_first_matching_rule_decides() -> None:
    rules = (RetryRule("RETRY", on_exit_code="75"), RetryRule("EXIT", on_exit_code="*"))
    strategy = RetryStrategy(5, rules)

    assert should_retry(strategy, 1, attempt(75))
    assert not should_retry(strategy, 1, attempt(64))


def test_failure_that_no_rule_names_is_retried() -> None:
    strategy = RetryStrategy(2, (RetryRule("EXIT", on_reason="OutOfMemory*"),))

    assert should_retry(strategy, 1, attempt(1, reason=None))
    assert not should_retry(strategy, 1, attempt(137, reason="OutOfMemoryError: killed"))


def test_rule_needs_all_its_patterns() -> None:
    strategy = RetryStrategy(2, (RetryRule("EXIT", on_exit_code="1", on_status_reason="Host*"),))

    assert should_retry(strategy, 1, attempt(1))


texts = st.text(alphabet="ab1 *:.", max_size=4)
patterns = st.none() | texts
rules = st.builds(RetryRule, st.sampled_from(["RETRY", "EXIT"]), patterns, patterns, patterns)
attempts = st.builds(attempt, st.none() | st.integers(0, 255), st.none() | texts, texts)


@given(st.lists(rules, max_size=5), st.integers(1, 10), st.integers(1, 12), attempts)
def test_decision_equals_the_rule_read_by_hand(
    given_rules: list[RetryRule], allowed: int, made: int, failed: Attempt
) -> None:
    decision = should_retry(RetryStrategy(allowed, tuple(given_rules)), made, failed)

    values = (
        None if failed.exit_code is None else str(failed.exit_code),
        failed.reason,
        failed.status_reason,
    )
    deciding = [
        rule
        for rule in given_rules
        if all(
            pattern is None
            or (value or "") == pattern
            or (pattern.endswith("*") and (value or "")[: len(pattern) - 1] == pattern[:-1])
            for pattern, value in zip(
                (rule.on_exit_code, rule.on_reason, rule.on_status_reason), values, strict=True
            )
        )
    ]
    assert decision is (made < allowed and (not deciding or deciding[0].action == "RETRY"))


@given(st.text(max_size=6), st.text(max_size=6))
def test_prefix_pattern_covers_every_continuation(prefix: str, rest: str) -> None:
    assert matches(prefix + "*", prefix + rest)
