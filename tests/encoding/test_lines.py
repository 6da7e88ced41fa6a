import textwrap
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from ie_model.documents import Document, Entity
from ie_model.encoding.lines import LINES, parts_joined, sequences
from ie_model.encoding.windows import Encoder

PARAGRAPHS = (
    "The Islamic State of Iraq and the Levant attacked the Free Syrian Army and the Syrian "
    "Democratic Forces near Deir ez Zor on 14 September 2017, killing more than twenty five "
    "fighters of the Popular Mobilization Units before the Kurdish Peshmerga arrived.",
    "Coalition officials said the troops had held the bridge for nearly four hours, and that a "
    "second convoy was sent from the base in the north of the province after dark.",
    "Aid workers counted 4,300 new arrivals in the camp, which is already full.",
)


def pieces(text, lines="auto"):
    return [text[start:end] for start, end in sequences(text, lines)]


def wrapped(width, between="\n\n", end="\n"):
    return between.join(end.join(textwrap.wrap(p, width)) for p in PARAGRAPHS)


@pytest.mark.parametrize("width", [40, 50, 60, 72, 80])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_wrapped_paragraphs_are_one_sequence_each(width, end):
    for between in (end, 2 * end):
        found = [" ".join(piece.split()) for piece in pieces(wrapped(width, between, end))]
        assert found == list(PARAGRAPHS)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(PARAGRAPHS),
        "Iraq\nSyria\nTurkey\nIran",
        "Baghdad police chief\nMosul governor\nBasra mayor of the city\nRaqqa council member",
        "Police arrest nine suspects in raid\nArmy clears village near river crossing\n"
        "Militants attack checkpoint north of city\nMinister visits troops at northern border",
        "- four soldiers of the army were killed in the east\n- the police found two roadside bombs"
        "\n- three more were wounded in the capital that day",
        "Subject: clearing of the town of Hawija\nFrom: the press office of the coalition\n"
        "Date: 5 December 2018, a Wednesday morning",
        "town          killed    wounded in action\nraqqa         four      and three others\n"
        "hajin         nine      and several more",
    ],
)
def test_lines_of_articles_lists_and_tables_stay_apart(text):
    assert pieces(text) == text.split("\n")


def test_lines_modes_differ_as_they_say():
    text = "one two\nthree\n\nfour\u2028five"
    assert pieces(text, "line") == ["one two", "three", "four", "five"]
    assert pieces(text, "paragraph") == ["one two\nthree", "four", "five"]
    assert pieces(text, "document") == [text]


@given(text=st.text(alphabet="ab .-\t\n\r\u2028", max_size=200), lines=st.sampled_from(LINES))
def test_lines_cover_all_that_is_written_once(text, lines):
    spans = sequences(text, lines)
    assert all(start < end for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    inside = {i for start, end in spans for i in range(start, end)}
    assert all(i in inside for i, char in enumerate(text) if not char.isspace())


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_lines_wrapped_text_has_the_units_of_one_line(bert_tokenizer, byte_tokenizer, end):
    for tokenizer in (bert_tokenizer, byte_tokenizer):
        encoder = Encoder(tokenizer, 512, lines="auto")
        plain, broken = "\n".join(PARAGRAPHS), wrapped(60, end=end)
        one, other = encoder.encode([plain, broken])
        assert one.sequences.tolist() == other.sequences.tolist()
        assert [plain[a:b] for a, b in zip(one.starts, one.ends, strict=True)] == [
            broken[a:b] for a, b in zip(other.starts, other.ends, strict=True)
        ]
        if len(end) == 1:
            ids = [[w.input_ids.tolist() for w in e.windows] for e in (one, other)]
            assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("iraq\tsyria\tkirkuk police", ["iraq", "syria", "kirkuk police"]),
        ("iraq  syria kirkuk", ["iraq", "syria kirkuk"]),
        ("iraq | syria", ["iraq", "|", "syria"]),
        ("• iraq • syria army", ["•", "iraq", "•", "syria army"]),
        ("iraq|syria", ["iraq", "|", "syria"]),
        ("iraq · syria", ["iraq", "·", "syria"]),
        ("army ■ syria", ["army", "■", "syria"]),
        ("\uf0b7 iraq \uf0b7 syria", ["iraq", "syria"]),
        ("iraq\u00a0 syria", ["iraq", "syria"]),
        ("iraq\u2003syria", ["iraq", "syria"]),
        ("iraq\u2009\u2009syria", ["iraq", "syria"]),
        ("iraq\u00a0army\u2009of\u202fsyria", ["iraq\u00a0army\u2009of\u202fsyria"]),
        ("col·lectiu police", ["col·lectiu police"]),
        ("iraq police, syria", ["iraq police, syria"]),
    ],
)
def test_lines_no_tag_path_runs_over_a_separator(bert_tokenizer, text, stretches):
    (encoded,) = Encoder(bert_tokenizer).encode([text])
    assert len(encoded.windows) == 1  # the model still sees both sides
    edges = [*encoded.sequences.tolist(), len(encoded.starts)]
    found = [text[encoded.starts[a] : encoded.ends[b - 1]] for a, b in pairwise(edges)]
    assert found == stretches


def test_lines_parts_of_a_mention_at_a_soft_break_are_made_whole():
    text = "they marched on deir ez\nzor with the army of\nthe north\n\niraq\n\nsyria"
    parts = [("deir ez", "A"), ("zor", "A"), ("iraq", "A"), ("syria", "A"), ("army", "B")]
    entities = [Entity(at := text.index(m), at + len(m), label) for m, label in parts]
    document = Document(text, tuple(entities))
    whole, joined = parts_joined(document, "paragraph")
    assert joined == 1
    mentions = [text[e.start : e.end] for e in whole.entities]
    assert mentions == ["deir ez\nzor", "army", "iraq", "syria"]
    assert parts_joined(document, "line") == (document, 0)


@pytest.mark.parametrize("lines", ["paragraph", "document"])
def test_lines_columns_part_cells_in_every_mode(bert_tokenizer, lines):
    text = "iraq     syria    kirkuk\nmosul    police   army"
    (encoded,) = Encoder(bert_tokenizer, lines=lines).encode([text])
    assert encoded.sequences.tolist() == [0, 1, 2, 4, 5]


def test_lines_blanks_that_justify_prose_part_nothing(bert_tokenizer):
    text = "police forces  of the\nkirkuk  army said"
    prose = "police forces  of the kirkuk army said on tuesday  that the iraqi police cleared it"
    for encoded in Encoder(bert_tokenizer, lines="paragraph").encode([text, prose]):
        assert encoded.sequences.tolist() == [0]
