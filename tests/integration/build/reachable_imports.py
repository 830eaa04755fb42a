"""Finds, without running anything, every third-party package that a handler can come to import.

Engines are imported inside the functions that need them, so importing a handler proves little. This walks
from the handler's symbols through the headgate symbols they name; of a class that is reached it follows the
methods whose names are mentioned anywhere along the way. So one use case of the composition root is followed
and its neighbours are not. Owns that walk; must not know which layer holds what.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
HANDLER = "__handler__"


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
    definitions: dict[str, Function | ast.ClassDef] = field(default_factory=dict)


@dataclass
class Walk:
    """A walk over this project's packages: `homes` says which folder each lies in."""

    homes: dict[str, Path]
    third_party: set[str] = field(default_factory=set)
    _modules: dict[str, Module] = field(default_factory=dict)
    _used: set[tuple[str, str]] = field(default_factory=set)
    # Methods of reached classes by name, waiting for someone to mention that name.
    _waiting: dict[str, list[tuple[str, Function]]] = field(default_factory=dict)
    _mentioned: set[str] = field(default_factory=set)

    def from_handler(self, file: Path) -> set[str]:
        """The third-party packages that `file` can come to import."""
        self._load(HANDLER, file)
        for name in list(self._modules[HANDLER].definitions):
            self._use(HANDLER, name)
        return self.third_party

    def _load(self, name: str, file: Path) -> None:
        """Read a module, and follow what happens when it is imported."""
        module = Module(ast.parse(file.read_text(encoding="utf-8")))
        self._modules[name] = module
        statements = list(executed(module.tree.body))
        for statement in statements:
            if isinstance(statement, Function | ast.ClassDef):
                module.definitions[statement.name] = statement
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                module.imports.update(bindings(statement))
        for statement in statements:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for _, imported in bindings(statement):
                    self._reach(imported)
            elif isinstance(statement, Function | ast.ClassDef):
                for head in (*statement.decorator_list, *getattr(statement, "bases", ())):
                    self._follow(name, head)
            else:
                self._follow(name, statement)

    def _reach(self, imported: Imported) -> None:
        """Follow an import: the packages around a module run first, and a symbol may be a submodule."""
        top = imported.module.partition(".")[0]
        if top not in self.homes:
            if top not in sys.stdlib_module_names:
                self.third_party.add(top)
            return
        parts = imported.module.split(".")
        packages = (".".join(parts[:depth]) for depth in range(1, len(parts)))
        for name in (*packages, imported.module, f"{imported.module}.{imported.symbol}"):
            file = self._file(name)
            if file and name not in self._modules:
                self._load(name, file)

    def _file(self, module: str) -> Path | None:
        base = self.homes[module.partition(".")[0]] / module.replace(".", "/")
        return next(
            (file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()), None
        )

    def _use(self, module: str, name: str) -> None:
        """Follow everything that the symbol `name` of `module` can run."""
        if (module, name) in self._used or module not in self._modules:
            return
        self._used.add((module, name))
        definition = self._modules[module].definitions.get(name)
        if isinstance(definition, ast.ClassDef):
            self._open(module, definition)
        elif definition:
            self._follow(module, definition)
        elif imported := self._modules[module].imports.get(name):
            self._reach(imported)
            self._use(imported.module, imported.symbol or "")

    def _open(self, module: str, definition: ast.ClassDef) -> None:
        """Follow what a class does by itself; its other methods wait to be mentioned."""
        for statement in definition.body:
            name = statement.name if isinstance(statement, Function) else "__body__"
            if isinstance(statement, Function) and not name.startswith("__") and name not in self._mentioned:
                self._waiting.setdefault(name, []).append((module, statement))
            else:
                self._follow(module, statement)

    def _mention(self, attribute: str) -> None:
        self._mentioned.add(attribute)
        for module, method in self._waiting.pop(attribute, []):
            self._follow(module, method)

    def _follow(self, module: str, code: ast.AST) -> None:
        """Follow each import inside `code`, and each name and attribute that it mentions."""
        nodes = list(running(code))
        local: dict[str, Imported] = {}
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for bound, imported in bindings(node):
                    local[bound] = imported
                    self._reach(imported)
                    self._use(imported.module, imported.symbol or "")
        for node in nodes:
            if isinstance(node, ast.Name):
                self._use(module, node.id)
            elif isinstance(node, ast.Attribute):
                self._mention(node.attr)
                root = ast.unparse(node.value)
                if found := local.get(root) or self._modules[module].imports.get(root):
                    self._use(found.module, node.attr)
                    self._use(f"{found.module}.{found.symbol}", node.attr)


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


def running(code: ast.AST) -> Iterator[ast.AST]:
    """`code` and all nodes in it but annotations, which are never run."""
    yield code
    for name, value in ast.iter_fields(code):
        if name not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from running(child)


def bindings(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Imported]]:
    """The names that an import binds, and to what."""
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            yield alias.asname or alias.name, Imported(alias.name, None)
        elif statement.level == 0 and statement.module:
            yield alias.asname or alias.name, Imported(statement.module, alias.name)
        else:
            raise ValueError(f"a relative import, which this project does not use: {ast.unparse(statement)}")
