"""Lineage events and the edges in them; prices, which are never zero by accident."""

import pytest
from headgate.bootstrap import price_table
from headgate.domain.cost import Budget, PriceTable, exact
from headgate.domain.errors import ConfigurationError
from headgate.domain.lineage import Edge, Node, edges_of, kind_of, run_event

TIME = "2030-01-01T00:00:00.000Z"


def event(key: str = "k") -> dict[str, object]:
    return run_event(
        job="ingest/shops/visits",
        run_key=key,
        time=TIME,
        inputs=[Node("object/l/a", {"sha256": "1", "bytes": 5}), Node("object/l/b")],
        outputs=[Node("dataset/shops/visits/1", {"rows": 5})],
    )


def test_every_output_comes_of_every_input_with_what_is_known_of_it() -> None:
    assert edges_of(event()) == (
        Edge("dataset/shops/visits/1", "object/l/a", "ingest/shops/visits", {"sha256": "1", "bytes": 5}),
        Edge("dataset/shops/visits/1", "object/l/b", "ingest/shops/visits", {}),
    )


def test_a_repeated_step_is_the_same_run() -> None:
    assert event()["run"] == event()["run"]
    assert event()["run"] != event("other")["run"]


def test_a_step_that_did_not_complete_made_nothing() -> None:
    assert edges_of({**event(), "eventType": "FAIL"}) == ()


def test_a_node_says_its_kind() -> None:
    assert kind_of("object/landing/shops/visits/a/b.csv?versionId=1") == "object"


def test_compute_costs_its_hourly_price() -> None:
    table = PriceTable({"compute": {"cpu": {"usd_per_hour": 0.36}}})
    assert table.compute_usd("cpu", 100) == pytest.approx(0.01)
    assert table.compute_usd("cpu", 0) == 0


@pytest.mark.parametrize("document", [{}, {"compute": {}}, {"compute": {"cpu": {"note": "soon"}}}])
def test_an_unknown_price_is_an_error_and_never_zero(document: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="no price for compute class 'cpu'"):
        PriceTable(document).compute_usd("cpu", 1)


def test_the_shipped_prices_know_the_classes_that_can_be_deployed() -> None:
    for compute_class in ("cpu", "gpu"):
        assert price_table().compute_usd_per_hour(compute_class) > 0


def test_money_adds_up() -> None:
    assert exact(0.1) + exact(0.2) == exact(0.3)
    assert Budget("p", "2030-01", 5.0, 1.0, 2.5).left == 1.5
