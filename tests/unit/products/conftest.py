"""The repository's own product, compiled as `headgate` compiles it."""

from __future__ import annotations

from pathlib import Path

import pytest
from headgate.cli.compile_product import compile_product
from headgate.domain.bundle import read_bundle
from headgate.domain.product import Product


@pytest.fixture(scope="session")
def flights(root: Path) -> Product:
    return read_bundle(compile_product(root / "infra/products/flights"))
