"""The process functions run in, over its protocol: one JSON line in, one out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from headgate_local.patches.runtime import WORKER

Invoke = Callable[..., Any]


class Worker:
    """A worker process and its two ends."""

    def __init__(self, code: Path, layers: Path | None, handler: str = "handle") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-u", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/bin"},
        )
        init = {"code_dir": str(code), "layers_dir": str(layers or ""), "module": "app", "handler": handler}
        self.first = self.ask({**init, "function_name": "f", "memory": 256, "arn": "arn:f"})

    def ask(self, message: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def invoke(self, event: Any, **call: Any) -> Any:
        return self.ask({"event": event, "ctx": {"request_id": "r-1", **call}})

    def log(self) -> str:
        """Everything written to stderr; ends the worker."""
        return self.process.communicate(timeout=10)[1]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    started: list[Worker] = []

    def start(code: str, layer: dict[str, str] | None = None, **options: str) -> Worker:
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "app.py").write_text(code)
        for name, text in (layer or {}).items():
            path = tmp_path / "opt" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        started.append(Worker(tmp_path / "code", tmp_path / "opt" if layer else None, **options))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def test_event_of_any_type_and_the_context_reach_the_handler(worker: Callable[..., Worker]) -> None:
    w = worker(
        "def handle(event, context):\n    return [event, context.aws_request_id, context.function_name]"
    )

    assert w.first == {"status": "ready", "cold": True}
    assert w.invoke([1, "ü"])["result"] == [[1, "ü"], "r-1", "f"]


def test_exception_keeps_its_name_and_the_worker_lives_on(worker: Callable[..., Worker]) -> None:
    w = worker(
        "class OutOfStock(Exception): pass\n"
        "def handle(event, context):\n    if event: raise OutOfStock('none left')\n    return 'fine'"
    )

    failure = w.invoke(1)["failure"]

    assert (failure["error_type"], failure["error"]) == ("OutOfStock", "none left")
    assert "raise OutOfStock" in failure["stack"][-1]
    assert w.invoke(0)["result"] == "fine"


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        ("import absent", "handle", "Runtime.ImportModuleError", "Unable to import module 'app': No module"),
        ("def broken(:", "handle", "Runtime.UserCodeSyntaxError", "invalid syntax"),
        ("x = 1", "handle", "Runtime.HandlerNotFound", "Handler 'handle' missing on module 'app'"),
        ("raise KeyError('TABLE')", "handle", "KeyError", "TABLE"),
    ],
)
def test_failed_initialization_is_told_apart_and_logged(
    worker: Callable[..., Worker], code: str, handler: str, error_type: str, message: str
) -> None:
    w = worker(code, handler=handler)

    assert (w.first["status"], w.first["error_type"]) == ("error", error_type)
    assert message in w.first["error"]
    assert message.split(":")[0] in w.log()


@pytest.mark.parametrize(
    ("expression", "error_type"),
    [("{1, 2}", "Runtime.MarshalError"), ("'x' * 7_000_000", "Function.ResponseSizeTooLarge")],
)
def test_response_aws_could_not_carry_is_an_error(
    worker: Callable[..., Worker], expression: str, error_type: str
) -> None:
    w = worker(f"def handle(event, context):\n    return {expression}")

    assert w.invoke(None)["failure"]["error_type"] == error_type


def test_nothing_the_handler_prints_disturbs_the_protocol(worker: Callable[..., Worker]) -> None:
    w = worker(
        "import os, sys\n"
        "def handle(event, context):\n"
        "    for n in range(300): print('line', n)\n"
        '    os.write(1, b\'{"status": "ok", "result": "forged"}\\n\')\n'
        "    return 'real'"
    )

    assert w.invoke(None)["result"] == "real"
    assert "line 299\n" in w.log()


def test_code_comes_before_layers_and_layers_before_packages(worker: Callable[..., Worker]) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    w = worker(
        "import sys, one\n"
        "def handle(event, context):\n    return [one.__file__, [p for p in sys.path if 'opt' in p]]",
        layer={"python/app.py": "", "python/one.py": "", f"python/lib/{version}/site-packages/two.py": ""},
    )

    found, entries = w.invoke(None)["result"]

    assert found.endswith("opt/python/one.py")
    assert [entry.rsplit("/", 1)[-1] for entry in entries] == ["site-packages", "python"]


def test_variables_of_one_invocation_do_not_reach_the_next(worker: Callable[..., Worker]) -> None:
    w = worker("import os\ndef handle(event, context):\n    return os.environ.get('_X_AMZN_TRACE_ID')")

    assert [w.invoke(None, trace_id="t")["result"], w.invoke(None)["result"]] == ["t", None]


def test_remaining_time_counts_down_from_the_timeout(worker: Callable[..., Worker]) -> None:
    w = worker("def handle(event, context):\n    return context.get_remaining_time_in_millis()")

    assert 4000 < w.invoke(None, timeout_ms=5000)["result"] <= 5000
