"""What evidence is made of has the names that people know, and an element for everything that may change."""

from dataclasses import replace
from typing import Any

import pytest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import RequestColumn
from headgate.domain.product import Product
from headgate.domain.reproduction_elements import (
    NO_CONFIG,
    code_elements,
    config_elements,
    hardware_elements,
    library_elements,
    program_elements,
)
from headgate.domain.run import RunSpec
from headgate.domain.training import TrainingConfig

from tests.support.small_product import bundle

PRODUCT = Product.from_document(bundle())
SET = PRODUCT.feature_sets["visit"]


def spec(**training: Any) -> dict[str, Any]:
    config = TrainingConfig.from_document({**bundle()["training"], **training})
    return RunSpec("shops", config, (), ("visit_id",), "visited_at", "c", "e").to_document()


def changed(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    return {name for name in {*old, *new} if old.get(name) != new.get(name)}


def test_a_configuration_is_named_as_it_is_declared() -> None:
    found = config_elements(spec())

    assert found["params.rounds"] == 5
    assert found["split.holdout"] == ["2024-02-01", "2024-03-01"]
    assert found["features.warmth"] == "numeric"
    assert (found["label"], found["entity"], found["gates.min_auc"]) == ("bought", ["visit_id"], 0.6)


@pytest.mark.parametrize(
    ("training", "named"),
    [
        ({"params": {"rounds": 6}}, {"params.rounds"}),
        ({"params": {"rounds": 5, "leaves": 3}}, {"params.leaves"}),
        ({"trainer": "xgboost"}, {"trainer"}),
        ({"label": "size"}, {"label"}),
        ({"features": [{"name": "warmth", "kind": "numeric"}]}, {"features.double_size"}),
        ({"checkpoint_minutes": 3}, {"checkpoint_minutes"}),
        ({"tolerance": {"absolute": 0.5}}, {"tolerance.absolute"}),
        ({"seed": 4}, set()),
    ],
)
def test_one_change_of_a_declaration_is_one_element(training: dict[str, Any], named: set[str]) -> None:
    assert changed(config_elements(spec()), config_elements(spec(**training))) == named


def test_every_part_of_a_run_spec_is_an_element_or_spoken_of_elsewhere() -> None:
    parts = {name.split(".")[0] for name in config_elements(spec())}

    assert {*spec()} <= parts | NO_CONFIG


def view(changes: dict[str, Any], of: str = "sensor_now") -> FeatureView:
    (found,) = (v for v in SET.built if v.name == of)
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sql": "SELECT 1"}, {"view sensor_now: SQL"}),
        ({"max_age_seconds": 7}, {"view sensor_now: header"}),
        ({"available_after": 60}, {"view sensor_now: header"}),
    ],
)
def test_a_view_s_sql_and_header_are_an_element_each(changes: dict[str, Any], named: set[str]) -> None:
    other = replace(SET, views=(view(changes),))

    assert changed(code_elements(SET), code_elements(other)) == named


def test_what_the_set_says_itself_is_an_element_and_its_seed_is_none() -> None:
    more = replace(SET, request=(*SET.request, RequestColumn("extra", "INTEGER")))

    assert changed(code_elements(SET), code_elements(more)) == {"feature set visit"}
    assert code_elements(SET) == code_elements(replace(SET, seed=99))
    assert {"view asked: SQL", "view visit: SQL"} <= {*code_elements(SET)}


def test_programs_are_those_that_the_command_names() -> None:
    sources = {"train/forest.py": "1" * 64, "features/visit.sql": "2" * 64}

    assert program_elements(["python", "train/forest.py", "--fast"], sources) == {
        "program train/forest.py": "1" * 64
    }
    assert program_elements([], sources) == {}


def test_an_environment_that_tells_nothing_is_unknown() -> None:
    assert library_elements({}) is None
    assert hardware_elements({"python": "3.13", "machine": "x86_64"}) is None
    assert library_elements({"python": "3.13", "packages": {"numpy": "2"}}) == {
        "python": "3.13",
        "numpy": "2",
    }
    assert hardware_elements({"machine": "arm64", "hardware": {"cpu": "a", "gpus": [{"name": "b"}]}}) == {
        "machine": "arm64",
        "cpu": "a",
        "gpus": [{"name": "b"}],
    }
