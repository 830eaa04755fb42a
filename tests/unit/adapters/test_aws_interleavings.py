"""A rival acts between an adapter's read and its write: the moment that races reach only by luck."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from headgate.adapters.aws.dynamo import Table
from headgate.adapters.aws.ledger import DynamoLedger
from headgate.adapters.aws.model_catalog import DynamoModelCatalog
from headgate.adapters.aws.online import DynamoOnlineStore
from headgate.adapters.aws.product_catalog import DynamoProductCatalog
from headgate.adapters.aws.session import AwsClients
from headgate.adapters.memory import ManualClock
from headgate.domain import audit
from headgate.domain.errors import Conflict

from tests.unit.adapters import records
from tests.unit.adapters.backends import make_table
from tests.unit.adapters.conftest import OneCallAtATime

MONTH = "2030-01"


class Interrupted(AwsClients):
    """Lets ``meanwhile`` happen once, just before the next transaction is sent."""

    def __init__(self, clients: AwsClients) -> None:
        super().__init__()
        self._real = clients
        self.meanwhile: Callable[[], object] | None = None

    def client(self, service: str) -> Any:
        return _Before(self._real.client(service), self)


class _Before:
    def __init__(self, client: Any, owner: Interrupted) -> None:
        self._client, self._owner = client, owner

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._client, operation)

    def transact_write_items(self, **request: Any) -> Any:
        meanwhile, self._owner.meanwhile = self._owner.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return self._client.transact_write_items(**request)


@pytest.fixture
def interrupted(moto: object, moto_clients: OneCallAtATime) -> Interrupted:
    return Interrupted(moto_clients)


@pytest.fixture
def table(interrupted: Interrupted) -> Table:
    return Table(interrupted, make_table(interrupted, "table"), ManualClock())


def test_an_alias_that_was_moved_meanwhile_is_not_moved(interrupted: Interrupted, table: Table) -> None:
    models = DynamoModelCatalog(table)
    models.move_alias(records.move(None, 1, 1))
    interrupted.meanwhile = lambda: models.move_alias(records.move(1, 2, 2))

    with pytest.raises(Conflict):
        models.move_alias(records.move(1, 3, 3))

    assert models.alias("churn", "champion") == 2
    assert [move.to_version for move in models.alias_moves("churn", "champion")] == [1, 2]


def test_an_alias_that_went_and_came_back_is_not_moved(interrupted: Interrupted, table: Table) -> None:
    models = DynamoModelCatalog(table)
    models.move_alias(records.move(None, 1, 1))

    def there_and_back() -> None:
        models.move_alias(records.move(1, 2, 2))
        models.move_alias(records.move(2, 1, 3))

    interrupted.meanwhile = there_and_back
    with pytest.raises(Conflict):
        models.move_alias(records.move(1, 3, 4))

    assert [move.to_version for move in models.alias_moves("churn", "champion")] == [1, 2, 1]


def test_a_first_move_that_was_made_meanwhile_stays(interrupted: Interrupted, table: Table) -> None:
    models = DynamoModelCatalog(table)
    interrupted.meanwhile = lambda: models.move_alias(records.move(None, 1, 1))

    with pytest.raises(Conflict):
        models.move_alias(records.move(None, 2, 2))

    assert models.alias("churn", "champion") == 1


def test_a_decision_chained_meanwhile_is_followed(interrupted: Interrupted, table: Table) -> None:
    ledger = DynamoLedger(table, ManualClock())
    ledger.append_decision("shop", {"id": "e1"})
    interrupted.meanwhile = lambda: ledger.append_decision("shop", {"id": "rival"})

    ledger.append_decision("shop", {"id": "e2"})

    listed = ledger.decisions("shop")
    assert [d["id"] for d in listed] == ["e2", "rival", "e1"]
    chain = [audit.AuditEntry.from_json(entry) for entry in reversed(listed)]
    assert audit.verify(chain, audit.genesis("shop")).ok


def test_the_same_decision_chained_meanwhile_is_chained_once(interrupted: Interrupted, table: Table) -> None:
    ledger = DynamoLedger(table, ManualClock())
    interrupted.meanwhile = lambda: ledger.append_decision("shop", {"id": "e1"})

    ledger.append_decision("shop", {"id": "e1"})

    assert [d["id"] for d in ledger.decisions("shop")] == ["e1"]


def test_a_run_reserved_meanwhile_is_reserved_once(interrupted: Interrupted, table: Table) -> None:
    ledger = DynamoLedger(table, ManualClock())
    interrupted.meanwhile = lambda: ledger.reserve("shop", MONTH, "r1", 1.0, 0.4)

    budget = ledger.reserve("shop", MONTH, "r1", 1.0, 0.4)

    assert budget.reserved == 0.4


def test_a_run_settled_meanwhile_is_settled_once(interrupted: Interrupted, table: Table) -> None:
    ledger = DynamoLedger(table, ManualClock())
    ledger.reserve("shop", MONTH, "r1", 1.0, 0.4)
    interrupted.meanwhile = lambda: ledger.settle("shop", MONTH, "r1", 0.1)

    ledger.settle("shop", MONTH, "r1", 0.3)

    budget = ledger.reserve("shop", MONTH, "r1", 1.0, 0.4)
    assert (budget.reserved, budget.spent) == (0.0, 0.1)


def test_a_newer_row_written_meanwhile_stays(interrupted: Interrupted, moto_clients: OneCallAtATime) -> None:
    clock = ManualClock()
    name = make_table(moto_clients, "online", sort_key=False)
    mine = DynamoOnlineStore(Table(interrupted, name, clock), clock)
    theirs = DynamoOnlineStore(Table(moto_clients, name, clock), clock)
    newer = records.online_row("1", records.at(9))
    interrupted.meanwhile = lambda: theirs.write([newer])

    assert mine.write([records.online_row("1", records.at(5)), records.online_row("2", records.at(5))]) == 1

    found = mine.read("shop", [("spend", "1"), ("spend", "2")])
    assert [row.event_time for row in found.values()] == [records.at(9), records.at(5)]


def test_a_stage_changed_meanwhile_is_named(interrupted: Interrupted, table: Table) -> None:
    products = DynamoProductCatalog(table)
    products.put_product(records.product())
    interrupted.meanwhile = lambda: products.change_stage("shop", "poc", "prototype", records.at(1))

    with pytest.raises(Conflict, match="in stage prototype, not poc"):
        products.change_stage("shop", "poc", "mvp", records.at(2))

    assert products.product("shop").stage == "prototype"
