"""From a prediction to the bytes it came from, over lineage of any shape."""

import json
from itertools import pairwise
from typing import Any

import pytest
from headgate.domain.errors import AccessDenied, NotFound
from headgate.domain.lineage import Edge, TraceStep
from headgate.services.serving.trace_prediction import DEEPEST, Trace

from tests.unit.control_plane.world import ALICE, MALLORY, SOURCE, World


def _trace(world: World, prediction: str = "p-1") -> Trace:
    return world.plane.trace_prediction.trace(ALICE, "flights", prediction)


def _given(world: World, *pairs: tuple[str, str]) -> None:
    """A product, a prediction, and one edge a pair."""
    world.apply()
    world.ledger.index_prediction("p", {"prediction": "p", "product": "flights"})
    facts = {"sha256": "5" * 64, "bytes": 10}
    world.ledger.add_edges(
        [Edge(node, up, "job", facts if up.startswith("object/") else {}) for node, up in pairs]
    )


def _find(step: TraceStep, node: str) -> list[TraceStep]:
    found = [step] if step.node == node else []
    return found + [each for up in step.upstream for each in _find(up, node)]


def _obj(name: str) -> str:
    return f"object/landing/flights/{name}.csv?versionId={name}"


def test_a_prediction_leads_to_its_source_object(lived: World) -> None:
    trace = _trace(lived)

    assert trace.prediction["version"] == 1
    assert trace.sources == (
        {
            "node": SOURCE.node,
            "bucket": "landing",
            "key": SOURCE.key,
            "version_id": SOURCE.version_id,
            "sha256": SOURCE.sha256,
            "bytes": SOURCE.bytes,
        },
    )
    assert not trace.truncated


def test_each_step_names_the_job_that_made_it(lived: World) -> None:
    (model,) = _find(_trace(lived).tree, "model/late_arrival/1")

    assert model.job == "register/late_arrival"
    assert model.facts == {"alias": "champion"}
    (source,) = _find(_trace(lived).tree, SOURCE.node)
    assert (source.job, source.facts["sha256"]) == (None, SOURCE.sha256)


def test_a_node_reached_twice_is_spelled_out_once(world: World) -> None:
    # Given a diamond: two models' features from one dataset
    _given(
        world,
        ("prediction/p", "model/m/1"),
        ("model/m/1", "features/a"),
        ("model/m/1", "features/b"),
        ("features/a", "dataset/d"),
        ("features/b", "dataset/d"),
        ("dataset/d", _obj("one")),
    )

    tree = _trace(world, "p").tree

    first, second = _find(tree, "dataset/d")
    assert not first.repeated and len(first.upstream) == 1
    assert second.repeated and second.upstream == ()
    assert len(_trace(world, "p").sources) == 1


@pytest.mark.parametrize(
    "loop",
    [
        [("model/m/1", "model/m/1")],
        [("model/m/1", "run/r"), ("run/r", "model/m/1")],
        [("model/m/1", "run/r"), ("run/r", "prediction/p")],
    ],
)
def test_a_cycle_ends(loop: list[tuple[str, str]], world: World) -> None:
    _given(world, ("prediction/p", "model/m/1"), *loop, ("model/m/1", _obj("one")))

    trace = _trace(world, "p")

    assert [source["version_id"] for source in trace.sources] == ["one"]
    assert any(step.repeated for step in _find(trace.tree, loop[-1][1]))


def test_an_object_behind_two_datasets_is_one_source(world: World) -> None:
    _given(
        world,
        ("prediction/p", "dataset/a"),
        ("prediction/p", "dataset/b"),
        ("dataset/a", _obj("one")),
        ("dataset/b", _obj("one")),
        ("dataset/b", _obj("two")),
    )

    trace = _trace(world, "p")

    assert [source["version_id"] for source in trace.sources] == ["one", "two"]
    assert not any(step.repeated for step in _find(trace.tree, _obj("one")))


def test_a_key_with_a_question_mark_is_read_from_its_end(world: World) -> None:
    node = "object/landing/flights/what?versionId=fake.csv?versionId=true"
    _given(world, ("prediction/p", node))

    (source,) = _trace(world, "p").sources

    assert (source["key"], source["version_id"]) == ("flights/what?versionId=fake.csv", "true")


def _chain(length: int) -> list[tuple[str, str]]:
    nodes = ["prediction/p", *(f"dataset/{n}" for n in range(length)), _obj("one")]
    return list(pairwise(nodes))


def test_a_long_history_is_walked_to_its_end_and_shown_to_a_depth(world: World) -> None:
    _given(world, *_chain(1500))

    trace = _trace(world, "p")

    assert [source["version_id"] for source in trace.sources] == ["one"]
    assert trace.truncated
    depth, step = 0, trace.tree
    while step.upstream:
        depth, step = depth + 1, step.upstream[0]
    assert depth == DEEPEST


def test_a_boundless_history_is_cut(world: World) -> None:
    _given(world, *_chain(3000))

    trace = _trace(world, "p")

    assert trace.truncated
    assert trace.sources == ()


def test_the_deepest_tree_is_still_json(world: World) -> None:
    from chalicelib.models import _step

    _given(world, *_chain(DEEPEST + 10))

    document: dict[str, Any] = json.loads(json.dumps(_step(_trace(world, "p").tree)))

    assert document["node"] == "prediction/p"


def test_a_prediction_without_lineage_has_no_sources(world: World) -> None:
    _given(world)

    trace = _trace(world, "p")

    assert (trace.sources, trace.tree.upstream, trace.truncated) == ((), (), False)


def test_a_prediction_of_another_product_is_not_found(lived: World) -> None:
    lived.ledger.index_prediction("p-2", {"prediction": "p-2", "product": "trains"})

    with pytest.raises(NotFound, match="product flights made no prediction 'p-2'"):
        _trace(lived, "p-2")


def test_a_stranger_traces_nothing(lived: World) -> None:
    with pytest.raises(AccessDenied):
        lived.plane.trace_prediction.trace(MALLORY, "flights", "p-1")
