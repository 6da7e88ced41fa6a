"""The script that measures wrapped text: no style loses a character, and places are found."""

import pytest

from ie_model import Document, Entity

PARAGRAPH = (
    "Coalition officials said the troops had held the bridge at Deir ez Zor for nearly four hours, "
    "and that a second convoy was sent from the base in the north of the province after dark."
)


@pytest.mark.parametrize("width", [40, 72])
def test_every_style_wraps_and_an_entity_is_found_in_it(script, width):
    original = Document(PARAGRAPH, (Entity(59, 70, "LOCATION"),))
    own = script.places_of(PARAGRAPH, PARAGRAPH)
    wanted = script.spans_without_blanks(original, own)
    for name, style in script.STYLES.items():
        lines = style(PARAGRAPH, width)
        assert len(lines) > 2, name
        assert max(map(len, lines)) <= width, name
        text = "\n".join(lines)
        places = script.places_of(PARAGRAPH, text)
        assert "".join(text[at] for at in places) == script.visible(PARAGRAPH), name
        first, last = places[own.index(59)], places[own.index(69)]
        found = Document(text, (Entity(first, last + 1, "LOCATION"),))
        assert script.spans_without_blanks(found, places) == wanted, name


def test_lost_characters_are_no_wrapping(script):
    with pytest.raises(ValueError, match="lost"):
        script.places_of("four hours", "four hou")


def test_f1_counts_spans_of_all_documents(script):
    pairs = [({(0, 1, "A"), (2, 3, "A")}, {(0, 1, "A")}), (set(), {(5, 6, "A")})]
    assert script.f1(pairs) == pytest.approx(50.0)
