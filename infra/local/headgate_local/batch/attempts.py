"""One attempt of a job: its environment, its process, its output.

It owns what a job's process sees: the image's programs first on PATH, the job role's credentials, the
AWS_BATCH_* variables, the definition's environment, and nothing of the process that runs this engine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headgate_local.batch.model import Attempt, Job
from headgate_local.batch.ports import (
    Clock,
    CredentialSource,
    ImageEnvironment,
    ImageResolver,
    LogSink,
    Process,
    ProcessSpec,
    Runner,
)

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class CannotStartError(Exception):
    """The attempt failed before its command ran; the message is the container's `reason`."""


@dataclass(frozen=True)
class StartedAttempt:
    """A running attempt and the scratch directory that goes away with it."""

    process: Process
    scratch: str

    def discard(self) -> None:
        """Remove what the attempt left in its scratch directory."""
        shutil.rmtree(self.scratch, ignore_errors=True)


@dataclass(frozen=True)
class AttemptStarter:
    """Starts attempts through the ports."""

    images: ImageResolver
    credentials: CredentialSource
    logs: LogSink
    runner: Runner
    clock: Clock
    region: str
    endpoint_url: str | None
    scratch_root: str | None = None

    def start(self, job: Job, attempt: Attempt, number: int) -> StartedAttempt:
        """Start the job's command. Raises CannotStartError with the reason AWS would give."""
        spec = job.spec
        image = self.images.resolve(spec.image)
        if image is None:
            raise CannotStartError(
                f"CannotPullContainerError: no local environment stands in for image {spec.image}"
            )
        command = image.entrypoint + spec.command
        if not command:
            raise CannotStartError("CannotStartContainerError: no command specified")
        try:
            credentials = self.credentials.for_role(spec.job_role_arn, job.job_id)
        except LookupError as error:
            raise CannotStartError(f"ResourceInitializationError: {error.args[0]}") from error
        scratch = tempfile.mkdtemp(prefix="batch-job-", dir=self.scratch_root)
        environment = self._environment(job, image, credentials, number, scratch)
        directory = image.working_directory or scratch
        try:
            process = self.runner.start(
                ProcessSpec(command, environment, directory, spec.resources.memory_mib),
                self._writer(job, attempt),
            )
        except OSError as error:
            shutil.rmtree(scratch, ignore_errors=True)
            raise CannotStartError(f"CannotStartContainerError: {error}") from error
        return StartedAttempt(process, scratch)

    def _writer(self, job: Job, attempt: Attempt) -> Callable[[str], None]:
        def write(line: str) -> None:
            self.logs.write(job.spec.log_group, attempt.log_stream, self.clock.now_ms(), line)

        return write

    def _environment(
        self, job: Job, image: ImageEnvironment, credentials: Mapping[str, str], number: int, scratch: str
    ) -> dict[str, str]:
        found = {
            "PATH": f"{image.directory}/bin:{SYSTEM_PATH}",
            "HOME": scratch,
            "TMPDIR": scratch,
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            # There is no instance here whose metadata service could answer.
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            **credentials,
            **job.spec.environment,
            **_batch_variables(job, number),
        }
        if self.endpoint_url:
            found.setdefault("AWS_ENDPOINT_URL", self.endpoint_url)
        if image.python_path:
            found["PYTHONPATH"] = os.pathsep.join(image.python_path)
        return found


def _batch_variables(job: Job, number: int) -> dict[str, str]:
    found = {
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JOB_ATTEMPT": str(number),
        "AWS_BATCH_JQ_NAME": job.spec.queue_arn.rsplit("/", 1)[-1],
        "AWS_BATCH_CE_NAME": (job.compute_environment_arn or "").rsplit("/", 1)[-1],
    }
    if job.array_index is not None:
        found["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.array_index)
        found["AWS_BATCH_JOB_ARRAY_SIZE"] = str(job.spec.array_size)
    return found
