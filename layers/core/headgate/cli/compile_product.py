"""A product folder as the bundle that ``PUT /products/{product}`` takes.

Owns which files belong to a product and what must agree between them. All problems are reported at once.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from headgate.cli import standard_fields
from headgate.cli.bind_checks import bind_checks, readable
from headgate.cli.bind_sets import bind_sets
from headgate.cli.bind_views import bind_views
from headgate.cli.compile_contract import compile_contract
from headgate.cli.compile_descriptor import Descriptor, compile_descriptor
from headgate.cli.compile_view import ViewSource, check_graph, compile_view
from headgate.cli.problems import Problem, ProductInvalid
from headgate.cli.yaml_source import YamlSource
from headgate.domain.bundle import read_bundle
from headgate.domain.errors import InvalidRequest
from headgate.domain.policy import PolicyError
from headgate.domain.product import BUNDLE_FORMAT


def compile_product(folder: Path) -> dict[str, Any]:
    """The bundle of one folder. Raises ProductInvalid, naming every problem with its file and line."""
    if not folder.is_dir():
        raise InvalidRequest(f"{folder}: no such folder; a product is a folder with a *.odps.yaml in it")
    compiler = _Compiler(folder)
    bundle = compiler.bundle()
    problems = compiler.problems or _check_whole(bundle, compiler.descriptor_file)
    if problems:
        raise ProductInvalid(str(folder), problems)
    return bundle


def find_product(products: Path, name: str) -> Path:
    """The folder of product ``name``: a path as given, or a folder under ``products``."""
    given = Path(name)
    if given.is_dir():
        return given
    folder = products / name
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or not folder.is_dir():
        known = ", ".join(sorted(p.name for p in products.glob("*") if p.is_dir())) or "none"
        raise InvalidRequest(f"no product {name!r} in {products}; there: {known}")
    return folder


class _Compiler:
    """Reads one folder; collects problems and the sha256 of every file it used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.sources: dict[str, str] = {}
        self.descriptor_file = f"{folder.name}.odps.yaml"

    def bundle(self) -> dict[str, Any]:
        descriptor, source = self._descriptor()
        contracts = self._contracts()
        self._check_ports(descriptor, source, contracts)
        views = self._views(contracts, descriptor, source)
        self.problems += source.problems
        return {
            "format": BUNDLE_FORMAT,
            "name": descriptor.name,
            "title": descriptor.title,
            "owner": descriptor.owner,
            "stage": descriptor.stage,
            "datasets": {contract["name"]: contract for _, contract in contracts},
            "views": views,
            "feature_sets": descriptor.feature_sets,
            "training": self._training(),
            "policy": self._policy(),
            "sources": dict(sorted(self.sources.items())),
            **({"retired": list(descriptor.retired)} if descriptor.retired else {}),
        }

    def _files(self, pattern: str) -> list[Path]:
        return sorted(self.folder.rglob(pattern))

    def _use(self, path: Path) -> str:
        file = path.relative_to(self.folder).as_posix()
        self.sources[file] = hashlib.sha256(path.read_bytes()).hexdigest()
        return file

    def _read(self, path: Path) -> YamlSource:
        return YamlSource.read(path, self._use(path))

    def _problem(self, file: str, message: str, line: int | None = None, field: str | None = None) -> None:
        self.problems.append(Problem(file, line, field, message))

    def _descriptor(self) -> tuple[Descriptor, YamlSource]:
        found = self._files("*.odps.yaml")
        if len(found) != 1:
            self._problem(self.descriptor_file, f"{len(found)} files *.odps.yaml; a product has exactly one")
            if not found:
                return Descriptor("", "", "", "poc", {}, {}), YamlSource(self.descriptor_file, {}, {})
        source = self._read(found[0])
        self.descriptor_file = source.file
        return compile_descriptor(source), source

    def _contracts(self) -> list[tuple[str, dict[str, Any]]]:
        """(contract id, contract) of every ODCS file."""
        compiled: list[tuple[str, dict[str, Any]]] = []
        readable: list[tuple[YamlSource, dict[str, Any]]] = []
        sources: list[YamlSource] = []
        for path in self._files("*.odcs.yaml"):
            source = self._read(path)
            contract = compile_contract(source)
            sources.append(source)
            if contract is None:
                continue
            if contract["name"] in {c["name"] for _, c in compiled}:
                self._problem(source.file, f"a second contract for the dataset {contract['name']!r}")
            compiled.append((str(source.document.get("id")), contract))
            readable.append((source, contract))
        bind_checks(readable)
        self.problems += [problem for source in sources for problem in source.problems]
        if not self._files("*.odcs.yaml"):
            self._problem(
                self.descriptor_file, "no *.odcs.yaml beside it: a product has at least one dataset"
            )
        return compiled

    def _check_ports(
        self, descriptor: Descriptor, source: YamlSource, contracts: Iterable[tuple[str, dict[str, Any]]]
    ) -> None:
        known = {identity: contract["version"] for identity, contract in contracts}
        for identity, (path, version) in descriptor.contracts.items():
            if identity not in known:
                source.problem(
                    (*path, "contractId"), f"{identity!r} is the id of no contract that compiled here"
                )
            elif version is not None and version != known[identity]:
                source.problem(
                    (*path, "version"), f"is {version}; the contract itself says {known[identity]}"
                )

    def _views(
        self,
        contracts: Iterable[tuple[str, dict[str, Any]]],
        descriptor: Descriptor,
        source: YamlSource,
    ) -> dict[str, dict[str, Any]]:
        found: dict[str, ViewSource] = {}
        for path in self._files("*.sql"):
            view = compile_view(path, self._use(path))
            if view.name in found:
                view.problem_at(1, None, f"a second view {view.name!r}, beside {found[view.name].file}")
                self.problems += view.problems
                continue
            found[view.name] = view
        datasets = {contract["name"]: readable(contract) for _, contract in contracts}
        check_graph(found.values(), datasets)
        bind_sets(found, bind_views(found, datasets), descriptor, source)
        self.problems += [problem for view in found.values() for problem in view.problems]
        return {name: view.document for name, view in found.items()}

    def _training(self) -> dict[str, Any] | None:
        path = self.folder / "training.yaml"
        if not path.is_file():
            return None
        source = self._read(path)
        known = (*standard_fields.TRAINING, *standard_fields.TRAINING_CHOICES)
        source.unknown_keys((), source.document, known)
        for key in standard_fields.TRAINING:
            if key not in source.document and key != "baselines":
                source.problem((key,), "is missing")
        self.problems += source.problems
        return {"baselines": [], **source.document}

    def _policy(self) -> dict[str, Any]:
        path = self.folder / "policy.json"
        if not path.is_file():
            self._problem(
                "policy.json", "is missing: without a policy nobody may do anything with the product"
            )
            return {}
        file = self._use(path)
        try:
            policy = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            self._problem(file, f"is not JSON: {error.msg}", line=error.lineno)
            return {}
        if not isinstance(policy, dict) or not isinstance(policy.get("Statement"), list):
            self._problem(file, "is no policy document; it needs Version and a list called Statement", line=1)
            return {}
        return policy


def _check_whole(bundle: dict[str, Any], file: str) -> list[Problem]:
    """What only the whole bundle shows: names that point nowhere, and all that the domain itself refuses."""
    try:
        read_bundle(bundle)
    except PolicyError as refused:
        return [Problem("policy.json", None, None, str(refused))]
    except InvalidRequest as refused:
        return [Problem(file, None, None, str(refused))]
    except (KeyError, TypeError, ValueError, AttributeError) as broken:
        return [
            Problem(file, None, None, f"the bundle does not hold together: {type(broken).__name__}: {broken}")
        ]
    return []
