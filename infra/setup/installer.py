"""Installs hashed requirements into an interpreter or a folder: with uv, or with pip where uv cannot be had.

Owns the tools environment (.envs/tools: pip, and uv fetched through pip) and the command lines of both
installers. Must not decide what is installed where: that is bootstrap.py and layers.py.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from environments import LOCK, ROOT, TOOLS_REQUIREMENTS
from stamps import digest_of, is_current, write_stamp

TOOLS = ROOT / ".envs/tools"
TAIL_LINES = 15
# uv reads no pip configuration. It must not fetch interpreters, must trust the machine's certificates as pip
# does, and must not warn when its cache lies on another file system.
UV_SETTINGS = {
    "UV_NO_CONFIG": "1",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_SYSTEM_CERTS": "1",
    "UV_NATIVE_TLS": "1",
}
PIP_SETTINGS = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore"}
# What a wheel for AWS Lambda's python3.12+ (Amazon Linux 2023, glibc 2.34) may ask for, best first. uv
# works this list out from its first line; pip wants every line.
LAMBDA_GLIBC_MINORS = (28, 27, 26, 24, 17, 12, 5)


class SetupError(Exception):
    """A step of set-up failed. The message says which, and ends with the command's last lines."""


@dataclass(frozen=True)
class Target:
    """What the installed files must run on: this machine (`version` None) or AWS Lambda on x86_64."""

    version: str | None = None

    @property
    def is_host(self) -> bool:
        return self.version is None


HOST = Target()


def run(command: list[str], *, what: str, settings: dict[str, str] | None = None) -> str:
    """Run `command`, give back its output. Raises SetupError with the last lines if it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(settings or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        tail = "\n".join("  | " + line for line in done.stdout.splitlines()[-TAIL_LINES:])
        shown = " ".join(command)
        raise SetupError(f"{what} failed (exit status {done.returncode}):\n  $ {shown}\n{tail}")
    return done.stdout


def prepare_tools() -> str:
    """Make .envs/tools hold pip and, unless HEADGATE_INSTALLER=pip or it cannot be had, uv.

    Returns what it did.
    """
    digest = digest_of(TOOLS_REQUIREMENTS, extra=(sys.version, wanted_installer()))
    if is_current(TOOLS, digest):
        return ""
    shutil.rmtree(TOOLS, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(TOOLS)], what="making the tools environment")
    note = "pip"
    if wanted_installer() != "pip":
        note = _fetch_uv()
    # Without uv the stamp is not written, so that the next run tries again.
    if note != "pip, for want of uv":
        write_stamp(TOOLS, digest)
    return note


def wanted_installer() -> str:
    """HEADGATE_INSTALLER: `uv` (the default) or `pip`."""
    wanted = os.environ.get("HEADGATE_INSTALLER", "uv")
    if wanted not in ("uv", "pip"):
        raise SetupError(f"HEADGATE_INSTALLER is {wanted!r}: it must be uv or pip")
    return wanted


def _fetch_uv() -> str:
    command = [str(TOOLS / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    command += ["--only-binary", ":all:", "--requirement", str(TOOLS_REQUIREMENTS)]
    try:
        run(command, what="fetching uv", settings=PIP_SETTINGS)
    except SetupError as error:
        print(f"{error}\n  going on with pip, which is slower", file=sys.stderr)
        return "pip, for want of uv"
    return "uv"


def uv_in_tools() -> Path:
    """The project's uv. Raises SetupError if set-up has not fetched it."""
    uv = TOOLS / "bin/uv"
    if not uv.exists():
        raise SetupError("uv is not there: run `make setup` (without HEADGATE_INSTALLER=pip) first")
    return uv


def installer_name() -> str:
    """Which installer is used: uv, or pip."""
    return "uv" if wanted_installer() == "uv" and (TOOLS / "bin/uv").exists() else "pip"


def install(
    requirements: Path,
    *,
    python: Path | None = None,
    folder: Path | None = None,
    compiled: bool = False,
    from_source: bool = False,
) -> None:
    """Install every line of `requirements`, into the environment of `python` or into `folder`.

    Hashes are checked, and dependencies are not followed: the file names them all. Wheels alone, unless
    `from_source`. Raises SetupError.
    """
    command = install_command(HOST, python, from_source=from_source, compiled=compiled)
    command += ["--target", str(folder)] if folder else []
    command += ["--requirement", str(requirements)]
    run(command, what=f"installing {os.path.relpath(requirements, ROOT)}", settings=install_settings())


def install_command(
    target: Target, python: Path | None = None, *, from_source: bool = False, compiled: bool = False
) -> list[str]:
    """The installer's command line, but for `--target` and `--requirement`, which uv and pip spell alike."""
    compose = _uv_command if installer_name() == "uv" else _pip_command
    return compose(target, python, from_source, compiled)


def _uv_command(target: Target, python: Path | None, from_source: bool, compiled: bool) -> list[str]:
    command = [str(TOOLS / "bin/uv"), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--python", str(python or sys.executable)]
    if not target.is_host:
        glibc = f"x86_64-manylinux_2_{LAMBDA_GLIBC_MINORS[0]}"
        command += ["--python-platform", glibc, "--python-version", str(target.version)]
    # What a build itself needs is held to the lock's versions and hashes, too.
    command += ["--build-constraint", str(LOCK)] if from_source else ["--no-build"]
    return command + (["--compile-bytecode"] if compiled else [])


def _pip_command(target: Target, python: Path | None, from_source: bool, compiled: bool) -> list[str]:
    command = [str(TOOLS / "bin/python"), "-m", "pip"]
    command += ["--python", str(python)] if python else []
    command += ["install", "--quiet", "--no-deps", "--require-hashes"]
    if not target.is_host:
        command += [f"--platform=manylinux_2_{minor}_x86_64" for minor in LAMBDA_GLIBC_MINORS]
        command += [
            "--platform=manylinux2014_x86_64",
            f"--python-version={target.version}",
            "--implementation=cp",
        ]
    command += [] if from_source else ["--only-binary", ":all:"]
    return command + ([] if compiled else ["--no-compile"])


def install_settings() -> dict[str, str]:
    """The environment variables that `install_command` wants."""
    return uv_settings() if installer_name() == "uv" else PIP_SETTINGS


@functools.lru_cache(maxsize=1)
def uv_settings() -> dict[str, str]:
    """UV_SETTINGS, and the index and certificates that pip is configured with on this machine."""
    settings = dict(UV_SETTINGS)
    listed = run(
        [str(TOOLS / "bin/python"), "-m", "pip", "config", "list"], what="reading pip's configuration"
    )
    configured = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        configured[key.rpartition(".")[2]] = value.strip("'\"")
    if "index-url" in configured and "UV_DEFAULT_INDEX" not in os.environ:
        settings["UV_DEFAULT_INDEX"] = configured["index-url"]
    if "cert" in configured and "SSL_CERT_FILE" not in os.environ:
        settings["SSL_CERT_FILE"] = configured["cert"]
    return settings
