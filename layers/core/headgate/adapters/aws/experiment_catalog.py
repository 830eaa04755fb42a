"""Experiments (``EXPERIMENTS#<p>`` by id) and the state of triggers (``TRIGGERS#<p>``) in the catalog."""

from collections.abc import Mapping, Sequence

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import ABSENT, PRESENT, Put, Table, Value, text
from headgate.domain.canonical import short
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.experiment import Experiment
from headgate.domain.trigger_state import TriggerState


class DynamoExperimentCatalog:
    """The ExperimentCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_experiment(self, record: Experiment) -> bool:
        try:
            self._table.write([Put(_item(record), ABSENT)])
        except Conflict:
            return False
        return True

    def experiment(self, product: str, name: str) -> Experiment:
        item = self._table.get(pk=_pk(product), sk=name)
        if item is None:
            raise NotFound(f"product {product} has no experiment {short(name)}")
        return documents.experiment(text(item))

    def experiments(self, product: str, limit: int = 100) -> Sequence[Experiment]:
        """Reads all of the product's: ids are in no order of time."""
        found = [documents.experiment(text(item)) for item in self._table.query(_pk(product))]
        return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)[:limit]

    def update_experiment(self, record: Experiment) -> None:
        try:
            self._table.write([Put(_item(record), PRESENT)])
        except Conflict as absent:
            raise NotFound(f"product {record.product} has no experiment {short(record.id)}") from absent


class DynamoTriggerCatalog:
    """The TriggerCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def trigger_state(self, product: str) -> TriggerState:
        item = self._table.get(**_state(product))
        return TriggerState(product) if item is None else documents.trigger_state(text(item))

    def put_trigger_state(self, state: TriggerState) -> None:
        document = documents.text_of_record(state)
        item: dict[str, Value] = {**_state(state.product), "revision": state.revision, "document": document}
        if state.revision == 1:
            self._table.write([Put(item, ABSENT)])
        else:
            self._table.write([Put(item, "#revision = :before", {":before": state.revision - 1})])


def _item(record: Experiment) -> Mapping[str, Value]:
    document = documents.text_of_record(record)
    return {"pk": _pk(record.product), "sk": record.id, "state": record.state, "document": document}


def _pk(product: str) -> str:
    return f"EXPERIMENTS#{product}"


def _state(product: str) -> dict[str, str]:
    return {"pk": f"TRIGGERS#{product}", "sk": "STATE"}
