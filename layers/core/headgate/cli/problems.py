"""What is wrong with a product folder: every problem with its place, collected before anything is refused."""

from collections.abc import Iterable
from dataclasses import dataclass

from headgate.domain.errors import InvalidRequest


@dataclass(frozen=True)
class Problem:
    """``file`` is relative to the folder, ``field`` a path such as ``schema[0].properties[2].type``."""

    file: str
    line: int | None
    field: str | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class ProductInvalid(InvalidRequest):
    """The folder does not compile; ``problems`` holds all that was found, in the order of files and lines."""

    def __init__(self, folder: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line or 0, p.field or "")))
        count = len(self.problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{folder}: {count} problem{'s' if count != 1 else ''}\n{lines}")
