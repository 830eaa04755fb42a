"""The demo's input: twelve monthly drops of nycflights13 as an airline would send them.

``python drops.py --source DIR --out build/data/drops`` writes ``<out>/<dataset>/<file>.csv``: flights and
weather by local month, planes, airports and airlines whole. Every row and column is kept byte for byte,
outcomes included: what is known when is for the contract and the feature SQL to say. Standard library only;
it knows nothing of the platform.
"""

import argparse
import contextlib
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

MONTHLY = ("flights", "weather")
WHOLE = ("planes", "airports", "airlines")
PUBLISHED = {"flights": 336_776, "weather": 26_115, "planes": 3_322, "airports": 1_458, "airlines": 16}
"""Rows of the published package; another number means another or a truncated source."""
STAMP = ".drops.json"


class SourceError(Exception):
    """The source is not the published data; the message says where it differs."""


def make_drops(source: Path, out: Path, published: Mapping[str, int] = PUBLISHED) -> dict[str, int]:
    """Writes every drop below ``out`` unless they are there already. Returns rows by relative file name.

    Raises SourceError when files are missing or row totals differ from the published ones.
    """
    data = find_data(source)
    wanted = source_digest(data)
    known = _read_stamp(out)
    if known is not None and known["source"] == wanted and _all_there(out, known["files"]):
        return {name: entry["rows"] for name, entry in known["files"].items()}
    out.mkdir(parents=True, exist_ok=True)
    (out / STAMP).unlink(missing_ok=True)
    rows: dict[str, int] = {}
    for dataset in MONTHLY:
        rows |= _split_by_month(data, dataset, out)
    for dataset in WHOLE:
        rows |= _copy(data, dataset, out)
    verify(rows, published)
    files = {name: {"rows": count, "bytes": (out / name).stat().st_size} for name, count in rows.items()}
    (out / STAMP).write_text(json.dumps({"source": wanted, "files": files}, indent=1, sort_keys=True))
    return rows


def find_data(source: Path) -> Path:
    """The folder that holds the data files: ``source`` itself or a ``data`` folder below it."""
    for folder in (source, *sorted(source.rglob("data"))):
        if (folder / "airlines.csv").is_file():
            return folder
    raise SourceError(
        f"no airlines.csv in {source} or in a `data` folder below it; unpack nycflights13 there"
    )


def source_digest(data: Path) -> str:
    """One sha256 over the source files and over this script: either changes what the drops are."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    for dataset in (*MONTHLY, *WHOLE):
        found.update(_file_of(data, dataset).read_bytes())
    return found.hexdigest()


def verify(rows: Mapping[str, int], published: Mapping[str, int]) -> None:
    """Raises SourceError unless the totals by dataset are the published ones, over twelve months."""
    for dataset, expected in published.items():
        counts = [count for name, count in rows.items() if name.startswith(f"{dataset}/")]
        if sum(counts) != expected:
            raise SourceError(f"{dataset}: {sum(counts)} rows, {expected} were published")
        if dataset in MONTHLY and len(counts) != 12:
            raise SourceError(f"{dataset}: {len(counts)} months, 12 were published")


def _file_of(data: Path, dataset: str) -> Path:
    for name in (f"{dataset}.csv", f"{dataset}.csv.zip"):
        if (data / name).is_file():
            return data / name
    raise SourceError(f"{data}: neither {dataset}.csv nor {dataset}.csv.zip")


@contextlib.contextmanager
def _lines(path: Path) -> Iterator[IO[bytes]]:
    """The CSV as a stream of lines, unzipped on the way where it lies zipped."""
    if path.suffix != ".zip":
        with path.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(path) as archive, archive.open(path.stem) as member:
        yield member


def _split_by_month(data: Path, dataset: str, out: Path) -> dict[str, int]:
    """One file a local month. The first columns hold no quotes, so splitting at commas finds year and
    month.
    """
    rows: dict[str, int] = {}
    (out / dataset).mkdir(exist_ok=True)
    with _lines(_file_of(data, dataset)) as lines, contextlib.ExitStack() as open_files:
        header = lines.readline()
        columns = header.decode().strip().split(",")
        year, month = columns.index("year"), columns.index("month")
        targets: dict[str, IO[bytes]] = {}
        for line in lines:
            fields = line.split(b",", month + 1)
            name = f"{dataset}/{dataset}-{int(fields[year]):04d}-{int(fields[month]):02d}.csv"
            if name not in targets:
                targets[name] = open_files.enter_context((out / name).open("wb"))
                targets[name].write(header)
                rows[name] = 0
            targets[name].write(line)
            rows[name] += 1
    return rows


def _copy(data: Path, dataset: str, out: Path) -> dict[str, int]:
    name = f"{dataset}/{dataset}.csv"
    (out / dataset).mkdir(exist_ok=True)
    with _lines(_file_of(data, dataset)) as lines, (out / name).open("wb") as target:
        target.write(lines.readline())
        count = 0
        for line in lines:
            target.write(line)
            count += 1
    return {name: count}


def _read_stamp(out: Path) -> dict[str, Any] | None:
    """``{"source": digest, "files": {name: {"rows", "bytes"}}}`` of the drops that lie there, if finished."""
    try:
        return dict(json.loads((out / STAMP).read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _all_there(out: Path, files: dict[str, dict[str, int]]) -> bool:
    return all(
        (out / name).is_file() and (out / name).stat().st_size == entry["bytes"]
        for name, entry in files.items()
    )


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", type=Path, required=True, help="the unpacked package, or its data folder")
    parser.add_argument("--out", type=Path, required=True, help="where the drops are written")
    given = parser.parse_args(arguments)
    try:
        rows = make_drops(given.source, given.out)
    except SourceError as wrong:
        print(f"drops: {wrong}", file=sys.stderr)
        return 1
    print(f"{len(rows)} drops, {sum(rows.values())} rows in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
