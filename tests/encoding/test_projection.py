import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ie_model.encoding.projection import bio_probabilities, project
from ie_model.encoding.windows import EncodedText, Encoder
from ie_model.errors import InputError
from ie_model.labels import LabelSet

LABELS = LabelSet.declare(["A", "B"])


def units(*spans):
    starts, ends = (np.array(x, np.int32) for x in zip(*spans, strict=True))
    return EncodedText(starts, ends, np.zeros(1, np.int32), ())


def rows(*tags):
    chances = np.full((len(tags), len(LABELS.tags)), 0.02, np.float32)
    chances[np.arange(len(tags)), [LABELS.tag_ids[t] for t in tags]] = 0.92
    return chances


def best(chances):
    return [LABELS.tags[i] for i in chances.argmax(axis=1)]


def test_projection_onto_the_same_units_changes_nothing():
    same = units((0, 3), (4, 9), (10, 12))
    chances = rows("B-A", "I-A", "O")
    assert np.array_equal(project(chances, same, same, LABELS), chances)


def test_projection_a_unit_cut_in_two_goes_on_with_the_mention():
    coarse, fine = units((0, 4), (5, 8)), units((0, 2), (2, 4), (5, 8))
    assert best(project(rows("B-A", "O"), coarse, fine, LABELS)) == ["B-A", "I-A", "O"]


def test_projection_units_joined_take_the_first_answer():
    fine, coarse = units((0, 1), (1, 2), (2, 4), (5, 8)), units((0, 4), (5, 8))
    chances = rows("B-B", "I-B", "I-B", "O")
    assert best(project(chances, fine, coarse, LABELS)) == ["B-B", "O"]


def test_projection_what_the_source_has_not_seen_is_outside():
    chances = project(rows("B-A"), units((0, 2)), units((0, 2), (3, 4)), LABELS)
    assert best(chances) == ["B-A", "O"]
    empty = EncodedText(*(np.empty(0, np.int32),) * 3, ())
    assert best(project(rows()[:0], empty, units((0, 2)), LABELS)) == ["O"]


def test_projection_columns_are_matched_by_name_and_schemes_folded():
    bioes = LabelSet.declare(["B", "A"], "BIOES")
    logits = np.full((2, len(bioes.tags)), -20, np.float32)
    logits[0, bioes.tag_ids["S-A"]] = logits[1, bioes.tag_ids["E-B"]] = 0
    chances = bio_probabilities(logits, bioes, LABELS)
    assert best(chances) == ["B-A", "I-B"]
    assert np.allclose(chances.sum(axis=1), 1)
    with pytest.raises(InputError, match="BIO only"):
        bio_probabilities(logits, bioes, bioes)


def test_projection_temperature_flattens():
    logits = np.array([[4.0, 0, 0, 0, 0]], np.float32)
    cold, warm = (bio_probabilities(logits, LABELS, LABELS, t)[0, 0] for t in (1, 4))
    assert 0.2 < warm < cold


TEXTS = st.text(st.sampled_from("ab US.1,-’é日 \nİ🇮"), max_size=40)


@settings(max_examples=100)
@given(text=TEXTS, seed=st.integers(0, 9))
def test_projection_between_tokenizers_keeps_probabilities(
    bert_tokenizer, byte_tokenizer, text, seed
):
    encoded = [Encoder(t, 96, 16).encode([text])[0] for t in (bert_tokenizer, byte_tokenizer)]
    for source, target in (encoded, encoded[::-1]):
        chances = np.random.default_rng(seed).dirichlet(np.ones(5), len(source.starts))
        result = project(chances.astype(np.float32), source, target, LABELS)
        assert result.shape == (len(target.starts), 5)
        assert np.allclose(result.sum(axis=1), 1, atol=1e-5)
        # A unit that begins where a source unit does has that unit's answer.
        for unit, start in enumerate(target.starts.tolist()):
            found = np.flatnonzero(source.starts == start)
            if len(found):
                assert np.allclose(result[unit], chances[found[-1]], atol=1e-6)
