"""Finds, without running anything, every third-party package that a handler can come to import.

Engines are imported inside the functions that need them, so importing a handler proves little. This walks
from the handler's symbols through the headgate symbols they name: one adapter of a module may be reached
and another not. Owns that walk; must not know which layer holds what.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Imported:
    """What a name is bound to by an import: a module, or one symbol of it."""

    module: str
    symbol: str | None


@dataclass
class Module:
    """A parsed module: what runs when it is imported, and what its names stand for."""

    tree: ast.Module
    imports: dict[str, Imported] = field(default_factory=dict)
    definitions: dict[str, ast.stmt] = field(default_factory=dict)


@dataclass
class Walk:
    """A walk over the modules below `source` (the folder that holds the package `package`)."""

    source: Path
    package: str
    third_party: set[str] = field(default_factory=set)
    _modules: dict[str, Module] = field(default_factory=dict)
    _used: set[tuple[str, str]] = field(default_factory=set)

    def from_handler(self, file: Path) -> set[str]:
        """The third-party packages that `file` can come to import."""
        self._load("__handler__", file)
        for name in list(self._modules["__handler__"].definitions):
            self._use("__handler__", name)
        return self.third_party

    def _load(self, name: str, file: Path) -> None:
        module = Module(ast.parse(file.read_text(encoding="utf-8")))
        self._modules[name] = module
        for statement in executed(module.tree.body):
            if isinstance(statement, DEFINITIONS):
                module.definitions[statement.name] = statement
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                for bound, imported in bindings(statement):
                    module.imports[bound] = imported
        for statement in executed(module.tree.body):
            self._run(name, statement)

    def _run(self, module: str, statement: ast.stmt) -> None:
        """Follow what `statement` does when its module is imported."""
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for _, imported in bindings(statement):
                self._reach(imported)
        elif isinstance(statement, DEFINITIONS):
            heads = [*statement.decorator_list, *getattr(statement, "bases", [])]
            for head in heads:
                self._names(module, head)
        else:
            self._names(module, statement)

    def _reach(self, imported: Imported) -> None:
        """Follow an import; a symbol may turn out to be a submodule."""
        top = imported.module.partition(".")[0]
        if top != self.package:
            if top not in sys.stdlib_module_names:
                self.third_party.add(top)
            return
        for name in (imported.module, f"{imported.module}.{imported.symbol}"):
            file = self._file(name)
            if file and name not in self._modules:
                self._load(name, file)

    def _file(self, module: str) -> Path | None:
        base = self.source / module.replace(".", "/")
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                return file
        return None

    def _use(self, module: str, name: str) -> None:
        """Follow everything that the symbol `name` of `module` can run."""
        if (module, name) in self._used or module not in self._modules:
            return
        self._used.add((module, name))
        if imported := self._modules[module].imports.get(name):
            self._reach(imported)
            self._use(imported.module, imported.symbol or "")
        elif definition := self._modules[module].definitions.get(name):
            self._names(module, definition)

    def _names(self, module: str, node: ast.AST) -> None:
        """Follow each import inside `node`, and each name and `module.name` that it mentions."""
        local: dict[str, Imported] = {}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                for bound, imported in bindings(inner):
                    local[bound] = imported
                    self._reach(imported)
                    self._use(imported.module, imported.symbol or "")
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name):
                self._use(module, inner.id)
            elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
                bound = local.get(inner.value.id) or self._modules[module].imports.get(inner.value.id)
                if bound:
                    self._use(bound.module, inner.attr)
                    self._use(f"{bound.module}.{bound.symbol}", inner.attr)


def executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run on import, those under `if TYPE_CHECKING` left out."""
    for statement in body:
        if isinstance(statement, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(statement.test):
                yield from executed(statement.body)
            yield from executed(statement.orelse)
        elif isinstance(statement, ast.Try | ast.With):
            yield from executed(statement.body)
        else:
            yield statement


def bindings(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Imported]]:
    """The names that an import binds, and to what."""
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            yield alias.asname or alias.name, Imported(alias.name, None)
        elif statement.level == 0 and statement.module:
            yield alias.asname or alias.name, Imported(statement.module, alias.name)
        else:
            raise ValueError(f"a relative import, which this project does not use: {ast.unparse(statement)}")
