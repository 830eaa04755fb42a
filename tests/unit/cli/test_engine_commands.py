"""`headgate data import` and `rebuild-iceberg`: what is asked of the API, and what people are told."""

from pathlib import Path

import pytest

from tests.unit.cli.fake_platform import Workplace

ONE = "/products/shop/datasets/orders"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up()


def test_an_import_is_asked_for_and_people_are_told_where_it_will_show(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/imports", {"dataset": "orders", "principal": "user/alice"}, 202)

    code, text = place.run("data", "import", "orders", "s3://archive/orders/")

    assert code == 0
    assert place.api.asked[-1].body == {"uri": "s3://archive/orders/"}
    assert "headgate data log orders" in text


def test_a_table_is_made_anew(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/tables/rebuild", {"generation": "g-1"}, 202)

    code, text = place.run("data", "rebuild-iceberg", "shop/orders")

    assert (code, "g-1" in text) == (0, True)


def test_a_refusal_is_told_and_fails(place: Workplace) -> None:
    problem = {"error": "'x' is no place: s3://<bucket>/<prefix> is needed", "type": "InvalidRequest"}
    place.api.on("POST", f"{ONE}/imports", problem, 400)

    assert place.run("data", "import", "orders", "x")[0] == 1
    assert "is no place" in place.notes
