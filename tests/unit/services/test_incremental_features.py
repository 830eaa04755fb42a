"""After any drops, overwrites and rollbacks a version holds what a build from nothing makes."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from headgate.domain.feature_version import FeatureManifest
from headgate.services.features.online_rows import OnlineRows
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.feature_desk import Desk, contents, contents_of

hours = st.lists(st.integers(0, 24 * 28 * 3 - 1), min_size=1, max_size=6, unique=True)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("visits"), hours),
        st.tuples(st.just("sensor"), hours),
        st.tuples(st.just("back"), st.sampled_from(["visits", "sensor"]), st.integers(0, 5)),
    ),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(first=hours, reading=hours, steps=steps)
def test_a_version_holds_what_a_build_from_nothing_makes(
    first: list[int], reading: list[int], steps: list[tuple[Any, ...]]
) -> None:
    with TemporaryDirectory() as scratch:
        desk = Desk.open(Path(scratch))
        desk.visits(first)
        desk.sensor(reading)
        desk.build()
        for step in steps:
            if step[0] == "back":
                desk.roll_back(step[1], step[2])
            else:
                getattr(desk, step[0])(step[1])
            manifest = desk.build()
            assert contents(manifest) == contents_of(desk.from_nothing(), manifest)
            assert manifest.rows == manifest.label_rows
            assert online_is_newest(desk, manifest)


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
