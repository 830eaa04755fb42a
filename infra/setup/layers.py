"""`make layers` and `make package`: builds what is out of date among the layers, each by its own recipe.

Owns build/layers (for this machine, what the emulator runs) and build/package (for AWS Lambda). Must not
know what a layer holds: that is layers/<name>/Makefile, which `sam build` runs as well.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from environments import LAYERS, ROOT
from installer import HOST, SetupError, Target, install_command, install_settings, run
from stamps import digest_of, is_current, remove_stamp, write_stamp

LAMBDA = Target("3.13")
# The unzipped bytes of a function and its layers that AWS Lambda takes.
LAMBDA_LIMIT = 262_144_000


@dataclass(frozen=True)
class Layer:
    """One layer: where its recipe lies and where it is built, for `target`."""

    name: str
    target: Target

    @property
    def recipe(self) -> Path:
        return ROOT / "layers" / self.name

    @property
    def home(self) -> Path:
        return ROOT / "build" / ("layers" if self.target.is_host else "package") / self.name

    @property
    def goal(self) -> str:
        """The make target that `sam build` asks for: the layer's logical id."""
        return f"build-{self.name.capitalize()}Layer"

    @property
    def code(self) -> Path:
        """The layer's folder of this project's own code; only the core layer has one."""
        return self.recipe / "headgate"

    def stamp(self, part: str) -> Path:
        """Beside the layer, not in it: what is built is shipped byte for byte."""
        return self.home.parent / ".stamps" / f"{self.name}-{part}"


def dependencies_digest(layer: Layer) -> str:
    """What the third-party part of `layer` is made from."""
    made_from = (sys.version, layer.target.version or f"{sys.platform}", Path(__file__).read_text())
    return digest_of(layer.recipe / "requirements.txt", layer.recipe / "Makefile", extra=made_from)


def code_digest(layer: Layer) -> str:
    """What the project's own part of `layer` is made from."""
    return digest_of(layer.code) if layer.code.exists() else "none"


def build(layer: Layer) -> float | None:
    """Bring `layer` up to date. Returns the seconds it took, or None if there was nothing to do."""
    began = time.monotonic()
    wanted = {"dependencies": dependencies_digest(layer), "code": code_digest(layer)}
    stale = [part for part, digest in wanted.items() if not is_current(layer.stamp(part), digest)]
    if not (layer.home / "python").exists():
        stale = list(wanted)
    if not stale:
        return None
    for part in stale:
        layer.stamp(part).mkdir(parents=True, exist_ok=True)
        remove_stamp(layer.stamp(part))
    if "dependencies" in stale:
        shutil.rmtree(layer.home, ignore_errors=True)
        layer.home.mkdir(parents=True)
    make(layer, layer.goal if "dependencies" in stale else "code")
    for part, digest in wanted.items():
        layer.stamp(part).mkdir(parents=True, exist_ok=True)
        write_stamp(layer.stamp(part), digest)
    return time.monotonic() - began


def make(layer: Layer, goal: str) -> None:
    """Run one target of the layer's recipe. Raises SetupError with its last lines."""
    version = layer.target.version or "{}.{}".format(*sys.version_info)
    command = ["make", "--no-print-directory", "-C", str(layer.recipe), goal, f"ARTIFACTS_DIR={layer.home}"]
    command += [f"PYTHON={interpreter(version)}", f"PYTHON_VERSION={version}"]
    command += [f"INSTALL={shlex.join(install_command(layer.target))}"]
    said = run(command, what=f"building the {layer.name} layer", settings=install_settings())
    notes = [line for line in said.splitlines() if "no bytecode" in line]
    print("".join(f"  {line}\n" for line in notes), end="", file=sys.stderr)


def interpreter(version: str) -> str:
    """A Python of `version` to write bytecode with; this one if there is none (the recipe then writes
    none).
    """
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    command = ["sh", str(ROOT / "infra/setup/find-python.sh"), version]
    found = subprocess.run(command, env={**os.environ, "PYTHON": ""}, capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else sys.executable


def size_of(folder: Path) -> int:
    """The unzipped bytes of everything in `folder`."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def build_all(layers: Sequence[Layer]) -> None:
    """Build `layers`, two at a time, and say what was built. Silent when nothing was."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for layer, seconds in zip(layers, pool.map(build, layers), strict=True):
            if seconds is not None:
                where = layer.home.relative_to(ROOT)
                print(
                    f"  layer {layer.name:<8} {size_of(layer.home) / 1e6:6.1f} MB {seconds:6.1f} s  {where}",
                    flush=True,
                )


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lambda", dest="target", action="store_const", const=LAMBDA, default=HOST)
    target = arguments.parse_args().target
    layers = [Layer(name, target) for name in LAYERS]
    try:
        build_all(layers)
    except SetupError as error:
        print(f"layers: {error}", file=sys.stderr)
        return 1
    if not target.is_host:
        total = sum(size_of(layer.home) for layer in layers)
        print(f"  all layers {total / 1e6:.1f} MB unzipped; a function may have {LAMBDA_LIMIT / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
