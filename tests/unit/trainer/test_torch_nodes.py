"""What AWS Batch says of the nodes of a job, in torchrun's words."""

from __future__ import annotations

import pytest
from headgate_trainer.errors import BadSpec
from headgate_trainer.trainers.torch_nodes import Nodes


def batch(index: str, main: str = "0", address: str | None = "10.0.0.7") -> dict[str, str]:
    said = {
        "AWS_BATCH_JOB_NUM_NODES": "3",
        "AWS_BATCH_JOB_NODE_INDEX": index,
        "AWS_BATCH_JOB_MAIN_NODE_INDEX": main,
    }
    return said if address is None else {**said, "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": address}


def test_a_job_of_one_node_stands_alone() -> None:
    nodes = Nodes.from_environment({})

    assert (nodes.count, nodes.rank) == (1, 0)
    assert nodes.arguments(2) == ["--standalone", "--nproc-per-node=2"]


def test_the_main_node_is_the_first_whatever_its_index() -> None:
    ranks = [Nodes.from_environment(batch(index, main="1")).rank for index in ("0", "1", "2")]

    assert ranks == [1, 0, 2]


def test_other_nodes_meet_at_the_main_one() -> None:
    arguments = Nodes.from_environment(batch("2")).arguments(8)

    assert "--nnodes=3" in arguments
    assert "--node-rank=2" in arguments
    assert "--nproc-per-node=8" in arguments
    assert "--master-addr=10.0.0.7" in arguments


def test_a_node_that_is_not_told_where_the_main_one_is_says_so() -> None:
    with pytest.raises(BadSpec, match="PRIVATE_IPV4_ADDRESS is missing on node 1 of 3"):
        Nodes.from_environment(batch("1", address=None))
