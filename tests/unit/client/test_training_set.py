"""Training sets from Python: the rows of a version as they are, whole or of a time, and nothing unchecked."""

import hashlib
import sys
from contextlib import nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.cli.failures import ApiRefused, CommandFailed, NotSetUp, Unreachable
from headgate.client import Client, connect
from headgate.client import training_set as rows_of
from headgate.client.download import fetch

from tests.support.feature_set_desk import FeatureDesk
from tests.support.trained_run import build, take_in


def stored_rows(desk: FeatureDesk) -> list[dict[str, Any]]:
    files = [desk.platform.lake.uri(key) for key in partition_keys(desk)]
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def partition_keys(desk: FeatureDesk) -> list[str]:
    head = desk.sets.version(
        desk.sets.allow(desk.caller, "headgate:ReadFeatures", "shops", "visit"), "latest"
    )
    return [p.key for p in desk.sets.manifest(head).partitions]


def test_a_version_comes_whole_and_in_its_order(client: Client, desk: FeatureDesk, tmp_path: Path) -> None:
    found = client.training_set("visit")
    assert (found.version, found.rows, found.to_arrow().num_rows) == (1, 240, 240)
    assert found.to_arrow().to_pylist() == stored_rows(desk)
    assert ("bought", "label") in found.columns
    target = found.to_parquet(tmp_path / "visits.parquet")
    assert pq.read_table(target).to_pylist() == stored_rows(desk)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-01-10", "2024-02-10"),
        ("2024-01-10T11:30:00Z", None),
        ("2024-01-10T12:30:00+01:00", "2024-01-10T11:30:00.000001Z"),
        (None, "2024-01-01"),
        ("2023-01-01", "2025-01-01"),
    ],
)
def test_rows_are_those_from_start_on_and_before_end(
    client: Client, desk: FeatureDesk, start: str | None, end: str | None
) -> None:
    from headgate.services.clock import parse_iso

    def meant(row: dict[str, Any]) -> bool:
        at = parse_iso(row["visited_at"].isoformat())
        return (start is None or at >= parse_iso(start)) and (end is None or at < parse_iso(end))

    wanted = [row for row in stored_rows(desk) if meant(row)]
    with (
        nullcontext() if wanted else pytest.warns(UserWarning, match="no row is of that time: .* 2024-01-01T")
    ):
        found = client.training_set("visit", start=start, end=end)
    assert found.to_arrow().to_pylist() == wanted
    assert found.rows == len(wanted)
    assert found.to_arrow().column_names == client.training_set("visit").to_arrow().column_names


def test_an_older_version_stays_what_it_was(client: Client, desk: FeatureDesk) -> None:
    take_in(desk.platform, 3)
    build(desk.platform)
    assert client.training_set("visit").rows == 364
    first = client.training_set("visit", version="v1")
    assert (first.version, first.rows) == (1, 240)
    assert client.training_set("visit", version=first.digest[:12]).rows == 240


def test_sets_versions_and_times_may_be_said_as_python_says_them(client: Client) -> None:
    whole = client.training_set("shops/visit", 1)
    assert (whole.version, whole.rows) == (1, 240)
    by_date = client.training_set("visit", start=date(2024, 1, 10), end=datetime(2024, 1, 11, tzinfo=UTC))
    assert by_date.rows == client.training_set("visit", start="2024-01-10", end="2024-01-11").rows == 4
    with pytest.raises(ApiRefused, match="no product 'others'"):
        client.training_set("others/visit")


def test_only_a_file_is_replaced(client: Client, tmp_path: Path) -> None:
    found = client.training_set("visit")
    with pytest.raises(CommandFailed, match="no file that could be replaced"):
        found.to_parquet(tmp_path)
    with pytest.raises(CommandFailed, match=r"cannot be written: No such file or directory"):
        found.to_parquet(tmp_path / "nowhere" / "visits.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_what_the_version_names_is_not_used(client: Client, desk: FeatureDesk) -> None:
    path = Path(desk.platform.lake.uri(partition_keys(desk)[1]))
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + b"?")
        with pytest.raises(CommandFailed, match="partition 2024-02: .* the version names"):
            client.training_set("visit")
    finally:
        path.write_bytes(whole)


def test_a_partition_with_other_rows_than_it_says_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = rows_of.FeaturesClient.files

    def miscounted(*given: Any) -> dict[str, Any]:
        told = files(*given)
        told["partitions"][0]["rows"] += 1
        return told

    monkeypatch.setattr(rows_of.FeaturesClient, "files", miscounted)
    with pytest.raises(CommandFailed, match="partition 2024-01 has 124 rows, the version says 125"):
        client.training_set("visit")


def test_a_file_that_does_not_come_is_told(tmp_path: Path) -> None:
    file = {"name": "2024-01", "sha256": "0" * 64, "bytes": 1}
    with pytest.raises(Unreachable, match="partition 2024-01 did not come"):
        fetch([{**file, "url": (tmp_path / "nothing").as_uri()}], tmp_path)
    with pytest.raises(CommandFailed, match="no address"):
        fetch([{**file, "url": "/etc/hostname"}], tmp_path)


def test_equal_files_come_once_and_progress_ends_at_the_sum(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 10)
    sha256 = hashlib.sha256(b"x" * 10).hexdigest()
    file = {"name": "a", "sha256": sha256, "bytes": 10, "url": source.as_uri()}
    told: list[tuple[int, int]] = []
    paths = fetch([file, {**file, "name": "b"}], tmp_path, lambda done, total: told.append((done, total)))
    assert paths == [tmp_path / f"{sha256}.parquet"] * 2
    assert (told[0], told[-1]) == ((0, 10), (10, 10))


def test_pandas_is_asked_for_only_where_it_is_needed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    found = client.training_set("visit")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(CommandFailed, match="pip install pandas"):
        found.to_pandas()
    assert isinstance(found.to_arrow(), pa.Table)


def test_what_policy_refuses_is_told_with_its_statement(client: Client, desk: FeatureDesk) -> None:
    desk.restrict("visits", "size")
    with pytest.raises(ApiRefused, match="size is restricted") as refused:
        client.training_set("visit")
    assert refused.value.code == 409


def test_without_a_platform_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="headgate"):
        connect("shops", folder=tmp_path, environ={})
