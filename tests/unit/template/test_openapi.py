"""The generator turns a route table into the marked section, and leaves the rest of the template alone."""

from __future__ import annotations

from pathlib import Path

import openapi
import pytest
import yaml
from chalice import Chalice
from headgate_local.template_source import TemplateLoader

TEMPLATE = f"before: 1\n      paths:\n{openapi.BEGIN}          /old: 1\n{openapi.END}after: 2\n"


@pytest.fixture
def application() -> Chalice:
    made = Chalice("shop")

    @made.route("/shops/{shop}/items/{item}", methods=["GET"])
    def get_item(shop: str, item: str) -> None:
        """One item: it's here.

        More about it.
        """

    @made.route("/shops", methods=["PUT", "GET"])
    def list_shops() -> None: ...

    return made


def test_a_route_becomes_an_operation_with_its_parameters(application: Chalice) -> None:
    routes = openapi.routes_of(application.routes)
    paths = yaml.load(openapi.section(routes), Loader=TemplateLoader)

    operation = paths["/shops/{shop}/items/{item}"]["get"]

    assert list(paths) == ["/shops", "/shops/{shop}/items/{item}"]
    assert list(paths["/shops"]) == ["get", "put"]
    assert operation["operationId"] == "get_item"
    assert operation["summary"] == "One item: it's here"
    assert [parameter["name"] for parameter in operation["parameters"]] == ["shop", "item"]
    assert operation["x-amazon-apigateway-integration"]["type"] == "aws_proxy"


def test_the_methods_of_one_view_have_ids_of_their_own(application: Chalice) -> None:
    paths = yaml.load(openapi.section(openapi.routes_of(application.routes)), Loader=TemplateLoader)

    assert {paths["/shops"][method]["operationId"] for method in ("get", "put")} == {
        "list_shops_get",
        "list_shops_put",
    }


def test_rewriting_touches_nothing_outside_the_markers_and_settles(application: Chalice) -> None:
    generated = openapi.section(openapi.routes_of(application.routes))

    once = openapi.rewritten(TEMPLATE, generated)

    assert once.startswith("before: 1\n")
    assert once.endswith(f"{openapi.END}after: 2\n")
    assert "/old" not in once
    assert openapi.rewritten(once, generated) == once


@pytest.mark.parametrize("lost", [openapi.BEGIN, openapi.END])
def test_a_template_without_its_markers_is_refused(lost: str) -> None:
    with pytest.raises(openapi.RoutesError, match="markers"):
        openapi.rewritten(TEMPLATE.replace(lost, ""), "")


@pytest.mark.parametrize(("text", "reason"), [(None, "no such module"), ("app = 1\n", "Chalice application")])
def test_a_module_without_routes_is_refused(tmp_path: Path, text: str | None, reason: str) -> None:
    module = tmp_path / "app.py"
    if text is not None:
        module.write_text(text)

    with pytest.raises(openapi.RoutesError, match=reason):
        openapi.read_routes(module)
