"""Which line breaks wrapping made, in texts of many kinds."""

import textwrap

import pytest

from ie_model.encoding.lines import sequences, unwrapped
from ie_model.encoding.windows import Encoder

PARAGRAPHS = (
    "The Islamic State of Iraq and the Levant attacked the Free Syrian Army and the Syrian "
    "Democratic Forces near Deir ez Zor on 14 September 2017, killing more than twenty five "
    "fighters of the Popular Mobilization Units before the Kurdish Peshmerga arrived.",
    "Coalition officials said the troops had held the bridge for nearly four hours, and that a "
    "second convoy was sent from the base in the north of the province after dark.",
    "Aid workers counted 4,300 new arrivals in the camp, which is already full, and the "
    "spokesman for Gen. John R. Allen of the NATO mission in Kabul said on Monday that three "
    "more buses with families from Tal Afar were on their way to the east of the country.",
)
WORDS = frozenset(" ".join(PARAGRAPHS).split())
WIDTHS = [40, 60, 72, 80, 100]


def lines_of(paragraph, width, first="", rest=""):
    return textwrap.wrap(
        paragraph,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )


def pieces(text):
    return [text[start:end] for start, end in sequences(text, "auto")]


def read(text):
    """What is read, sequence by sequence, with one blank for white space."""
    return [" ".join(unwrapped(piece, WORDS.__contains__)[0].split()) for piece in pieces(text)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("mark", [">", ">>", "> >", " >"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_wrapped_mail_that_is_quoted_is_read_as_one_line(width, mark, end):
    blank = f"{end}{mark}{end}"
    text = blank.join(end.join(f"{mark} {line}" for line in lines_of(p, width)) for p in PARAGRAPHS)
    text = f"On Monday the office wrote:{end}{end}{text}{end}{end}We will not comment."
    quoted = [f"{' '.join(mark.split())} {p}" for p in PARAGRAPHS]
    found = [piece for piece in read(text) if len(piece) > len(mark)]
    assert found == ["On Monday the office wrote:", *quoted, "We will not comment."]


def test_quotations_of_another_depth_stay_apart():
    text = "\n".join(
        [*(f">> {line}" for line in lines_of(PARAGRAPHS[0], 60)),
         *(f"> {line}" for line in lines_of(PARAGRAPHS[1], 60)),
         *lines_of(PARAGRAPHS[2], 60)]
    )  # fmt: skip
    assert read(text) == [f">> {PARAGRAPHS[0]}", f"> {PARAGRAPHS[1]}", PARAGRAPHS[2]]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n", " \n", "\n\t"])
def test_wrapped_text_in_capitals_is_read_as_one_line(width, end):
    text = "\n\n".join(end.join(lines_of(p.upper(), width)) for p in PARAGRAPHS)
    assert read(text) == [p.upper() for p in PARAGRAPHS]


@pytest.mark.parametrize("width", WIDTHS)
def test_lines_that_nobody_wrapped_do_not_hide_a_width(width):
    link = "https://www.example.org/" + "a/" * 70
    linked = f"{PARAGRAPHS[0]} {link} {PARAGRAPHS[1]}"
    rows = [f"Deir ez Zor,{n},{n + 3}," + "the council of the town and its police, " * 3
            for n in range(4)]  # fmt: skip
    wrapped = ["\n".join(lines_of(p, width)) for p in (linked, PARAGRAPHS[2])]
    text = "\n\n".join([*PARAGRAPHS, "\n".join(rows), *wrapped])
    assert read(text) == [*PARAGRAPHS, *(row.strip() for row in rows), linked, PARAGRAPHS[2]]


@pytest.mark.parametrize("width", WIDTHS)
def test_wrapped_paragraphs_of_several_widths_are_read_as_one_line_each(width):
    narrow = "\n".join(lines_of(PARAGRAPHS[0], width - 16, " " * 6, " " * 6))
    text = "\n\n".join(["\n".join(lines_of(p, width)) for p in PARAGRAPHS] + [narrow])
    assert read(text) == [*PARAGRAPHS, PARAGRAPHS[0]]


@pytest.mark.parametrize("width", WIDTHS)
def test_an_indented_line_behind_a_sentence_begins_a_paragraph(width):
    text = "\n".join("\n".join(lines_of(p, width, "    ")) for p in PARAGRAPHS)
    assert read(text) == list(PARAGRAPHS)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("marks", ["---", "•••", "1.2.3.", "a)b)c)", "(1)(2)(3)"])
def test_items_with_hanging_indents_are_read_as_one_line_each(width, marks):
    size = len(marks) // 3
    items = [marks[i : i + size] for i in range(0, len(marks), size)]
    text = "\n".join(
        "\n".join(lines_of(p, width, f"{mark} ", "   "))
        for mark, p in zip(items, PARAGRAPHS, strict=True)
    )
    assert read(text) == [f"{mark} {p}" for mark, p in zip(items, PARAGRAPHS, strict=True)]


def test_an_initial_or_a_day_at_the_head_of_a_line_is_no_item():
    text = (
        "The coalition said in the statement that Gen. John R. Allen would meet the ministers "
        "on Sept. 14. They want to speak of the town of Tal Afar and of how the families are "
        "to come back from the camps in the north."
    )
    heads = set()
    for width in range(40, 100):
        lines = lines_of(text, width)
        heads.update(line[:3] for line in lines)
        assert read("\n".join(lines)) == [text]
    assert {"R. ", "14."} <= heads


def test_a_page_that_ends_within_a_sentence_goes_on_behind_the_form_feed():
    lines = lines_of(" ".join(PARAGRAPHS), 60)
    text = "\n".join(lines[:4]) + "\n\f" + "\n".join(lines[4:8]) + "\f" + "\n".join(lines[8:])
    assert read(text) == [" ".join(PARAGRAPHS)]


def test_tables_in_wrapped_text_stay_apart():
    table = [
        "town          killed    wounded in action",
        "raqqa         four      and three others",
        "hajin         nine      and several more",
        "Town\tKilled\tand wounded of the army",
        "| Deir ez Zor | 12 | three of the army |",
        "| Hajin | 4 | and all of the other ones |",
    ]
    wrapped = ["\n".join(lines_of(p, 44)) for p in PARAGRAPHS]
    text = "\n\n".join([wrapped[0], "\n".join(table), *wrapped[1:]])
    assert pieces(text)[1:-2] == table


def test_names_in_small_letters_that_are_listed_in_wrapped_text_stay_apart():
    names = ["al-Susah", "al-Shaafa", "al-Baghuz", "al-Kashmah", "al-Marashidah"]
    sign = ["Maj. Adrian Rankine", "Deputy Spokesman", "e-mail adrian@example.org", "tel. 555 0100"]
    body = ["\n".join(lines_of(p, 60)) for p in PARAGRAPHS]
    text = (
        "\n".join([*body, "These towns were cleared of mines:", *names]) + "\n\n" + "\n".join(sign)
    )
    assert pieces(text)[-10:] == ["These towns were cleared of mines:", *names, *sign]


@pytest.mark.parametrize("width", [60, 72, 80])
def test_text_that_was_wrapped_twice_is_read_as_one_line(width):
    text = "\n\n".join(
        "\n".join(part for line in lines_of(p, width) for part in lines_of(line, width - 8))
        for p in PARAGRAPHS
    )
    assert read(text) == list(PARAGRAPHS)


@pytest.mark.parametrize("style", [str, str.upper, str.lower, str.title])
def test_lists_of_headlines_stay_apart(style):
    headlines = [
        "Police arrest nine suspects in the raid on a market",
        "Army clears village near the river crossing of Hajin",
        "Militants attack checkpoint north of the city of Tikrit",
        "Minister visits the troops at the northern border post",
        "The council of the province meets on the new prison",
        "Families return to the camp as the rain goes on",
    ]
    text = style("\n".join(headlines))
    assert pieces(text) == text.split("\n")


def test_units_of_a_quoted_line_end_are_those_of_a_blank(bert_tokenizer):
    encoder = Encoder(bert_tokenizer, lines="paragraph")
    broken = "> iraqi police\r\n>  of kirkuk"
    one, other = encoder.encode(["> iraqi police of kirkuk", broken])
    ids = [[w.input_ids.tolist() for w in e.windows] for e in (one, other)]
    assert ids[0] == ids[1]
    assert other.sequences.tolist() == [0]
    words = [broken[a:b] for a, b in zip(other.starts, other.ends, strict=True)]
    assert words == [">", "iraqi", "police", "of", "kirkuk"]


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n   ", "\n\f"])
def test_a_word_that_a_hyphen_parts_at_a_line_end_is_one_unit(bert_tokenizer, byte_tokenizer, end):
    broken = f"iraqi po-{end}lice left kirkuk-{end}army of U.S.-{end}led forces, PO-{end}LICE"
    for tokenizer in (bert_tokenizer, byte_tokenizer):
        encoder = Encoder(tokenizer, lines="paragraph")
        (encoded,) = encoder.encode([broken])
        units = [broken[a:b] for a, b in zip(encoded.starts, encoded.ends, strict=True)]
        assert f"po-{end}lice" in units
        assert f"PO-{end}LICE" in units
        assert "led" in units
        (whole,) = encoder.encode([broken.replace(f"o-{end}l", "ol").replace(f"O-{end}L", "OL")])
        assert len(whole.starts) == len(units)
        ids = [[w.input_ids.tolist() for w in e.windows] for e in (encoded, whole)]
        assert ids[0] == ids[1]


def test_both_sides_of_a_hyphen_at_a_line_end_that_are_words_stay_two(bert_tokenizer):
    text = "iraqi army-\npolice left"
    (encoded,) = Encoder(bert_tokenizer, lines="paragraph").encode([text])
    assert [text[a:b] for a, b in zip(encoded.starts, encoded.ends, strict=True)] == [
        "iraqi", "army", "-", "police", "left",
    ]  # fmt: skip


def test_letters_tell_their_case_across_a_hyphen_at_a_line_end(bert_tokenizer):
    text = "the Peshm-\nerga of Kirkuk and of the\narmy left"
    encoder = Encoder(bert_tokenizer, lines="paragraph", letter_case=True)
    one, other = encoder.encode([text, text.replace("-\n", "").replace("\n", " ")])
    assert one.windows[0].input_ids.tolist() == other.windows[0].input_ids.tolist()


def test_a_short_mail_whose_lines_end_before_names_is_read_as_one_line():
    body = (
        "on Monday the Iraqi federal police and units of the Popular\nMobilization Forces cleared "
        "the town of Hawija, and the Free\nSyrian Army took over the border crossing with Turkey "
        "near the\nvillage of al-Rai."
    )
    sign = ["Kind regards,", "Public Affairs Officer", "Camp Arifjan", "Kuwait", "phone 555 0100"]
    text = "\n\n".join(["Dear all,", body, "\n".join(sign)])
    assert read(text) == ["Dear all,", " ".join(body.split()), *sign]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_empty_line_behind_every_wrapped_line_parts_nothing(width, end):
    text = (2 * end).join(line for p in PARAGRAPHS for line in lines_of(p, width, "    "))
    assert read(text) == list(PARAGRAPHS)


def test_short_paragraphs_with_empty_lines_between_stay_apart():
    sentences = " ".join(PARAGRAPHS).replace(". ", ".|").split("|")
    assert pieces("\n\n".join(sentences)) == sentences


def test_footnotes_begin_lines_of_their_own():
    notes = [
        "The report says that 1,200 fighters of the Islamic State left the\ncity of Raqqa under "
        "the agreement of October 2017.[12] The United\nNations did not want to confirm that "
        "number on the same day.",
        "[12] See the report of the Secretary-General to the Security\nCouncil of 31 January 2018, "
        "paragraph 9, and what follows there.",
        "[13] Interview with an officer.",
    ]
    assert read("\n".join(notes)) == [" ".join(note.split()) for note in notes]
