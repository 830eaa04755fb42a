"""Clients that answer from a script: for what no emulator does on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError
from headgate.adapters.aws.session import AwsClients


class ScriptedClients(AwsClients):
    """Every client is this one; each call takes the next answer, and is kept in ``calls``."""

    def __init__(self, answers: Iterable[Any]) -> None:
        super().__init__()
        self._answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def client(self, service: str) -> Any:
        return self

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            answer = self._answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def refusal(code: str, *reasons: str) -> ClientError:
    """What botocore raises for an error code, with the reasons of a cancelled transaction."""
    problem: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    if reasons:
        problem["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(problem, "Operation")
