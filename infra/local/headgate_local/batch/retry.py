"""Whether a failed attempt is tried again. Pure functions over the retry strategy.

Order of evaluateOnExit: the first rule whose patterns all match decides; no match means retry, as AWS
Batch does.
"""

from __future__ import annotations

from headgate_local.batch.model import Attempt, RetryRule, RetryStrategy


def matches(pattern: str | None, value: str | None) -> bool:
    """Whether a pattern (literal, optionally ending in one `*`) covers the value; None covers all."""
    if pattern is None:
        return True
    text = value or ""
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern


def rule_applies(rule: RetryRule, attempt: Attempt) -> bool:
    """Whether every pattern the rule names matches the attempt."""
    exit_code = None if attempt.exit_code is None else str(attempt.exit_code)
    return (
        matches(rule.on_exit_code, exit_code)
        and matches(rule.on_reason, attempt.reason)
        and matches(rule.on_status_reason, attempt.status_reason)
    )


def should_retry(strategy: RetryStrategy, attempts_made: int, attempt: Attempt) -> bool:
    """Whether a job whose newest attempt failed runs again."""
    if attempts_made >= strategy.attempts:
        return False
    for rule in strategy.rules:
        if rule_applies(rule, attempt):
            return rule.action == "RETRY"
    return True
