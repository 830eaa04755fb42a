"""One online row for people: its values, and whether a prediction would use it, by the rule of serving."""

from typing import Any

import boto3
import pytest
from headgate.adapters.aws.dynamo import Table
from headgate.adapters.aws.online import DynamoOnlineStore
from headgate.adapters.aws.session import AwsClients
from headgate.domain.errors import AccessDenied, InvalidRequest, NotFound
from headgate.domain.feature import FeatureView
from headgate.domain.identity import Principal
from headgate.domain.masking import MASK
from headgate.ports import OnlineRow
from headgate.services.features.read_online import ReadOnline
from headgate.services.features.row_times import unusable
from moto import mock_aws

from tests.support.feature_set_desk import FeatureDesk
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle, space
from tests.unit.adapters.backends import make_table

HAPPENED = "2024-02-29T12:00:00.000Z"


@pytest.fixture
def desk(prepared_platform: MemoryPlatform) -> FeatureDesk:
    return FeatureDesk(prepared_platform.fork())


def view(**changes: Any) -> FeatureView:
    fields: dict[str, Any] = {
        **{"name": "v", "kind": "feature", "inputs": ("i",), "entity": ("e",), "event_time": "t"},
        **{"max_age_seconds": 3600, "online": True, "sql": "SELECT 1", "available_after": 900},
    }
    return FeatureView(**{**fields, **changes})


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("2024-02-29T12:14:59.999Z", "it is not known yet"),
        ("2024-02-29T12:15:00.000Z", None),
        ("2024-02-29T13:00:00.000Z", None),
        ("2024-02-29T13:00:00.001Z", "it is stale"),
        ("2024-02-29T14:15:00+02:00", None),
        ("2024-02-29T11:00:00.000Z", "it is not known yet"),
    ],
)
def test_a_value_is_known_after_a_while_and_ages_from_when_it_happened(at: str, why: str | None) -> None:
    row = OnlineRow("p", "v", "k", HAPPENED, {}, "f" * 64)
    assert unusable(view(), row, at) == why


def test_without_a_cap_a_value_never_gets_stale_and_without_a_time_it_is_always_known() -> None:
    row = OnlineRow("p", "v", "k", HAPPENED, {}, "f" * 64)
    assert unusable(view(max_age_seconds=None), row, "2099-01-01T00:00:00Z") is None
    timeless = OnlineRow("p", "v", "k", "", {}, "f" * 64)
    assert unusable(view(), timeless, "2000-01-01T00:00:00Z") is None


def test_a_row_is_told_with_its_times_and_version(desk: FeatureDesk) -> None:
    head = desk.platform.catalog.feature_head("shops", "visit")
    assert head is not None
    assert desk.row("north", at="2024-02-29T12:30:00Z") == {
        "view": "sensor_now",
        "entity": {"shop": "north"},
        "key": "north",
        "at": "2024-02-29T12:30:00.000Z",
        "usable": True,
        "why": "",
        "max_age_seconds": 3600,
        "values": {"warmth": 29.12},
        "event_time": HAPPENED,
        "known_at": HAPPENED,
        "age_seconds": 1800.0,
        "feature_version": head.digest,
    }


def test_without_an_instant_it_is_asked_as_of_now(desk: FeatureDesk) -> None:
    found = desk.row("north")
    assert (found["usable"], found["why"]) == (False, "it is stale")
    assert found["age_seconds"] > 3600


def test_a_value_that_is_known_later_says_when(desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["available_after"] = 900
    desk.platform.apply_product(document)
    found = desk.row("north", at="2024-02-29T12:10:00Z")
    assert (found["why"], found["known_at"]) == ("it is not known yet", "2024-02-29T12:15:00.000Z")


def test_an_entity_without_a_row_is_told_so(desk: FeatureDesk) -> None:
    found = desk.row("west")
    assert (found["usable"], found["why"], found["values"]) == (False, "there is no row", None)


def test_a_view_that_is_declared_anew_has_no_row_until_it_is_built(desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["sql"] = "SELECT shop, known_at, warmth + 1 AS warmth FROM sensor"
    desk.platform.apply_product(document)
    assert desk.row("north")["why"] == "the view was declared anew and is not built yet"
    desk.platform.build.on_dataset_version("shops", "visits")
    assert desk.row("north")["values"] == {"warmth": 30.12}


def test_before_the_first_build_that_is_told(platform: MemoryPlatform) -> None:
    assert FeatureDesk(platform).row("north")["why"] == "nothing is built yet"


def test_one_row_is_one_request_to_the_store(desk: FeatureDesk) -> None:
    asked: list[Any] = []
    read = desk.platform.online.read

    def counted(*given: Any) -> Any:
        asked.append(given)
        return read(*given)

    desk.platform.online.read = counted  # type: ignore[method-assign]
    desk.row("north")
    assert asked == [("shops", [(space(), "north")])]


def test_one_row_is_one_request_to_dynamodb(desk: FeatureDesk) -> None:
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name="eu-west-1")
        clients = AwsClients(session)
        make_table(clients, "online", sort_key=False)
        online = DynamoOnlineStore(Table(clients, "online", desk.platform.clock), desk.platform.clock)
        row = OnlineRow("shops", space(), "north", HAPPENED, {"warmth": 29.12}, "f" * 64)
        online.write([row])
        sent: list[str] = []
        events = clients.client("dynamodb").meta.events
        events.register("before-call.dynamodb", lambda model, **_: sent.append(model.name))
        reading = ReadOnline(desk.sets, online)
        found = reading.get(desk.caller, "shops", "visit", "sensor_now", ["north"], HAPPENED)
    assert found["values"] == {"warmth": 29.12}
    assert sent == ["BatchGetItem"]


def test_values_of_restricted_columns_are_masked(desk: FeatureDesk) -> None:
    desk.restrict("sensor", "warmth")
    assert desk.row("north")["values"] == {"warmth": MASK}


@pytest.mark.parametrize(
    ("keys", "given", "error", "reason"),
    [
        (("a", "b"), {}, InvalidRequest, "is by shop: 1 key"),
        (("a",), {"view": "nothing"}, NotFound, "online are sensor_now"),
        (("a",), {"at": "noon"}, InvalidRequest, "'noon' is no instant"),
    ],
)
def test_what_cannot_be_looked_up_is_refused(
    desk: FeatureDesk, keys: tuple[str, ...], given: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        desk.row(*keys, **given)


def test_a_view_that_is_not_online_says_so(desk: FeatureDesk) -> None:
    document = bundle()
    document["views"]["sensor_now"]["online"] = False
    desk.platform.apply_product(document)
    with pytest.raises(InvalidRequest, match="has no online rows.*online are none"):
        desk.row("north")


def test_a_stranger_reads_no_row(desk: FeatureDesk) -> None:
    desk.caller = Principal("user/mallory")
    with pytest.raises(AccessDenied):
        desk.row("north")
