"""What a run says of the machine and the libraries it was made with."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headgate_trainer.environment import environment, packages
from headgate_trainer.hardware import cpu_model, gpus
from headgate_trainer.run_spec import canonical_json

from tests.unit.trainer.slow_trainer import SlowTrainer
from tests.unit.trainer.small_runs import SmallRun


class Found:
    def __init__(self, name: str | None, number: str) -> None:
        self.metadata, self.version = {"Name": name}, number


def test_every_installed_package_is_named_with_its_version() -> None:
    found = environment()

    assert found["packages"]["numpy"] == version("numpy")
    assert found["packages"]["pyarrow"] == version("pyarrow")
    assert list(found["packages"]) == sorted(found["packages"])


def test_the_digest_is_of_the_software_alone() -> None:
    found = environment()

    software = {name: found[name] for name in ("python", "machine", "packages")}
    assert found["digest"] == hashlib.sha256(canonical_json(software)).hexdigest()


def test_the_package_that_is_imported_counts_whatever_its_spelling() -> None:
    listed: Any = [Found("Typing_Extensions", "2"), Found("typing-extensions", "1"), Found(None, "0")]

    assert packages(listed) == {"typing-extensions": "2"}


def test_the_processor_is_named_or_else_its_architecture(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: Fast One @ 3 GHz\nprocessor: 1\nmodel name: Other\n")

    assert cpu_model(path) == "Fast One @ 3 GHz"
    assert cpu_model(tmp_path / "absent") == environment()["machine"]


def test_gpus_are_counted_by_kind() -> None:
    answer = "NVIDIA A10G, 550.54, 23028\nNVIDIA A10G, 550.54, 23028\nOther, 1, [N/A]\nnonsense\n"

    assert gpus(answer) == [
        {"name": "NVIDIA A10G", "driver": "550.54", "memory_mib": 23028, "count": 2},
        {"name": "Other", "driver": "1", "memory_mib": None, "count": 1},
    ]
    assert gpus("") == []


def test_a_run_keeps_the_environment_beside_its_model(small_run: SmallRun) -> None:
    small_run.run(find_trainer=lambda _: SlowTrainer(steps=1))

    manifest = json.loads((small_run.out / "manifest.json").read_bytes())
    card = json.loads((small_run.out / "card.json").read_bytes())
    assert manifest["environment"] == card["environment"] == environment()
    assert manifest["environment"]["hardware"]["threads"] >= 1
