"""Two models on the same gold."""

from __future__ import annotations

import pytest

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.evaluation.comparison import compare, compare_runs, format_comparison
from ie_model.evaluation.out_of_fold import OofRun
from tests.evaluation.synthetic_run import make_run

TEXT = "Iraqi federal police cleared Hawija on Tuesday. U.S.-backed forces advanced."
LABELS = ("ACTOR", "LOCATION", "DATE")


def doc(*entities, id="a"):
    return Document(TEXT, tuple(Entity(*e) for e in entities), id)


GOLD = [doc((0, 20, "ACTOR"), (29, 35, "LOCATION"), (39, 46, "DATE"))]
BEFORE = [doc((0, 20, "ACTOR"), (29, 35, "DATE"), (48, 66, "ACTOR"))]
AFTER = [doc((6, 20, "ACTOR"), (29, 35, "LOCATION"), (39, 46, "ACTOR"))]


def test_compare_lists_what_changed():
    found = compare(GOLD, [BEFORE], [AFTER], LABELS)
    kinds = {(c.kind, c.start, c.before, c.after) for c in found.changes}
    assert kinds == {
        ("lost", 0, "ACTOR", None),
        ("gained", 29, "DATE", "LOCATION"),
        ("new_error", 6, None, "ACTOR"),
        ("new_error", 39, None, "ACTOR"),
        ("fixed_error", 48, "ACTOR", None),
    }
    assert found.differences["micro"]["difference"] == pytest.approx(0.0)
    text = format_comparison(found)
    assert "cleared [Hawija] on Tuesday" in text


def test_compare_relabelled_and_still_wrong():
    after = [doc((0, 20, "ACTOR"), (29, 35, "ACTOR"), (48, 66, "ACTOR"))]
    (change,) = compare(GOLD, [BEFORE], [after], LABELS).changes
    assert (change.kind, change.gold, change.before, change.after) == (
        "relabelled",
        "LOCATION",
        "DATE",
        "ACTOR",
    )


def test_compare_regression_beyond_the_allowed_drop():
    found = compare(GOLD, [BEFORE], [AFTER], LABELS, max_drop=0.02)
    assert list(found.regressions) == ["ACTOR"]
    assert found.regressions["ACTOR"] == pytest.approx(2 / 3)
    assert "REGRESSION ACTOR: F1 fell by 66.7 points" in format_comparison(found)
    assert compare(GOLD, [BEFORE], [AFTER], LABELS, max_drop=0.7).regressions == {}
    assert compare(GOLD, [BEFORE], [AFTER], LABELS).regressions == {}


def test_compare_several_seeds_by_majority():
    found = compare(GOLD, [BEFORE, BEFORE, AFTER], [AFTER], LABELS)
    assert {c.kind for c in found.changes} == {"lost", "gained", "new_error", "fixed_error"}
    mixed = compare(GOLD, [BEFORE, AFTER], [BEFORE, AFTER], LABELS)
    assert mixed.changes == []


def test_compare_runs_over_the_same_documents(tmp_path):
    make_run(tmp_path / "a", noise=2.0)
    make_run(tmp_path / "b", noise=1.2, seeds=(0,))
    found = compare_runs(OofRun(tmp_path / "a"), OofRun(tmp_path / "b"))
    assert found.differences["micro"]["interval"][0] > 0  # less noise is surely better
    assert found.unit == "document"
    same = compare_runs(OofRun(tmp_path / "a"), OofRun(tmp_path / "a"), max_drop=0.0)
    assert same.changes == []
    assert same.regressions == {}


def test_compare_refuses_runs_over_other_documents(tmp_path):
    make_run(tmp_path / "a", seeds=(0,))
    make_run(tmp_path / "b", seeds=(0,), articles=11)
    make_run(tmp_path / "c", seeds=(0,), planted=1)
    with pytest.raises(InputError, match="tested other documents"):
        compare_runs(OofRun(tmp_path / "a"), OofRun(tmp_path / "b"))
    with pytest.raises(InputError, match="text or annotation differ"):
        compare_runs(OofRun(tmp_path / "a"), OofRun(tmp_path / "c"))
    with pytest.raises(InputError, match="max_drop must not"):
        compare(GOLD, [BEFORE], [AFTER], LABELS, max_drop=-1)
