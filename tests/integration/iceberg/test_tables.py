"""Tables hold exactly what versions hold: one snapshot each, through every kind of change, and once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from headgate.adapters.iceberg import glue_tables
from headgate.domain.errors import Conflict, Corrupted, InvalidRequest, PreconditionFailed
from headgate.domain.published_table import TableId

from tests.integration.iceberg.world import TABLE, World, column, version

ID, SIZE = column("id", "INTEGER"), column("size", "INTEGER")


def test_a_version_is_a_snapshot_that_says_which(world: World) -> None:
    table = world.create(ID, SIZE)
    first, second = world.file("SELECT 1 AS id, 10 AS size"), world.file("SELECT 2 AS id, 20 AS size")

    table.publish(version(1, [ID, SIZE], [first]))
    table.publish(version(4, [ID, SIZE], [second], rows=2))

    assert world.rows() == [(1, 10), (2, 20)]
    assert (world.open().ordinal, world.open().digest) == (4, f"{4:064x}")
    said = [s.summary.additional_properties for s in world.snapshots()]
    assert [s["headgate.ordinal"] for s in said] == ["1", "4"]
    assert said[1]["headgate.version"] == f"{4:064x}"
    assert (said[1]["headgate.operation"], said[1]["total-records"]) == ("append", "2")


def test_data_files_are_named_where_they_lie_and_nothing_is_rewritten(world: World) -> None:
    file = world.file("SELECT 1 AS id")

    world.create(ID).publish(version(1, [ID], [file]))

    assert [f.file_path for f in world.open()._live()] == [file.uri]
    assert not [key for key in world.own_keys() if key.endswith(".parquet")]


def test_an_older_snapshot_still_reads_what_its_version_held(world: World) -> None:
    table = world.create(ID)
    first, second = world.file("SELECT 1 AS id"), world.file("SELECT 2 AS id")

    table.publish(version(1, [ID], [first]))
    table.publish(version(2, [ID], [second], [first], operation="overwrite"))

    assert world.rows() == [(2,)]
    assert world.rows(snapshot=0) == [(1,)]


def test_files_are_removed_and_added_in_one_snapshot(world: World) -> None:
    table = world.create(ID)
    files = [world.file(f"SELECT {n} AS id") for n in range(3)]
    table.publish(version(1, [ID], files))
    new = world.file("SELECT 9 AS id")

    table.publish(version(2, [ID], [new], files[:2], rows=2, operation="rollback"))

    assert world.rows() == [(2,), (9,)]
    assert len(world.snapshots()) == 2


def test_a_version_without_files_empties_the_table(world: World) -> None:
    table = world.create(ID)
    file = world.file("SELECT 1 AS id")
    table.publish(version(1, [ID], [file]))

    table.publish(version(2, [ID], [], [file], operation="delete"))

    assert world.rows() == []


def test_a_version_that_changes_no_file_is_a_snapshot_too(world: World) -> None:
    table = world.create(ID)
    table.publish(version(1, [ID], [world.file("SELECT 1 AS id")]))

    table.publish(version(2, [ID], rows=1, operation="merge"))

    assert (world.rows(), world.open().ordinal, len(world.snapshots())) == ([(1,)], 2, 2)


def test_all_files_of_a_version_replace_whatever_the_table_holds(world: World) -> None:
    table = world.create(ID)
    kept, gone, new = (world.file(f"SELECT {n} AS id") for n in range(3))
    table.publish(version(1, [ID], [kept, gone]))

    table.publish(version(2, [ID], [kept, new], None))

    assert world.rows() == [(0,), (2,)]


def test_a_file_that_is_listed_twice_counts_twice_until_one_of_them_goes(world: World) -> None:
    table = world.create(ID)
    file = world.file("SELECT 1 AS id")

    table.publish(version(1, [ID], [file, file]))
    twice = world.rows()
    table.publish(version(2, [ID], [file], None))

    assert (twice, world.rows()) == ([(1,), (1,)], [(1,)])


def test_a_change_that_does_not_lead_to_the_versions_rows_is_refused(world: World) -> None:
    table = world.create(ID)
    table.publish(version(1, [ID], [world.file("SELECT 1 AS id")]))

    with pytest.raises(Corrupted, match="would hold 2 rows and v2 has 7"):
        table.publish(version(2, [ID], [world.file("SELECT 2 AS id")], rows=7))

    assert world.open().ordinal == 1


def test_of_two_workers_that_publish_the_same_version_one_is_told_to_look_again(world: World) -> None:
    world.create(ID)
    one, other = world.open(), world.open()
    file = world.file("SELECT 1 AS id")

    one.publish(version(1, [ID], [file]))
    with pytest.raises(Conflict):
        other.publish(version(1, [ID], [file]))

    assert (world.rows(), len(world.snapshots())) == ([(1,)], 1)


def test_columns_are_added_widened_and_renamed_and_old_files_follow(world: World) -> None:
    table = world.create(ID, SIZE)
    table.publish(version(1, [ID, SIZE], [world.file("SELECT 1 AS id, 10 AS size")]))
    wider = [column("id", "BIGINT"), column("height", "INTEGER", "size"), column("note", "VARCHAR")]

    table.publish(
        version(2, wider, [world.file("SELECT 3000000000 AS id, 20 AS height, 'x' AS note")], rows=2)
    )

    assert world.rows("id", "height", "note") == [(1, 10, None), (3000000000, 20, "x")]
    assert world.rows("id", "size", snapshot=0) == [(1, 10)]


def test_a_file_under_a_former_name_can_be_added_later(world: World) -> None:
    columns = [ID, column("height", "INTEGER", "size")]
    table = world.create(*columns)
    old, new = world.file("SELECT 1 AS id, 10 AS size"), world.file("SELECT 2 AS id, 20 AS height")

    table.publish(version(1, columns, [new]))
    table.publish(version(2, columns, [old], rows=2))

    # The mapping knows the names the table itself went through; a former one is told to it as well.
    assert world.rows("id", "height") == [(1, 10), (2, 20)]


def test_back_to_an_older_schema_and_forth_again(world: World) -> None:
    old_schema, new_schema = [ID, SIZE], [column("id", "BIGINT"), column("height", "INTEGER", "size")]
    table = world.create(*old_schema)
    old, new = world.file("SELECT 1 AS id, 10 AS size"), world.file("SELECT 2::BIGINT AS id, 20 AS height")
    table.publish(version(1, old_schema, [old]))
    table.publish(version(2, new_schema, [new], rows=2))

    table.publish(version(3, old_schema, [], [new], rows=1, operation="rollback"))
    back = world.rows("id", "size")
    table.publish(version(4, new_schema, [new], rows=2, operation="rollback"))

    assert back == [(1, 10)]
    assert world.rows("id", "height") == [(1, 10), (2, 20)]


def test_a_dropped_column_is_gone_and_its_files_are_read_without_it(world: World) -> None:
    table = world.create(ID, SIZE)
    table.publish(version(1, [ID, SIZE], [world.file("SELECT 1 AS id, 10 AS size")]))

    table.publish(version(2, [ID], [world.file("SELECT 2 AS id")], rows=2))

    assert world.rows() == [(1,), (2,)]


@pytest.mark.parametrize(
    ("before", "after"),
    [("INTEGER", "DOUBLE"), ("DATE", "TIMESTAMP"), ("DECIMAL(9,2)", "DECIMAL(12,3)")],
)
def test_what_iceberg_cannot_widen_is_refused_and_changes_nothing(
    world: World, before: str, after: str
) -> None:
    table = world.create(column("id", before))
    table.publish(version(1, [column("id", before)], [world.file(f"SELECT NULL::{before} AS id")]))
    new = world.file(f"SELECT NULL::{after} AS id")

    with pytest.raises(PreconditionFailed, match="Iceberg cannot"):
        table.publish(version(2, [column("id", after)], [new], rows=2))

    assert world.open().ordinal == 1


def test_a_name_that_meant_another_column_before_is_refused(world: World) -> None:
    table = world.create(ID, SIZE)
    reused = [ID, SIZE, column("height", "INTEGER", "size")]

    with pytest.raises(PreconditionFailed, match="cannot tell the two apart"):
        table.publish(version(1, reused, [world.file("SELECT 1 AS id, 2 AS size, 3 AS height")]))


def test_every_type_of_a_contract_comes_back_as_it_went(world: World) -> None:
    values = {
        "BOOLEAN": "true",
        "TINYINT": "1::TINYINT",
        "SMALLINT": "2::SMALLINT",
        "BIGINT": "3::BIGINT",
        "FLOAT": "1.5::FLOAT",
        "DOUBLE": "2.5::DOUBLE",
        "DECIMAL(9,2)": "1.25::DECIMAL(9,2)",
        "DECIMAL(38,3)": "12345678901234567890.125::DECIMAL(38,3)",
        "VARCHAR": "'ü'",
        "DATE": "DATE '2024-02-29'",
        "TIME": "TIME '10:11:12.000013'",
        "TIMESTAMP": "TIMESTAMP '2024-02-29 10:11:12.000013'",
        "TIMESTAMPTZ": "TIMESTAMPTZ '2024-02-29 10:11:12+00'",
        "UUID": "'11111111-2222-3333-4444-555555555555'::UUID",
        "BLOB": "'\\x00\\x01'::BLOB",
        "INTEGER[]": "[1, 2]",
        "STRUCT(a INTEGER, b VARCHAR[])": "{'a': 1, 'b': ['x']}",
    }
    columns = [column(f"c{n}", kind) for n, kind in enumerate(values)]
    select = ", ".join(f"{value} AS c{n}" for n, value in enumerate(values.values()))
    file = world.file(f"SELECT {select}")
    world.create(*columns).publish(version(1, columns, [file]))

    (found,) = world.rows(*(c.name for c in columns))

    import duckdb

    expected = duckdb.sql(f"SET TimeZone='UTC'; SELECT {select}").fetchone()
    assert [str(v) for v in found] == [str(v) for v in expected or ()]


def test_an_imported_object_is_taken_only_while_it_is_what_was_imported(world: World) -> None:
    outside = world.file("SELECT 1 AS id", "elsewhere/object without ending")
    pinned = replace(outside, version_id=world.newest)
    world.create(ID).publish(version(1, [ID], [pinned]))
    world.file("SELECT 2 AS id", "elsewhere/object without ending")

    anew = world.create(ID, generation="again")
    with pytest.raises(PreconditionFailed, match="other rows than this platform"):
        anew.publish(version(1, [ID], [pinned]))


def test_a_file_may_hold_columns_that_no_version_of_the_table_showed(world: World) -> None:
    columns = [ID, column("extra", "INTEGER")]
    table = world.create(ID)
    table.publish(version(1, [ID], [world.file("SELECT 1 AS id, 'more' AS extra")]))
    hidden = world.rows()

    table.publish(version(2, columns, [world.file("SELECT 2 AS id, 5 AS extra")], rows=2))

    assert (hidden, world.rows("id")) == ([(1,)], [(1,), (2,)])


def test_a_table_of_another_generation_goes_with_its_files_and_is_made_anew(world: World) -> None:
    file = world.file("SELECT 1 AS id")
    world.create(ID).publish(version(1, [ID], [file]))
    before = set(world.own_keys())

    made = world.create(ID, generation="again")
    same = world.create(ID, generation="again")
    made.publish(version(1, [ID], [file]))

    assert (made.generation, same.ordinal, world.rows()) == ("again", 0, [(1,)])
    assert before.isdisjoint(world.own_keys())
    versions = world.clients.client("s3").list_object_versions(Bucket=world.bucket, Prefix=TABLE.prefix)
    assert before.isdisjoint(v["Key"] for v in versions["Versions"])


def test_a_table_that_is_not_there_is_none_and_a_name_is_one_datasets(world: World) -> None:
    assert world.tables.find(TABLE) is None
    world.create(ID)

    with pytest.raises(InvalidRequest, match="call one of the datasets otherwise"):
        world.tables.find(TableId("Shops", "visits"))


def test_what_another_engine_wrote_makes_the_table_unknown(world: World) -> None:
    table = world.create(ID)
    first, foreign = world.file("SELECT 1 AS id"), world.file("SELECT 2 AS id")
    table.publish(version(1, [ID], [first]))
    world.open()._table.add_files([foreign.uri])

    found = world.open()
    assert (found.ordinal, found.digest) == (1, "")
    found.publish(version(2, [ID], [first], None))

    assert world.rows() == [(1,)]


def test_snapshots_past_the_newest_expire_and_metadata_stays_small(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glue_tables, "KEPT_SNAPSHOTS", 3)
    monkeypatch.setattr(glue_tables, "EXPIRED_AT_ONCE", 2)
    table = world.create(ID)

    for n in range(1, 9):
        table.publish(version(n, [ID], [world.file(f"SELECT {n} AS id")], rows=n))

    assert len(world.snapshots()) in (3, 4)
    assert len(world.rows()) == 8
    assert len([key for key in world.own_keys() if key.endswith(".metadata.json")]) <= 12
