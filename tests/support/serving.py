"""A champion that can be asked, and the requests it is asked with."""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.adapters.memory import LogisticModel
from headgate.domain.identity import Principal
from headgate.domain.run import RunRecord

from tests.support.memory_platform import MemoryPlatform
from tests.support.trained_run import GOOD, TrainedRun, build, job, spec_uri, take_in

ASKER = Principal("user/carol", ("ml-engineers",))
STRANGER = Principal("user/mallory")


def train_champion(
    platform: MemoryPlatform, model: LogisticModel = GOOD, product: str = "shops"
) -> RunRecord:
    """A registered model, trained on January and held out on February."""
    if platform.catalog.feature_head(product, "visit") is None:
        take_in(platform, 1, 2, product=product)
        build(platform, product)
    platform.train.consider(product)
    run = next(r for r in platform.catalog.runs(product) if r.state == "SUBMITTED")
    TrainedRun(platform, run, model).write()
    assert platform.register.on_job_ended(spec_uri(run), job(run)).state == "registered"
    platform.faults.clear()
    return platform.catalog.run(product, run.digest)


def tensor(name: str, data: Sequence[Any], datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "shape": [len(data), 1], "datatype": datatype, "data": list(data)}


def by_tensor(
    double_size: Sequence[Any] = (60.0,), warmth: Sequence[Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A request with the model's own inputs."""
    warmths = [1.0] * len(double_size) if warmth is None else warmth
    return {"inputs": [tensor("double_size", double_size), tensor("warmth", warmths)], **more}


VISIT: Mapping[str, Any] = {
    "visit_id": "v-1",
    "visited_at": "2024-02-29T12:30:00Z",
    "shop": "north",
    "size": 30,
}
_TYPES = {"visit_id": "BYTES", "visited_at": "BYTES", "shop": "BYTES", "size": "INT32"}


def by_entity(*visits: Mapping[str, Any], without: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """A request with entity rows: visits, each `VISIT` but for what is said."""
    rows = [{**VISIT, **visit} for visit in (visits or ({},))]
    inputs = [
        tensor(name, [row[name] for row in rows], kind)
        for name, kind in _TYPES.items()
        if name not in without
    ]
    return {"parameters": {"input": "entity"}, "inputs": inputs, **more}
