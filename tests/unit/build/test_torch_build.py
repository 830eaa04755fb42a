"""PyTorch's step of set-up: which build is asked for, where, and that a set-up goes on without it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch_build
from environments import ROOT, environment
from installer import SetupError

REQUIREMENTS = ROOT / environment("trainer").torch


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that pip was called with; each fails."""
    calls: list[list[str]] = []

    def refuse(command: list[str], **_: object) -> str:
        calls.append(command)
        raise SetupError("installing failed (exit status 1):\n  | ERROR: No matching distribution found")

    monkeypatch.setattr(torch_build, "run", refuse)
    return calls


@pytest.mark.parametrize(("platform", "ending"), [("linux", "+cpu"), ("darwin", "")])
def test_the_build_without_cuda_is_asked_for(platform: str, ending: str) -> None:
    found = torch_build.wanted_requirement(REQUIREMENTS, platform)

    assert found.startswith("torch==2.")
    assert found.endswith(ending)
    assert ("+" in found) is (platform == "linux")


def test_pip_s_own_sources_come_before_pytorch_s_index(pip: list[list[str]]) -> None:
    torch_build.install_torch(Path("python"), REQUIREMENTS)

    first, second = pip
    assert "--index-url" not in first
    assert second[second.index("--index-url") + 1] == torch_build.cpu_index(REQUIREMENTS)
    for call in pip:
        assert "--no-deps" in call
        assert "--timeout" in call


def test_a_machine_that_cannot_have_it_is_told_why_and_goes_on(
    pip: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    torch_build.add_torch(Path("python"), REQUIREMENTS)

    said = capsys.readouterr().err
    assert "cannot be had" in said
    assert "No matching distribution found" in said
    assert "make setup-torch" in said


def test_an_environment_is_asked_for_it_without_an_import(tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3.13/site-packages/torch"
    assert not torch_build.has_torch(tmp_path)

    packages.mkdir(parents=True)
    (packages / "version.py").write_text("raise AssertionError\n")

    assert torch_build.has_torch(tmp_path)


@pytest.mark.parametrize("text", ["", "torch==1\ntorch==2\n"])
def test_a_file_that_names_no_one_version_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "torch.txt").write_text(text)

    with pytest.raises(SetupError, match="exactly one line"):
        torch_build.wanted_requirement(tmp_path / "torch.txt")
