import pytest
from hypothesis import given, strategies as st

from ie_model import Document, Entity, InputError
from ie_model.export.acceptance import Limits, entity_agreement, judge

TEXT = "a b c d e f g h i j"


def document(*starts, label="X", id=""):
    return Document(TEXT, id=id).with_entities(Entity(2 * s, 2 * s + 1, label) for s in starts)


STARTS = st.lists(st.frozensets(st.integers(0, 9)), min_size=1, max_size=8)


@given(STARTS, STARTS)
def test_gate_agreement_is_symmetric_and_one_only_for_equal_answers(one, other):
    size = min(len(one), len(other))
    a, b = ([document(*s) for s in side[:size]] for side in (one, other))
    value = entity_agreement(a, b)
    assert value == entity_agreement(b, a)
    assert 0 <= value <= 1
    assert (value == 1) == (one[:size] == other[:size])


def test_gate_agreement_formula():
    reference = [document(0, 1, 2), document()]
    candidate = [document(0, 1), document(3)]
    assert entity_agreement(reference, candidate) == pytest.approx(2 * 2 / (3 + 3))
    with pytest.raises(InputError, match="cannot be compared"):
        entity_agreement(reference, candidate[:1])


def test_gate_other_label_or_document_is_another_entity():
    assert entity_agreement([document(0)], [document(0, label="Y")]) == 0
    assert entity_agreement([document(0), document()], [document(), document(0)]) == 0


def test_gate_passes_and_fails_at_its_limits():
    gold = [document(*range(10))]
    good = [document(*range(10))]
    worse = [document(*range(9))]
    assert judge(gold, good, good, ["X"]).passed
    verdict = judge(gold, good, worse, ["X"])
    assert not verdict.passed
    assert "entity agreement 94.74% is below 98.50%" in verdict.failures[0]
    assert "span F1 falls by 5.26%" in verdict.failures[1]
    assert verdict.to_dict()["f1"] == pytest.approx(2 * 9 / 19, abs=1e-6)
    assert judge(gold, good, worse, ["X"], Limits(f1_drop=0.06, agreement=0.9)).passed


def test_gate_better_than_fp32_is_no_drop():
    gold = [document(*range(10))]
    verdict = judge(gold, [document(*range(9))], gold, ["X"], Limits(agreement=0.9))
    assert verdict.passed


def test_gate_without_gold_judges_by_agreement_alone():
    answers = [document(1, 2)]
    verdict = judge([Document(TEXT)], answers, answers, ["X"])
    assert verdict.f1 is None
    assert verdict.passed
    assert "span F1" not in str(verdict)


def test_gate_needs_entities_to_compare():
    with pytest.raises(InputError, match="finds no entity"):
        judge([document(1)], [document()], [document()], ["X"])
