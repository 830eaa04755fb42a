"""Whatever single element is changed is named, and nothing else is."""

from dataclasses import fields, replace
from typing import Any

import pytest
from headgate.domain.errors import Corrupted
from headgate.domain.reproduction_verdict import (
    ARTIFACT,
    ENGINE,
    IMAGE,
    MOST_REASONS,
    Evidence,
    Reason,
    ScoreDifference,
    Verdict,
    impossible,
    not_rebuilt,
    verdict,
)
from headgate.domain.validation import Tolerance
from hypothesis import given
from hypothesis import strategies as st

KINDS = {
    "objects": "data",
    "files": "data",
    "partitions": "data",
    "code": "code",
    "config": "config",
    "seeds": "seed",
    "libraries": "library",
    "hardware": "hardware",
}
NAMES = st.text("abcxyz.:/ 019", min_size=1, max_size=12)
VALUES = st.one_of(st.text(max_size=6), st.integers(), st.floats(allow_nan=False), st.lists(st.integers()))
DIGESTS = st.text("0123456789abcdef", min_size=4, max_size=4)


def elements(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(NAMES, values, min_size=1, max_size=5)


EVIDENCE = st.builds(
    Evidence,
    **{name: elements(DIGESTS) for name in ("objects", "files", "partitions", "code", "libraries")},
    **{name: elements(VALUES) for name in ("config", "hardware")},
    seeds=elements(st.integers()),
    engine=st.sampled_from(["duckdb 1.5.4", "duckdb 1.5.5"]),
    image=DIGESTS,
    outputs=st.builds(lambda digest: {ARTIFACT: digest}, DIGESTS),
)


@given(EVIDENCE)
def test_equal_evidence_is_identical_without_a_reason(evidence: Evidence) -> None:
    found = verdict(evidence, evidence, None)

    assert (found.state, found.reasons, found.unknown) == ("identical", (), ())


@given(EVIDENCE, st.sampled_from(sorted(KINDS)), st.data())
def test_one_changed_element_is_named_and_nothing_else(
    evidence: Evidence, part: str, data: st.DataObject
) -> None:
    known: dict[str, Any] = dict(getattr(evidence, part))
    name = data.draw(st.sampled_from(sorted(known)))
    fresh = replace(evidence, **{part: {**known, name: (known[name], "changed")}})

    found = verdict(evidence, fresh, None)

    assert found.reasons == (Reason(KINDS[part], name, known[name], (known[name], "changed")),)  # type: ignore[arg-type]
    assert found.state == ("differs" if KINDS[part] == "data" else "identical")


@given(EVIDENCE, st.sampled_from(sorted(KINDS)), st.data())
def test_one_element_that_is_missing_or_new_is_named_and_nothing_else(
    evidence: Evidence, part: str, data: st.DataObject
) -> None:
    known: dict[str, Any] = dict(getattr(evidence, part))
    name = data.draw(st.sampled_from(sorted(known)))
    less = replace(evidence, **{part: {k: v for k, v in known.items() if k != name}})

    (gone,) = verdict(evidence, less, None).reasons
    (new,) = verdict(less, evidence, None).reasons

    assert (gone.what, gone.found) == (new.what, new.recorded) == (name, None)


@given(EVIDENCE)
def test_another_engine_is_a_library_and_explains_other_features(evidence: Evidence) -> None:
    other = dict.fromkeys(evidence.partitions, "remade")
    fresh = replace(evidence, engine="another", partitions=other)

    assert verdict(evidence, fresh, None).reasons == (Reason("library", ENGINE, evidence.engine, "another"),)


@given(EVIDENCE, st.sampled_from(["files", "code"]), st.data())
def test_features_are_no_cause_where_what_they_are_made_of_differs(
    evidence: Evidence, part: str, data: st.DataObject
) -> None:
    known: dict[str, Any] = dict(getattr(evidence, part))
    name = data.draw(st.sampled_from(sorted(known)))
    changed = {part: {**known, name: "changed"}, "partitions": dict.fromkeys(evidence.partitions, "remade")}

    found = verdict(evidence, replace(evidence, **changed), None)

    assert [reason.what for reason in found.reasons] == [name]


@given(EVIDENCE)
def test_an_image_is_named_only_where_nothing_in_it_is(evidence: Evidence) -> None:
    image = replace(evidence, image="another")
    both = replace(image, libraries={**(evidence.libraries or {}), "zzz": "9"})

    assert [reason.what for reason in verdict(evidence, image, None).reasons] == [IMAGE]
    assert [reason.what for reason in verdict(evidence, both, None).reasons] == ["zzz"]


@given(EVIDENCE, st.sampled_from(["libraries", "hardware"]))
def test_what_one_run_did_not_note_is_unknown_and_no_reason(evidence: Evidence, part: str) -> None:
    without = replace(evidence, **{part: None})

    assert verdict(without, evidence, None).unknown == (f"the {part} of the recorded run",)
    assert verdict(evidence, without, None).unknown == (f"the {part} of the fresh run",)
    assert verdict(evidence, without, None).reasons == ()


@given(EVIDENCE)
def test_another_model_of_the_same_is_told_to_be_chance(evidence: Evidence) -> None:
    fresh = replace(evidence, outputs={ARTIFACT: "another"})

    near = verdict(evidence, fresh, ScoreDifference(10, 1e-9, 0))
    far = verdict(evidence, fresh, ScoreDifference(10, 0.5, 3))
    blind = verdict(evidence, fresh, None, ["how far the scores are apart"])

    assert (near.state, far.state, blind.state) == ("within tolerance", "differs", "differs")
    for found in (near, far, blind):
        assert "nothing recorded differs" in found.note and "not deterministic" in found.note
    assert "how far the scores are apart" in blind.note


SCORES = st.lists(st.floats(0, 1), max_size=30)


@given(SCORES, st.floats(0, 0.1), st.floats(0, 0.1))
def test_scores_are_compared_by_absolute_and_relative_tolerance(
    scores: list[float], absolute: float, relative: float
) -> None:
    tolerance = Tolerance(absolute, relative)
    nudged = [score + absolute * 0.9 + relative * 0.9 * score for score in scores]
    pushed = [score + absolute + relative * score + 0.01 for score in scores]

    assert ScoreDifference.between(scores, scores, tolerance) == ScoreDifference(len(scores), 0.0, 0)
    assert ScoreDifference.between(scores, nudged, tolerance).beyond == 0
    assert ScoreDifference.between(scores, pushed, tolerance).beyond == len(scores)


def test_a_score_that_is_no_number_is_beyond_any_tolerance() -> None:
    assert ScoreDifference.between([0.5], [float("nan")], Tolerance(1, 1)).beyond == 1


def test_scores_of_other_rows_are_not_compared() -> None:
    with pytest.raises(Corrupted, match="row 1"):
        ScoreDifference.between([0.1, 0.2], [0.1], Tolerance())


def test_what_is_gone_makes_no_statement_about_the_model() -> None:
    found = impossible(["file a is gone", "file b is gone"])

    assert (found.state, found.note) == ("cannot be reproduced", "file a is gone; file b is gone")


@given(EVIDENCE)
def test_features_that_cannot_be_made_are_the_fault_of_what_they_are_made_of(evidence: Evidence) -> None:
    code = replace(evidence, code={**evidence.code, "view": "broken"}, partitions={})

    broken = not_rebuilt(evidence, code, "no such column")
    mystery = not_rebuilt(evidence, replace(evidence, partitions={}), "no memory")

    assert (broken.state, [r.what for r in broken.reasons]) == ("differs", ["view"])
    assert (mystery.state, mystery.reasons) == ("cannot be reproduced", ())
    assert "no memory" in mystery.note


def test_a_verdict_names_so_many_reasons_and_counts_the_others() -> None:
    many = {f"object {n}": "a" for n in range(MOST_REASONS + 7)}
    found = verdict(Evidence(objects=many), Evidence(objects=dict.fromkeys(many, "b")), None)

    assert (len(found.reasons), found.more) == (MOST_REASONS, 7)


@given(EVIDENCE, EVIDENCE)
def test_a_verdict_survives_being_kept(recorded: Evidence, fresh: Evidence) -> None:
    found = verdict(recorded, fresh, ScoreDifference(3, 0.25, 1))

    assert Verdict.from_document(found.to_document()) == found


def test_every_part_of_the_evidence_is_tried_here() -> None:
    others = {"engine", "image", "outputs"}

    assert {field.name for field in fields(Evidence)} == {*KINDS} | others
