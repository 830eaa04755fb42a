"""The difference between two versions: what is told at once, what is compared, and whose values are shown."""

import json
from dataclasses import replace
from typing import Any

import pytest
from headgate.adapters.memory import MemoryQueue
from headgate.domain.errors import (
    AccessDenied,
    Collected,
    Conflict,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    Retryable,
)
from headgate.domain.identity import Principal
from headgate.domain.row_diff import ChangedRow, RowComparison, RowDiff
from headgate.domain.version_diff import DiffReport, FileChange
from headgate.services.versions.diff_reports import DiffReports, reports_prefix
from headgate.services.versions.diff_versions import DiffVersions

from tests.support.crash_points import after_every_crash
from tests.support.diff_desk import DATASET, PRODUCT, DiffDesk, visit
from tests.support.erasure_desk import ErasureDesk
from tests.support.history_desk import HistoryDesk
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import visits_contract

MALLORY = Principal("user/mallory")
COLUMNS = visits_contract()["columns"]


@pytest.fixture
def desk(platform: MemoryPlatform) -> DiffDesk:
    return DiffDesk(platform)


@pytest.fixture
def grown(desk: DiffDesk) -> DiffDesk:
    """v1 has a and b; v2 adds c; v3 is an overwrite in which b is larger and a is gone."""
    desk.drop("1", visit("a"), visit("b", size=2))
    desk.drop("2", visit("c"))
    desk.apply(operation="overwrite")
    desk.drop("3", visit("b", size=20), visit("c"))
    return desk


def rows_of(report: DiffReport) -> RowDiff:
    assert (report.state, report.problem) == ("done", "")
    assert report.rows is not None
    return report.rows


def kept(desk: DiffDesk) -> list[str]:
    return [e.key for e in desk.platform.lake.entries(reports_prefix(PRODUCT, DATASET))]


def test_an_append_adds_rows_and_shares_files(grown: DiffDesk) -> None:
    # When
    report = grown.diff("v1", "v2")
    # Then
    rows = rows_of(report)
    assert (rows.added, rows.removed, rows.changed, report.unchanged) == (1, 0, 0, 2)
    assert report.files == FileChange(1, 2, 0, 0, 1, 1)
    assert list(grown.show(report.id).rows.samples.added[0].values) == [c["name"] for c in COLUMNS]  # type: ignore[union-attr]
    assert rows.samples.added[0].values == {
        "visit_id": "c",
        "visited_at": "2024-01-05 10:30:00",
        "shop": "north",
        "size": 1,
        "bought": True,
    }


def test_an_overwrite_changes_rows_by_the_contracts_primary_key(grown: DiffDesk) -> None:
    report = grown.diff("v2", "main")

    rows = rows_of(report)
    assert (report.key, report.note) == (("visit_id",), "")
    assert (rows.added, rows.removed, rows.changed, report.unchanged) == (0, 1, 1, 1)
    assert rows.samples.changed == (ChangedRow({"visit_id": "b"}, {"size": 2}, {"size": 20}),)
    assert report.different


def test_what_manifests_tell_is_answered_at_once(grown: DiffDesk) -> None:
    asked = grown.ask("v1", "v2")

    assert (asked.state, asked.rows) == ("asked", None)
    assert (asked.schema, asked.files) == ((), FileChange(1, 2, 0, 0, 1, 1))
    changed = {c.column: (c.before, c.after) for c in asked.statistics or ()}
    assert list(changed) == ["visit_id"]
    before, after = changed["visit_id"]
    assert before is not None
    assert after is not None
    assert ((before.minimum, before.maximum), (after.minimum, after.maximum)) == (("a", "b"), ("a", "c"))


def test_of_versions_with_very_many_files_only_the_report_tells_the_files(grown: DiffDesk) -> None:
    asking = replace(grown.asking, most_statistics=4)
    asked = asking.ask(ALICE, PRODUCT, DATASET, "v1", "v2", None, 20)
    assert (asked.schema, asked.files, asked.statistics) == ((), None, None)
    done = grown.work()
    assert (done.files, len(done.statistics or ())) == (FileChange(1, 2, 0, 0, 1, 1), 1)
    assert asking.ask(ALICE, PRODUCT, DATASET, "v3", "v3", None, 20).different is False


def test_backwards_what_was_added_was_removed(grown: DiffDesk) -> None:
    rows = rows_of(grown.diff("v2", "v1"))
    assert (rows.added, rows.removed) == (0, 1)


@pytest.mark.parametrize("name", ["v3", "main", "tag", "@"])
def test_a_version_is_no_different_from_itself_and_nothing_is_read(grown: DiffDesk, name: str) -> None:
    HistoryDesk(grown.platform).naming.tag(ALICE, PRODUCT, DATASET, "tag", "v3", "")
    named = f"main@{grown.datasets.now()}" if name == "@" else name

    report = grown.ask(named, "main")

    assert (report.different, report.unchanged, rows_of(report)) == (False, 2, RowDiff())
    assert (kept(grown), grown.queue.receive()) == ([], [])


def test_a_version_that_shows_the_same_files_again_is_no_different(grown: DiffDesk) -> None:
    HistoryDesk(grown.platform).rolling.rollback(ALICE, PRODUCT, DATASET, "v1")
    assert grown.ask("v1", "main").different is False
    assert grown.queue.receive() == []


def test_a_diff_is_made_once(grown: DiffDesk) -> None:
    done = grown.diff("v1", "v2")

    again = grown.ask("v1", "v2")

    assert again == done
    assert grown.queue.receive() == []
    assert grown.show(done.id) == done
    assert grown.ask("v1", "v2", limit=5).id != done.id


def test_a_message_that_comes_twice_compares_once(grown: DiffDesk) -> None:
    message = grown.ask("v1", "v2").to_message()
    done = grown.work()
    grown.engine = Broken(InvalidRequest("it was compared again"))

    assert grown.comparing.compare(DiffReport.from_document(message), 1.0) == done


def test_the_key_may_be_named(grown: DiffDesk) -> None:
    report = grown.diff("v1", "v2", ["shop", "size"])
    rows = rows_of(report)
    assert report.key == ("shop", "size")
    assert (rows.added, rows.duplicate_keys, rows.duplicate_before, rows.duplicate_after) == (0, 1, 1, 2)


@pytest.mark.parametrize(
    ("key", "told"), [(["colour"], "colour is no column of both"), (["shop", "shop"], "a column twice")]
)
def test_a_key_that_is_none_is_refused(grown: DiffDesk, key: list[str], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        grown.ask("v1", "v2", key)


def test_without_a_primary_key_whole_rows_are_compared_and_that_is_said(desk: DiffDesk) -> None:
    plain = [{**c, "primary_key": False} for c in COLUMNS]
    desk.apply(columns=plain)
    desk.drop("1", visit("a"), visit("a"))
    desk.drop("2", visit("a"), visit("b"))

    report = desk.diff("v1")

    rows = rows_of(report)
    assert (report.key, report.note) == ((), "visits has no primary key: whole rows are compared")
    assert (rows.added, rows.removed, rows.changed, report.unchanged) == (2, 0, 0, 2)


def test_a_renamed_and_widened_column_is_compared_as_one(desk: DiffDesk) -> None:
    # Given a version after which a column was renamed, another widened, and one was added
    desk.drop("1", visit("a", size=1), visit("b", size=2))
    columns = [dict(c) for c in COLUMNS]
    columns[3] = {**columns[3], "name": "width", "former_names": ["size"], "type": "BIGINT"}
    desk.apply(operation="overwrite", columns=[*columns, {"name": "mood", "type": "VARCHAR"}])
    header = "visit_id,visited_at,shop,width,bought,mood"
    desk.drop("2", visit("a", size=1) + ",good", visit("b", size=3) + ",bad", header=header)
    # When
    report = desk.diff("v1")
    # Then
    rows = rows_of(report)
    assert (rows.added, rows.removed, rows.changed, rows.columns) == (0, 0, 1, {"width": 1})
    assert rows.samples.changed == (ChangedRow({"visit_id": "b"}, {"width": 2}, {"width": 3}),)
    assert [(c.column, c.kind) for c in report.schema or ()] == [
        ("width", "renamed"),
        ("width", "type_widened"),
        ("mood", "added"),
    ]


def test_a_shared_file_in_which_the_versions_see_other_columns_is_read(desk: DiffDesk) -> None:
    # Given a column that was renamed twice, and whose first name the contract forgot
    desk.drop("1", visit("a", size=1))
    columns = [dict(c) for c in COLUMNS]
    for name, former in (("width", ["size"]), ("extent", ["width"])):
        columns[3] = {**columns[3], "name": name, "former_names": former}
        desk.apply(columns=columns)
        header = f"visit_id,visited_at,shop,{name},bought"
        desk.drop(name, visit(name, size=5), header=header)
    # When the versions of both names are compared, which share the file of the first
    rows = rows_of(desk.diff("v2"))
    # Then its row is seen to differ: the newer one has no value for it
    assert (rows.added, rows.changed, rows.columns) == (1, 1, {"extent": 1})
    assert rows.samples.changed[0].after == {"extent": None}


# --- whose values are shown


def test_values_of_restricted_columns_are_never_kept(desk: DiffDesk) -> None:
    secret = [{**c, "classification": "restricted"} if c["name"] == "shop" else c for c in COLUMNS]
    desk.apply(columns=secret)
    desk.drop("1", visit("a", "north"))
    desk.drop("2", visit("b", "south"))

    asked = desk.ask("v1")
    done = desk.work()

    assert rows_of(done).samples.added[0].values["shop"] == "(restricted)"
    shop = next(c for c in asked.statistics or () if c.column == "shop")
    assert shop.after is not None
    assert shop.after.maximum == "(restricted)"
    assert "south" not in desk.platform.lake.get(kept(desk)[0]).decode()


def test_a_column_that_is_restricted_since_is_not_shown_in_an_older_report(grown: DiffDesk) -> None:
    done = grown.diff("v1", "v2")
    columns = [dict(c) for c in COLUMNS]
    columns[2] = {**columns[2], "name": "place", "former_names": ["shop"], "classification": "restricted"}
    grown.apply(columns=columns)

    assert rows_of(grown.show(done.id)).samples.added[0].values["shop"] == "(restricted)"
    assert grown.ask("v1", "v2").id != done.id


def test_who_may_not_diff_is_refused(grown: DiffDesk) -> None:
    done = grown.diff("v1", "v2")
    with pytest.raises(AccessDenied, match="headgate:DiffVersions"):
        grown.ask("v1", "v2", principal=MALLORY)
    with pytest.raises(AccessDenied, match="headgate:DiffVersions"):
        grown.asking.show(MALLORY, PRODUCT, DATASET, done.id)


# --- what is gone


@pytest.mark.parametrize("name", ["v9", "nobranch", "c0ffee" * 4])
def test_a_version_that_is_none_is_not_found(grown: DiffDesk, name: str) -> None:
    with pytest.raises(NotFound):
        grown.ask(name, "main")


def test_a_collected_version_is_told(grown: DiffDesk) -> None:
    done = grown.diff("v1", "v2")
    message = grown.ask("v2", "v3").to_message()
    grown.platform.catalog.mark_collected(PRODUCT, DATASET, [2], grown.datasets.now())

    with pytest.raises(Collected, match="v2 was collected"):
        grown.ask("v1", "v2")
    with pytest.raises(Collected, match="v2 was collected"):
        grown.show(done.id)
    failed = grown.comparing.compare(DiffReport.from_document(message), 1.0)
    assert (failed.state, "v2 was collected" in failed.problem) == ("failed", True)


def test_an_unknown_diff_says_what_to_do(grown: DiffDesk) -> None:
    with pytest.raises(NotFound, match="ask for it again"):
        grown.show("0" * 64)


class Broken:
    """An engine that cannot."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def compare(self, asked: RowComparison, seconds: float) -> RowDiff:
        raise self.error


def test_what_a_retry_cannot_help_with_is_kept_and_may_be_asked_for_again(grown: DiffDesk) -> None:
    grown.engine = Broken(PreconditionFailed("it takes too long"))
    failed = grown.diff("v1", "v2")
    assert (failed.state, failed.problem) == ("failed", "it takes too long")
    assert grown.show(failed.id).state == "failed"

    grown.engine = None

    assert rows_of(grown.diff("v1", "v2")).added == 1


def test_what_a_retry_helps_with_goes_back_to_the_queue(grown: DiffDesk) -> None:
    grown.engine = Broken(Retryable("a file cannot be read now"))
    asked = grown.ask("v1", "v2")
    with pytest.raises(Retryable):
        grown.work()
    assert grown.show(asked.id).state == "running"


def test_a_comparison_that_dies_anywhere_is_made_again(grown: DiffDesk) -> None:
    message = grown.ask("v2", "v3").to_message()

    def act(platform: MemoryPlatform) -> DiffReport:
        return DiffDesk(platform).comparing.compare(DiffReport.from_document(message), 60.0)

    for platform, crash in after_every_crash(grown.platform, act):
        shown = DiffDesk(platform).show(message["id"])
        assert (shown.state, rows_of(shown).changed) == ("done", 1), crash


# --- erasure and garbage


def erased(desk: DiffDesk, name: str) -> ErasureDesk:
    erasure = ErasureDesk(desk.platform, MemoryQueue("erasures"))
    assert erasure.erase(name).state == "erased"
    return erasure


def test_an_erasure_forgets_every_report_of_the_dataset(grown: DiffDesk) -> None:
    done = grown.diff("v1", "v2")
    assert kept(grown)

    erasure = erased(grown, "c")

    assert kept(grown) == []
    assert erasure.traces("c,2024") == []
    (record,) = grown.platform.catalog.erasures(PRODUCT)
    assert record.findings.diffs == (f"shops/diffs/visits/{done.id}.json",)
    rows = rows_of(grown.diff("v1", "v2"))
    assert (rows.added, rows.samples.added) == (0, ())


def test_finding_a_subject_forgets_nothing(grown: DiffDesk) -> None:
    grown.diff("v1", "v2")
    erasure = ErasureDesk(grown.platform, MemoryQueue("erasures"))
    erasure.ask("c", dry_run=True)

    found = erasure.work()

    assert (found.state, len(found.findings.diffs)) == ("found", 1)
    assert kept(grown)


def test_rows_that_are_erased_while_they_are_compared_are_in_no_report(grown: DiffDesk) -> None:
    # Given a comparison during which a row is erased
    real = grown.comparing.engine

    class Slow:
        def compare(self, asked: RowComparison, seconds: float) -> RowDiff:
            found = real.compare(asked, seconds)
            assert found.samples.added[0].values["visit_id"] == "c"
            erased(grown, "c")
            return found

    message = grown.ask("v1", "v2").to_message()
    grown.engine = Slow()
    # When
    with pytest.raises(Conflict, match="erased meanwhile"):
        grown.work()
    # Then nothing of it is kept, and the redelivery compares what there is
    assert kept(grown) == []
    grown.engine = None
    assert rows_of(grown.comparing.compare(DiffReport.from_document(message), 60.0)).added == 0


def test_rows_that_are_erased_in_the_moment_a_report_is_kept_are_taken_back(grown: DiffDesk) -> None:
    class Late:
        """The lake, in which an erasure is through right before the finished report is put."""

        def __getattr__(self, name: str) -> Any:
            return getattr(grown.platform.lake, name)

        def put(self, key: str, body: bytes, content_type: str) -> None:
            if b'"state": "done"' in body:
                erased(grown, "c")
            grown.platform.lake.put(key, body, content_type)

    lake: Any = Late()
    asked = grown.ask("v1", "v2").asked()
    comparing = DiffVersions(replace(grown.datasets, lake=lake), grown.comparing.engine)

    with pytest.raises(Conflict, match="erased meanwhile"):
        comparing.compare(asked, 60.0)

    assert kept(grown) == []


def test_a_report_that_a_crash_left_behind_an_erasure_is_made_again(grown: DiffDesk) -> None:
    asked = grown.ask("v1", "v2").asked()
    stale = grown.work()
    erased(grown, "c")
    DiffReports(grown.platform.lake).put(stale)

    done = grown.comparing.compare(asked, 60.0)

    assert rows_of(done).added == 0
    assert '"c"' not in grown.platform.lake.get(kept(grown)[0]).decode()
    assert len(kept(grown)) == len(set(kept(grown))) * 2  # running, then done: the stale one is gone


def test_manifests_that_say_other_rows_than_the_files_hold_are_told(grown: DiffDesk) -> None:
    grown.engine = Counting()
    failed = grown.diff("v1", "v2")
    assert (failed.state, "do not hold the 2 and 3 rows" in failed.problem) == ("failed", True)


class Counting:
    def compare(self, asked: RowComparison, seconds: float) -> RowDiff:
        return RowDiff(added=5)


def test_a_report_of_a_question_in_the_lake_holds_no_value(grown: DiffDesk) -> None:
    asked = grown.ask("v1", "v2")
    stored = json.loads(grown.platform.lake.get(kept(grown)[0]))
    assert stored == json.loads(json.dumps(asked.asked().to_document()))
    assert asked.statistics
    assert stored["statistics"] is None
