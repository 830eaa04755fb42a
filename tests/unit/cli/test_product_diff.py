"""`headgate product diff`: what applying a folder would change, before it is applied."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from headgate.cli.compile_product import compile_product

from tests.unit.cli import product_folders
from tests.unit.cli.fake_platform import Workplace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return product_folders.write_product(
        tmp_path / "infra" / "products" / "shop",
        contract=product_folders.contract(),
        descriptor=product_folders.descriptor(),
        training=product_folders.training(),
    )


def applied(folder: Path, **column: Any) -> dict[str, Any]:
    """The folder's bundle as it was applied, with another column ``shop``."""
    bundle = copy.deepcopy(compile_product(folder))
    bundle["datasets"]["orders"]["columns"][1].update(column)
    return {"name": "shop", "bundle": bundle}


def test_nothing_changed(tmp_path: Path, folder: Path) -> None:
    place = Workplace(tmp_path).set_up()
    place.api.on("GET", "/products/shop", applied(folder))
    code, said = place.run("product", "diff", str(folder))
    assert (code, said.strip()) == (0, "no dataset changes")


def test_a_change_that_breaks_nobody_is_shown(tmp_path: Path, folder: Path) -> None:
    place = Workplace(tmp_path).set_up()
    place.api.on("GET", "/products/shop", applied(folder, allowed=["north"]))
    code, said = place.run("--json", "product", "diff", str(folder))
    (dataset,) = json.loads(said)["datasets"]
    assert code == 0
    assert [c["kind"] for c in dataset["changes"]] == ["values_added"]


def test_a_breaking_change_that_is_not_declared_fails_and_says_how_to_declare_it(
    tmp_path: Path, folder: Path
) -> None:
    place = Workplace(tmp_path).set_up()
    place.api.on("GET", "/products/shop", applied(folder, allowed=["north", "south", "west"]))
    code, said = place.run("product", "diff", str(folder))
    assert code == 1
    assert "values_removed" in said
    assert "contract version 2.0.0 (it is 1.2.0)" in place.notes


def test_before_the_first_time_every_dataset_is_new(tmp_path: Path, folder: Path) -> None:
    place = Workplace(tmp_path).set_up()
    code, said = place.run("product", "diff", str(folder))
    assert code == 0
    assert "dataset_added" in said
