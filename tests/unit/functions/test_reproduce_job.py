"""The reproduction job's exit codes, and that functions and job are put together from their settings."""

import json
from pathlib import Path
from typing import Any

import pytest
from headgate import bootstrap
from headgate.domain.errors import ConfigurationError, Corrupted, Throttled
from headgate.domain.reproduction import Rebuilt, ended_rebuild, place_of
from headgate.jobs.reproduce import run
from headgate.services.reproduction.rebuild_features import RebuildFeatures

from tests.support.reproduction_desk import ReproductionDesk
from tests.unit.functions.test_config import SHARED, TRAIN

PARAMETER = json.dumps({"kind": "reproduce", "product": "shops", "reproduction": "v1-1"})
NOTHING = Rebuilt((), "", {}, {}, (), (), "", "")


class Answers:
    """A use case that answers, or fails as it is told."""

    def __init__(self, answer: Rebuilt | Exception) -> None:
        self.answer = answer

    def rebuild(self, product: str, name: str) -> Rebuilt:
        assert (product, name) == ("shops", "v1-1")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def code_of(answer: Rebuilt | Exception, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    said: list[dict[str, Any]] = []
    return run(arguments or [PARAMETER], lambda: Answers(answer), said.append), said  # type: ignore[arg-type,return-value]


def test_what_was_made_or_found_to_be_gone_is_done() -> None:
    gone = Rebuilt(("file a is gone",), "", {}, {}, (), (), "", "")

    assert code_of(NOTHING)[0] == 0
    code, said = code_of(gone)
    assert code == 0
    assert said[0]["level"] == "WARNING" and said[0]["message"] == "file a is gone"


@pytest.mark.parametrize(("error", "code"), [(Throttled("slow down"), 75), (Corrupted("no digest"), 70)])
def test_a_failure_is_tried_again_only_where_that_may_help(error: Exception, code: int) -> None:
    found, said = code_of(error)

    assert found == code
    assert said[-1]["error_type"] == type(error).__name__
    assert said[-1]["reproduction"] == "v1-1"


@pytest.mark.parametrize("arguments", [["{}"], ["none"], [PARAMETER, PARAMETER], ['{"product": 1}']])
def test_a_parameter_that_names_none_is_not_tried_again(arguments: list[str]) -> None:
    assert code_of(NOTHING, *arguments)[0] == 64


def test_missing_settings_are_not_tried_again() -> None:
    def make() -> RebuildFeatures:
        raise ConfigurationError("JOB_MEMORY_MB is missing")

    said: list[dict[str, Any]] = []
    assert run([PARAMETER], make, said.append) == 64
    assert "JOB_MEMORY_MB" in said[0]["message"]


def test_functions_and_job_are_put_together_from_their_settings() -> None:
    given = {
        **SHARED,
        "LANDING_BUCKET_NAME": "landing",
        "MODELS_BUCKET_NAME": "models",
        "JOB_MEMORY_MB": "512",
        "SIGNING_KEY_ARN": "arn:aws:kms:us-east-1:111122223333:key/signing",
    }

    job = bootstrap.reproduce_job(given)
    running = bootstrap.reproductions(TRAIN)
    judging = bootstrap.register(given).register.reproductions

    assert job.verify.landing.bucket == "landing"
    assert job.documents.models.bucket == running.conclude.documents.models.bucket == "models"
    assert judging is not None and judging.artifacts.bucket == "models"


def test_the_parameter_names_the_reproduction_to_job_and_function(tmp_path: Path) -> None:
    desk = ReproductionDesk.open(tmp_path)
    name = desk.ask()
    desk.start(name)
    parameters = desk.platform.compute.submissions[-1].parameters

    ended = ended_rebuild({"jobId": "j", "status": "SUCCEEDED", "parameters": parameters})

    assert place_of(parameters["reproduction"]) == (ended.product, ended.reproduction) == ("shops", name)
    assert (ended.failure, ended.seconds) == ("", 0)
