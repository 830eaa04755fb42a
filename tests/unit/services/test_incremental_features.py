"""After any drops, overwrites, rollbacks, late corrections, erasures and declarations a version holds what a
build from nothing makes.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from headgate.domain.feature_version import FeatureManifest
from headgate.services.features.online_rows import OnlineRows
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.support.erasure_desk import ErasureDesk
from tests.support.feature_desk import Desk, contents, contents_of, incremental_bundle
from tests.unit.services.test_large_features import batch, build, finish

hours = st.lists(st.integers(0, 24 * 28 * 3 - 1), min_size=1, max_size=6, unique=True)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("visits"), hours),
        st.tuples(st.just("sensor"), hours),
        st.tuples(st.just("correct"), st.integers(1, 9)),
        st.tuples(st.just("erase"), st.integers(0, 20)),
        st.tuples(st.just("declare"), st.sampled_from(["max", "min"])),
        st.tuples(st.just("back"), st.sampled_from(["visits", "sensor"]), st.integers(0, 5)),
    ),
    min_size=1,
    max_size=6,
)

DECLARED = [("correct", 3), ("declare", "min"), ("erase", 1), ("declare", "max")]
ERASED = [("correct", 3), ("erase", 0), ("back", "sensor", 0), ("visits", [5])]


@settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    first=hours,
    reading=hours,
    steps=steps,
    operation=st.sampled_from(["append", "overwrite"]),
    away=st.booleans(),
)
@example(
    [0, 700], [30], [("correct", 3), ("erase", 1), ("declare", "min"), ("declare", "max")], "append", False
)
@example(
    [0, 700], [30], [("correct", 3), ("erase", 0), ("back", "sensor", 0), ("visits", [5])], "append", True
)
def test_a_version_holds_what_a_build_from_nothing_makes(
    first: list[int], reading: list[int], steps: list[tuple[Any, ...]], operation: str, away: bool
) -> None:
    """Whether the function makes it, or workers of Batch do (``away``)."""
    with TemporaryDirectory() as scratch:
        history = History(Path(scratch), operation)
        desk = history.desk
        history.visits(first)
        history.sensor(reading)
        history.build(away)
        for name, *given_ in steps:
            getattr(history, name)(*given_)
            manifest = history.build(away)
            assert contents(manifest) == contents_of(desk.from_nothing(), manifest)
            assert manifest.rows == manifest.label_rows
            assert online_is_newest(desk, manifest)


class History:
    """What may happen to the data that features are made of, and to what they are declared to be."""

    def __init__(self, folder: Path, operation: str) -> None:
        self.desk = Desk.open(folder, operation)
        self._operation = operation
        self._ids: list[str] = []
        self._last = [0]

    def visits(self, hours: list[int]) -> None:
        self._ids += [f"v{self.desk.drops}-{n}" for n in range(len(hours))]
        self.desk.visits(hours)

    def sensor(self, hours: list[int]) -> None:
        self._last = hours
        self.desk.sensor(hours)

    def correct(self, by: int) -> None:
        """The newest readings come again with other values; appended, both are there."""
        self.desk.sensor(self._last, warmer=100 * self.desk.drops + by)

    def erase(self, which: int) -> None:
        done = ErasureDesk(self.desk.platform).erase(self._ids[which % len(self._ids)])
        assert done.state == "erased"

    def declare(self, how: str) -> None:
        document = incremental_bundle(
            str(self.desk.platform.products.get("shops").product.datasets["sensor"].operation)
        )
        document["views"]["recent"]["sql"] = document["views"]["recent"]["sql"].replace("max(", f"{how}(")
        self.desk.platform.apply_product(document)

    def back(self, dataset: str, ordinal: int) -> None:
        self.desk.roll_back(dataset, ordinal)

    def build(self, away: bool) -> FeatureManifest:
        if not away:
            return self.desk.build()
        service, compute = batch(self.desk)
        if build(service).state == "handed over":
            finish(self.desk, service, compute)
        return self.desk.newest()


def online_is_newest(desk: Desk, manifest: FeatureManifest) -> bool:
    """The online store has exactly the newest row of every shop, whatever came and went."""
    platform = desk.platform
    feature_set = platform.products.get("shops").product.feature_sets["visit"]
    uris = {p.sha256: platform.lake.uri(p.key) for p in manifest.stored}
    rows = OnlineRows(platform.online, platform.clock, manifest, manifest.digest, uris)
    online, engine = [view for view in feature_set.views if view.online], platform.build.engine
    with engine.session(list(uris.values()), desk.folder / "platform") as session:
        found = rows.everything(session, online)
    for name, parity in found.items():
        assert parity.equal == parity.checked, (name, parity.to_document())
    assert len(list(platform.online.rows("shops"))) == sum(parity.checked for parity in found.values())
    return True
