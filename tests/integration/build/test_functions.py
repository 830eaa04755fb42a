"""Every function finds what it imports in the layers it declares, and fits into AWS Lambda with them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from environments import ROOT
from headgate_local.artifacts import files_of
from headgate_local.template_source import read_template
from reachable_imports import Walk

from layers import LAMBDA_LIMIT

BUILT = ROOT / "build/layers"
FUNCTION_PYTHON = ROOT / ".envs/function/bin/python"
# What a plain interpreter sees: the layers, then the code, then what AWS supplies.
PROLOGUE = "import sys, json; sys.dont_write_bytecode = True; sys.path[:0] = json.loads(sys.argv[1]); "
FIND = """
import importlib.util
print(json.dumps([name for name in json.loads(sys.argv[2]) if not importlib.util.find_spec(name)]))
"""
LOAD = """
import app
told = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Function:
    """A function of the template: its code and the layers it declares."""

    name: str
    code: Path
    layers: tuple[str, ...]

    @property
    def path(self) -> list[str]:
        return [*(str(BUILT / layer / "python") for layer in self.layers), str(self.code)]

    @property
    def bytes(self) -> int:
        folders = [(self.code, False), *((BUILT / layer, True) for layer in self.layers)]
        files = [file for folder, bytecode in folders for file in files_of(folder, bytecode=bytecode)]
        return sum(file.stat().st_size for file in files)

    def run(self, program: str, *arguments: str) -> object:
        command = [str(FUNCTION_PYTHON), "-I", "-c", PROLOGUE + program, json.dumps(self.path), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def declared() -> list[Function]:
    """The functions of template.yaml."""
    template = read_template(ROOT / "template.yaml")
    resources = template["Resources"]
    shared = template.get("Globals", {}).get("Function", {}).get("Layers", [])
    found = []
    for logical_id, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            layers = [*shared, *resource["Properties"].get("Layers", [])]
            names = [Path(resources[layer["Ref"]]["Properties"]["ContentUri"]).name for layer in layers]
            code = ROOT / resource["Properties"]["CodeUri"]
            found.append(Function(logical_id, code, tuple(names)))
    return found


def third_party_of(function: Function) -> set[str]:
    own = {path.name: function.code for path in function.code.iterdir() if (path / "__init__.py").exists()}
    return Walk({"headgate": ROOT / "layers/core", **own}).from_handler(function.code / "app.py")


FUNCTIONS = declared()
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)


def test_the_template_declares_the_functions_of_the_design() -> None:
    assert {function.code.name for function in FUNCTIONS} == {
        *("ingest", "build_features", "train", "register", "infer", "api", "authorize"),
        *("monitor", "record", "publish", "maintain"),
    }


@every_function
def test_importing_the_handler_needs_no_environment_and_no_other_package(function: Function) -> None:
    loaded = function.run(LOAD)

    assert isinstance(loaded, dict)
    assert loaded["app"] == str(function.code / "app.py")
    # Nothing came from a developer's environment
    assert not [file for file in loaded.values() if "/.venv/" in file or "/layers/core/headgate/" in file]


@every_function
def test_everything_the_handler_can_come_to_import_is_there(function: Function) -> None:
    wanted = third_party_of(function)

    assert "aws_lambda_powertools" in wanted
    assert function.run(FIND, json.dumps(sorted(wanted))) == []


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("PublishFunction", "pyiceberg"),
        ("IngestFunction", "duckdb"),
        ("BuildFeaturesFunction", "duckdb"),
        ("InferFunction", "onnxruntime"),
        ("ApiFunction", "chalice"),
        ("AuthorizeFunction", "jwt"),
    ],
)
def test_the_engine_of_a_function_is_among_what_it_can_come_to_import(name: str, engine: str) -> None:
    (function,) = (one for one in FUNCTIONS if one.name == name)

    assert engine in third_party_of(function)


@every_function
def test_function_and_layers_fit_into_lambda(function: Function) -> None:
    assert function.bytes < LAMBDA_LIMIT, f"{function.bytes:,} bytes unzipped"
