"""Whether the model that is live was made again from what was recorded. Pure."""

from collections.abc import Sequence

from headgate.domain.product import Criterion
from headgate.domain.reproduction import Reproduction

NAME = "model_reproduced"
NEEDED = "the live model made again from what was recorded, identical or within tolerance"


def reproduced(version: int | None, records: Sequence[Reproduction]) -> Criterion:
    """``records`` are those of the version, newest first: the newest verdict counts, a job that failed has
    none.
    """
    judged = [each for each in records if each.state == "judged" and each.against == "recorded"]
    if version is None or not judged:
        found = "no model version" if version is None else f"version {version} was never made again"
        return Criterion(NAME, passed=False, found=found, needed=NEEDED)
    newest = judged[0]
    state = str(newest.verdict["state"])
    return Criterion(
        NAME,
        passed=state in ("identical", "within tolerance"),
        found=f"version {version}: {state} ({newest.id})",
        needed=NEEDED,
    )
