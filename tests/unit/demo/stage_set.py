"""A demo context over a fake platform: the same fakes that the command line's tests use."""

from pathlib import Path
from typing import Any

from headgate.cli.drop import Dropped
from headgate.cli.state import Home
from headgate_local.demo_context import DemoContext
from headgate_local.platform_steps import Place
from headgate_local.progress import Board, Stage

from tests.unit.cli.fake_platform import FakeApi, FakeAws, Workplace

P = "/products/flights"
STAGES = ("ingest", "features", "train", "champion", "monitor", "trace", "refusal", "gate")


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def demo(tmp_path: Path) -> tuple[DemoContext, FakeApi, FakeAws]:
    """A context whose platform answers that nothing was refused; everything else a test says itself."""
    place = Workplace(tmp_path).set_up(product="flights")
    time = Time()
    context = DemoContext(
        place=Place(tmp_path, Home(tmp_path / "build" / "local")),
        board=Board([Stage(name, name) for name in STAGES], time),
        clock=time,
        sleep=time.sleep,
        platform=place.home.load(),
        bundle={"datasets": {"flights": {}}, "training": {"model": "late", "feature_set": "departure"}},
        transport=place.api,
        session=place.aws.session,
    )
    place.api.on("GET", f"{P}/quarantine", {"quarantine": []})
    return context, place.api, place.aws


def dropped(key: str, sha256: str = "aa" * 32, version_id: str = "v1") -> Dropped:
    return Dropped("flights", key.split("/")[1], "landing", key, version_id, sha256, 10)


def version(ordinal: int, digest: str, *sha256: str) -> dict[str, Any]:
    return {"ordinal": ordinal, "digest": digest, "rows": 100, "sources": [{"sha256": s} for s in sha256]}
