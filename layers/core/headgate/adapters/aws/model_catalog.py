"""Models in the catalog table: ``MODEL#<m>`` with HEAD, V#, DIGEST#, ALIAS#, MOVE#; ``MONITOR#<m>``."""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.adapters import documents
from headgate.adapters.aws.dynamo import ABSENT, Item, Put, Table, next_head, number, text
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.model import AliasMove, ModelVersion


class DynamoModelCatalog:
    """The ModelCatalog port."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_model(self, record: ModelVersion) -> None:
        pk, document = _pk(record.model), documents.text_of_record(record)
        head: Item = {"pk": pk, "sk": "HEAD", "ordinal": record.version, "digest": record.digest}
        self._table.write(
            [
                next_head(head, record.version),
                Put({"pk": pk, "sk": _version(record.version), "document": document}, ABSENT),
                Put({"pk": pk, "sk": f"DIGEST#{record.digest}", "ordinal": record.version}, ABSENT),
            ]
        )

    def latest_version(self, model: str) -> int:
        head = self._table.get(pk=_pk(model), sk="HEAD")
        return 0 if head is None else number(head, "ordinal")

    def model_with_digest(self, model: str, digest: str) -> ModelVersion | None:
        item = self._table.get(pk=_pk(model), sk=f"DIGEST#{digest}")
        return None if item is None else self.model_version(model, number(item, "ordinal"))

    def model_version(self, model: str, version: int) -> ModelVersion:
        item = self._table.get(pk=_pk(model), sk=_version(version))
        if item is None:
            raise NotFound(f"model {model} has no version {version}")
        return documents.model_version(text(item))

    def model_versions(self, model: str, limit: int = 100) -> Sequence[ModelVersion]:
        """Newest first."""
        items = self._table.query(_pk(model), "V#", newest_first=True, limit=limit)
        return [documents.model_version(text(item)) for item in items]

    def alias(self, model: str, alias: str) -> int | None:
        item = self._table.get(pk=_pk(model), sk=f"ALIAS#{alias}")
        return None if item is None else number(item, "version")

    def move_alias(self, move: AliasMove) -> None:
        self._table.write(alias_writes(self._table, move))

    def alias_moves(self, model: str, alias: str) -> Sequence[AliasMove]:
        items = self._table.query(_pk(model), f"MOVE#{alias}#")
        return [
            documents.alias_move(text(item)) for item in sorted(items, key=lambda item: number(item, "moves"))
        ]

    def add_report(self, model: str, report: Mapping[str, Any]) -> None:
        key = {"pk": f"MONITOR#{model}", "sk": f"{report['time']}#{report['id']}"}
        self._table.put({**key, "document": documents.text_of(report)})

    def reports(self, model: str, limit: int = 50) -> Sequence[Mapping[str, Any]]:
        items = self._table.query(f"MONITOR#{model}", newest_first=True, limit=limit)
        return [documents.document_of(text(item)) for item in items]


def alias_writes(table: Table, move: AliasMove) -> list[Put]:
    """What moves the alias, for a transaction. Raises Conflict when it is elsewhere already.

    The count of moves orders history where clocks disagree, and tells moves in one instant apart.
    """
    key = {"pk": _pk(move.model), "sk": f"ALIAS#{move.alias}"}
    at = table.get(**key)
    version, moves = (None, 0) if at is None else (number(at, "version"), number(at, "moves"))
    if version != move.from_version:
        raise Conflict(f"alias {move.model}@{move.alias} is at {version}, not at {move.from_version}, by now")
    target: Item = {**key, "version": move.to_version, "moves": moves + 1}
    history: Item = {
        "pk": key["pk"],
        "sk": f"MOVE#{move.alias}#{move.moved_at}#{moves + 1:010d}",
        "moves": moves + 1,
        "document": documents.text_of_record(move),
    }
    return [
        Put(target, ABSENT) if at is None else Put(target, "#moves = :moves", {":moves": moves}),
        Put(history, ABSENT),
    ]


def _pk(model: str) -> str:
    return f"MODEL#{model}"


def _version(version: int) -> str:
    return f"V#{version:010d}"
