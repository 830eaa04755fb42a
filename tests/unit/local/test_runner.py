"""Real processes: their output, their environment, their end and the end of all they started."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from headgate_local.batch.images import PatternImages, parse_image_option
from headgate_local.batch.ports import ImageEnvironment, ProcessSpec
from headgate_local.batch.runner import LocalProcess, LocalRunner

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")


def start(code: str, *arguments: str) -> tuple[LocalProcess, list[str]]:
    lines: list[str] = []
    spec = ProcessSpec(
        (sys.executable, "-c", code, *arguments), {"PATH": "/usr/bin:/bin", "ONLY": "this"}, None
    )
    return LocalRunner.detect().start(spec, lines.append), lines


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def await_(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_output_of_both_streams_arrives_by_line() -> None:
    process, lines = start("import sys; print('one', flush=True); print('zwei ü', file=sys.stderr)")

    assert process.wait(None) == 0
    assert lines == ["one", "zwei ü"]


def test_process_sees_only_the_environment_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAK", "yes")

    process, lines = start("import os; print(os.environ.get('LEAK'), os.environ['ONLY'])")

    process.wait(None)
    assert lines == ["None this"]


def test_exit_code_is_kept_and_a_signal_adds_128() -> None:
    assert start("raise SystemExit(75)")[0].wait(None) == 75
    assert start("import os; os.kill(os.getpid(), 9)")[0].wait(None) == 137


def test_wait_gives_up_at_the_timeout() -> None:
    process, _ = start("import time; time.sleep(60)")

    assert process.wait(0.05) is None
    process.stop(5)
    assert process.wait(5) == 143


def test_process_that_ignores_sigterm_is_killed_after_the_grace() -> None:
    process, lines = start(
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    assert await_(lambda: lines == ["up"])

    process.stop(0.1)

    assert process.wait(5) == 137


CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
if sys.argv[1:] == ["stay"]:
    time.sleep(60)
"""


@pytest.mark.parametrize("argument", ["stay", "leave"])
def test_no_descendant_outlives_the_job(argument: str) -> None:
    process, lines = start(CHILD, argument)
    assert await_(lambda: bool(lines))

    if argument == "stay":
        process.stop(5)
    process.wait(5)

    assert await_(lambda: gone(int(lines[0])))


GREEDY = "import sys, time; held = bytearray(int(sys.argv[1]) * 2**20); time.sleep(60)"


def test_process_above_its_memory_is_killed_with_the_reason() -> None:
    spec = ProcessSpec((sys.executable, "-c", GREEDY, "200"), {"PATH": "/usr/bin"}, None, memory_mib=100)

    process = LocalRunner.detect().start(spec, print)

    assert process.wait(10) == 137
    assert process.reason == "OutOfMemoryError: Container killed due to memory usage"


def test_process_within_its_memory_is_left_alone() -> None:
    spec = ProcessSpec((sys.executable, "-c", GREEDY, "20"), {"PATH": "/usr/bin"}, None, memory_mib=100)

    process = LocalRunner.detect().start(spec, print)

    assert process.wait(0.6) is None
    process.stop(1)
    assert (process.wait(5), process.reason) == (143, None)


def test_unknown_command_is_refused_before_anything_starts() -> None:
    with pytest.raises(FileNotFoundError, match="executable file not found"):
        LocalRunner().start(ProcessSpec(("no-such-program",), {"PATH": "/usr/bin"}, None), print)


def test_first_matching_pattern_names_the_image() -> None:
    images = PatternImages(
        [("*/trainer:*-cuda", ImageEnvironment("/gpu")), ("*trainer*", ImageEnvironment("/cpu"))]
    )

    found = [images.resolve(name) for name in ("x/trainer:1-cuda", "trainer:1", "other")]

    assert [image.directory if image else None for image in found] == ["/gpu", "/cpu", None]


@pytest.mark.parametrize("option", ["trainer", "=dir", "trainer="])
def test_image_option_without_both_sides_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match="PATTERN=ENVDIR"):
        parse_image_option(option)
