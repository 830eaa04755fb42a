"""Functions run as on AWS Lambda: their own interpreter, their own environment, code before layers.

Missing: MiniStack runs functions with its own interpreter and hands them its whole environment, so a
package that is in no layer is found all the same, and so is whatever the host has set. Layers precede
code, and every worker unpacks all of its layers again (296 MB a worker for the inference layers).
So: functions run on the interpreter the launcher was given (boto3 only), see the variables AWS documents
and their own, and share one unpacked, merged copy of a set of layers. Not reproduced: /opt and /var/task
as paths, a read-only file system, a memory limit,
MiniStack's depth limit on functions that invoke themselves (it costs every cold start an import of botocore).
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import uuid
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from headgate_local.patches.settings import PatchSettings

WORKER = Path(__file__).with_name("function_worker.py")
# What AWS Lambda sets itself; a function that declares them is refused there and ignored here.
RESERVED = (
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_EXECUTION_ENV",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
)


def apply(settings: PatchSettings) -> None:
    """Replace the start of a Python worker."""
    from ministack.core import lambda_runtime

    layers = LayerStore(settings.scratch / "layers")
    spawn = lambda_runtime.Worker._spawn

    def spawn_clean(worker: Any) -> None:
        if worker.config.get("Runtime", "").startswith("python"):
            start_worker(worker, settings, layers)
        else:
            spawn(worker)

    lambda_runtime.Worker._spawn = spawn_clean


def start_worker(worker: Any, settings: PatchSettings, layers: LayerStore) -> None:
    """Unpack the code, start the worker process and wait until its handler is imported."""
    if worker._tmpdir:
        shutil.rmtree(worker._tmpdir, ignore_errors=True)
    worker.initialization_log = ""
    worker._tmpdir = tempfile.mkdtemp(prefix=f"lambda-{worker.func_name[:40]}-", dir=settings.scratch)
    code_dir = Path(worker._tmpdir) / "code"
    extract(worker.code_zip, code_dir)
    scratch = Path(worker._tmpdir) / "tmp"
    scratch.mkdir()
    opt = layers.merged(_attached_layers(worker.config))
    worker._proc = subprocess.Popen(
        [settings.function_python, "-P", "-u", str(WORKER)],
        cwd=code_dir,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        errors="replace",
        env=function_environment(worker.config, settings.endpoint, code_dir, opt, scratch),
    )
    worker._stderr_queue = queue.Queue()
    worker._stderr_thread = threading.Thread(target=worker._read_stderr, daemon=True)
    worker._stderr_thread.start()
    module, handler = worker.config.get("Handler", "index.handler").rsplit(".", 1)
    init = {
        "code_dir": str(code_dir),
        "layers_dir": str(opt) if opt else "",
        "module": module.replace("/", "."),
        "handler": handler,
        "function_name": worker.config.get("FunctionName", ""),
        "memory": worker.config.get("MemorySize", 128),
        "arn": worker.config.get("FunctionArn", ""),
    }
    _await_ready(worker, init)


def _await_ready(worker: Any, init: Mapping[str, Any]) -> None:
    try:
        worker._proc.stdin.write(json.dumps(init) + "\n")
        worker._proc.stdin.flush()
        line = worker._proc.stdout.readline()
    except BrokenPipeError:
        line = ""
    reply = (
        json.loads(line)
        if line
        else {"error": "The runtime exited during initialization", "error_type": "Runtime.ExitError"}
    )
    if reply.get("status") == "ready":
        return
    worker.initialization_log = worker._drain_stderr_bounded()
    raise initialization_error(reply["error_type"], reply["error"])


def initialization_error(error_type: str, message: str) -> Exception:
    """An exception whose class carries the name AWS gives this failure; MiniStack reports the class name."""
    named: type[Exception] = type(error_type, (RuntimeError,), {})
    return named(message)


def function_environment(
    config: Mapping[str, Any], endpoint: str, code_dir: Path, opt: Path | None, scratch: Path
) -> dict[str, str]:
    """The whole environment of a function's process."""
    from ministack.core import lambda_runtime

    _account, region = lambda_runtime._account_region_from_function_config(dict(config))
    name = str(config.get("FunctionName", ""))
    declared = {
        key: str(value)
        for key, value in ((config.get("Environment") or {}).get("Variables") or {}).items()
        if key not in RESERVED
    }
    found = {
        "PATH": "/usr/local/bin:/usr/bin:/bin" + (f":{opt}/bin" if opt else ""),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": str(scratch),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        **declared,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **lambda_runtime.execution_credentials(dict(config)),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": str(config.get("Version", "$LATEST")),
        "AWS_LAMBDA_LOG_GROUP_NAME": (config.get("LoggingConfig") or {}).get("LogGroup")
        or f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}",
        "LAMBDA_TASK_ROOT": str(code_dir),
        "_HANDLER": str(config.get("Handler", "")),
    }
    if opt:
        found["LD_LIBRARY_PATH"] = f"{opt}/lib"
    return found


def _attached_layers(config: Mapping[str, Any]) -> list[bytes]:
    from ministack.services.lambda_svc import _resolve_layer_zip

    return [data for attachment in config.get("Layers") or [] if (data := _resolve_layer_zip(attachment))]


def extract(archive: bytes, target: Path) -> None:
    """Unpack a zip, keeping the permission bits, refusing names that leave the target."""
    target.mkdir(parents=True)
    with zipfile.ZipFile(BytesIO(archive)) as packed:
        for member in packed.infolist():
            name = PurePosixPath(member.filename)
            if name.is_absolute() or ".." in name.parts:
                raise ValueError(f"the archive holds {member.filename}, which leaves its directory")
            path = packed.extract(member, target)
            mode = member.external_attr >> 16
            if mode & 0o111 and not member.is_dir():
                Path(path).chmod(mode & 0o777 | 0o400)


class LayerStore:
    """Unpacked layers, each once, and their merges as /opt would look, made of hard links."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def merged(self, archives: Sequence[bytes]) -> Path | None:
        """The directory that stands for /opt with these layers, later ones winning; None without layers."""
        if not archives:
            return None
        with self._lock:
            parts = [self._unpacked(archive) for archive in archives]
            if len(parts) == 1:
                return parts[0]
            target = self._root / ("opt-" + "-".join(part.name for part in parts))
            if not target.exists():
                building = target.with_suffix(".building")
                for part in parts:
                    shutil.copytree(part, building, dirs_exist_ok=True, copy_function=_link)
                building.rename(target)
            return target

    def _unpacked(self, archive: bytes) -> Path:
        target = self._root / f"{zlib.crc32(archive):08x}{len(archive):x}"
        if not target.exists():
            building = target.with_suffix(".building")
            shutil.rmtree(building, ignore_errors=True)
            extract(archive, building)
            building.rename(target)
        return target


def _link(source: str, target: str) -> None:
    Path(target).unlink(missing_ok=True)
    os.link(source, target)
