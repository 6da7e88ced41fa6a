import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ie_model.documents import Document, Entity
from ie_model.encoding.alignment import IGNORED, Ledger, align, touching_pairs
from ie_model.encoding.lines import LINES
from ie_model.encoding.units import MAX_UNIT_TOKENS
from ie_model.encoding.windows import Encoder
from ie_model.errors import InputError
from ie_model.labels import LabelSet

LABELS = LabelSet.declare(["ACTOR", "LOCATION"])


def mentions(encoded, text):
    return [text[s:e] for s, e in zip(encoded.starts, encoded.ends, strict=True)]


def spell(encoder, encoded, text):
    """Join the windows' answers, using each unit's own index as its 'logits'."""
    seen = []
    for window in encoded.windows:
        assert len(window.input_ids) <= encoder.window
        assert (np.diff(window.positions) > 0).all()
        seen.extend(window.input_ids[window.positions].tolist())
    return seen


def test_encoding_splits_at_hyphens_and_slashes(bert_tokenizer):
    text = "Iran-backed U.S./Iraqi forces"
    (encoded,) = Encoder(bert_tokenizer).encode([text])
    assert mentions(encoded, text) == [
        "Iran", "-", "backed", "U.S.", "/", "Iraqi", "forces",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("the U.S. and a.m.", ["the", "U.S.", "and", "a.m."]),
        ("1,400 or 3.5% at 10:30.", ["1,400", "or", "3.5", "%", "at", "10:30", "."]),
        ("11-13 Dec. 2018", ["11", "-", "13", "Dec", ".", "2018"]),
        ("Sana’a and O'Brien", ["Sana’a", "and", "O'Brien"]),
        ("Iraq's ISIS' don't", ["Iraq", "'", "s", "ISIS", "'", "don", "'", "t"]),
        ("end. A new one, 3", ["end", ".", "A", "new", "one", ",", "3"]),
        ("snake_case", ["snake", "_", "case"]),
    ],
)
def test_units_keep_abbreviations_figures_and_names_whole(
    bert_tokenizer, byte_tokenizer, text, units
):
    for tokenizer in (bert_tokenizer, byte_tokenizer):
        (encoded,) = Encoder(tokenizer).encode([text])
        assert mentions(encoded, text) == units


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("see http://t.co/x-1, ok", ["see", "http://t.co/x-1", ",", "ok"]),
        ("RT @some_one: #Tag!", ["RT", "@some_one", ":", "#Tag", "!"]),
        ("Iran-backed (M&M's)", ["Iran-backed", "(", "M&M", "'s", ")"]),
        ("the U.S. O'Brien’s x", ["the", "U.S.", "O'Brien", "’s", "x"]),
        ("well... ok!! @ :)", ["well", "...", "ok", "!!", "@", ":)"]),
        ("AT&amp;T I'm on/off t.co", ["AT&amp;T", "I'm", "on", "/", "off", "t.co"]),
        ("in 北京 :)", ["in", "北", "京", ":)"]),
    ],
)
def test_units_can_be_whole_words(bert_tokenizer, byte_tokenizer, text, units):
    for tokenizer in (bert_tokenizer, byte_tokenizer):
        (encoded,) = Encoder(tokenizer, whole_words=True).encode([text])
        assert mentions(encoded, text) == units


def test_encoding_groups_subwords_into_one_unit(bert_tokenizer):
    text = "Peshmerga in Qamishly"
    (encoded,) = Encoder(bert_tokenizer).encode([text])
    assert mentions(encoded, text) == ["Peshmerga", "in", "Qamishly"]
    assert len(encoded.windows[0].input_ids) > 5


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "\u200b"])
def test_encoding_empty_text_has_no_units(bert_tokenizer, text):
    for lines in LINES:
        (encoded,) = Encoder(bert_tokenizer, lines=lines).encode([text])
        assert len(encoded.starts) == len(mentions(encoded, text))
        assert all(m.strip() for m in mentions(encoded, text))


def test_encoding_lines_are_sequences_with_offsets_into_the_whole_text(bert_tokenizer):
    text = "First line.\r\n\n  Second one\n"
    (encoded,) = Encoder(bert_tokenizer).encode([text])
    assert mentions(encoded, text) == ["First", "line", ".", "Second", "one"]
    assert encoded.sequences.tolist() == [0, 3]
    assert len(encoded.windows) == 2


def test_encoding_dotted_capital_i_keeps_offsets(bert_tokenizer):
    text = "İstanbul and İzmir"
    (encoded,) = Encoder(bert_tokenizer).encode([text])
    assert mentions(encoded, text) == ["İstanbul", "and", "İzmir"]


def test_encoding_unspaced_scripts_give_a_unit_per_character(bert_tokenizer):
    text = "北京 Kyiv"
    (encoded,) = Encoder(bert_tokenizer).encode([text])
    assert mentions(encoded, text) == ["北", "京", "Kyiv"]


def test_encoding_byte_level_tokens_of_one_emoji_are_one_unit(byte_tokenizer):
    text = "a 🪖🪖 b"
    (encoded,) = Encoder(byte_tokenizer).encode([text])
    assert mentions(encoded, text) == ["a", "🪖", "🪖", "b"]


def test_encoding_sentencepiece_space_is_trimmed(byte_tokenizer):
    text = "in  Iraq , today"
    (encoded,) = Encoder(byte_tokenizer).encode([text])
    assert mentions(encoded, text) == ["in", "Iraq", ",", "today"]


def test_encoding_windows_answer_for_every_unit_once(bert_tokenizer):
    text = " ".join(f"word{i}" for i in range(500))
    whole = Encoder(bert_tokenizer, window=10_000, overlap=0)
    (expected,) = whole.encode([text])
    for window, overlap in ((96, 0), (96, 20), (128, 63), (512, 64)):
        encoder = Encoder(bert_tokenizer, window=window, overlap=overlap)
        (encoded,) = encoder.encode([text])
        assert len(encoded.windows) > 1
        assert spell(encoder, encoded, text) == spell(whole, expected, text)
        assert sum(len(w.positions) for w in encoded.windows) == len(encoded.starts)


@pytest.mark.parametrize(
    "text",
    [
        "police in iraq said " * 3 + "\u3000" * 100 + " in iraq" * 40,
        "police in iraq said " * 3 + "\t" * 300 + " in iraq" * 3,
        "\t" * 600 + "police in iraq",
        "police in iraq" + "\t" * 600,
        "-" + "\U0001f600" * 8 + "x" + "-a" * 60,
    ],
)
@pytest.mark.parametrize("window", [66, 128, 256])
def test_encoding_tokens_of_white_space_fill_no_window(byte_tokenizer, text, window):
    encoder = Encoder(byte_tokenizer, window=window, overlap=32)
    whole = Encoder(byte_tokenizer, window=10_000, overlap=0)
    (encoded,), (expected,) = encoder.encode([text]), whole.encode([text])
    assert spell(encoder, encoded, text) == spell(whole, expected, text)


@pytest.mark.slow
def test_units_of_an_endless_word_are_found_in_linear_time(bert_tokenizer):
    """A quadratic search would take minutes here."""
    encoder = Encoder(bert_tokenizer, window=96, overlap=16)
    for character in ("a", "7", "_", "\ud55c"):
        (encoded,) = encoder.encode([character * 100_000])
        assert encoded.ends[-1] == 100_000


def test_encoding_key_changes_with_the_rules(bert_tokenizer, monkeypatch):
    from ie_model.encoding import windows as encoding

    before = Encoder(bert_tokenizer, window=96, overlap=16).key
    monkeypatch.setattr(encoding, "RULES", encoding.RULES + 1)
    assert Encoder(bert_tokenizer, window=96, overlap=16).key != before


def test_encoding_unit_is_far_from_window_edges(bert_tokenizer):
    text = " ".join(["alpha"] * 600)
    encoder = Encoder(bert_tokenizer, window=130, overlap=64)
    (encoded,) = encoder.encode([text])
    for number, window in enumerate(encoded.windows):
        if number > 0:
            assert window.positions[0] > 30
        if number < len(encoded.windows) - 1:
            assert len(window.input_ids) - window.positions[-1] > 30


def test_encoding_cuts_unbroken_strings_so_that_nothing_is_truncated(bert_tokenizer):
    text = "x" * 90 + " " + "https" + "z9" * 800
    encoder = Encoder(bert_tokenizer, window=70, overlap=8)
    (encoded,) = encoder.encode([text])
    assert encoded.ends[-1] == len(text)
    inside = sum(len(w.input_ids) - 2 for w in encoded.windows)
    assert inside >= len(bert_tokenizer(text, add_special_tokens=False)["input_ids"])
    assert len(encoded.starts) >= inside // (MAX_UNIT_TOKENS * 2)


def test_encoding_rejects_lone_surrogates(bert_tokenizer):
    with pytest.raises(InputError, match="text 1: lone surrogate at offset 2"):
        Encoder(bert_tokenizer).encode(["fine", "ab\ud800"])


@pytest.mark.parametrize(("window", "overlap"), [(40, 0), (128, 100), (128, -1)])
def test_encoding_rejects_unusable_windows(bert_tokenizer, window, overlap):
    with pytest.raises(InputError, match="not usable"):
        Encoder(bert_tokenizer, window=window, overlap=overlap)


def test_encoding_leaves_the_callers_tokenizer_alone(bert_tokenizer):
    bert_tokenizer.backend_tokenizer.enable_truncation(7)
    try:
        (encoded,) = Encoder(bert_tokenizer).encode(["one two three four five six seven eight"])
        assert len(encoded.starts) == 8
        assert bert_tokenizer.backend_tokenizer.truncation["max_length"] == 7
    finally:
        bert_tokenizer.backend_tokenizer.no_truncation()


def test_align_masks_and_lists_what_cuts_a_token(bert_tokenizer):
    text = "Iranians left Hawija"
    (encoded,) = Encoder(bert_tokenizer).encode([text])
    good, cut = Entity(14, 20, "LOCATION"), Entity(0, 4, "LOCATION")
    tags, lost = align(encoded, [cut, good], LABELS)
    assert lost == [cut]
    assert tags.tolist() == [IGNORED, 0, LABELS.tag_ids["B-LOCATION"]]


def test_align_overlap_and_line_crossing_are_lost_not_silently_dropped(bert_tokenizer):
    text = "Iraqi federal police\nof Kirkuk"
    (encoded,) = Encoder(bert_tokenizer).encode([text])
    kept, nested, crossing = (
        Entity(0, 20, "ACTOR"), Entity(6, 13, "ACTOR"), Entity(14, 30, "LOCATION"),
    )  # fmt: skip
    tags, lost = align(encoded, [kept, nested, crossing], LABELS)
    assert lost == [nested, crossing]
    assert [LABELS.tags[t] if t >= 0 else None for t in tags] == [
        "B-ACTOR", "I-ACTOR", "I-ACTOR", None, None,
    ]  # fmt: skip
    ledger = Ledger()
    ledger.add(Document(text, (kept, nested, crossing), "d1"), encoded, lost, True)
    assert ledger.to_dict()["gold_seen"] == 3
    assert ledger.representable == 1
    assert ledger.lost == [("d1", nested), ("d1", crossing)]


@settings(max_examples=150)
@given(text=st.text(max_size=120), lines=st.sampled_from(LINES))
def test_encoding_units_are_trimmed_sorted_and_inside_any_unicode_text(
    bert_tokenizer, byte_tokenizer, text, lines
):
    for tokenizer in (bert_tokenizer, byte_tokenizer):
        encoder = Encoder(tokenizer, window=128, overlap=16, lines=lines)
        (encoded,) = encoder.encode([text])
        assert (encoded.starts[1:] >= encoded.ends[:-1]).all()
        for mention in mentions(encoded, text):
            assert mention
            assert mention == mention.strip()
        assert sum(len(w.positions) for w in encoded.windows) == len(encoded.starts)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["Iraq", "U.S.-backed", "Peshmerga", "—", "9,000", "\n", "é"]),
                min_size=1, max_size=300))  # fmt: skip
def test_encoding_windows_equal_no_windows(bert_tokenizer, words):
    text = " ".join(words)
    one = Encoder(bert_tokenizer, window=4000, overlap=0, lines="document")
    many = Encoder(bert_tokenizer, window=80, overlap=30, lines="document")
    (a,), (b,) = one.encode([text]), many.encode([text])
    assert a.starts.tolist() == b.starts.tolist()
    assert a.ends.tolist() == b.ends.tolist()
    assert spell(one, a, text) == spell(many, b, text)


def test_ledger_counts_spans_of_one_label_side_by_side():
    text = "north Syria, Iraq police"
    together = (Entity(0, 5, "LOCATION"), Entity(6, 11, "LOCATION"))
    apart = (Entity(13, 17, "LOCATION"), Entity(18, 24, "ACTOR"))
    assert touching_pairs(Document(text, apart + together), "line") == 1
    assert touching_pairs(Document(text, (together[1], *apart)), "line") == 0
    lines = Document("Iraq\nSyria", (Entity(0, 4, "LOCATION"), Entity(5, 10, "LOCATION")))
    assert (touching_pairs(lines, "document"), touching_pairs(lines, "auto")) == (1, 0)
    tabs = Document("Iraq\t\u00a0Syria", (Entity(0, 4, "LOCATION"), Entity(6, 11, "LOCATION")))
    assert touching_pairs(tabs, "line") == 0  # a tab always parts them
    blanks = Document("Iraq  Syria", (Entity(0, 4, "LOCATION"), Entity(6, 11, "LOCATION")))
    assert touching_pairs(blanks, "line") == 0  # and so do two blanks
    assert not Ledger(gold=5000, touching=3).spans_touch
    assert Ledger(gold=500, touching=3).spans_touch


def test_align_stretches_that_nobody_annotated_are_ignored_not_outside(bert_tokenizer):
    (encoded,) = Encoder(bert_tokenizer).encode(["iraqi police cleared hawija"])
    tags, lost = align(encoded, [Entity(0, 12, "ACTOR")], LABELS, [[13, 20]])
    assert lost == []
    assert tags[2] == IGNORED
    assert tags[3] == LABELS.tag_ids["O"]


CONTEXT_TEXT = "\n".join(
    ["BAGHDAD, Iraq.", "The Counter Terrorism Service (CTS) moved in.", "", "x " * 150, "CTS won."]
    * 3
)


def first_tokens(encoded):
    """The token id at which each unit is read."""
    return np.concatenate([w.input_ids[w.positions] for w in encoded.windows])


@pytest.mark.parametrize("context", [16, 40, 128])
def test_lines_share_windows_and_stay_what_they_are(bert_tokenizer, byte_tokenizer, context):
    for tokenizer in (bert_tokenizer, byte_tokenizer):
        check_sharing(tokenizer, context)


def check_sharing(tokenizer, context):
    (alone,) = Encoder(tokenizer, 128, 32).encode([CONTEXT_TEXT])
    (shared,) = Encoder(tokenizer, 128, 32, context=context).encode([CONTEXT_TEXT])
    for name in ("starts", "ends", "sequences"):
        assert np.array_equal(getattr(alone, name), getattr(shared, name))
    assert np.array_equal(first_tokens(alone), first_tokens(shared))
    assert max(len(w.input_ids) for w in shared.windows) <= 128
    whole = {w.input_ids.tobytes() for w in alone.windows}
    for window in shared.windows:
        assert len(window.input_ids) <= context or window.input_ids.tobytes() in whole
    assert (len(shared.windows) < len(alone.windows)) == (context > 16)


def test_the_separator_stands_between_lines_of_one_text_alone(bert_tokenizer):
    encoder = Encoder(bert_tokenizer, 128, 32, context=128)
    one, other = encoder.encode(["Mosul fell.\nTroops left.", "Hawija"])
    (window,) = one.windows
    tokens = bert_tokenizer.convert_ids_to_tokens(window.input_ids.tolist())
    assert [t for t in tokens if t.startswith("[")] == ["[CLS]", "[SEP]", "[SEP]"]
    assert len(other.windows) == 1


@pytest.mark.parametrize("context", [-1, 129])
def test_context_beyond_the_window_is_refused(bert_tokenizer, context):
    with pytest.raises(InputError, match="context"):
        Encoder(bert_tokenizer, 128, 32, context=context)
