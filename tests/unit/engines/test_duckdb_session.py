"""A connection reads what it was given, writes below its own folder, and lets nobody change that."""

from pathlib import Path

import duckdb
import pytest
from headgate.adapters.engines.duckdb_session import Limits, identifier, open_session, quoted
from headgate.ports import S3Access

LIMITS = Limits(256 * 1024**2, 1)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A file that is given, one beside it that is not, and a folder for the connection."""
    (tmp_path / "it's given.csv").write_text("a\n1\n")
    (tmp_path / "other.csv").write_text("a\n2\n")
    (tmp_path / "own").mkdir()
    return tmp_path


def test_what_was_given_is_read_and_its_own_folder_is_written(given: Path) -> None:
    file = str(given / "it's given.csv")
    with open_session(LIMITS, given / "own", readable=[file]) as connection:
        assert connection.execute(f"SELECT * FROM read_csv({quoted(file)})").fetchall() == [(1,)]
        connection.execute(f"COPY (SELECT 3 AS a) TO {quoted(str(given / 'own/made.csv'))}")
    assert (given / "own/made.csv").read_text() == "a\n3\n"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{root}/other.csv')",
        "SELECT * FROM '{root}/other.csv'",
        "SELECT * FROM glob('{root}/*')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('{root}/own/../other.csv')",
        "COPY (SELECT 1) TO '{root}/new.csv'",
        "COPY (SELECT 1) TO '{root}/own/../other.csv'",
        "ATTACH '{root}/x.db'",
        "EXPORT DATABASE '{root}/exported'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "RESET allowed_paths",
        "SET lock_configuration = false",
    ],
)
def test_everything_else_is_refused(given: Path, statement: str) -> None:
    with (
        open_session(LIMITS, given / "own", readable=[str(given / "it's given.csv")]) as connection,
        pytest.raises(duckdb.Error),
    ):
        connection.execute(statement.format(root=given)).fetchall()
    assert (given / "other.csv").read_text() == "a\n2\n"
    assert sorted(path.name for path in given.iterdir()) == ["it's given.csv", "other.csv", "own"]


def test_limits_are_set_and_time_is_utc(given: Path) -> None:
    with open_session(Limits(300 * 1024**2, 1), given / "own") as connection:
        names = "'memory_limit'), current_setting('threads'), current_setting('TimeZone'"
        found = connection.execute(f"SELECT current_setting({names})").fetchone()
    assert found == ("300.0 MiB", 1, "UTC")


def test_it_is_prepared_before_the_doors_are_locked(given: Path) -> None:
    other = quoted(str(given / "other.csv"))

    def prepare(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"CREATE TABLE known AS SELECT * FROM read_csv({other})")

    with open_session(LIMITS, given / "own", prepare=prepare) as connection:
        assert connection.execute("SELECT * FROM known").fetchall() == [(2,)]


def test_the_connection_is_closed_also_when_it_fails(given: Path) -> None:
    with pytest.raises(ValueError, match="on purpose"), open_session(LIMITS, given / "own") as connection:
        raise ValueError("on purpose")
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("SELECT 1")


def test_s3_needs_credentials_and_the_extension(given: Path) -> None:
    access = S3Access("key", "secret", None, "eu-west-1", None)
    with pytest.raises(ValueError, match="httpfs"), open_session(LIMITS, given, readable=["s3://lake/x"]):
        pass
    with (
        pytest.raises(ValueError, match="httpfs"),
        open_session(LIMITS, given, readable=["s3://lake/x"], s3=lambda: access),
    ):
        pass


@pytest.mark.parametrize("text", ["plain", "it's", '"quoted"', "a;b--c", "", "né'é''"])
def test_names_and_texts_survive_quoting(text: str) -> None:
    with duckdb.connect(":memory:") as connection:
        assert connection.execute(f"SELECT {quoted(text)}").fetchone() == (text,)
        if text:
            assert connection.execute(f"SELECT 1 AS {identifier(text)}").description[0][0] == text
