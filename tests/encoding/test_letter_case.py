"""Tokens carry the case of their words, and nothing else about them changes."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ie_model import InputError
from ie_model.encoding.letter_case import (
    CAPITALISED,
    ID_BITS,
    LOWER,
    UNKNOWN,
    UPPER,
    cases,
    sometimes_without,
    token_ids,
)
from ie_model.encoding.windows import Encoder

PROSE = "The army of Iraq said on Monday that U.S. jets and ISIS had fought near Sana'a."


def by_unit(encoder, text):
    (encoded,) = encoder.encode([text])
    found = {}
    for window in encoded.windows:
        for unit, place in enumerate(window.positions):
            word = text[encoded.starts[unit] : encoded.ends[unit]]
            found[word] = int(window.input_ids[place] >> ID_BITS)
    return found


@pytest.fixture
def encoder(bert_tokenizer):
    return Encoder(bert_tokenizer, letter_case=True)


def test_letter_case_of_prose(encoder):
    found = by_unit(encoder, PROSE)
    assert found["army"] == found["near"] == found["."] == LOWER
    assert found["The"] == found["Iraq"] == found["Sana'a"] == CAPITALISED
    assert found["U.S."] == found["ISIS"] == UPPER


def test_letter_case_stands_in_every_token_of_a_word(encoder):
    (encoded,) = encoder.encode(["forces in Kharg and Hawija"])
    (window,) = encoded.windows
    kinds = window.input_ids >> ID_BITS
    first = window.positions[2]
    assert set(kinds[first : window.positions[3]]) == {CAPITALISED}
    assert window.positions[3] - first > 1  # no word of the vocabulary
    assert kinds[0] == kinds[-1] == UNKNOWN  # the special tokens


@pytest.mark.parametrize(
    "text",
    [
        "IRAQI ARMY RETAKES HAWIJA FROM ISIS",
        "iraqi army retakes hawija from isis",
        "Iraqi Army Retakes Hawija From ISIS",
        "Hawija",
        "on Monday, Tuesday, Hawija, Iraq",
        "3 000 , 9",
        "",
    ],
)
def test_letter_case_is_unknown_where_it_says_nothing(encoder, text):
    assert set(by_unit(encoder, text).values()) <= {UNKNOWN}


def test_letter_case_is_judged_line_by_line(encoder):
    (encoded,) = encoder.encode(["ARMY SAID\n" + PROSE])
    head, body = encoded.windows
    assert not (head.input_ids >> ID_BITS).any()
    assert (body.input_ids >> ID_BITS).any()


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("\u0414\u0430", CAPITALISED),  # Cyrillic
        ("\u0414\u0410", UPPER),
        ("\U00010400\U00010428", CAPITALISED),  # Deseret, beyond the table and the BMP
        ("\U00010428", LOWER),
        ("\u01c5", CAPITALISED),  # one letter in title case
        ("A", CAPITALISED),
        ("iPhone", CAPITALISED),
        ("F-16", CAPITALISED),
        ("\u4f0a", LOWER),  # no case at all
    ],
)
def test_letter_case_of_any_script(word, kind):
    text = f"{word} the next was on Monday"
    edges = np.cumsum([0, *(len(w) + 1 for w in text.split())], dtype=np.int32)
    found = cases([text], edges[:-1], edges[1:] - 1, np.array([0, 6]))
    assert found.tolist() == [kind, LOWER, LOWER, LOWER, LOWER, CAPITALISED]


TEXTS = st.text("aB1 .-'’\n\t\u0414\u01c5\U00010400é", max_size=60)


@given(TEXTS, st.sampled_from(["auto", "line", "document"]), st.sampled_from([0, 64]))
def test_letter_case_changes_nothing_else(bert_tokenizer, text, lines, context):
    settings = {"window": 70, "overlap": 8, "lines": lines, "context": context}
    (plain,) = Encoder(bert_tokenizer, **settings).encode([text])
    (told,) = Encoder(bert_tokenizer, letter_case=True, **settings).encode([text])
    for name in ("starts", "ends", "sequences"):
        assert getattr(plain, name).tolist() == getattr(told, name).tolist()
    assert len(plain.windows) == len(told.windows)
    for one, other in zip(plain.windows, told.windows, strict=True):
        assert one.input_ids.tolist() == token_ids(other.input_ids).tolist()
        assert one.positions.tolist() == other.positions.tolist()
        assert other.input_ids.dtype == np.int32


@given(st.lists(st.sampled_from("Iraq army ISIS U.S. Sana'a 9,000 — İ é".split()), min_size=1,
                max_size=200))  # fmt: skip
def test_windows_of_one_sequence_agree_on_the_case_of_its_words(bert_tokenizer, words):
    text = " ".join(words)
    told = []
    for window, overlap in ((4000, 0), (80, 30)):
        encoder = Encoder(bert_tokenizer, window, overlap, letter_case=True)
        (encoded,) = encoder.encode([text])
        told.append([int(i) for w in encoded.windows for i in w.input_ids[w.positions]])
    assert told[0] == told[1]


def test_letter_case_makes_other_windows(bert_tokenizer, encoder):
    assert encoder.key != Encoder(bert_tokenizer).key


def test_training_learns_some_windows_without_case():
    rng = np.random.default_rng(0)
    windows = [rng.integers(5, 500, 30).astype(np.int32) | (LOWER << ID_BITS) for _ in range(2000)]
    without = [not (sometimes_without(w) >> ID_BITS).any() for w in windows]
    assert 0.15 < np.mean(without) < 0.25
    assert without == [not (sometimes_without(w) >> ID_BITS).any() for w in windows]


def test_letter_case_needs_room_in_the_ids(bert_tokenizer, monkeypatch):
    monkeypatch.setattr("ie_model.encoding.windows.ID_BITS", 4)
    with pytest.raises(InputError, match="vocabulary"):
        Encoder(bert_tokenizer, letter_case=True)
