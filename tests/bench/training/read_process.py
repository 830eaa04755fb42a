"""Reads a training set and makes its matrices: `python -m tests.bench.training.read_process <spec>`.

Prints ``{"rows", "data_mb", "own_mb", "peak_mb", "seconds"}``: the data's size is that of its columns as they
are kept and of the matrices together.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from headgate_trainer.data import read_training_set
from headgate_trainer.encoding import learn_encoding
from headgate_trainer.run_spec import parse_run_spec
from headgate_trainer.storage import AnyStorage

from tests.bench.peak import PeakOfOwn, peak_megabytes


def main(spec_path: Path) -> None:
    spec = parse_run_spec(spec_path.read_bytes())
    with tempfile.TemporaryDirectory() as name, PeakOfOwn() as own:
        started = time.perf_counter()
        data = read_training_set(spec, AnyStorage({}), Path(name))
        encoding = learn_encoding(spec.features, data)
        tables = (data.train, data.holdout)
        matrices = [encoding.matrix(table, data.texts) for table in tables]
        seconds = time.perf_counter() - started
        columns = [
            each for table in tables for part in (table.numeric, table.codes) for each in part.values()
        ]
        size = sum(each.nbytes for each in [*columns, *matrices])
    answer = {
        "rows": sum(table.rows for table in tables),
        "data_mb": size / 1e6,
        "own_mb": own.megabytes,
        "peak_mb": peak_megabytes(),
        "seconds": seconds,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
