"""All that a view brings as SQL, before any of it is run: its SELECT, its tests, and what says when its
inputs are known. A bundle need not come from the compiler, which says the same with file and line.
"""

from collections.abc import Mapping

from headgate.adapters.engines.sql_guard import (
    expression_query,
    require_expression,
    require_inputs,
    require_select,
)
from headgate.adapters.engines.sql_repeatable import require_repeatable
from headgate.adapters.engines.sql_row_alone import require_row_alone
from headgate.adapters.engines.sql_text import without_end
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView


def require_view(view: FeatureView) -> None:
    """Raises InvalidRequest naming the view when its SQL is more than one SELECT over its inputs, may differ
    between two runs, or a test is no condition of one row; of an on-demand view, when it looks at other rows.
    """
    where = f"view {view.name}"
    require_select(view.sql, where)
    if without_end(view.sql) != view.sql.rstrip():
        raise InvalidRequest(f"{where}: it ends with a semicolon; leave that out")
    require_inputs(view.sql, view.inputs, where)
    require_repeatable(view.sql, where)
    if view.kind == "on_demand":
        require_row_alone(view.sql, where)
    for test in view.tests:
        _require_alike(test, f"{where}, test {test}")


def require_known_at(known_at: Mapping[str, str], where: str) -> None:
    """``known_at`` maps columns to expressions over their row. Raises InvalidRequest naming ``where``."""
    for column, expression in known_at.items():
        _require_alike(expression, f"{where}, when {column} is known")


def _require_alike(expression: str, where: str) -> None:
    require_expression(expression, where)
    require_repeatable(expression_query(expression), where)
