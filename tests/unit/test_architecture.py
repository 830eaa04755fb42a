"""The dependency rule of the design, read from the sources: who may import whom, and what may happen at
import.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers/core/headgate"

# part of the project -> the parts of headgate that it may import.
MAY_IMPORT: dict[str, set[str]] = {
    "domain": {"domain"},
    "ports": {"ports", "domain"},
    "services": {"services", "ports", "domain"},
    "adapters": {"adapters", "ports", "domain"},
    "config": {"config", "domain"},
    "entrypoint": {"entrypoint", "config", "ports", "domain"},
    "inference_routes": {"domain"},
    "bootstrap": {"bootstrap", "config", "services", "adapters", "ports", "domain"},
    "functions": {"bootstrap", "entrypoint", "inference_routes", "config", "services", "domain"},
    "jobs": {"jobs", "bootstrap", "config", "services", "domain"},
    # the bare package, and the client of the same doors as everyone else
    "": {""},
    "cli": {"cli", "client", "config", "services", "ports", "domain", "adapters", "bootstrap"},
    "client": {"client", "cli", "ports", "domain", "adapters"},
}
# third-party package -> the only folders that may import it, besides infra and tests. The CLI stays on a
# developer's machine: it is an S3 client like any other, and lets DuckDB parse a view before it is applied.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "boto3": ("adapters/aws", "cli"),
    "botocore": ("adapters/aws", "cli"),
    "duckdb": ("adapters/engines", "cli", "client"),
    "sqlglot": ("adapters/engines",),
    "zstandard": ("adapters/engines",),
    "onnxruntime": ("adapters/engines",),
    "numpy": ("adapters/engines",),
    "chalice": ("functions/api",),
    "jwt": ("adapters/identity", "cli"),
    "pyiceberg": ("adapters/iceberg",),
    "typer": ("cli",),
    "rich": ("cli", "client/connection.py"),
    "yaml": ("cli",),
    # developer and trainer only
    "pyarrow": ("client",),
    "pandas": ("client",),
    "moto": (),
    "localstack_client": (),
}
# The concerns of services/, from the outermost in: a package imports itself, what stands below it, and the
# modules that every concern uses.
SERVICES = (
    "dispatch",
    "governance",
    "serving",
    "experiments",
    "models",
    "reproduction",
    "training",
    "retention",
    "erasure",
    "features",
    "ingestion",
    "versions",
)
STANDARD_LIBRARY_ONLY = ("domain", "ports", "services")


@dataclass(frozen=True)
class Source:
    """One file of layers/core/headgate or functions."""

    path: Path

    @property
    def part(self) -> str:
        """`domain`, `adapters`, …; `functions` for a handler; empty for the package's own __init__."""
        if not self.path.is_relative_to(PACKAGE):
            return "functions"
        first = self.path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        return "" if first == "__init__" else first

    @property
    def concern(self) -> str:
        """The package of services/ that it is in; empty for what every concern uses, and elsewhere."""
        parts = self.path.relative_to(PACKAGE).parts if self.part == "services" else ()
        return parts[1] if len(parts) > 2 else ""

    @property
    def place(self) -> str:
        base = PACKAGE if self.path.is_relative_to(PACKAGE) else ROOT
        return self.path.relative_to(base).as_posix()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    def imports(self) -> Iterator[str]:
        """The modules it imports anywhere, those for type checking included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module == "headgate":
                parts = [alias.name for alias in node.names if alias.name in MAY_IMPORT]
                yield from (f"headgate.{part}" for part in parts)
            elif isinstance(node, ast.ImportFrom):
                yield "." * node.level + (node.module or "")


SOURCES = [Source(path) for folder in (PACKAGE, ROOT / "functions") for path in sorted(folder.rglob("*.py"))]
AT_IMPORT = ("os.environ", "os.getenv", "boto3.client", "boto3.resource", "time.time", "datetime.now")


def test_there_are_sources_of_every_part() -> None:
    assert {"domain", "ports", "services", "adapters", "functions"} <= {source.part for source in SOURCES}


def test_a_part_imports_only_what_the_dependency_rule_allows() -> None:
    wrong = [
        f"{source.place} imports {module}"
        for source in SOURCES
        for module in source.imports()
        if module.split(".")[0] == "headgate"
        and f"{module}.".split(".")[1] not in MAY_IMPORT.get(source.part, set())
    ]
    assert wrong == []


def test_a_concern_imports_only_those_below_it() -> None:
    below = {concern: set(SERVICES[place:]) for place, concern in enumerate(SERVICES)}
    wrong = [
        f"{source.place} imports {module}"
        for source in SOURCES
        for module in source.imports()
        if (concern := source.concern)
        and (parts := module.split("."))[:2] == ["headgate", "services"]
        and len(parts) > 3
        and parts[2] not in below[concern]
    ]
    assert wrong == []


def test_what_every_concern_uses_belongs_to_none() -> None:
    assert {source.concern for source in SOURCES} == {*SERVICES, ""}
    wrong = [
        f"{source.place} imports {module}"
        for source in SOURCES
        for module in source.imports()
        if source.part == "services"
        and not source.concern
        and module.startswith("headgate.services.")
        and len(module.split(".")) > 3
    ]
    assert wrong == []


def test_a_package_is_imported_only_where_it_belongs() -> None:
    wrong = [
        f"{source.place} imports {module}"
        for source in SOURCES
        for module in source.imports()
        if not source.place.startswith(ONLY_IN.get(module.split(".")[0], ("",)))
    ]
    assert wrong == []


def test_the_inner_parts_need_the_standard_library_alone() -> None:
    wrong = [
        f"{source.place} imports {module}"
        for source in SOURCES
        for module in source.imports()
        if source.part in STANDARD_LIBRARY_ONLY
        and module.split(".")[0] not in sys.stdlib_module_names | {"headgate"}
    ]
    assert wrong == []


def test_imports_are_absolute() -> None:
    assert [
        source.place for source in SOURCES if any(name.startswith(".") for name in source.imports())
    ] == []


def test_nothing_happens_at_import() -> None:
    wrong = [
        f"{source.place}:{node.lineno}: {ast.unparse(node)}"
        for source in SOURCES
        for statement in source.tree.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in AT_IMPORT
    ]
    assert wrong == []


def test_every_module_says_what_it_is() -> None:
    assert [
        source.place for source in SOURCES if source.tree.body and not ast.get_docstring(source.tree)
    ] == []
