"""A registered model is made again, and the verdict names what is not as it was: that, and nothing else."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.domain import events
from headgate.domain.errors import AccessDenied, NotFound
from headgate.domain.feature_version import FeatureManifest
from headgate.domain.identity import Principal
from headgate.domain.reproduction import ended_rebuild
from headgate.domain.reproduction_verdict import FEATURE_SEED
from headgate.services.features.feature_manifests import load_features
from headgate.services.versions.manifests import Manifests

from tests.support.crash_points import after_every_crash
from tests.support.erasure_desk import ErasureDesk
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.reproduction_desk import ReproductionDesk, causes, reason
from tests.support.small_product import bundle


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> ReproductionDesk:
    return ReproductionDesk.open(tmp_path_factory.mktemp("reproduction"))


@pytest.fixture
def desk(tmp_path: Path) -> ReproductionDesk:
    return ReproductionDesk.open(tmp_path)


def stored(desk: ReproductionDesk) -> set[str]:
    """What is kept of features, apart from notes of what was under way."""
    keys = {entry.key for entry in desk.platform.lake.entries("shops/features/")}
    return {key for key in keys if "/building/" not in key}


def test_a_model_comes_out_the_same_from_what_was_recorded(desk: ReproductionDesk) -> None:
    kept = stored(desk)

    found = desk.verdict()

    assert (found.state, found.reasons, found.unknown) == ("identical", (), ())
    assert found.note == "the model is the same byte for byte, and nothing it is made of differs"
    assert stored(desk) == kept


def test_its_run_is_a_fresh_one_that_is_not_registered(desk: ReproductionDesk) -> None:
    first = desk.platform.catalog.model_version("buys", 1)

    record = desk.reproduce()

    run = desk.platform.catalog.run("shops", record.run)
    assert run.digest != first.run
    assert (run.state, run.trigger, run.submitted_by) == ("SUCCEEDED", "reproduction", ALICE.id)
    assert desk.platform.catalog.latest_version("buys") == 1
    spec = json.loads(desk.platform.models.get(f"shops/runs/{run.digest}/spec.json"))
    assert spec["reproduces"] == {"run": first.run, "request": record.id}


def test_the_features_are_made_again_and_not_taken_from_what_was_made(desk: ReproductionDesk) -> None:
    records = list(desk.platform.lake.entries("shops/features/visit/memo/"))
    assert records
    for entry in records:
        desk.platform.lake.put(entry.key, b'{"columns": [], "partitions": [], "sketches": {}}')

    assert desk.verdict().state == "identical"


def test_one_byte_of_a_source_object_is_named_alone(desk: ReproductionDesk) -> None:
    desk.tamper("landing", "shops/visits/1.csv", lambda body: body.replace(b"v1-1-0", b"w1-1-0"))
    version = desk.platform.landing.version_ids("shops/visits/1.csv")[-1]

    found = desk.verdict()

    assert found.state == "differs"
    assert causes(found) == [("data", f"object landing/shops/visits/1.csv version {version}")]
    assert reason(found).recorded != reason(found).found


def test_one_value_of_a_data_file_is_named_alone_and_the_model_is_another(desk: ReproductionDesk) -> None:
    (file,) = {entry.key for entry in desk.platform.lake.entries("shops/datasets/sensor/data/")} - _february(
        desk
    )
    desk.tamper("lake", file, warmer)

    found = desk.verdict()

    assert causes(found) == [("data", f"file {file} of dataset sensor v2")]
    assert found.state == "differs"
    assert "the model is the same" not in found.note


def test_a_stored_training_partition_that_was_changed_is_named_and_put_right(desk: ReproductionDesk) -> None:
    partition = _features(desk).partitions[0]
    desk.tamper("lake", partition.key, warmer)

    found = desk.verdict()

    assert causes(found) == [("data", f"features visit {partition.name} as stored")]
    assert found.note.startswith("the model is the same byte for byte")
    assert desk.verdict().state == "identical"


def test_one_library_is_named_alone(desk: ReproductionDesk) -> None:
    desk.environment["packages"]["lightgbm"] = "4.7.0"

    found = desk.verdict()

    assert causes(found) == [("library", "lightgbm")]
    assert (reason(found).recorded, reason(found).found) == ("4.6.0", "4.7.0")
    assert found.state == "identical"


def test_another_machine_is_named_alone(desk: ReproductionDesk) -> None:
    desk.environment["hardware"]["threads"] = 8
    desk.noise = 1e-7

    found = desk.verdict()

    assert causes(found) == [("hardware", "threads")]
    assert found.state == "within tolerance"
    assert found.scores is not None and 0 < found.scores.largest < 1e-5


def test_one_seed_is_named_alone(desk: ReproductionDesk) -> None:
    desk.declare(seed=2)

    found = desk.verdict("declared")

    assert causes(found) == [("seed", "training")]
    assert (reason(found).recorded, reason(found).found) == (1, 2)
    assert found.state == "differs"
    assert desk.verdict("recorded").state == "identical"


def test_one_parameter_is_named_alone(desk: ReproductionDesk) -> None:
    desk.declare(params={"rounds": 6})

    found = desk.verdict("declared")

    assert causes(found) == [("config", "params.rounds")]
    assert (reason(found).recorded, reason(found).found) == (5, 6)


def test_the_sql_of_one_view_is_named_alone(desk: ReproductionDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["sql"] += " WHERE warmth > 5"
    desk.platform.apply_product(document)

    found = desk.verdict("declared")

    assert causes(found) == [("code", "view sensor_now: SQL")]
    assert found.state == "differs"


def test_a_dataset_that_is_read_only_now_is_the_code_s_doing(desk: ReproductionDesk) -> None:
    desk.platform.ingest_now(desk.platform.drop("shops/prices/prices.csv", b"item\ntea\ncake\n"))
    document = bundle()
    view = document["views"]["sensor_now"]
    view["inputs"] = ["sensor", "prices"]
    view["sql"] = "SELECT shop, known_at, warmth + (SELECT count(*) FROM prices) AS warmth FROM sensor"
    desk.platform.apply_product(document)

    found = desk.verdict("declared")

    assert causes(found) == [("code", "view sensor_now: SQL"), ("code", "view sensor_now: header")]
    assert found.state == "differs"


def test_models_that_held_out_other_rows_are_not_compared_by_score(desk: ReproductionDesk) -> None:
    split = {"train": ["2024-01-01", "2024-02-01"], "holdout": ["2024-02-01", "2024-02-20"]}
    desk.declare(split=split, seed=1, params={"rounds": 6})

    found = desk.verdict("declared")

    assert ("config", "split.holdout") in causes(found)
    assert found.scores is None
    assert [each for each in found.unknown if "held out other rows" in each]


def test_the_seed_of_the_features_is_named_alone(desk: ReproductionDesk) -> None:
    document = bundle()
    document["feature_sets"]["visit"]["seed"] = 5
    desk.platform.apply_product(document)

    assert causes(desk.verdict("declared")) == [("seed", FEATURE_SEED)]


def test_a_trainer_that_is_not_deterministic_is_told_so(desk: ReproductionDesk) -> None:
    desk.noise = 0.3

    found = desk.verdict()

    assert (found.state, found.reasons) == ("differs", ())
    assert "nothing recorded differs" in found.note and "not deterministic" in found.note
    assert found.scores is not None and found.scores.beyond > 0


def test_what_the_run_did_not_note_is_told_as_unknown(desk: ReproductionDesk) -> None:
    desk.environment.pop("hardware")

    found = desk.verdict()

    assert found.unknown == ("the hardware of the fresh run",)
    assert found.state == "identical"


def test_erased_rows_cannot_be_reproduced_and_the_erasure_is_named(desk: ReproductionDesk) -> None:
    erasure = ErasureDesk(desk.platform).erase("v1-1-0")

    found = desk.verdict()

    assert found.state == "cannot be reproduced"
    assert f"erasure {erasure.id}" in found.note and "asked by the visitor" in found.note
    submissions = desk.platform.compute.submissions
    assert [s.compute_class for s in submissions].count("cpu") == 1


def test_a_source_object_that_is_gone_cannot_be_reproduced(desk: ReproductionDesk) -> None:
    (version,) = desk.platform.landing.version_ids("shops/sensor/2.csv")
    desk.platform.landing.delete("shops/sensor/2.csv", version)

    found = desk.verdict()

    assert found.state == "cannot be reproduced"
    assert found.note == f"object landing/shops/sensor/2.csv version {version} is gone"


@pytest.mark.parametrize("name", ["spec.json", "out/model.onnx", "out/manifest.json"])
def test_a_run_without_its_documents_cannot_be_reproduced(desk: ReproductionDesk, name: str) -> None:
    key = f"shops/runs/{desk.platform.catalog.model_version('buys', 1).run}/{name}"
    for entry in list(desk.platform.models.entries(key)):
        desk.platform.models.delete(key, entry.version_id)

    found = desk.verdict()

    assert found.state == "cannot be reproduced"
    assert "is gone" in found.note


def test_a_data_file_that_is_gone_cannot_be_reproduced(desk: ReproductionDesk) -> None:
    entry = next(iter(desk.platform.lake.entries("shops/datasets/visits/data/")))
    desk.platform.lake.delete(entry.key, entry.version_id)

    found = desk.verdict()

    assert found.state == "cannot be reproduced"
    assert found.note.startswith(f"file {entry.key} of dataset visits v") and found.note.endswith("is gone")


@pytest.mark.parametrize("kind", ["datasets/visits", "datasets/sensor", "features/visit"])
def test_a_version_whose_manifest_is_gone_cannot_be_reproduced(desk: ReproductionDesk, kind: str) -> None:
    for entry in list(desk.platform.lake.entries(f"shops/{kind}/manifests/")):
        desk.platform.lake.delete(entry.key, entry.version_id)

    found = desk.verdict()

    assert found.state == "cannot be reproduced"
    assert f"the lake has no shops/{kind}/manifests/" in found.note


def test_a_bundle_that_is_gone_cannot_be_reproduced(desk: ReproductionDesk) -> None:
    first = desk.platform.products.get("shops").record.spec
    document = bundle()
    document["feature_sets"]["visit"]["seed"] = 9
    desk.platform.apply_product(document)
    key = f"shops/spec/{first}.json"
    for entry in list(desk.platform.lake.entries(key)):
        desk.platform.lake.delete(key, entry.version_id)
    desk.platform.restart()

    found = desk.verdict()

    assert (found.state, found.note) == (
        "cannot be reproduced",
        "no applied bundle has the code of feature set visit",
    )


def test_bytes_that_are_no_file_any_more_are_the_data_s_fault(desk: ReproductionDesk) -> None:
    entry = next(iter(desk.platform.lake.entries("shops/datasets/visits/data/")))
    desk.tamper("lake", entry.key, lambda body: body[: len(body) // 2])

    found = desk.verdict()

    assert found.state == "differs"
    assert [(kind, what.split()[1]) for kind, what in causes(found)] == [("data", entry.key)]
    assert "could not be made again" in found.note


def test_declared_views_that_fail_are_the_code_s_fault(desk: ReproductionDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["sql"] = "SELECT shop, known_at, warmth FROM sensor WHERE nowhere"
    desk.platform.apply_product(document)

    found = desk.verdict("declared")

    assert found.state == "differs"
    assert causes(found) == [("code", "view sensor_now: SQL")]
    assert "nowhere" in found.note


def test_what_was_decided_is_told_once_with_its_reasons(desk: ReproductionDesk) -> None:
    desk.declare(seed=3)
    record = desk.reproduce("declared")
    run = desk.fresh_run(record.id)

    desk.judge(run)
    desk.rebuilt()

    told = desk.platform.bus.of_type(events.MODEL_REPRODUCED)
    assert {(event.id, event.time) for event in told} == {(record.id, record.finished_at)}
    assert {json.dumps(event.detail, sort_keys=True) for event in told} == {
        json.dumps(told[0].detail, sort_keys=True)
    }
    assert told[0].detail["state"] == "differs"
    assert [each["what"] for each in told[0].detail["reasons"]] == ["training"]


def test_the_evidence_is_kept_beside_the_verdict(desk: ReproductionDesk) -> None:
    record = desk.reproduce()

    kept = json.loads(desk.platform.models.get(f"shops/reproductions/{record.id}/verdict.json"))

    assert kept["verdict"] == record.verdict
    assert kept["recorded"]["outputs"] == kept["found"]["outputs"]
    assert len(kept["found"]["objects"]) == 4
    assert kept["found"]["libraries"]["lightgbm"] == "4.6.0"


def test_the_first_job_costs_what_it_took(desk: ReproductionDesk) -> None:
    desk.reproduce()

    lines = [e for e in desk.platform.bus.of_type(events.COST_INCURRED) if e.detail["kind"] == "reproduction"]
    assert [line.detail["quantity"] for line in lines] == [40.0]
    assert lines[0].detail["usd"] > 0


def test_a_first_job_that_fails_says_nothing_about_the_model(desk: ReproductionDesk) -> None:
    name = desk.ask()
    desk.start(name)

    record = desk.rebuilt("FAILED")

    assert (record.state, dict(record.verdict)) == ("failed", {})
    assert "the features were not made" in record.problem


def test_the_failure_of_a_job_that_another_one_replaced_ends_nothing(desk: ReproductionDesk) -> None:
    name = desk.ask()
    lost = desk.platform.compute.submit(
        name="lost", compute_class="reproduce", parameters={}, timeout_seconds=60
    )
    desk.start(name)
    noted = desk.platform.compute.submissions[-1]

    parameters = dict(noted.parameters)
    desk.running.on_rebuilt(ended_rebuild({"jobId": lost, "status": "FAILED", "parameters": parameters}))

    assert (desk.record(name).state, desk.record(name).job_id) == ("rebuilding", noted.job_id)


def test_a_training_that_fails_says_nothing_about_the_model(desk: ReproductionDesk) -> None:
    name = desk.ask()
    desk.start(name)
    desk.work()
    desk.rebuilt()

    desk.judge(desk.fresh_run(name), "FAILED")

    record = desk.record(name)
    assert record.state == "failed"
    assert "the training run failed" in record.problem


def test_a_budget_that_is_used_up_refuses_the_run(desk: ReproductionDesk) -> None:
    desk.declare(budget_usd_per_month=0.000001)

    record = desk.reproduce()

    assert record.state == "failed"
    assert "the training run was refused" in record.problem


def test_who_may_not_ask_is_refused_and_nothing_is_kept(desk: ReproductionDesk) -> None:
    with pytest.raises(AccessDenied):
        desk.asking.ask(Principal("user/eve", ("guests",)), "shops", 1, "recorded")
    with pytest.raises(NotFound):
        desk.asking.ask(ALICE, "shops", 2, "recorded")

    assert desk.asking.list(ALICE, "shops", 1, 10) == []


def test_reproductions_of_a_version_are_listed_newest_first(desk: ReproductionDesk) -> None:
    first = desk.ask()
    desk.platform.clock.advance(5)
    second = desk.ask("declared")

    listed = desk.asking.list(ALICE, "shops", 1, 10)

    assert [each["id"] for each in listed] == [second, first]
    assert desk.asking.show(ALICE, "shops", 1, first)["state"] == "asked"


def test_dying_at_any_side_effect_ends_in_the_same_verdict(opened: ReproductionDesk) -> None:
    desk = opened
    name = desk.ask()

    def begin(platform: MemoryPlatform) -> None:
        desk.on(platform).start(name)

    for copy, crash in after_every_crash(desk.platform, begin):
        assert _finished(desk.on(copy), name) == "identical", crash

    begin(desk.platform)

    def work(platform: MemoryPlatform) -> None:
        assert desk.on(platform).work() == 0

    for copy, crash in after_every_crash(desk.platform, work):
        assert _finished(desk.on(copy), name) == "identical", crash

    work(desk.platform)

    def go_on(platform: MemoryPlatform) -> None:
        desk.on(platform).rebuilt()

    for copy, crash in after_every_crash(desk.platform, go_on):
        assert _finished(desk.on(copy), name) == "identical", crash

    go_on(desk.platform)
    run = desk.fresh_run(name)
    desk.train(run)

    def judge(platform: MemoryPlatform) -> None:
        desk.on(platform).judge(run)

    for copy, crash in after_every_crash(desk.platform, judge):
        assert desk.on(copy).record(name).verdict["state"] == "identical", crash
        assert copy.bus.of_type(events.MODEL_REPRODUCED), crash
        assert copy.catalog.run("shops", run.digest).state == "SUCCEEDED", crash


def _finished(desk: ReproductionDesk, name: str) -> str:
    if desk.record(name).state == "rebuilding":
        desk.work()
        desk.rebuilt()
    run = desk.fresh_run(name)
    desk.train(run)
    desk.judge(run)
    return str(desk.record(name).verdict["state"])


def _features(desk: ReproductionDesk) -> FeatureManifest:
    version = desk.platform.catalog.model_version("buys", 1)
    return load_features(desk.platform.lake, "shops", "visit", version.feature_version)


def _february(desk: ReproductionDesk) -> set[str]:
    """The file of the sensor's second month."""
    head = desk.platform.catalog.dataset_head("shops", "sensor")
    assert head is not None
    manifests = Manifests(desk.platform.lake, "shops", "sensor")
    files = manifests.files(manifests.load(head.digest))
    return {f.key for f in files if f.source.key == "shops/sensor/2.csv"}


def warmer(body: bytes) -> bytes:
    """The same Parquet file with one value that is another: of a reading that some visit saw."""
    table = pq.read_table(io.BytesIO(body))
    shops, warmth = table["shop"].to_pylist(), table["warmth"].to_pylist()
    place = next(n for n, value in enumerate(warmth) if value is not None and shops[n] == "south")
    warmth[place] += 5
    column = table.schema.get_field_index("warmth")
    changed = table.set_column(column, "warmth", pa.array(warmth, table.schema.field("warmth").type))
    sink = io.BytesIO()
    pq.write_table(changed, sink)
    return sink.getvalue()
