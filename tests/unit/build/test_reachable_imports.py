"""The walk finds imports that are done late, and does not blame a handler for a neighbour's."""

from __future__ import annotations

from pathlib import Path

import pytest
from reachable_imports import Walk

FILES = {
    "pkg/__init__.py": "",
    "pkg/bootstrap.py": """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import pyarrow

def ingest():
    from pkg.engines import Duck
    return Duck()

def infer():
    from pkg import onnx_engine
    return onnx_engine.Session()

def register():
    return infer(), TABLE["late"]()

def late():
    import lightgbm

class Parts:
    def features(self) -> "onnx_engine.Session":
        from pkg.engines import Duck
        return Duck()
    def scores(self):
        return infer()

def build():
    return Parts().features()

def monitor():
    return Parts().scores().run()

TABLE = {"late": late}
""",
    "pkg/engines.py": "class Duck:\n    def __init__(self):\n        import duckdb.typing\n",
    # A package that only passes on what its modules make
    "pkg/root/__init__.py": """
from pkg.root.reading import ingest
from pkg.root.serving import CHANNELS as channels, infer

__all__ = ["channels", "infer", "ingest"]
""",
    "pkg/root/parts.py": """
class Parts:
    def engine(self):
        from pkg.engines import Duck
        return Duck()
""",
    "pkg/root/reading.py": """
from pkg.root.parts import Parts

def ingest():
    return Parts().engine()
""",
    "pkg/root/serving.py": """
def both():
    from pkg.root.lazily import scores
    return scores()

def infer():
    return both()

CHANNELS = 3
""",
    "pkg/root/lazily.py": "from pkg import onnx_engine\ndef scores(): return onnx_engine.Session()\n",
    "pkg/eager/__init__.py": "import pandas\n",
    "pkg/eager/part.py": "def small(): ...\n",
    "pkg/onnx_engine.py": "import numpy\nclass Session:\n    def run(self):\n        import onnxruntime\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def reached(package: Path, handler: str) -> set[str]:
    (package / "app.py").write_text(handler)
    # `late` is put into a table when bootstrap is imported, so every handler reaches it
    return Walk({"pkg": package}).from_handler(package / "app.py") - {"lightgbm"}


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("def handler(e, c): return {}", set()),
        ("import json, requests\ndef handler(e, c): ...", {"requests"}),
        ("from pkg.bootstrap import ingest\ndef handler(e, c): ingest()", {"duckdb"}),
        ("from pkg import bootstrap\ndef handler(e, c): bootstrap.infer().run()", {"numpy", "onnxruntime"}),
        ("from pkg import bootstrap\ndef handler(e, c): bootstrap.infer()", {"numpy"}),
        ("import pkg.bootstrap as b\ndef handler(e, c): b.ingest()", {"duckdb"}),
        (
            "from pkg.bootstrap import register\ndef handler(e, c): register()[0].run()",
            {"numpy", "onnxruntime"},
        ),
        ("from pkg import bootstrap\ndef handler(e, c): bootstrap.build()", {"duckdb"}),
        ("from pkg import bootstrap\ndef handler(e, c): bootstrap.monitor()", {"numpy", "onnxruntime"}),
        ("def handler(e, c):\n    from pkg.bootstrap import ingest\n    ingest()", {"duckdb"}),
        ("from pkg import root\ndef handler(e, c): root.ingest()", {"duckdb"}),
        ("from pkg import root\ndef handler(e, c): root.infer().run()", {"numpy", "onnxruntime"}),
        ("from pkg.root import ingest as take\ndef handler(e, c): take()", {"duckdb"}),
        ("from pkg import root\ndef handler(e, c): return root.channels", set()),
        ("from pkg.eager.part import small\ndef handler(e, c): small()", {"pandas"}),
    ],
)
def test_what_a_handler_can_come_to_import(package: Path, handler: str, expected: set[str]) -> None:
    assert reached(package, handler) == expected


def test_an_import_inside_a_table_is_found(package: Path) -> None:
    (package / "app.py").write_text("from pkg.bootstrap import ingest\ndef handler(e, c): ingest()")

    assert "lightgbm" in Walk({"pkg": package}).from_handler(package / "app.py")
