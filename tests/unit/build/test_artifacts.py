"""The same files make the same zip, whatever touched them; other files make another."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from headgate_local.artifacts import text_artifact, zip_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "code"
    (made / "python/pkg").mkdir(parents=True)
    (made / "python/pkg/b.py").write_text("b = 1\n")
    (made / "python/pkg/a.py").write_text("a = 1\n")
    return made


def test_the_same_files_make_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first = zip_folder(folder, tmp_path / "one")
    for file in folder.rglob("*.py"):
        os.utime(file, (1, 1))

    second = zip_folder(folder, tmp_path / "two")

    assert first.key == second.key
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_changed_byte_changes_the_name(folder: Path, tmp_path: Path) -> None:
    before = zip_folder(folder, tmp_path / "cache").key

    (folder / "python/pkg/a.py").write_text("a = 2\n")

    assert zip_folder(folder, tmp_path / "cache").key != before


def test_a_renamed_file_changes_the_name(folder: Path, tmp_path: Path) -> None:
    before = zip_folder(folder, tmp_path / "cache").key

    (folder / "python/pkg/a.py").rename(folder / "python/pkg/c.py")

    assert zip_folder(folder, tmp_path / "cache").key != before


def test_entries_are_sorted_and_dated_alike(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(zip_folder(folder, tmp_path / "cache").path) as archive:
        entries = archive.infolist()

    assert [entry.filename for entry in entries] == ["python/pkg/a.py", "python/pkg/b.py"]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 & 0o777 for entry in entries} == {0o644}


def test_executables_stay_executable(folder: Path, tmp_path: Path) -> None:
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o700)

    with zipfile.ZipFile(zip_folder(folder, tmp_path / "cache").path) as archive:
        assert archive.getinfo("run.sh").external_attr >> 16 & 0o777 == 0o755


def test_bytecode_goes_with_layers_alone(folder: Path, tmp_path: Path) -> None:
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/a.cpython-313.pyc").write_bytes(b"\0")

    def names(*, bytecode: bool) -> list[str]:
        with zipfile.ZipFile(zip_folder(folder, tmp_path / "cache", bytecode=bytecode).path) as archive:
            return archive.namelist()

    assert "__pycache__/a.cpython-313.pyc" in names(bytecode=True)
    assert "__pycache__/a.cpython-313.pyc" not in names(bytecode=False)


def test_a_zip_made_before_is_not_made_again(folder: Path, tmp_path: Path) -> None:
    first = zip_folder(folder, tmp_path / "cache").path
    before = first.stat().st_mtime_ns

    assert zip_folder(folder, tmp_path / "cache").path.stat().st_mtime_ns == before
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [first.name]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        zip_folder(tmp_path / "nowhere", tmp_path / "cache")


def test_text_is_named_by_its_content(tmp_path: Path) -> None:
    one = text_artifact("{}", ".json", tmp_path)
    other = text_artifact("[]", ".json", tmp_path)

    assert one.key.endswith(".json")
    assert one.key != other.key
    assert one.path.read_text() == "{}"
