"""The OnlineStore contract."""

from __future__ import annotations

from headgate.ports import EarlierValue, OnlineRow

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race


def read_one(backend: Backend, key: str = "1", space: str = "spend") -> OnlineRow | None:
    return backend.online.read("shop", [(space, key)]).get((space, key))


class TestOnlineStore:
    def test_a_row_comes_back_whole(self, backend: Backend) -> None:
        row = records.online_row(
            "a b|ü#1",
            expires_at=1_900_000_000,
            values={"n": None, "x": 1 / 3, "s": "ü", "big": 2**63 - 1, "yes": True, "many": [1, None]},
            known_at=records.at(1),
            entity=("shop", "day"),
            earlier=(EarlierValue(records.at(0), "", {"n": 1.5}), EarlierValue("", "", {"n": None})),
        )

        assert backend.online.write([row]) == 1

        assert read_one(backend, "a b|ü#1") == row

    def test_absent_keys_are_left_out(self, backend: Backend) -> None:
        backend.online.write([records.online_row("1"), records.online_row("1", product="bank", space="risk")])

        found = backend.online.read("shop", [("spend", "1"), ("spend", "2"), ("risk", "1"), ("spend", "1")])

        assert found == {("spend", "1"): records.online_row("1")}
        assert backend.online.read("shop", []) == {}

    def test_an_older_row_never_replaces_a_newer_one(self, backend: Backend) -> None:
        newer = records.online_row("1", records.at(5), feature_version="f2")
        backend.online.write([newer])

        assert backend.online.write([records.online_row("1", records.at(4), feature_version="f1")]) == 0

        assert read_one(backend) == newer

    def test_an_equally_old_row_replaces(self, backend: Backend) -> None:
        backend.online.write([records.online_row("1", feature_version="f1")])

        assert backend.online.write([records.online_row("1", feature_version="f2")]) == 1

        assert read_one(backend) == records.online_row("1", feature_version="f2")

    def test_rows_without_an_event_time_replace_each_other(self, backend: Backend) -> None:
        for build in ("f1", "f2"):
            assert backend.online.write([records.online_row("1", "", feature_version=build)]) == 1

        assert read_one(backend) == records.online_row("1", "", feature_version="f2")

    def test_of_one_key_in_one_batch_the_newest_is_written(self, backend: Backend) -> None:
        rows = [records.online_row("1", records.at(n)) for n in (3, 9, 6)]

        assert backend.online.write(rows) == 1

        assert read_one(backend) == rows[1]

    def test_a_large_batch_leaves_out_only_what_is_older(self, backend: Backend) -> None:
        backend.online.write([records.online_row(str(n), records.at(9)) for n in range(0, 230, 46)])
        rows = [records.online_row(str(n), records.at(5)) for n in range(230)]

        assert backend.online.write(rows) == 225

        found = backend.online.read("shop", [("spend", str(n)) for n in range(230)])
        assert len(found) == 230
        assert {row.key for row in found.values() if row.event_time == records.at(9)} == {
            str(n) for n in range(0, 230, 46)
        }

    def test_a_key_too_long_for_the_store_comes_back_whole(self, backend: Backend) -> None:
        keys = ["k" * 3000, "k" * 2999 + "l"]
        backend.online.write([records.online_row(key) for key in keys])

        assert set(backend.online.read("shop", [("spend", key) for key in keys])) == {
            ("spend", key) for key in keys
        }
        assert sorted(row.key for row in backend.online.rows("shop")) == keys

    def test_nothing_to_write_is_no_problem(self, backend: Backend) -> None:
        assert backend.online.write([]) == 0

    def test_rival_builds_leave_the_newest_rows(self, backend: Backend) -> None:
        online, keys = backend.online, [str(n) for n in range(20)]

        outcomes = race(
            lambda second: online.write([records.online_row(k, records.at(second)) for k in keys]),
            [1, 2, 3, 4],
        )

        assert [error for _, error in outcomes if error] == []
        found = backend.online.read("shop", [("spend", key) for key in keys])
        assert {row.event_time for row in found.values()} == {records.at(4)}

    def test_the_rows_of_a_product_are_told_and_no_others(self, backend: Backend) -> None:
        keys = ["1", "a b|ü#1", "x#y"]
        backend.online.write([records.online_row(key) for key in keys])
        backend.online.write(
            [records.online_row("2", product="bank"), records.online_row("3", space="spender")]
        )

        found = sorted((row.space, row.key) for row in backend.online.rows("shop"))

        assert found == sorted([*(("spend", key) for key in keys), ("spender", "3")])
        assert list(backend.online.rows("nobody")) == []

    def test_a_removed_row_is_gone_and_removing_it_again_does_nothing(self, backend: Backend) -> None:
        backend.online.write([records.online_row("1"), records.online_row("2")])

        for _ in range(2):
            backend.online.remove("shop", [("spend", "1"), ("spend", "never there")])

        assert read_one(backend, "1") is None
        assert read_one(backend, "2") is not None

    def test_a_row_is_taken_back_only_while_it_is_the_one_that_is_meant(self, backend: Backend) -> None:
        backend.online.write([records.online_row(key, records.at(5)) for key in ("1", "2", "3")])
        backend.online.write([records.online_row("2", records.at(6))])

        backend.online.take_back("shop", [("spend", key, records.at(5)) for key in ("1", "2", "never there")])

        assert read_one(backend, "1") is None
        newer, untouched = read_one(backend, "2"), read_one(backend, "3")
        assert newer is not None
        assert newer.event_time == records.at(6)
        assert untouched is not None
