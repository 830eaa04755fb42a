"""The statements of a row diff. Pure text, no connection.

Columns are called by their place, ``#k0`` of the key and ``#c0`` of the others: no column of a dataset can be
called so. Of two rows ``before`` has side 0 and ``after`` side 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.adapters.engines.versioned_relation import relation_sql
from headgate.domain.dataset_input import DatasetInput
from headgate.domain.row_diff import ComparedColumn, RowComparison

NATIVE = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE")
"""Types whose values leave the engine as they are; others leave it as text, which is exact."""
ORDERED = (*NATIVE, "DATE", "TIMESTAMP", "TIMESTAMPTZ", "UUID", "VARCHAR", "TIME")
"""Types whose least and greatest value tell which row groups of a file need not be read."""


@dataclass(frozen=True)
class DiffSql:
    """The statements for one comparison, in the order in which they are run."""

    asked: RowComparison

    @property
    def keys(self) -> list[str]:
        return [f'"#k{n}"' for n in range(len(self.asked.keys))]

    @property
    def others(self) -> list[str]:
        return [f'"#c{n}"' for n in range(len(self.asked.compared))]

    def views(self) -> list[str]:
        """``before`` and ``after`` are the rows that are compared, ``shared`` the keys of the others."""
        asked = self.asked
        shared = DatasetInput(asked.after.schema, asked.shared)
        return [
            f"CREATE VIEW before AS {self._side(asked.before, of_after=False)}",
            f"CREATE VIEW after AS {self._side(asked.after, of_after=True)}",
            f"CREATE VIEW shared AS {self._side(shared, of_after=True)}",
        ]

    # --- with a key

    def repeated(self) -> str:
        """The keys that stand more than once on one side."""
        keys = _list(self.keys)
        return (
            f"CREATE TEMP TABLE repeated AS SELECT {keys} FROM ({self._both(self.keys)}) GROUP BY {keys} "
            "HAVING count(*) FILTER (side = 0) > 1 OR count(*) FILTER (side = 1) > 1"
        )

    def differing(self) -> str:
        """The key of every row that differs, how, and in which columns."""
        keys = ", ".join(f"CASE WHEN b.here THEN b.{k} ELSE a.{k} END AS {k}" for k in self.keys)
        flags = [f"b.{c} IS DISTINCT FROM a.{c}" for c in self.others]
        kind = (
            "CASE WHEN b.here IS NULL THEN 'added' WHEN a.here IS NULL THEN 'removed' "
            f"WHEN {' OR '.join(flags) or 'false'} THEN 'changed' END"
        )
        told = "".join(f', {flag} AS "#d{n}"' for n, flag in enumerate(flags))
        return (
            f"CREATE TEMP TABLE differing AS SELECT * FROM (SELECT {keys}, {kind} AS kind{told} "
            f"FROM ({self._single('before')}) b FULL JOIN ({self._single('after')}) a "
            f"ON {self._equal('b', 'a')}) WHERE kind IS NOT NULL"
        )

    def doubled(self) -> str:
        """The repeated keys whose rows are not the same on both sides."""
        keys, whole = _list(self.keys), _list([*self.keys, *self.others])
        rows = f"SELECT r.* FROM ({self._both([*self.keys, *self.others])}) r SEMI JOIN repeated s "
        counted = (
            f"SELECT {whole}, count(*) FILTER (side = 0) AS olds, count(*) FILTER (side = 1) AS news "
            f"FROM ({rows} ON {self._equal('r', 's')}) GROUP BY {whole}"
        )
        return (
            f"CREATE TEMP TABLE doubled AS SELECT {keys}, CAST(sum(olds) AS BIGINT) AS olds, "
            f"CAST(sum(news) AS BIGINT) AS news FROM ({counted}) GROUP BY {keys} "
            "HAVING bool_or(olds <> news)"
        )

    def bounds(self) -> str:
        """The least and the greatest first part of a key that differs, as text; nothing where one is NULL."""
        key = self.keys[0]
        every = f"SELECT {key} FROM differing UNION ALL SELECT {key} FROM doubled"
        return (
            f"SELECT CAST(min({key}) AS VARCHAR), CAST(max({key}) AS VARCHAR) FROM ({every}) "
            f"HAVING count(*) = count({key})"
        )

    def met(self, bounds: tuple[str, str] | None) -> str:
        """How often the keys that differ stand in shared files."""
        every = f"SELECT {_list(self.keys)} FROM differing UNION ALL SELECT {_list(self.keys)} FROM doubled"
        keys = ", ".join(f"d.{k}" for k in self.keys)
        first = self.asked.keys[0].type
        where = ""
        if bounds is not None and first in ORDERED:
            low, high = (f"CAST({quoted(text)} AS {first})" for text in bounds)
            where = f" WHERE {self.keys[0]} BETWEEN {low} AND {high}"
        return (
            f"CREATE TEMP TABLE met AS SELECT {keys}, count(*) AS times "
            f"FROM (SELECT {_list(self.keys)} FROM shared{where}) s "
            f"JOIN ({every}) d ON {self._equal('s', 'd')} GROUP BY {keys}"
        )

    def met_again(self) -> list[str]:
        """A key of a shared file that differs stands more than once: it is a duplicate."""
        keys = ", ".join(f"d.{k}" for k in self.keys)
        equal = self._equal("d", "m")
        return [
            f"UPDATE doubled d SET olds = olds + m.times, news = news + m.times FROM met m WHERE {equal}",
            f"INSERT INTO doubled SELECT {keys}, m.times + (d.kind <> 'added')::INTEGER, "
            f"m.times + (d.kind <> 'removed')::INTEGER FROM differing d JOIN met m ON {equal}",
            f"DELETE FROM differing d USING met m WHERE {equal}",
        ]

    def counts(self) -> str:
        """Rows by kind, then of how many each column differs."""
        sums = "".join(f", count(*) FILTER (kind = 'changed' AND \"#d{n}\")" for n in range(len(self.others)))
        return f"SELECT kind, count(*){sums} FROM differing GROUP BY kind"

    def picked(self) -> str:
        """The keys of the rows that are shown."""
        keys = _list(self.keys)
        some = " UNION ALL ".join(
            f"(SELECT * FROM differing WHERE kind = {quoted(kind)} ORDER BY {keys} LIMIT {self.asked.limit})"
            for kind in ("added", "removed", "changed")
        )
        return (
            f"CREATE TEMP TABLE picked AS SELECT row_number() OVER (ORDER BY {keys}) AS place, * "
            f"FROM ({some})"
        )

    def rows_of(self, side: str, kind: str) -> str:
        """The picked rows of one kind as their version shows them, in the order of the key."""
        given = self.asked.after if side == "after" else self.asked.before
        values = [(f"r.{identifier(c.name)}", c.type) for c in given.schema]
        whole = self._side(given, of_after=side == "after", whole=True)
        return (
            f"SELECT {_shown(values)} FROM ({whole}) r JOIN picked p ON {self._equal('r', 'p')} "
            f"WHERE p.kind = {quoted(kind)} ORDER BY p.place"
        )

    def changed(self, side: str) -> str:
        """Of the picked rows that changed: the key, what is compared, and which of it differs."""
        keys = [(f"r.{k}", c.type) for k, c in zip(self.keys, self.asked.keys, strict=True)]
        others = [(f"r.{c}", column.type) for c, column in zip(self.others, self.asked.compared, strict=True)]
        flags = "".join(f', p."#d{n}"' for n in range(len(self.others)))
        return (
            f"SELECT {_shown([*keys, *others])}{flags} FROM {side} r JOIN picked p "
            f"ON {self._equal('r', 'p')} WHERE p.kind = 'changed' ORDER BY p.place"
        )

    def duplicate_counts(self) -> str:
        return "SELECT count(*), coalesce(sum(olds), 0), coalesce(sum(news), 0) FROM doubled"

    def duplicates(self) -> str:
        keys = [(k, c.type) for k, c in zip(self.keys, self.asked.keys, strict=True)]
        return (
            f"SELECT {_shown(keys)}, olds, news FROM doubled ORDER BY {_list(self.keys)} "
            f"LIMIT {self.asked.limit}"
        )

    # --- without a key

    def unequal(self) -> str:
        """The rows that do not stand equally often on both sides, with how much oftener after."""
        columns = _list(self.others)
        return (
            f"CREATE TEMP TABLE unequal AS SELECT {columns}, "
            "count(*) FILTER (side = 1) - count(*) FILTER (side = 0) AS more "
            f"FROM ({self._both(self.others)}) GROUP BY {columns} "
            "HAVING count(*) FILTER (side = 1) <> count(*) FILTER (side = 0)"
        )

    def surplus(self) -> str:
        return (
            "SELECT coalesce(sum(more) FILTER (more > 0), 0), coalesce(-sum(more) FILTER (more < 0), 0) "
            "FROM unequal"
        )

    def unequal_rows(self, sign: str) -> str:
        """Some of the rows that came (``>``) or went (``<``), then how many copies."""
        values = [(c, column.type) for c, column in zip(self.others, self.asked.compared, strict=True)]
        return (
            f"SELECT {_shown(values)}, abs(more) FROM unequal WHERE more {sign} 0 "
            f"ORDER BY {_list(self.others)} LIMIT {self.asked.limit}"
        )

    # --- parts

    def _side(self, given: DatasetInput, *, of_after: bool, whole: bool = False) -> str:
        """The rows with the compared columns by place and in the types of the comparison; with all of their
        own as well where they are shown.
        """

        def value(column: ComparedColumn) -> str:
            return f"CAST({identifier(column.after if of_after else column.before)} AS {column.type})"

        columns = [f"{value(c)} AS {k}" for k, c in zip(self.keys, self.asked.keys, strict=True)]
        if whole:
            columns.append("*")
        else:
            columns += [f"{value(c)} AS {n}" for n, c in zip(self.others, self.asked.compared, strict=True)]
        return f"SELECT {', '.join(columns)} FROM ({relation_sql(given.files, given.schema)})"

    def _both(self, columns: Sequence[str]) -> str:
        listed = _list(columns)
        return f"SELECT {listed}, 0 AS side FROM before UNION ALL SELECT {listed}, 1 AS side FROM after"

    def _single(self, side: str) -> str:
        """The rows whose key stands once."""
        return f"SELECT r.*, true AS here FROM {side} r ANTI JOIN repeated s ON {self._equal('r', 's')}"

    def _equal(self, one: str, other: str) -> str:
        return " AND ".join(f"{one}.{k} IS NOT DISTINCT FROM {other}.{k}" for k in self.keys)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def _shown(values: Sequence[tuple[str, str]]) -> str:
    return _list([v if kind in NATIVE else f"CAST({v} AS VARCHAR)" for v, kind in values])
