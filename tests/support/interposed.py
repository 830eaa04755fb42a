"""Something that happens before each call of a port: how rivals come between any two steps of a service."""

from collections.abc import Callable
from typing import Any


class Interposed:
    """A port that lets something happen before each of its calls."""

    def __init__(self, inner: Any, before: Callable[[], None]) -> None:
        self._inner, self._before = inner, before

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def called(*arguments: Any, **options: Any) -> Any:
            self._before()
            return found(*arguments, **options)

        return called
