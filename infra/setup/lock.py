"""`make lock`: resolves every `.in` file as one, and derives from that what each environment and layer holds.

Owns requirements.lock and every requirements `.txt`. Must not install anything.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from environments import LOCK, OVERRIDES, ROOT, requirement_inputs
from installer import UV_SETTINGS, uv_in_tools

WITHOUT = "# without:"
UNIVERSAL = (
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-strip-extras", "--quiet"),
    *("--override", str(OVERRIDES.relative_to(ROOT))),
)


def compile_requirements(uv: Path, inputs: list[Path], output: Path, *options: str) -> None:
    """Run `uv pip compile` over `inputs`. Raises CalledProcessError; uv prints what does not fit together."""
    command = [str(uv), "pip", "compile", *UNIVERSAL, *options]
    command += [f"--output-file={output.relative_to(ROOT)}"]
    command += [str(path.relative_to(ROOT)) for path in inputs]
    settings = {**os.environ, **UV_SETTINGS, "UV_CUSTOM_COMPILE_COMMAND": "make lock"}
    subprocess.run(command, cwd=ROOT, env=settings, check=True)


def left_out(path: Path) -> list[str]:
    """The packages that `# without:` lines of a `.in` file keep out of its `.txt`."""
    lines = [line for line in path.read_text().splitlines() if line.startswith(WITHOUT)]
    return [name for line in lines for name in line.removeprefix(WITHOUT).split()]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--upgrade", action="store_true", help="take newer versions where the .in files allow"
    )
    upgrade = ["--upgrade"] if arguments.parse_args().upgrade else []
    uv = uv_in_tools()
    inputs = list(requirement_inputs())
    try:
        compile_requirements(uv, inputs, LOCK, *upgrade)
        for path in inputs:
            derived = ["--constraint", str(LOCK.relative_to(ROOT)), "--no-annotate", "--upgrade"]
            derived += [f"--no-emit-package={name}" for name in left_out(path)]
            compile_requirements(uv, [path], path.with_suffix(".txt"), *derived)
    except subprocess.CalledProcessError:
        print("make lock: these requirements cannot be met together (see above)", file=sys.stderr)
        return 1
    pins = sum("==" in line for line in LOCK.read_text().splitlines())
    print(f"{LOCK.name}: {pins} pins; {len(inputs)} requirements files derived from it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
