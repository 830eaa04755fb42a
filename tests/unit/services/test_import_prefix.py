"""Objects below a prefix become a version where they lie: pinned, checked, once, and nothing is copied."""

import copy
from typing import Any

import duckdb
import pytest
from headgate.adapters.engines.duckdb_import import DuckDbImportEngine, keeps_values
from headgate.adapters.memory import Crash, MemoryObjectStore, MemoryQueue
from headgate.adapters.memory.external_objects import MemoryExternalObjects
from headgate.domain import events
from headgate.domain.dataset import DataFile
from headgate.domain.errors import AccessDenied, NotFound, Throttled
from headgate.domain.external_object import ExternalObject, ImportRequest, import_of
from headgate.domain.identity import Principal
from headgate.services.ingestion.import_prefix import BATCH_BYTES, ImportPrefix, ImportReport, batches
from headgate.services.ingestion.request_import import RequestImport
from headgate.services.versions.manifests import Manifests

from tests.support.crash_points import after_every_crash
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle, visits_contract

ROW = (
    "'{id}' AS visit_id, TIMESTAMP '2024-01-01 10:00:00' AS visited_at, "
    "'north' AS shop, 3 AS size, true AS bought"
)


class Outside:
    """A bucket of someone else's, and the worker that imports from it."""

    def __init__(self, platform: MemoryPlatform, unversioned: tuple[str, ...] = ()) -> None:
        self.platform = platform
        self.bucket = MemoryObjectStore("outside", platform.root, platform.faults)
        self.queue = MemoryQueue("ingest", platform.faults)
        self.objects = MemoryExternalObjects([self.bucket], unversioned)
        self.restart()

    def moved_to(self, platform: MemoryPlatform) -> "Outside":
        """The same bucket beside another platform."""
        moved = copy.copy(self)
        moved.platform = platform
        moved.queue = MemoryQueue("ingest", platform.faults)
        moved.restart()
        return moved

    def restart(self) -> None:
        platform = self.platform
        self.worker = ImportPrefix(
            products=platform.products,
            catalog=platform.catalog,
            refs=platform.catalog,
            quarantine=platform.catalog,
            objects=self.objects,
            engine=DuckDbImportEngine(platform.limits, platform.root / "sql"),
            lake=platform.lake,
            queue=self.queue,
            bus=platform.bus,
            guard=platform.guard,
            clock=platform.clock,
        )

    def put(self, key: str, *ids: str, select: str = ROW) -> None:
        path = self.platform.root / "made.parquet"
        rows = " UNION ALL ".join(f"SELECT {select.format(id=i)}" for i in ids)
        duckdb.sql(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
        self.bucket.put(key, path.read_bytes())

    def ask(self, prefix: str = "sales/", dataset: str = "visits") -> None:
        request = RequestImport(self.platform.products, self.platform.guard, self.queue)
        request.request(ALICE, "shops", dataset, f"s3://outside/{prefix}")

    def work(self) -> list[ImportReport]:
        """Takes messages until the queue is empty."""
        reports = []
        while messages := self.queue.receive(1):
            request = import_of("m", messages[0])
            assert request is not None
            reports.append(self.worker.handle(request))
        return reports

    def import_now(self, prefix: str = "sales/", dataset: str = "visits") -> list[ImportReport]:
        self.ask(prefix, dataset)
        return self.work()

    def files(self, dataset: str = "visits", branch: str = "main") -> list[DataFile]:
        head = self.platform.catalog.dataset_head("shops", dataset, branch)
        if head is None:
            return []
        manifests = Manifests(self.platform.lake, "shops", dataset)
        return list(manifests.files(manifests.load(head.digest)))

    def ids(self, dataset: str = "visits", column: str = "visit_id") -> list[str]:
        uris = [self.platform.lake.uri(f.key) for f in self.files(dataset)]
        found = duckdb.sql(f"SELECT {column} FROM read_parquet({uris}) ORDER BY 1").fetchall()
        return [row[0] for row in found]


@pytest.fixture
def outside(platform: MemoryPlatform) -> Outside:
    return Outside(platform)


def test_what_lies_below_a_prefix_becomes_one_version_and_nothing_is_copied(outside: Outside) -> None:
    outside.put("sales/a b.parquet", "1", "2")
    outside.put("sales/2024/c+d.parquet", "3")
    outside.put("elsewhere/e.parquet", "9")

    plan, done = outside.import_now()

    assert plan.batches == 1
    assert done.committed is not None
    assert (done.committed.operation, done.committed.rows, done.committed.author) == ("import", 3, ALICE.id)
    assert outside.ids() == ["1", "2", "3"]
    assert outside.platform.lake.keys("shops/datasets/visits/data/") == ()
    assert [f.key for f in outside.files()] == [
        f"s3://outside/{key}?versionId={outside.bucket.version_ids(key)[0]}"
        for key in ("sales/2024/c+d.parquet", "sales/a b.parquet")
    ]


def test_a_version_reads_what_was_imported_after_the_object_was_overwritten(outside: Outside) -> None:
    outside.put("sales/a.parquet", "1")
    outside.import_now()

    outside.put("sales/a.parquet", "changed")

    assert outside.ids() == ["1"]


def test_the_prefix_imported_again_takes_in_what_is_new_or_changed(outside: Outside) -> None:
    outside.put("sales/a.parquet", "1")
    outside.import_now()
    outside.put("sales/a.parquet", "2")
    outside.put("sales/b.parquet", "3")

    _, again = outside.import_now()
    _, nothing = outside.import_now()

    assert again.committed is not None
    assert again.committed.ordinal == 2
    assert (nothing.committed, len(nothing.repeated)) == (None, 2)
    assert outside.ids() == ["1", "2", "3"]


def test_bytes_that_a_version_holds_already_are_not_imported_under_another_name(outside: Outside) -> None:
    outside.put("sales/a.parquet", "1")
    outside.put("sales/copy.parquet", "1")

    _, first = outside.import_now()
    outside.put("sales/third.parquet", "1")
    _, again = outside.import_now()

    assert first.committed is not None
    assert (first.committed.files, again.committed) == (1, None)


def test_an_import_adds_to_what_was_dropped_and_is_told_to_everyone(outside: Outside) -> None:
    platform = outside.platform
    body = b"visit_id,visited_at,shop,size,bought\n0,2024-01-01 10:00:00,north,1,true\n"
    platform.ingest_now(platform.drop("shops/visits/a.csv", body))
    outside.put("sales/a.parquet", "1")

    _, done = outside.import_now()

    assert done.committed is not None
    assert (done.committed.ordinal, outside.ids()) == (2, ["0", "1"])
    told = platform.bus.of_type(events.DATASET_VERSION_COMMITTED)[-1]
    assert (told.detail["operation"], told.detail["digest"]) == ("import", done.committed.digest)
    lineage = platform.bus.of_type(events.LINEAGE_RECORDED)[-1].detail["event"]
    assert "object/outside/sales/a.parquet?versionId=" in str(lineage["inputs"])


def test_an_import_adds_also_where_drops_overwrite(outside: Outside) -> None:
    outside.put("prices/a.parquet", "one", select="'{id}' AS item")
    outside.import_now("prices/", "prices")
    outside.put("prices/b.parquet", "two", select="'{id}' AS item")

    outside.import_now("prices/", "prices")

    assert outside.ids("prices", "item") == ["one", "two"]


@pytest.mark.parametrize(
    ("select", "rule"),
    [
        ("'{id}' AS visit_id, 'north' AS shop, 3 AS size, true AS bought", "missing_column"),
        (ROW + ", 1 AS more", "unexpected_column"),
        (ROW.replace("3 AS size", "3.5::DOUBLE AS size"), "wrong_type"),
        (ROW.replace("3 AS size", "3::BIGINT AS size"), "wrong_type"),
        (ROW.replace("TIMESTAMP '", "TIMESTAMP_NS '"), "wrong_type"),
        (ROW.replace("3 AS size", "300 AS size"), "maximum:size"),
        (ROW.replace("'north'", "'moon'"), "allowed:shop"),
    ],
)
def test_an_object_that_breaks_the_contract_is_quarantined_and_its_neighbours_come_in(
    outside: Outside, select: str, rule: str
) -> None:
    outside.put("sales/bad.parquet", "1", select=select)
    outside.put("sales/good.parquet", "2")

    _, done = outside.import_now()

    assert [(r.rule, r.bucket, r.key) for r in done.quarantined] == [(rule, "outside", "sales/bad.parquet")]
    assert outside.ids() == ["2"]


def test_narrower_integers_are_taken_as_they_are(outside: Outside) -> None:
    outside.put("sales/a.parquet", "1", select=ROW.replace("3 AS size", "3::SMALLINT AS size"))

    _, done = outside.import_now()

    assert done.committed is not None
    assert [c.type for c in outside.files()[0].columns if c.name == "size"] == ["SMALLINT"]


def test_a_file_without_an_optional_column_is_known_to_have_none(outside: Outside) -> None:
    outside.put("sales/a.parquet", "1", select=ROW.replace("3 AS size, ", ""))

    outside.import_now()

    assert [c.name for c in outside.files()[0].columns] == ["visit_id", "visited_at", "shop", "bought"]


@pytest.mark.parametrize(
    ("held", "wanted", "kept"),
    [
        ("INTEGER", "BIGINT", True),
        ("BIGINT", "DOUBLE", False),
        ("DECIMAL(9,2)", "DECIMAL(12,2)", True),
        ("DECIMAL(9,2)", "DECIMAL(9,3)", False),
        ("DECIMAL(12,2)", "DECIMAL(9,2)", False),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", True),
        ("DATE", "TIMESTAMP", True),
        ("TIMESTAMP_NS", "TIMESTAMP", False),
        ("VARCHAR", "VARCHAR", True),
    ],
)
def test_a_type_fits_when_every_value_stays_what_it_is(held: str, wanted: str, kept: bool) -> None:
    assert keeps_values(held, wanted) is kept


def test_what_is_no_parquet_is_quarantined(outside: Outside) -> None:
    outside.bucket.put("sales/notes.txt", b"no parquet at all")

    _, done = outside.import_now()

    assert [r.rule for r in done.quarantined] == ["unreadable"]
    assert str(outside.platform.root) not in done.quarantined[0].reason


@pytest.mark.parametrize("name", ["_SUCCESS", "_delta_log/0.json", ".hidden", "empty.parquet"])
def test_what_tools_keep_beside_their_data_is_passed_over(outside: Outside, name: str) -> None:
    outside.bucket.put(f"sales/{name}", b"" if name == "empty.parquet" else b"{}")
    outside.put("sales/a.parquet", "1")

    _, done = outside.import_now()

    assert (outside.ids(), done.quarantined) == (["1"], [])


def test_a_prefix_may_itself_be_hidden(outside: Outside) -> None:
    outside.put("_staging/a.parquet", "1")

    outside.import_now("_staging/")

    assert outside.ids() == ["1"]


def test_a_bucket_that_keeps_no_versions_is_refused_with_the_reason(platform: MemoryPlatform) -> None:
    outside = Outside(platform, unversioned=("outside",))
    outside.put("sales/a.parquet", "1")

    (plan,) = outside.import_now()

    assert [(r.rule, r.key) for r in plan.quarantined] == [("bucket_not_versioned", "sales/")]
    assert "turn versioning on" in plan.quarantined[0].reason


def test_a_prefix_with_nothing_below_and_an_unknown_bucket_are_refused(outside: Outside) -> None:
    (nothing,) = outside.import_now("nowhere/")
    outside.queue.send(ImportRequest("shops", "visits", "other", "x", "user/alice").to_message())
    (unknown,) = outside.work()

    assert [r.rule for r in nothing.quarantined + unknown.quarantined] == ["no_objects", "unreachable"]


def test_with_publish_manual_the_import_waits_on_the_pending_branch(outside: Outside) -> None:
    document = bundle()
    document["datasets"]["visits"] = {**visits_contract(), "publish": "manual"}
    outside.platform.apply_product(document)
    outside.put("sales/a.parquet", "1")

    _, done = outside.import_now()

    assert done.committed is not None
    assert (done.committed.branch, outside.files()) == ("pending", [])
    assert len(outside.files(branch="pending")) == 1


def test_many_objects_are_many_messages_of_what_one_commit_takes(outside: Outside) -> None:
    for n in range(50):
        outside.put(f"sales/{n:02d}.parquet", f"{n:02d}")

    plan, *done = outside.import_now()

    assert plan.batches == 2
    assert [d.committed.added_rows for d in done if d.committed] == [45, 5]
    assert len(outside.ids()) == 50


def test_large_objects_are_batches_of_their_own() -> None:
    sizes = [BATCH_BYTES, 1, BATCH_BYTES - 1, 2]
    found = [ExternalObject("b", f"k{n}", "v", size) for n, size in enumerate(sizes)]

    assert [[o.key for o in batch] for batch in batches(iter(found))] == [["k0"], ["k1", "k2"], ["k3"]]


def test_only_whom_policy_allows_may_ask(outside: Outside) -> None:
    request = RequestImport(outside.platform.products, outside.platform.guard, outside.queue)

    with pytest.raises(AccessDenied):
        request.request(Principal("user/mallory"), "shops", "visits", "s3://outside/sales/")
    with pytest.raises(NotFound):
        request.request(ALICE, "shops", "unknown", "s3://outside/sales/")

    assert outside.queue.messages == ()


def test_the_platform_itself_must_be_allowed_to_commit(outside: Outside) -> None:
    document = bundle()
    deny = {
        "Sid": "Frozen",
        "Effect": "Deny",
        "Principal": {"Headgate": ["service/ingest"]},
        "Action": "headgate:CommitVersion",
        "Resource": "hrn:shops:dataset/visits",
    }
    policy: dict[str, Any] = {**document["policy"], "Statement": [*document["policy"]["Statement"], deny]}
    outside.platform.apply_product({**document, "policy": policy})
    outside.put("sales/a.parquet", "1")

    (plan,) = outside.import_now()

    assert [r.rule for r in plan.quarantined] == ["access_denied"]


def test_an_object_that_comes_in_after_all_closes_its_record(outside: Outside) -> None:
    outside.put("sales/a.parquet", "1", select=ROW.replace("3 AS size", "300 AS size"))
    _, refused = outside.import_now()
    document = bundle()
    columns = [{**c, "maximum": 1000} if c["name"] == "size" else c for c in visits_contract()["columns"]]
    document["datasets"]["visits"] = {**visits_contract(), "columns": columns}
    outside.platform.apply_product(document)

    outside.import_now()

    record = outside.platform.catalog.quarantined("shops", "visits", refused.quarantined[0].id)
    assert (record.state, record.closed_because) == ("replayed", "v1")


def test_a_crash_anywhere_is_healed_by_delivering_the_message_again(outside: Outside) -> None:
    outside.put("sales/a.parquet", "1")
    outside.put("sales/bad.parquet", "2", select=ROW.replace("3 AS size", "300 AS size"))
    outside.put("sales/c.parquet", "3")
    (objects,) = batches(outside.objects.objects("outside", "sales/"))
    request = ImportRequest("shops", "visits", "outside", "sales/", ALICE.id, objects)
    outside.platform.faults.clear()

    def act(platform: MemoryPlatform) -> ImportReport:
        return outside.moved_to(platform).worker.handle(request)

    crashes = list(after_every_crash(outside.platform, act))

    assert len(crashes) >= 10
    for platform, crash in crashes:
        world = outside.moved_to(platform)
        assert [v.ordinal for v in platform.catalog.dataset_versions("shops", "visits")] == [1], crash
        assert world.ids() == ["1", "3"], crash
        assert [r.rule for r in platform.catalog.quarantine("shops")] == ["maximum:size"], crash
        assert platform.bus.of_type(events.DATASET_VERSION_COMMITTED), crash


def test_a_listing_that_dies_half_way_is_begun_again(outside: Outside) -> None:
    outside.put("sales/a.parquet", "1")
    outside.ask()
    request = _request(outside)
    outside.platform.faults.clear()
    outside.platform.faults.fail_at("ingest.send", 1, "after")

    with pytest.raises(Crash):
        outside.worker.handle(request)
    outside.worker.handle(request)
    outside.work()

    assert outside.ids() == ["1"]


def test_a_bucket_that_cannot_be_reached_now_is_tried_again(outside: Outside) -> None:
    outside.put("sales/a.parquet", "1")
    outside.ask()
    outside.platform.faults.clear()
    outside.platform.faults.fail_at("outside.get", 2, error=Throttled("slow down"))
    outside.worker.handle(_request(outside))

    with pytest.raises(Throttled):
        outside.work()


def _request(outside: Outside) -> ImportRequest:
    (message,) = outside.queue.receive(1)
    request = import_of("m", message)
    assert request is not None
    return request
