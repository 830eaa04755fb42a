"""The generated tests of a set's views: run when a view is new or changed, or when there is twice as much to
see as it was tested on. Its largest partition is what they run on.

A view passes when its rows do not change though more of its inputs is read than its windows say, and though
what became known later is changed. A view that fails is no part of any version.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_version import FeatureManifest, Partition
from headgate.services.features.feature_plan import Step, ViewPlan, view_files
from headgate.services.features.feature_work import FeatureWork

WIDENED = timedelta(days=2)
"""So much more of the inputs is read at both ends, and at least the window again."""


MOST_BYTES = 256 << 20
"""Of input that a test reads: a partition of more is not tested here."""


class FeatureTests:
    """The tests of one build; ``before`` is the version whose passed tests still count."""

    def __init__(self, before: FeatureManifest | None) -> None:
        self._passed = {(t["view"], t["recipe"]): t for t in (before.tests if before else ()) if "tests" in t}
        self._results: list[Mapping[str, Any]] = []

    def views(self, work: FeatureWork, plans: Sequence[ViewPlan]) -> None:
        """Raises InvalidRequest for the first view that fails."""
        untested = []
        for plan in plans:
            told = {"view": plan.view.name, "recipe": _recipe(work, plan)}
            chosen = _largest(work, plan)
            if chosen is None:
                if work.built[plan.view.name].rows:
                    why = f"every partition reads more than {MOST_BYTES} bytes: the tests were not run"
                    self._results.append({**told, "skipped": why})
                continue
            known = self._passed.get((told["view"], told["recipe"]))
            if known is not None and 2 * known["rows"] > chosen[1].rows:
                self._results.append(known)
            else:
                untested.append((plan, told, *chosen))
        if not untested:
            return
        uris = [*(f.file.uri for p, *_ in untested for i in p.inputs for f in i.files), *work.uris().values()]
        with work.engine.session(uris, work.directory, work.feature_set.seed, repeatable=True) as session:
            for plan, told, step, partition in untested:
                built = view_files(plan.view, work.built[plan.view.name], [partition], work.uris())
                wide = plan.task([step], _widened(plan.view))
                label = work.feature_set.label if plan.view.kind == "spine" else None
                found = session.test(plan.task([step]), wide, built, label)
                seen = {"partition": partition.name, "rows": partition.rows}
                self._results.append({**told, **seen, "tests": [dict(each) for each in found]})

    def results(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self._results)


def _recipe(work: FeatureWork, plan: ViewPlan) -> str:
    """What the view is, and what its inputs say of when their values are known."""
    told = {i.name: [i.time, i.key, dict(i.known_at), i.rows_known_at] for i in plan.inputs}
    return digest([work.built[plan.view.name].recipe, told])


def _largest(work: FeatureWork, plan: ViewPlan) -> tuple[Step, Partition] | None:
    """The partition with most rows of those that are not too large to be read again, and its step."""
    steps = {s.id: s for s in plan.steps if s.bytes <= MOST_BYTES}
    filled = [p for p in work.built[plan.view.name].partitions if p.rows and p.id in steps]
    if not filled:
        return None
    partition = max(filled, key=lambda p: (p.rows, p.name))
    return steps[partition.id], partition


def _widened(view: FeatureView) -> timedelta:
    longest = max((w.latest - w.earliest for w in view.windows), default=0)
    return max(WIDENED, timedelta(seconds=longest))
