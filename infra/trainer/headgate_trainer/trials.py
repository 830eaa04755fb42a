"""One argument for a single run or for one trial of many: in an array job every worker gets the same list,
and takes the run its index names.
"""

import json
import re
from collections.abc import Mapping

from headgate_trainer.errors import BadSpec
from headgate_trainer.storage import Storage

FORMAT = "headgate.trials/1"
INDEX = "AWS_BATCH_JOB_ARRAY_INDEX"
_TRIALS = re.compile(r"/experiments/[^/]+/trials\.json$")
_SPEC = re.compile(r"/runs/[0-9a-f]{64}/spec\.json$")


def spec_uri_of(argument: str, environ: Mapping[str, str], storage: Storage) -> str:
    """The run spec's URI. Raises BadSpec for a list that is none, or an index it has no run for."""
    if not _TRIALS.search(argument):
        if INDEX in environ:
            raise BadSpec(
                f"{argument!r} is one run's, and this is a job of an array: a list of trials is needed"
            )
        return argument
    runs = _runs(storage.read(argument), argument)
    index = environ.get(INDEX, "0" if len(runs) == 1 else "")
    if not index.isdigit() or int(index) >= len(runs):
        raise BadSpec(f"{argument} lists {len(runs)} runs; {INDEX} is {index or 'not set'}")
    return runs[int(index)]


def _runs(content: bytes, name: str) -> list[str]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise BadSpec(f"{name} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BadSpec(f"{name} is no {FORMAT} document")
    runs = document.get("runs")
    if not isinstance(runs, list) or not runs:
        raise BadSpec(f"{name}: runs is {runs!r}; a list of run specs is needed")
    for run in runs:
        if not isinstance(run, str) or not _SPEC.search(run):
            raise BadSpec(f"{name}: {run!r} is no run spec: …/runs/<digest>/spec.json is needed")
    return runs
