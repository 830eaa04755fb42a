"""Stamps tell what is finished and up to date from what is not."""

from __future__ import annotations

from pathlib import Path

from stamps import digest_of, is_current, remove_stamp, write_stamp


def test_a_folder_without_its_stamp_is_not_current(tmp_path: Path) -> None:
    assert not is_current(tmp_path, "a")
    assert not is_current(tmp_path / "missing", "a")


def test_a_stamped_folder_is_current_for_its_digest_alone(tmp_path: Path) -> None:
    write_stamp(tmp_path, "a")

    assert is_current(tmp_path, "a")
    assert not is_current(tmp_path, "b")


def test_work_begun_again_is_not_current_until_it_ends(tmp_path: Path) -> None:
    write_stamp(tmp_path, "a")
    remove_stamp(tmp_path)

    assert not is_current(tmp_path, "a")


def test_the_digest_follows_content_names_and_removals(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    file = source / "inner/one.py"
    file.write_text("1")
    seen = {digest_of(source)}

    file.write_text("2")
    seen.add(digest_of(source))
    file = file.rename(source / "inner/two.py")
    seen.add(digest_of(source))
    file.unlink()
    seen.add(digest_of(source))
    seen.add(digest_of(source, extra=("3.13",)))

    assert len(seen) == 5


def test_the_digest_ignores_bytecode(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("1")
    before = digest_of(tmp_path)

    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/one.cpython-313.pyc").write_bytes(b"x")

    assert digest_of(tmp_path) == before


def test_moving_a_byte_from_one_file_to_the_next_changes_the_digest(tmp_path: Path) -> None:
    for name, text in (("a", "xy"), ("b", "z")):
        (tmp_path / name).write_text(text)
    before = digest_of(tmp_path)

    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("yz")

    assert digest_of(tmp_path) != before
