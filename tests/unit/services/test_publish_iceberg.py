"""Each version of main becomes one snapshot, in order, whatever the queue does; the rest is not published."""

from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.memory import MemoryQueue
from headgate.adapters.memory.tables import MemorySnapshot, MemoryTables
from headgate.domain.errors import AccessDenied, Conflict, InvalidRequest, PreconditionFailed, StateUnknown
from headgate.domain.identity import Principal
from headgate.domain.manifest import Manifest
from headgate.domain.published_table import PublishRequest, TableId, publish_of
from headgate.domain.version import CommitView
from headgate.services.versions import publish_iceberg
from headgate.services.versions.commit_version import Authorship, CommitVersion, Line, Proposal
from headgate.services.versions.manifests import Manifests, manifest_key
from headgate.services.versions.publish_iceberg import PublishIceberg, PublishReport
from headgate.services.versions.request_rebuild import RequestRebuild

from tests.support.crash_points import after_every_crash
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle

TABLE = TableId("shops", "visits")
PRICES = TableId("shops", "prices")
ROW = "{id},2024-01-01 10:00:00,north,1,true"


def declared(*datasets: str) -> dict[str, Any]:
    """The small product with tables for ``datasets``, and the right to publish them."""
    document = bundle()
    for name in datasets:
        document["datasets"][name] = {**document["datasets"][name], "tables": ["iceberg"]}
    first, *rest = document["policy"]["Statement"]
    allowed = {**first, "Principal": {"Headgate": [*first["Principal"]["Headgate"], "service/publish"]}}
    return {**document, "policy": {**document["policy"], "Statement": [allowed, *rest]}}


class Press:
    """A platform whose versions are published."""

    def __init__(self, platform: MemoryPlatform, *datasets: str) -> None:
        self.platform = platform
        self.tables = MemoryTables(platform.faults)
        self.queue = MemoryQueue("publish", platform.faults)
        platform.apply_product(declared(*(datasets or ("visits", "prices"))))
        self.restart()

    def restart(self) -> None:
        p = self.platform
        self.worker = PublishIceberg(p.products, p.catalog, p.lake, self.tables, self.queue, p.guard, p.clock)

    def drop(self, *ids: str, dataset: str = "visits") -> None:
        rows = "\n".join(ROW.format(id=i) if dataset == "visits" else i for i in ids)
        header = "visit_id,visited_at,shop,size,bought" if dataset == "visits" else "item"
        name = "-".join(ids)
        drop = self.platform.drop(f"shops/{dataset}/{name}.csv", f"{header}\n{rows}\n".encode())
        assert self.platform.ingest_now(drop).committed

    def publish(self, dataset: str = "visits", generation: str = "") -> PublishReport:
        return self.worker.publish(PublishRequest("shops", dataset, generation))

    def snapshots(self, table: TableId = TABLE) -> list[tuple[int, int]]:
        """(ordinal, rows that it shows), oldest first."""
        return [(s.version.ordinal, sum(f.rows for f in s.files)) for s in self.tables.snapshots(table)]

    def newest(self, table: TableId = TABLE) -> MemorySnapshot:
        return self.tables.snapshots(table)[-1]

    def uris(self, dataset: str = "visits") -> set[str]:
        """What the head of main lists."""
        head = self.platform.catalog.dataset_head("shops", dataset)
        assert head is not None
        manifests = Manifests(self.platform.lake, "shops", dataset)
        return {self.platform.lake.uri(f.key) for f in manifests.files(manifests.load(head.digest))}

    def commit(self, operation: Any, **note: str) -> None:
        """A version of main that changes nothing but what it says of itself."""
        commits = CommitVersion(
            self.platform.catalog, self.platform.lake, self.platform.bus, self.platform.clock
        )

        def propose(view: CommitView, parent: Manifest | None, _read: Any) -> Proposal:
            from headgate.domain.file_table import Change

            assert parent is not None
            assert view.head is not None
            return Proposal(
                operation,
                Change(parent.table, ()),
                parent.schema,
                "1",
                view.head.record.visible,
                0,
                note=note,
            )

        commits.commit(Line("shops", "visits"), propose, Authorship("user/alice"))


@pytest.fixture
def press(platform: MemoryPlatform) -> Press:
    return Press(platform)


def test_each_version_becomes_a_snapshot_in_order(press: Press) -> None:
    for n in range(3):
        press.drop(str(n))

    done = press.publish()

    assert (done.state, done.published) == ("published", (1, 2, 3))
    assert press.snapshots() == [(1, 1), (2, 2), (3, 3)]
    assert {f.uri for f in press.newest().files} == press.uris()


def test_a_version_published_twice_makes_one_snapshot(press: Press) -> None:
    press.drop("1")
    press.publish()

    assert press.publish().state == "current"
    assert press.snapshots() == [(1, 1)]


def test_an_append_names_only_the_files_it_adds(press: Press) -> None:
    press.drop("1")
    press.publish()
    press.drop("2")

    press.publish()

    assert (len(press.newest().version.added), press.newest().version.removed) == (1, ())


def test_an_overwrite_replaces_the_files(press: Press) -> None:
    press.drop("a", dataset="prices")
    press.drop("b", "c", dataset="prices")

    press.publish("prices")

    assert press.snapshots(PRICES) == [(1, 1), (2, 2)]
    assert {f.uri for f in press.newest(PRICES).files} == press.uris("prices")


def test_a_dataset_whose_contract_asks_for_no_table_has_none(platform: MemoryPlatform) -> None:
    press = Press(platform, "prices")
    press.drop("1")

    assert press.publish().state == "not_asked"
    assert press.snapshots() == []


def test_without_the_right_to_publish_nothing_is_published(press: Press) -> None:
    document = declared("visits")
    restricted = {
        "Sid": "KeepIn",
        "Effect": "Deny",
        "Principal": {"Headgate": ["service/publish"]},
        "Action": "headgate:PublishTable",
        "Resource": "hrn:shops:dataset/*",
        "Condition": {"ForAnyValue:StringEquals": {"headgate:Classification": "internal"}},
    }
    statements = [*document["policy"]["Statement"], restricted]
    press.platform.apply_product({**document, "policy": {**document["policy"], "Statement": statements}})
    press.drop("1")

    with pytest.raises(AccessDenied):
        press.publish()

    assert press.snapshots() == []


def test_what_waits_on_another_branch_is_not_published(press: Press) -> None:
    document = declared("visits")
    document["datasets"]["visits"]["publish"] = "manual"
    press.platform.apply_product(document)
    press.drop("1")

    assert press.publish().published == ()


def test_a_race_is_lost_once_and_nothing_is_published_twice(press: Press) -> None:
    press.drop("1")
    press.drop("2")
    press.platform.faults.clear()
    press.platform.faults.fail_at("tables.publish", 1, "after", StateUnknown("lost"))
    press.platform.faults.fail_at("tables.publish", 2, "before", Conflict("raced"))

    press.publish()

    assert press.snapshots() == [(1, 1), (2, 2)]


def test_races_that_never_end_are_given_back_to_the_queue(press: Press) -> None:
    press.drop("1")
    press.platform.faults.clear()
    for n in range(1, 21):
        press.platform.faults.fail_at("tables.publish", n, "before", Conflict("raced"))

    with pytest.raises(Conflict):
        press.publish()


def test_a_crash_anywhere_is_healed_by_the_next_message(press: Press) -> None:
    press.drop("1")
    press.drop("2")
    press.platform.faults.clear()
    kept: dict[int, Press] = {}

    def act(platform: MemoryPlatform) -> None:
        if id(platform) not in kept:
            fresh = Press.__new__(Press)
            fresh.platform, fresh.tables = platform, MemoryTables(platform.faults)
            fresh.queue = MemoryQueue("publish", platform.faults)
            kept[id(platform)] = fresh
        kept[id(platform)].restart()
        kept[id(platform)].publish()

    crashes = list(after_every_crash(press.platform, act))

    assert len(crashes) >= 6
    for platform, crash in crashes:
        assert kept[id(platform)].snapshots() == [(1, 1), (2, 2)], crash


def test_many_versions_are_published_by_several_messages(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_iceberg, "MOST_VERSIONS", 2)
    for n in range(5):
        press.drop(str(n))

    first = press.publish()
    while messages := press.queue.receive(1):
        request = publish_of(messages[0])
        assert request is not None
        press.worker.publish(request)

    assert (first.published, first.more) == ((1, 2), True)
    assert [ordinal for ordinal, _ in press.snapshots()] == [1, 2, 3, 4, 5]


def test_a_new_table_begins_with_the_newest_of_a_long_history(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_iceberg, "MOST_HISTORY", 2)
    for n in range(5):
        press.drop(str(n))

    press.publish()

    assert press.snapshots() == [(4, 4), (5, 5)]


def test_a_version_whose_manifest_is_gone_is_passed_over(press: Press) -> None:
    for n in range(3):
        press.drop(str(n))
    gone = press.platform.catalog.dataset_version("shops", "visits", 2)
    key = manifest_key("shops", "visits", gone.digest)
    press.platform.lake.delete(key, press.platform.lake.version_ids(key)[-1])

    done = press.publish()

    assert (done.published, done.skipped) == ((1, 3), (2,))
    assert press.snapshots() == [(1, 1), (3, 3)]


def test_a_table_that_others_wrote_to_gets_all_files_of_the_next_version(press: Press) -> None:
    press.drop("1")
    press.publish()
    press.tables.touch(TABLE)
    press.drop("2")

    press.publish()

    assert press.newest().version.removed is None
    assert {f.uri for f in press.newest().files} == press.uris()


def test_a_rebuild_makes_the_table_anew_once(press: Press) -> None:
    for n in range(3):
        press.drop(str(n))
        press.publish()
    before = press.snapshots()

    done = press.publish(generation="rebuild-1")
    again = press.publish(generation="rebuild-1")

    assert (done.published, again.published) == ((1, 2, 3), ())
    assert press.snapshots() == before


def test_after_an_erasure_the_table_is_made_anew(press: Press) -> None:
    press.drop("1")
    press.publish()
    press.commit("delete", erasure="e-1")

    done = press.publish()
    press.drop("2")
    later = press.publish()

    assert (done.published, later.published) == ((1, 2), (3,))
    table = press.tables.find(TABLE)
    assert table is not None
    assert table.generation == "erasure-e-1"


def test_an_ordinary_deletion_is_a_snapshot_like_any_other(press: Press) -> None:
    press.drop("1")
    press.publish()
    press.commit("delete")

    assert press.publish().published == (2,)


def test_an_imported_file_is_named_without_its_version_which_goes_with_it(
    press: Press, tmp_path: Path
) -> None:
    from tests.unit.services.test_import_prefix import Outside

    outside = Outside(press.platform)
    outside.put("sales/a.parquet", "1")
    outside.import_now()

    press.publish()

    (file,) = press.newest().files
    version_id = outside.bucket.version_ids("sales/a.parquet")[0]
    assert (file.uri, file.version_id) == ("s3://outside/sales/a.parquet", version_id)


def test_a_rebuild_is_asked_for_by_whom_policy_allows(press: Press) -> None:
    rebuild = RequestRebuild(press.platform.products, press.platform.guard, press.queue, lambda: "id-1")

    sent = rebuild.request(ALICE, "shops", "visits")
    with pytest.raises(PreconditionFailed, match="headgateTables"):
        rebuild.request(ALICE, "shops", "sensor")
    with pytest.raises(AccessDenied):
        rebuild.request(Principal("user/mallory"), "shops", "visits")

    assert [publish_of(m) for m in press.queue.messages] == [publish_of(sent)]
    assert publish_of(sent) == PublishRequest("shops", "visits", "id-1", ALICE.id)


def test_other_messages_ask_for_no_table_and_broken_ones_are_refused() -> None:
    assert publish_of({"product": "shops"}) is None
    with pytest.raises(InvalidRequest):
        publish_of({"kind": "publish", "product": "shops", "wish": 1})
