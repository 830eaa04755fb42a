"""How a run ends, as exit codes. AWS Batch retries on 75 alone.

TrainerError
├── BadSpec       64  the spec or the data is wrong; a retry meets the same
│   └── Absent    64  what the URI names does not exist
├── ModelRefused  70  the artifact does not say what the trained model says
├── TryAgain      75  storage or machine trouble; a retry may succeed
└── OtherNode      0  this node's part is done; the main node writes the outputs
Terminated        75  the job was told to stop (not an Exception: no handler may swallow it)
"""

from typing import ClassVar

DONE = 0


class TrainerError(Exception):
    """Base; the message says what, where, and what to do."""

    exit_code: ClassVar[int]


class BadSpec(TrainerError):
    exit_code = 64


class Absent(BadSpec):
    """Its own class because some objects, such as a checkpoint, may be absent."""


class ModelRefused(TrainerError):
    exit_code = 70


class TryAgain(TrainerError):
    exit_code = 75


class OtherNode(TrainerError):
    """No failure: it is how a node that is not the main one ends."""

    exit_code = DONE


class Terminated(BaseException):
    exit_code = 75
