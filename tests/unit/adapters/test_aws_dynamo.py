"""The table under the catalogs: the wire form, pages, contention, key lengths."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from headgate.adapters.aws.dynamo import (
    CONTENTION_ATTEMPTS,
    Put,
    Table,
    Update,
    chunks,
    clipped,
    marshal,
    unmarshal,
)
from headgate.adapters.aws.online import PATIENCE, READ_ATTEMPTS, ROW_BYTES, DynamoOnlineStore
from headgate.adapters.memory import ManualClock
from headgate.domain.errors import Conflict, InvalidRequest, Throttled
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.adapters import records
from tests.unit.adapters.scripted import ScriptedClients, refusal

CONTENDED = refusal("TransactionCanceledException", "TransactionConflict", "None")
CANCELLED = refusal("TransactionCanceledException", "ConditionalCheckFailed", "None")
PUT = Put({"pk": "a", "sk": "b"}, "attribute_not_exists(#pk)")

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.dictionaries(
        texts, st.one_of(texts, st.integers(), st.decimals(allow_nan=False, allow_infinity=False))
    )
)
def test_an_item_survives_the_wire(item: dict[str, str | int | Decimal]) -> None:
    assert unmarshal(marshal(item)) == item


def test_attributes_of_unknown_types_are_left_out() -> None:
    assert unmarshal({"a": {"S": "x"}, "b": {"BOOL": True}, "c": {"L": []}}) == {"a": "x"}


def test_names_in_expressions_are_never_reserved_words() -> None:
    clients = ScriptedClients([{}])
    update = Update(
        {"pk": "a", "sk": "b"}, "SET #limit = :limit ADD #spent :usd", "#limit = :limit", {":limit": 1}
    )

    Table(clients, "ledger", ManualClock()).write([update])

    action = clients.calls[0][1]["TransactItems"][0]["Update"]
    assert action["ExpressionAttributeNames"] == {"#limit": "limit", "#spent": "spent"}


def test_pages_are_followed_up_to_the_limit() -> None:
    def page(*names: str, more: bool) -> dict[str, object]:
        return {
            "Items": [{"sk": {"S": n}} for n in names],
            **({"LastEvaluatedKey": {"sk": names}} if more else {}),
        }

    clients = ScriptedClients([page("a", "b", more=True), page("c", more=True), page("d", more=True)])

    found = Table(clients, "catalog", ManualClock()).query("pk", limit=4)

    assert [item["sk"] for item in found] == ["a", "b", "c", "d"]
    assert [call["Limit"] for _, call in clients.calls] == [4, 2, 1]
    assert clients.calls[1][1]["ExclusiveStartKey"] == {"sk": ("a", "b")}


def test_contention_is_waited_out() -> None:
    clock, clients = ManualClock(), ScriptedClients([CONTENDED, CONTENDED, {}])

    Table(clients, "catalog", clock).write([PUT])

    assert len(clients.calls) == 3
    assert len(clock.slept) == 2
    assert all(0 <= pause <= 2 for pause in clock.slept)


def test_contention_without_end_is_throttling() -> None:
    clients = ScriptedClients([CONTENDED] * CONTENTION_ATTEMPTS)

    with pytest.raises(Throttled):
        Table(clients, "catalog", ManualClock()).write([PUT])

    assert len(clients.calls) == CONTENTION_ATTEMPTS


@pytest.mark.parametrize(
    ("answer", "kind"), [(CANCELLED, Conflict), (refusal("InternalServerError", "x"), Exception)]
)
def test_a_failed_condition_is_not_tried_again(answer: Exception, kind: type[Exception]) -> None:
    clients = ScriptedClients([answer])

    with pytest.raises(kind):
        Table(clients, "catalog", ManualClock()).write([PUT])

    assert len(clients.calls) == 1


@given(texts, st.integers(min_value=70, max_value=2048))
def test_a_clipped_key_fits_and_a_short_one_is_itself(key: str, limit: int) -> None:
    found = clipped(key, limit)

    assert len(found.encode()) <= limit
    assert (found == key) == (len(key.encode()) <= limit)


def test_long_keys_with_equal_beginnings_stay_apart() -> None:
    assert clipped("é" * 2000 + "a", 1024) != clipped("é" * 2000 + "b", 1024)


@given(st.lists(st.integers(min_value=1, max_value=30)))
def test_chunks_hold_every_write_in_order_within_bounds(sizes: list[int]) -> None:
    puts = [(Put({"pk": str(n)}), size) for n, size in enumerate(sizes)]

    groups = chunks(puts, 4, 30)

    assert [put for group in groups for put in group] == [put for put, _ in puts]
    weights = {id(put): size for put, size in puts}
    assert all(len(group) <= 4 and sum(weights[id(put)] for put in group) <= 30 for group in groups)


def test_keys_left_unprocessed_are_asked_for_again() -> None:
    row = {
        "pk": {"S": "shop#v#1"},
        "event_time": {"S": ""},
        "values": {"S": "{}"},
        "feature_version": {"S": "f"},
    }
    left = {"online": {"Keys": [{"pk": {"S": "shop#v#1"}}]}}
    clients = ScriptedClients(
        [{"Responses": {"online": []}, "UnprocessedKeys": left}, {"Responses": {"online": [row]}}]
    )
    clock = ManualClock()
    store = DynamoOnlineStore(Table(clients, "online", clock), clock)

    found = store.read("shop", [("v", "1")])

    assert set(found) == {("v", "1")}
    assert clients.calls[1][1]["RequestItems"] == left
    assert len(clock.slept) == 1


def online(*script: Any) -> tuple[DynamoOnlineStore, ScriptedClients, ManualClock]:
    clients, clock = ScriptedClients(list(script)), ManualClock()
    return DynamoOnlineStore(Table(clients, "online", clock), clock), clients, clock


@pytest.mark.parametrize("written", [False, True])
def test_who_has_just_written_may_ask_for_what_is_there_for_sure(written: bool) -> None:
    store, clients, _ = online({"Responses": {}})
    store.read("shop", [("v", "1")], written)
    assert clients.calls[0][1]["RequestItems"]["online"]["ConsistentRead"] is written


def test_rows_wait_for_a_table_that_is_throttled() -> None:
    store, clients, clock = online(*[CONTENDED] * (PATIENCE - 1), {})
    assert store.write([records.online_row("1")]) == 1
    assert (len(clients.calls), len(clock.slept)) == (PATIENCE, PATIENCE - 1)


def test_rows_of_a_table_that_stays_throttled_are_not_lost_in_silence() -> None:
    store, _, _ = online(*[CONTENDED] * PATIENCE)
    with pytest.raises(Throttled):
        store.write([records.online_row("1")])


@pytest.mark.parametrize("act", ["take_back", "remove"])
def test_rows_are_taken_away_a_hundred_at_a_time(act: str) -> None:
    store, clients, _ = online({}, {}, {})
    keys = [("spend", str(n)) for n in range(250)]
    if act == "remove":
        store.remove("shop", keys)
    else:
        store.take_back("shop", [(*key, records.TIME) for key in keys])
    sizes = [len(call[1]["TransactItems"]) for call in clients.calls]
    assert sorted(sizes) == [50, 100, 100]


def test_a_row_larger_than_an_item_is_refused_with_its_space() -> None:
    store, clients, _ = online()
    row = records.online_row("someone", values={"note": "ü" * (ROW_BYTES // 2)})
    with pytest.raises(InvalidRequest, match="rows of spend: .* bytes, the store takes 409600") as refused:
        store.write([row])
    assert "someone" not in str(refused.value)
    assert clients.calls == []


def test_a_scan_that_is_throttled_goes_on() -> None:
    pages = [
        {"Items": [], "LastEvaluatedKey": {"pk": {"S": "a"}}},
        refusal("ThrottlingException"),
        {"Items": []},
    ]
    store, clients, clock = online(*pages)
    assert list(store.rows("shop")) == []
    assert clients.calls[-1][1]["ExclusiveStartKey"] == {"pk": {"S": "a"}}
    assert len(clock.slept) == 1


def test_keys_left_unprocessed_for_ever_are_throttling() -> None:
    left = {"online": {"Keys": [{"pk": {"S": "shop#v#1"}}]}}
    clients = ScriptedClients([{"Responses": {}, "UnprocessedKeys": left}] * READ_ATTEMPTS)
    clock = ManualClock()

    with pytest.raises(Throttled, match="unprocessed"):
        DynamoOnlineStore(Table(clients, "online", clock), clock).read("shop", [("v", "1")])
