"""What SQL a product may bring: exactly one SELECT, by the engine's own parser, and no function that looks
outside.

The connection's locked doors hold files and network; this refuses what they leave open (settings, secrets,
environment).
"""

import re

from headgate.domain.errors import InvalidRequest

_LEAKS = re.compile(
    r"\b(duckdb_\w+|which_secret|getenv|current_setting|pragma_\w+|read_\w+|parquet_\w+|glob|sniff_csv|query|query_table|"
    r"getvariable|sqlite_\w+|iceberg_\w+|delta_scan|postgres_\w+|mysql_\w+|from_substrait\w*|json_execute_serialized_sql)\s*\(",
    re.IGNORECASE,
)


def require_select(sql: str, where: str) -> None:
    """Raises InvalidRequest naming ``where`` when ``sql`` is anything but one SELECT over its declared
    inputs.
    """
    import duckdb

    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise InvalidRequest(f"{where}: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise InvalidRequest(f"{where}: exactly one SELECT is needed, found {len(statements)} statement(s)")
    found = _LEAKS.search(_without_comments(sql))
    if found:
        raise InvalidRequest(
            f"{where}: the function {found.group(1)} reads outside the declared inputs and is refused"
        )


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)
