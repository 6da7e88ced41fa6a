"""Suspects: planted slips come out on top; confident learning's rule by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ie_model.encoding.alignment import IGNORED
from ie_model.evaluation.out_of_fold import OofRun
from ie_model.evaluation.suspects import doubted_units, expected_confidence, find_suspects
from tests.evaluation.synthetic_run import make_run


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suspects")
    slips = make_run(folder, noise=0.8, planted=8)
    return OofRun(folder), slips


def test_suspects_planted_slips_come_first(planted):
    run, slips = planted
    found = find_suspects(run)
    top = {s.gold.key for s in found[: len(slips)] if s.gold}
    assert len(top & {e.key for e in slips}) >= len(slips) - 1
    first = found[0]
    assert first.kind == "wrong_type"
    assert first.doubted
    assert first.votes == 1.0
    assert first.excerpt.mention == first.gold.text


def test_suspects_none_where_models_and_gold_agree(tmp_path):
    make_run(tmp_path / "r", noise=0.0)
    assert find_suspects(OofRun(tmp_path / "r")) == []


def test_suspects_confident_learning_by_hand():
    chances = np.array([[0.9, 0.1], [0.7, 0.3], [0.3, 0.7], [0.15, 0.85], [0.55, 0.45]])
    given = np.array([0, 0, 1, 0, IGNORED])
    expected = expected_confidence(chances, given)
    assert expected == pytest.approx([(0.9 + 0.7 + 0.15) / 3, 0.7])
    # Only the fourth unit: class 1 is at least as likely there as where it was given.
    assert doubted_units(chances, given, expected).tolist() == [0, 0, 1, 1, IGNORED]


def test_suspects_a_class_without_units_is_never_suggested():
    chances = np.array([[0.2, 0.1, 0.7], [0.9, 0.1, 0.0]])
    given = np.array([0, 0])
    expected = expected_confidence(chances, given)
    assert doubted_units(chances, given, expected).tolist() == [0, 0]
