"""The part of the ObjectStore contract that knows versions: listing, looking, and deleting one for good."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from headgate.adapters.aws.s3 import S3ObjectStore
from headgate.adapters.memory import ManualClock, MemoryObjectStore
from headgate.domain.errors import InvalidRequest, NotFound, StateUnknown
from headgate.ports import ObjectEntry

from tests.unit.adapters.backends import Backend
from tests.unit.adapters.conftest import OneCallAtATime
from tests.unit.adapters.scripted import ScriptedClients, refusal
from tests.unit.adapters.test_object_store import KEYS


def listed(backend: Backend, prefix: str = "") -> list[ObjectEntry]:
    return list(backend.store.entries(prefix))


class TestObjectVersions:
    def test_an_empty_bucket_lists_nothing(self, backend: Backend) -> None:
        assert listed(backend) == []

    def test_every_version_is_listed_by_key_the_newest_first(self, backend: Backend) -> None:
        for key, body in (("b", b"1"), ("a", b"22"), ("b", b"333")):
            backend.store.put(key, body)

        found = listed(backend)

        assert [(e.key, e.bytes, e.is_latest) for e in found] == [
            ("a", 2, True),
            ("b", 3, True),
            ("b", 1, False),
        ]
        assert [e.version_id for e in found if e.key == "b"] == backend.version_ids("b")[::-1]
        for entry in found:
            written = datetime.fromisoformat(entry.last_modified)
            assert abs((backend.clock.now() - written).total_seconds()) < 60
            assert entry.last_modified.endswith("Z")

    def test_a_prefix_is_the_beginning_of_a_key(self, backend: Backend) -> None:
        for key in ("shop/a", "shop/ab", "shop", "shops/a", "other/shop/a"):
            backend.store.put(key, b"")

        assert [e.key for e in listed(backend, "shop/a")] == ["shop/a", "shop/ab"]
        assert [e.key for e in listed(backend, "shop/")] == ["shop/a", "shop/ab"]
        assert listed(backend, "shop/b") == []

    def test_keys_are_listed_as_they_were_put(self, backend: Backend) -> None:
        for key in KEYS:
            backend.store.put(key, key.encode())

        assert [e.key for e in listed(backend)] == sorted(KEYS, key=lambda key: key.encode())

    @pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
    def test_an_object_is_looked_at_without_reading_it(self, backend: Backend, key: str) -> None:
        backend.store.put(key, b"first")
        backend.store.put(key, b"second one")
        old, new = backend.version_ids(key)

        newest, named = backend.store.head(key), backend.store.head(key, old)

        assert (newest.key, newest.version_id, newest.bytes, newest.is_latest) == (key, new, 10, True)
        assert (named.key, named.version_id, named.bytes, named.is_latest) == (key, old, 5, None)
        # moto forgets a checksum that came with a body
        assert named.sha256 in (None, hashlib.sha256(b"first").hexdigest())
        found = listed(backend)[0]
        assert found.last_modified[:19] == newest.last_modified[:19]
        assert found == replace(newest, sha256=None, last_modified=found.last_modified)

    def test_a_files_digest_is_known_without_reading_it(self, backend: Backend, tmp_path: Path) -> None:
        (tmp_path / "up").write_bytes(b"rows")
        backend.store.upload(tmp_path / "up", "key")

        assert backend.store.head("key").sha256 == hashlib.sha256(b"rows").hexdigest()

    def test_what_is_not_there_is_not_found(self, backend: Backend) -> None:
        backend.store.put("one", b"1")
        backend.store.put("other", b"2")

        with pytest.raises(NotFound, match="nothing"):
            backend.store.head("nothing")
        with pytest.raises(NotFound):
            backend.store.head("one", backend.version_ids("other")[0])

    def test_a_deleted_version_is_gone_and_no_other(self, backend: Backend) -> None:
        for body in (b"first", b"second", b"third"):
            backend.store.put("key", body)
        first, second, third = backend.version_ids("key")

        backend.store.delete("key", second)

        with pytest.raises(NotFound):
            backend.store.get("key", second)
        assert backend.store.get("key") == backend.store.get("key", third) == b"third"
        assert backend.store.get("key", first) == b"first"
        assert [e.version_id for e in listed(backend)] == [third, first]

    def test_without_its_newest_version_an_object_is_the_one_before(self, backend: Backend) -> None:
        backend.store.put("key", b"first")
        backend.store.put("key", b"second")
        first, second = backend.version_ids("key")

        backend.store.delete("key", second)

        assert backend.store.get("key") == b"first"
        assert [(e.version_id, e.is_latest) for e in listed(backend)] == [(first, True)]

    def test_without_any_version_there_is_no_object(self, backend: Backend) -> None:
        backend.store.put("key", b"body")
        backend.store.put("key2", b"body")

        backend.store.delete("key", backend.version_ids("key")[0])

        assert not backend.store.exists("key")
        with pytest.raises(NotFound):
            backend.store.get("key")
        assert [e.key for e in listed(backend)] == ["key2"]

    def test_deleting_what_is_gone_does_nothing(self, backend: Backend) -> None:
        backend.store.put("key", b"first")
        backend.store.put("key", b"second")
        first, second = backend.version_ids("key")

        for _ in range(2):
            backend.store.delete("key", first)
        backend.store.delete("nothing", first)

        assert [(e.key, e.version_id) for e in listed(backend)] == [("key", second)]

    def test_a_deletion_without_a_version_is_refused(self, backend: Backend) -> None:
        """It would leave every byte where it is, behind a delete marker."""
        backend.store.put("key", b"body")

        with pytest.raises(InvalidRequest, match="key"):
            backend.store.delete("key", "")

        assert backend.store.get("key") == b"body"

    def test_objects_may_be_deleted_while_they_are_listed(self, backend: Backend) -> None:
        for n in range(5):
            backend.store.put(f"shop/{n}", b"body")

        for entry in backend.store.entries("shop/"):
            backend.store.delete(entry.key, entry.version_id)

        assert listed(backend) == []


def test_delete_markers_are_left_out(moto: Backend, moto_clients: OneCallAtATime) -> None:
    moto.store.put("key", b"body")
    moto_clients.client("s3").delete_object(Bucket=moto.store.bucket, Key="key")

    assert [(e.key, e.is_latest) for e in moto.store.entries("")] == [("key", False)]


def test_an_object_of_a_bucket_that_kept_no_versions_has_the_null_version(
    moto: Backend, moto_clients: OneCallAtATime
) -> None:
    moto_clients.client("s3").create_bucket(Bucket="plain")
    store = S3ObjectStore(moto_clients, "plain")
    store.put("key", b"body")

    assert store.head("key").version_id == "null"
    assert [e.version_id for e in store.entries("")] == ["null"]
    store.delete("key", "null")
    assert not store.exists("key")


def test_pages_of_versions_are_followed() -> None:
    def page(key: str, **more: str | bool) -> dict[str, object]:
        found = {
            "Key": key,
            "VersionId": "v",
            "Size": 1,
            "LastModified": datetime.fromisoformat("2030-01-01T01:00:00+01:00"),
            "IsLatest": True,
        }
        return {"Versions": [found], **more}

    markers = {"NextKeyMarker": "a", "NextVersionIdMarker": "v"}
    clients = ScriptedClients([page("a", IsTruncated=True, **markers), page("b", IsTruncated=False)])

    found = list(S3ObjectStore(clients, "lake").entries("shop/"))

    assert [(e.key, e.last_modified) for e in found] == [
        ("a", "2030-01-01T00:00:00.000Z"),
        ("b", "2030-01-01T00:00:00.000Z"),
    ]
    assert clients.calls[1][1] == {
        "Bucket": "lake",
        "Prefix": "shop/",
        "KeyMarker": "a",
        "VersionIdMarker": "v",
    }


def test_the_digest_of_a_multipart_upload_is_none_of_the_object() -> None:
    answer = {
        "VersionId": "v",
        "ContentLength": 1,
        "LastModified": datetime.fromisoformat("2030-01-01T00:00:00+00:00"),
        "ChecksumSHA256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=-3",
    }

    assert S3ObjectStore(ScriptedClients([answer]), "lake").head("key").sha256 is None


def test_a_deletion_without_an_answer_leaves_the_state_unknown() -> None:
    broken = refusal("InternalError")
    broken.response["ResponseMetadata"]["HTTPStatusCode"] = 500

    with pytest.raises(StateUnknown):
        S3ObjectStore(ScriptedClients([broken]), "lake").delete("key", "v")


def test_a_memory_store_tells_time_by_its_clock(tmp_path: Path) -> None:
    clock = ManualClock()
    store = MemoryObjectStore("lake", tmp_path, clock=clock)
    store.put("key", b"1")
    clock.advance(1.5)
    store.put("key", b"2")

    assert [e.last_modified for e in store.entries("")] == [
        "2030-01-01T00:00:01.500Z",
        "2030-01-01T00:00:00.000Z",
    ]
