"""The route of a training run's log."""

import re
from typing import Any

from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import Call, Endpoint, Parameter

_PLACE = re.compile(r"[A-Za-z0-9_.:/|=+-]{1,1024}")


def read_log(plane: ControlPlane, call: Call) -> dict[str, Any]:
    """What a run's job printed, page by page

    query: after (of the answer before; all from the start without it). 200: {"run", "state", "reason",
    "job": <state of AWS Batch>|null, "lines": [{"at": <epoch milliseconds>, "message"}], "after", "ended":
    bool}; with "ended" no more lines will come.
    """
    return plane.run_logs.read(call.principal, call.product, call.path["run"], call.query["after"])


def _place(text: str) -> str:
    if not _PLACE.fullmatch(text):
        raise ValueError(f'the "after" of an earlier answer is needed, found {text[:80]!r}')
    return text


ENDPOINTS = (
    Endpoint("GET", "/products/{product}/runs/{run}/log", read_log, query={"after": Parameter(_place)}),
)
