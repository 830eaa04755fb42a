"""The emulator process: `python -m headgate_local.emulator --port 0 --state-file F --function-python P`.

It owns the environment MiniStack starts in (127.0.0.1, IAM enforced, a root key pair made for this run),
the patches, the state file that tells others where it is, and a clean end. It runs in the emulator's own
environment; nothing else imports it. MiniStack reads its settings at import, so they are set first and it
is imported inside functions.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from headgate_local.batch.engine import EngineSettings
from headgate_local.batch.images import PatternImages, parse_image_option
from headgate_local.launch import SUPPORTED_MINISTACK
from headgate_local.options import Options, parse
from headgate_local.patches.settings import PatchSettings

logger = logging.getLogger("headgate_local.emulator")
# What the emulator may inherit; AWS_*, LOCALSTACK_* and MiniStack's own switches must not reach it.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT")
HEALTHY_WITHIN_SECONDS = 30.0
EXIT_WITHIN_SECONDS = 8.0
SCRATCH_PREFIX = "headgate-emulator-"


class WrongVersionError(SystemExit):
    """The installed MiniStack is not the one the patches were written for."""


def check_version(installed: Callable[[str], str] = metadata.version) -> str:
    """The installed version, if it is the supported one. Raises WrongVersionError naming both otherwise."""
    try:
        found = installed("ministack")
    except metadata.PackageNotFoundError as error:
        raise WrongVersionError(
            f"ministack is not installed in {sys.prefix}; this launcher needs ministack "
            f"{SUPPORTED_MINISTACK}."
        ) from error
    if found != SUPPORTED_MINISTACK:
        raise WrongVersionError(
            f"ministack {found} is installed in {sys.prefix}, and this launcher's patches were written for "
            f"ministack {SUPPORTED_MINISTACK}. Install ministack=={SUPPORTED_MINISTACK} there."
        )
    return found


@dataclass(frozen=True)
class Run:
    """What was made for this run alone."""

    endpoint: str
    access_key_id: str
    secret_access_key: str
    scratch: Path
    listener: socket.socket

    @classmethod
    def create(cls, port: int) -> Run:
        """Bind 127.0.0.1, make a key pair and a scratch directory."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        return cls(
            f"http://127.0.0.1:{listener.getsockname()[1]}",
            f"AKIA{secrets.token_hex(8).upper()}",
            secrets.token_urlsafe(30),
            Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-")),
            listener,
        )


def sweep(directory: Path) -> list[Path]:
    """Remove the scratch of emulators that were killed before they could. Returns what was removed."""
    removed = []
    for left in directory.glob(f"{SCRATCH_PREFIX}*-*"):
        owner = left.name.removeprefix(SCRATCH_PREFIX).partition("-")[0]
        if owner.isdigit() and not alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
            removed.append(left)
    return removed


def isolate(run: Run, options: Options) -> None:
    """Give this process the environment MiniStack is to see, and no other."""
    kept = {name: value for name in INHERITED if (value := os.environ.get(name))}
    port = run.endpoint.rsplit(":", 1)[-1]
    os.environ.clear()
    os.environ.update(
        kept,
        GATEWAY_PORT=port,
        BIND_HOST="127.0.0.1",
        AUTH="true",
        TMPDIR=str(run.scratch),
        AWS_ACCESS_KEY_ID=run.access_key_id,
        AWS_SECRET_ACCESS_KEY=run.secret_access_key,
        MINISTACK_REGION=options.region,
        MINISTACK_ACCOUNT_ID=options.account_id,
        S3_DATA_DIR=str(run.scratch / "s3"),
        STATE_DIR=str(run.scratch / "state"),
        LAMBDA_EXECUTOR="local",
        # Surplus workers of a burst are memory a laptop wants back.
        LAMBDA_WARM_TTL_SECONDS="60",
        LOG_LEVEL="INFO",
        # Listeners on fixed ports that nothing here uses, and a Docker that must not be looked for.
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        DOCKER_HOST=f"unix://{run.scratch}/no-docker",
    )
    tempfile.tempdir = str(run.scratch)


def patch(run: Run, options: Options) -> PatchSettings:
    """Import MiniStack and apply every patch."""
    from headgate_local.patches import apply_all

    images = []
    for option in options.images:
        pattern, image = parse_image_option(option, options.batch_cwd, options.batch_python_path)
        images.append((pattern, replace(image, entrypoint=options.batch_entrypoint)))
    engine = EngineSettings(
        options.account_id, options.region, options.capacity, options.minimum_timeout_seconds
    )
    settings = PatchSettings(
        run.endpoint, run.access_key_id, options.function_python, run.scratch, engine, PatternImages(images)
    )
    logger.info("patches applied: %s", ", ".join(apply_all(settings)))
    return settings


async def serve(run: Run, stopped: asyncio.Event, settings: PatchSettings) -> None:
    """Serve until stopped; functions and jobs end before the server, so that no request waits for them."""
    from ministack import app
    from ministack.core import lambda_runtime

    # By name, because the checker of types runs where hypercorn is not installed.
    config = importlib.import_module("hypercorn.config").Config()
    config.bind = [f"fd://{run.listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1.0
    config.accesslog = None

    async def shut_down() -> None:
        await stopped.wait()
        for work in (*settings.on_exit, lambda_runtime.reset):
            await asyncio.to_thread(work)

    await importlib.import_module("hypercorn.asyncio").serve(app.app, config, shutdown_trigger=shut_down)


def announce(run: Run, options: Options, version: str, started_at: float) -> None:
    """Wait until the emulator answers, then write the state file in one step, readable by its owner alone."""
    deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
    while time.monotonic() < deadline and not _healthy(run.endpoint):
        time.sleep(0.02)
    state = {
        "endpoint": run.endpoint,
        "pid": os.getpid(),
        "region": options.region,
        "account_id": options.account_id,
        "root_access_key_id": run.access_key_id,
        "root_secret_access_key": run.secret_access_key,
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started_at)),
        "ministack_version": version,
    }
    unfinished = options.state_file.with_name(f"{options.state_file.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(state, stream, indent=1)
    unfinished.replace(options.state_file)


def _healthy(endpoint: str) -> bool:
    try:
        health = f"{endpoint}/_ministack/health"
        with urllib.request.urlopen(health, timeout=1) as answer:  # noqa: S310 - always http
            return bool(answer.status == 200)
    except OSError:
        return False


def alive(pid: int) -> bool:
    """Whether a process exists and has not ended already (a zombie has)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def watch(parent_pid: int, stop: Callable[[], None]) -> None:
    """Call stop once the parent is gone."""
    while alive(parent_pid):
        time.sleep(0.5)
    logger.info("process %d is gone", parent_pid)
    stop()


def redirect_output(log_file: Path | None) -> None:
    """Send this process's output, and its children's, to the log file."""
    if log_file is None:
        return
    log_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


async def run_until_stopped(run: Run, options: Options, version: str, settings: PatchSettings) -> None:
    """Serve, announce, and end on SIGTERM, SIGINT, or the parent's end."""
    loop, stopped, started_at = asyncio.get_running_loop(), asyncio.Event(), time.time()

    def stop() -> None:
        # Should anything hold the end up, the process still ends.
        guard = threading.Timer(EXIT_WITHIN_SECONDS, finish, (run, options, 1))
        guard.daemon = True
        guard.start()
        loop.call_soon_threadsafe(stopped.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    threading.Thread(target=announce, args=(run, options, version, started_at), daemon=True).start()
    if options.parent_pid:
        threading.Thread(target=watch, args=(options.parent_pid, stop), daemon=True).start()
    await serve(run, stopped, settings)


def finish(run: Run, options: Options, status: int) -> Any:
    """Remove what this run made and end now, without waiting for MiniStack's pool of threads."""
    options.state_file.unlink(missing_ok=True)
    shutil.rmtree(run.scratch, ignore_errors=True)
    logging.shutdown()
    os._exit(status)


def main(arguments: Sequence[str]) -> None:
    """Run the emulator in the foreground."""
    options = parse(arguments)
    version = check_version()
    redirect_output(options.log_file)
    sweep(Path(tempfile.gettempdir()))
    run = Run.create(options.port)
    isolate(run, options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = patch(run, options)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(run_until_stopped(run, options, version, settings))
    except Exception:
        logger.exception("the emulator failed")
        finish(run, options, 1)
    finish(run, options, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
