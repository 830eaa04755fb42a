"""Which local directory stands in for which container image.

Patterns are fnmatch patterns over the whole image reference; the first that matches wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from headgate_local.batch.ports import ImageEnvironment


class PatternImages:
    """An ImageResolver over an ordered list of (pattern, environment)."""

    def __init__(self, images: Sequence[tuple[str, ImageEnvironment]]) -> None:
        self._images = tuple(images)

    def resolve(self, image: str) -> ImageEnvironment | None:
        """The environment of the first matching pattern, or None."""
        for pattern, environment in self._images:
            if fnmatchcase(image, pattern):
                return environment
        return None


def parse_image_option(
    option: str, working_directory: str | None = None, python_path: Sequence[str] = ()
) -> tuple[str, ImageEnvironment]:
    """`PATTERN=ENVDIR` from a command line. Raises ValueError when either side is missing."""
    pattern, separator, directory = option.partition("=")
    if not separator or not pattern or not directory:
        raise ValueError(
            f"an image is given as PATTERN=ENVDIR, for example 'trainer*=/path/to/env', not {option!r}"
        )
    # Not resolve(): an environment is found by the path of its interpreter, which is a link.
    environment = ImageEnvironment(str(Path(directory).absolute()), working_directory, tuple(python_path))
    return pattern, environment
