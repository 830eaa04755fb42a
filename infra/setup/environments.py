"""The environments Headgate needs: their names, what each is for, and the requirements each is made of.

Owns the one list that set-up, lock and tests share. Must not install or resolve anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
OVERRIDES = ROOT / "infra/setup/overrides.txt"
TOOLS_REQUIREMENTS = ROOT / "infra/setup/tools.txt"
DATA_REQUIREMENTS = ROOT / "infra/setup/data.txt"
WORKER_REQUIREMENTS = ROOT / "infra/worker/requirements.txt"
LAYERS = ("core", "duckdb", "onnx", "api", "iceberg")


@dataclass(frozen=True)
class Environment:
    """One virtual environment.

    Attributes:
        name: What people call it (`make setup` prints it).
        folder: Where it lies, relative to the repository root.
        requirements: The hashed requirements it holds, relative to the repository root.
        paths: Source folders of this repository that are importable in it.
        scripts: Whether it gets the console scripts that pyproject.toml names.
        compiled: Whether every module is compiled at set-up: worth it where short processes start often.
        from_source: Whether a package without a wheel may be built.
        torch: The file that names the PyTorch it gets where that can be had (see torch_build.py).
    """

    name: str
    folder: str
    requirements: str
    paths: tuple[str, ...] = ()
    scripts: bool = False
    compiled: bool = False
    from_source: bool = False
    torch: str = ""

    @property
    def home(self) -> Path:
        return ROOT / self.folder

    @property
    def python(self) -> Path:
        return self.home / "bin" / "python"

    @property
    def requirements_file(self) -> Path:
        return ROOT / self.requirements


ENVIRONMENTS = (
    Environment(
        "developer",
        ".venv",
        "infra/setup/developer.txt",
        paths=("layers/core", "infra/local", "infra/trainer"),
        scripts=True,
        from_source=True,  # localstack-client 2.12 is published as source alone
    ),
    Environment("emulator", ".envs/emulator", "infra/local/requirements.txt", paths=("infra/local",)),
    Environment("function", ".envs/function", "infra/local/function-requirements.txt", compiled=True),
    Environment(
        "trainer",
        ".envs/trainer",
        "infra/trainer/requirements.txt",
        paths=("infra/trainer",),
        torch="infra/trainer/torch.txt",
    ),
    Environment("sam", ".envs/sam", "infra/setup/sam.txt"),
    Environment(
        "bench",
        ".envs/bench",
        "infra/bench/requirements.txt",
        from_source=True,  # antlr4-python3-runtime 4.9.3, which DVC needs, is published as source alone
    ),
)


def environment(name: str) -> Environment:
    """The environment called `name`. Raises KeyError."""
    return {one.name: one for one in ENVIRONMENTS}[name]


def requirement_inputs() -> tuple[Path, ...]:
    """Every `.in` file: the direct dependencies of the tools, the data, the worker, each environment and each
    layer.
    """
    locked = [TOOLS_REQUIREMENTS, DATA_REQUIREMENTS, WORKER_REQUIREMENTS]
    locked += [one.requirements_file for one in ENVIRONMENTS]
    locked += [ROOT / "layers" / layer / "requirements.txt" for layer in LAYERS]
    return tuple(path.with_suffix(".in") for path in locked)
