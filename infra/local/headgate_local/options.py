"""The emulator's command line, parsed. Values only: it starts nothing and reads no files."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate_local.batch.placement import Capacity


@dataclass(frozen=True)
class Options:
    """The command line, parsed."""

    port: int
    state_file: Path
    function_python: str
    region: str
    account_id: str
    images: tuple[str, ...]
    batch_cwd: str | None
    batch_python_path: tuple[str, ...]
    batch_entrypoint: tuple[str, ...]
    capacity: Capacity
    minimum_timeout_seconds: int
    log_file: Path | None
    parent_pid: int | None


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m headgate_local.emulator", description="The local emulator."
    )
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument(
        "--state-file", type=Path, required=True, help="JSON, mode 0600, written once healthy"
    )
    parser.add_argument(
        "--function-python", required=True, help="interpreter for functions: boto3 and nothing else"
    )
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--account-id", default="000000000000")
    parser.add_argument("--batch-image", action="append", default=[], metavar="PATTERN=ENVDIR")
    parser.add_argument("--batch-cwd", help="working directory of jobs (default: a scratch directory a job)")
    parser.add_argument(
        "--batch-python-path", action="append", default=[], help="goes into the jobs' PYTHONPATH"
    )
    parser.add_argument("--batch-entrypoint", default="", help="what stands before every job's command")
    parser.add_argument("--batch-vcpus", type=float, default=float(os.cpu_count() or 1))
    parser.add_argument("--batch-gpus", type=int, default=0)
    parser.add_argument(
        "--batch-minimum-timeout", type=int, default=60, help="seconds; AWS takes no less than 60"
    )
    parser.add_argument("--log-file", type=Path)
    parser.add_argument("--parent-pid", type=int, help="end when this process is gone")
    given = parser.parse_args(arguments)
    return Options(
        # Not resolve(): an environment is found by the path of its interpreter, which is a link.
        given.port,
        given.state_file,
        str(Path(given.function_python).absolute()),
        given.region,
        given.account_id,
        tuple(given.batch_image),
        given.batch_cwd,
        tuple(given.batch_python_path),
        tuple(shlex.split(given.batch_entrypoint)),
        Capacity(given.batch_vcpus, given.batch_gpus),
        given.batch_minimum_timeout,
        given.log_file,
        given.parent_pid,
    )
