"""Headgate from Python: training sets as tables, with the reader's own rows joined point-in-time if wanted.

    import headgate.client
    flights = headgate.client.connect(product="flights")
    table = flights.training_set("departure", end="2013-09-01").to_arrow()

Like the command line it stays on a developer's machine: no layer holds it.
"""

from headgate.cli.failures import ApiRefused, CommandFailed, NotSetUp, Unreachable
from headgate.client.connection import Client, connect
from headgate.client.training_set import TrainingSet

__all__ = [
    "ApiRefused",
    "Client",
    "CommandFailed",
    "NotSetUp",
    "TrainingSet",
    "Unreachable",
    "connect",
]
