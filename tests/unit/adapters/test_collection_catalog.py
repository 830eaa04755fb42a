"""The CollectionCatalog contract."""

from __future__ import annotations

from dataclasses import replace

import pytest
from headgate.domain.errors import NotFound
from headgate.domain.garbage import CollectionRecord, Garbage, Kept, Retention

from tests.unit.adapters.backends import Backend


def collection(name: str, **fields: object) -> CollectionRecord:
    made = CollectionRecord(
        id=name,
        product="shop",
        dataset="orders",
        requested_by="user/alice",
        requested_at=f"2030-01-01T00:00:0{name[-1]}.000Z",
        dry_run=False,
        retention=Retention(3, 0.5, 60.0),
        collected=((1, 4), (7, 7)),
        gone=((1, 5),),
        listed=(Garbage("k", "v", 10, "2029-01-01T00:00:00.000Z", "no kept version reaches it"),),
        kept=(Kept(8, "head of main"),),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


class TestCollectionCatalog:
    def test_a_collection_is_kept_whole_and_replaced(self, backend: Backend) -> None:
        backend.collections.put_collection(collection("c-1"))
        backend.collections.put_collection(collection("c-1", state="done", deleted=3))
        assert backend.collections.collection("shop", "orders", "c-1") == collection(
            "c-1", state="done", deleted=3
        )
        with pytest.raises(NotFound, match="c-2"):
            backend.collections.collection("shop", "orders", "c-2")

    def test_a_feature_set_of_a_datasets_name_has_its_own(self, backend: Backend) -> None:
        ours = [collection(f"c-{n}", of="features") for n in range(3)]
        for record in (*ours, collection("c-1", state="failed")):
            backend.collections.put_collection(record)

        assert backend.collections.collections("shop", "orders", of="features") == ours[::-1]
        assert backend.collections.collections("shop", "orders", 2, "features") == ours[:0:-1]
        assert backend.collections.collections("shop", "orders") == [collection("c-1", state="failed")]
        assert backend.collections.collection("shop", "orders", "c-1", "features") == ours[1]
