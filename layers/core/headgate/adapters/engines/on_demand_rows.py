"""On-demand features of the rows of a spine: the text that one call runs, over all labels at once.

Every label must get what its request would get alone, or training would see what no call can see. Works on an
open connection in which the spine stands as ``__spine``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.adapters.engines import feature_sql as sql
from headgate.adapters.engines.duckdb_session import identifier
from headgate.adapters.engines.sql_view import require_view
from headgate.adapters.engines.view_maker import ViewMaker
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet

MADE = "__on_demand"


def on_demand_rows(maker: ViewMaker, feature_set: FeatureSet) -> tuple[list[str], list[str]]:
    """Makes the table ``__on_demand``; its features, and the columns that find a label's row in it.

    Raises InvalidRequest where a row of the view may depend on another, and with counts where a label has no
    row or several.
    """
    view = feature_set.on_demand
    if view is None:
        return [], []
    require_view(view)
    label = f" EXCLUDE ({identifier(feature_set.label)})" if feature_set.label else ""
    rows = _Rows(maker, view, f"SELECT *{label} FROM __spine")
    features, key = rows.made(feature_set.spine.event_time or "")
    rows.require_one_each(key)
    return features, key


@dataclass(frozen=True)
class _Rows:
    maker: ViewMaker
    view: FeatureView
    requests: str

    def made(self, time: str) -> tuple[list[str], list[str]]:
        self._run(f"CREATE OR REPLACE TEMP VIEW request AS {self.requests}")
        self._run(f"CREATE OR REPLACE TEMP TABLE {MADE} AS SELECT * FROM {sql.rows_of(self.view)}")
        columns = [row[0] for row in self.maker.connection.execute(f"DESCRIBE {MADE}").fetchall()]
        if missing := [c for c in self.view.entity if c not in columns]:
            raise InvalidRequest(
                f"view {self.view.name}: does not yield its declared column(s) {', '.join(missing)}"
            )
        key = [*self.view.entity, *([time] if time in columns and time not in self.view.entity else [])]
        if self._repeated(key):
            # The same request twice has one answer.
            self._run(f"CREATE OR REPLACE TEMP TABLE {MADE} AS SELECT DISTINCT * FROM {MADE}")
        if repeated := self._repeated(key):
            raise InvalidRequest(
                f"view {self.view.name}: {repeated} rows share their {', '.join(key)} with another; with "
                f"{time} among its columns a row is found by that too"
            )
        return [c for c in columns if c not in key], key

    def require_one_each(self, key: Sequence[str]) -> None:
        labels = self._count("FROM __spine")
        lost = self._count(f"FROM __spine s ANTI JOIN {MADE} d ON {_same(key, 's', 'd')}")
        extra = self._count(f"FROM {MADE} d ANTI JOIN __spine s ON {_same(key, 's', 'd')}")
        if lost or extra:
            raise InvalidRequest(
                f"view {self.view.name}: {lost} of {labels} labels get no row, and {extra} rows are of no "
                "label; every request gets exactly one, as in a call"
            )

    def _repeated(self, key: Sequence[str]) -> int:
        self._run(sql.repeated_keys(key, MADE))
        return self._number()

    def _count(self, rows: str) -> int:
        self._run(f"SELECT count(*) {rows}")
        return self._number()

    def _number(self) -> int:
        (count,) = self.maker.connection.fetchone() or (0,)
        return int(count)

    def _run(self, statement: str) -> None:
        self.maker.run(statement, self.view)


def _same(key: Sequence[str], one: str, other: str) -> str:
    pairs = (f"{one}.{identifier(c)} IS NOT DISTINCT FROM {other}.{identifier(c)}" for c in key)
    return " AND ".join(pairs)
