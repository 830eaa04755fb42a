"""The ObjectStore contract."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.request import urlopen

import pytest
from headgate.domain.errors import NotFound
from headgate.domain.external_object import ExternalObject

from tests.unit.adapters.backends import Backend

KEYS = [
    "shop/orders/plain.csv",
    "shop/orders/a b.csv",
    "shop/orders/a+b.csv",
    "shop/orders/100%.csv",
    "shop/orders/a%2Fb%20c.csv",
    "shop/orders/Zürich/übersicht-日本.csv",
    "shop/orders/[1-9]*?.csv",
    "shop/orders/k=v&x=y;z.csv",
    "shop/orders/" + "n" * 900,
]


class TestObjectStore:
    @pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
    def test_what_was_put_is_got_by_the_same_key(self, backend: Backend, key: str) -> None:
        backend.store.put(key, b"body")

        assert backend.store.exists(key)
        assert backend.store.get(key) == b"body"

    def test_keys_that_look_alike_are_different_objects(self, backend: Backend) -> None:
        for key in KEYS:
            backend.store.put(key, key.encode())

        assert [backend.store.get(key) for key in KEYS] == [key.encode() for key in KEYS]

    def test_a_key_may_be_the_beginning_of_another(self, backend: Backend) -> None:
        backend.store.put("a", b"1")
        backend.store.put("a/b", b"2")
        backend.store.put("a/b/", b"3")

        assert [backend.store.get(k) for k in ("a", "a/b", "a/b/")] == [b"1", b"2", b"3"]

    def test_a_missing_key_is_not_found(self, backend: Backend, tmp_path: Path) -> None:
        assert not backend.store.exists("nothing")
        with pytest.raises(NotFound, match="nothing"):
            backend.store.get("nothing")
        with pytest.raises(NotFound):
            backend.store.download("nothing", tmp_path / "target")
        assert not (tmp_path / "target").exists()

    def test_every_version_keeps_its_bytes(self, backend: Backend, tmp_path: Path) -> None:
        backend.store.put("key", b"first")
        backend.store.put("key", b"second")

        first, second = backend.version_ids("key")

        assert backend.store.get("key") == b"second"
        assert backend.store.get("key", first) == b"first"
        assert backend.store.get("key", second) == b"second"
        digest = backend.store.download("key", tmp_path / "target", first)
        assert (tmp_path / "target").read_bytes() == b"first"
        assert digest == hashlib.sha256(b"first").hexdigest()

    def test_a_version_of_another_key_is_not_found(self, backend: Backend) -> None:
        backend.store.put("one", b"1")
        backend.store.put("other", b"2")

        with pytest.raises(NotFound):
            backend.store.get("one", backend.version_ids("other")[0])

    @pytest.mark.parametrize("size", [0, 1, 3_000_000])
    def test_files_go_up_and_down_whole(self, backend: Backend, tmp_path: Path, size: int) -> None:
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        (tmp_path / "up").write_bytes(body)

        backend.store.upload(tmp_path / "up", "big")
        digest = backend.store.download("big", tmp_path / "down")

        assert (tmp_path / "down").read_bytes() == body
        assert digest == hashlib.sha256(body).hexdigest()

    def test_what_a_person_uploads_is_not_what_is_changed_afterwards(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        (tmp_path / "up").write_bytes(b"before")
        backend.store.upload(tmp_path / "up", "key")
        (tmp_path / "up").write_bytes(b"after")

        assert backend.store.get("key") == b"before"

    def test_a_uri_names_the_object(self, backend: Backend) -> None:
        backend.store.put("shop/data/a b.parquet", b"rows")

        uri = backend.store.uri("shop/data/a b.parquet")

        if uri.startswith("s3://"):
            assert uri == f"s3://{backend.store.bucket}/shop/data/a b.parquet"
        else:
            assert Path(uri).read_bytes() == b"rows"

    @pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
    def test_an_absolute_name_means_one_version_of_an_object_of_any_bucket(
        self, backend: Backend, tmp_path: Path, key: str
    ) -> None:
        backend.store.put(key, b"first")
        backend.store.put(key, b"second")
        names = [ExternalObject(backend.store.bucket, key, v).name for v in backend.version_ids(key)]

        assert [backend.store.get(name) for name in names] == [b"first", b"second"]
        uris = [backend.store.uri(name) for name in names]
        if "amazonaws.com" in uris[0]:
            assert all(f"versionId={v}" in u for u, v in zip(uris, backend.version_ids(key), strict=True))
        else:
            assert [_read(uri) for uri in uris] == [b"first", b"second"]
        assert backend.store.exists(names[0])
        backend.store.download(names[0], tmp_path / "target")
        assert (tmp_path / "target").read_bytes() == b"first"

    @pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
    def test_a_signed_address_answers_without_credentials(self, backend: Backend, key: str) -> None:
        backend.store.put(key, b"body")

        address = backend.store.signed(key, 900)

        if address.startswith("https://s3.amazonaws.com"):  # nobody answers for it in this process
            assert "X-Amz-Expires=900" in address
            assert "X-Amz-Signature=" in address
        else:
            with urlopen(address) as answer:
                assert answer.read() == b"body"

    def test_a_version_that_is_gone_is_not_found_by_its_absolute_name(self, backend: Backend) -> None:
        backend.store.put("key", b"body")
        gone = ExternalObject(backend.store.bucket, "other", backend.version_ids("key")[0]).name

        assert not backend.store.exists(gone)
        with pytest.raises(NotFound):
            backend.store.get(gone)


def _read(uri: str) -> bytes:
    """What an engine reads at ``uri``."""
    if not uri.startswith("http"):
        return Path(uri).read_bytes()
    with urlopen(uri) as answer:
        body: bytes = answer.read()
    return body
