"""Metrics in the embedded metric format become CloudWatch metrics.

Missing: MiniStack stores log lines that carry `_aws.CloudWatchMetrics` and makes nothing of them, so
every alarm on a business metric stays without data.
So: each line appended to any log group is looked at, whether a function, a job or PutLogEvents wrote it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from headgate_local.patches.settings import PatchSettings

logger = logging.getLogger("headgate_local.metrics")


class Point(NamedTuple):
    """One metric value."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: dict[str, str]


def apply(_settings: PatchSettings) -> None:
    """Wrap the one function through which log events are stored."""
    from ministack.services import cloudwatch, cloudwatch_logs

    append = cloudwatch_logs._append_log_events

    def append_and_measure(stream: Any, events: list[dict[str, Any]]) -> None:
        append(stream, events)
        for event in events:
            for point in points(event.get("message") or ""):
                cloudwatch.record_metric(*point)

    cloudwatch_logs._append_log_events = append_and_measure


def points(line: str) -> Iterator[Point]:
    """The metric values a log line carries; none when it is not in the format."""
    if '"_aws"' not in line:
        return
    try:
        document = json.loads(line)
        directives = document["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        try:
            yield from _directive_points(document, directive)
        except (AttributeError, KeyError, TypeError, ValueError):
            logger.warning("a log line of namespace %s is not valid embedded metric format", directive)


def _directive_points(document: Mapping[str, Any], directive: Mapping[str, Any]) -> Iterator[Point]:
    for names in directive.get("Dimensions") or [[]]:
        dimensions = {name: str(document[name]) for name in names}
        for metric in directive["Metrics"]:
            values = document[metric["Name"]]
            for value in values if isinstance(values, list) else [values]:
                yield Point(
                    directive["Namespace"],
                    metric["Name"],
                    float(value),
                    metric.get("Unit", "None"),
                    dimensions,
                )
