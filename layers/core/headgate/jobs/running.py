"""What the jobs have in common: exit codes, which the retry rules of their job definitions know, and log
lines.
"""

import json
from collections.abc import Callable
from typing import Any

DONE, BAD, FAILED, AGAIN = 0, 64, 70, 75


def logged(service: str) -> Callable[[dict[str, Any]], None]:
    """Prints a line of JSON at a time, named for the job."""

    def say(line: dict[str, Any]) -> None:
        print(json.dumps({**line, "service": service}, ensure_ascii=False), flush=True)

    return say
