"""Which machine of how many this is, as AWS Batch tells it. Owns those variables, and knows no torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from headgate_trainer.errors import BadSpec

PORT = "29500"
_COUNT, _INDEX = "AWS_BATCH_JOB_NUM_NODES", "AWS_BATCH_JOB_NODE_INDEX"
_MAIN_INDEX = "AWS_BATCH_JOB_MAIN_NODE_INDEX"
_MAIN_ADDRESS = "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"


@dataclass(frozen=True)
class Nodes:
    """``rank`` 0 is the main node: it alone writes what the run leaves behind."""

    count: int = 1
    rank: int = 0
    main_address: str = "127.0.0.1"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Nodes":
        """One node where Batch says nothing. Raises BadSpec when what it says does not fit together."""
        count = int(environment.get(_COUNT, "1"))
        if count == 1:
            return cls()
        index, main = int(environment[_INDEX]), int(environment.get(_MAIN_INDEX, "0"))
        if index == main:
            # Batch gives the main node's address to the others alone; the store listens on all of its own.
            return cls(count)
        if _MAIN_ADDRESS not in environment:
            raise BadSpec(f"{_MAIN_ADDRESS} is missing on node {index} of {count}")
        return cls(count, index if index > main else index + 1, environment[_MAIN_ADDRESS])

    def arguments(self, processes: int) -> list[str]:
        """Of torchrun, for so many processes on each node."""
        if self.count == 1:
            return ["--standalone", f"--nproc-per-node={processes}"]
        return [
            f"--nnodes={self.count}",
            f"--node-rank={self.rank}",
            f"--nproc-per-node={processes}",
            f"--master-addr={self.main_address}",
            f"--master-port={PORT}",
        ]
