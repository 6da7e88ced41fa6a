"""What a notebook shows of a document: all of its text, marked, and nothing that acts."""

import re
from html.parser import HTMLParser

import pytest

from ie_model import Document, Entity
from ie_model.display import render_page
from ie_model.display.highlight import render_terminal
from ie_model.highlights import brief_value, marked_text, tag_text

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


class Fragment(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.names, self.text = [], set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def test_notebook_html_marks_and_escapes():
    entities = (
        Entity(0, 8, HOSTILE, 0.987, meta={"value": {"low": 3.0, "unit": HOSTILE}}),
        Entity(4, 12, "DATE"),
        Entity(5, 500, "DATE"),
    )
    html = Document(HOSTILE, entities, HOSTILE, error=HOSTILE)._repr_html_()
    fragment = Fragment(html)
    assert set(fragment.tags) == {"div", "mark", "span"}
    assert fragment.names == {"style", "title"}
    assert not re.search(r"https?:|url\(|@import", html)
    assert "0.99" in fragment.text
    assert "1 of its entities lie outside" in fragment.text
    assert "low 3, unit &lt;script&gt;" in html
    plain = Document("a  b\nIS <left>", (Entity(5, 7, "ACTOR", 0.5),), "d")
    assert Fragment(plain._repr_html_()).text == "da  b\nISACTOR 0.50 <left>"


def test_notebook_html_gives_a_label_one_colour_everywhere():
    one = Document("IS", (Entity(0, 2, "ACTOR"),))._repr_html_()
    two = Document("IS in Qaim", (Entity(6, 10, "LOCATION"), Entity(0, 2, "ACTOR")))._repr_html_()
    hues = [re.findall(r"hsl\((\d+)", html) for html in (one, two)]
    assert hues[0][0] == hues[1][0] != hues[1][1]


def test_page_and_notebook_are_marked_by_the_same_renderer():
    document = Document("IS in Qaim", (Entity(0, 2, "ACTOR", 0.5), Entity(6, 10, "LOCATION")), "d")
    marked = marked_text(document, {"ACTOR": 'class="l0"', "LOCATION": 'class="l1"'}.__getitem__,
                         'class="tag"')  # fmt: skip
    assert marked in render_page([document])


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({}, ""),
        ({"value": None, "unresolved": "no number is said"}, ""),
        ({"name": "Iraq"}, "Iraq"),
        ({"value": {"start": "2017-05-03", "end": "2017-05-03"}}, "2017-05-03"),
        ({"value": {"start": "2017-05-01", "end": None, "approximate": True}},
         "about 2017-05-01 to …"),
        ({"value": {"start": None, "end": None, "duration": "P5D"}}, "P5D"),
        ({"value": {"start": "2017-05-03", "end": "2017-05-04", "duration": "PT24H"}},
         "2017-05-03 to 2017-05-04 (PT24H)"),
        ({"value": {"low": 28000.0, "high": 32000.0, "unit": "fighters"}},
         "28,000–32,000 fighters"),
        ({"value": {"low": 24.0, "high": None, "approximate": True}}, "about at least 24"),
        ({"value": {"low": None, "high": 2.5, "percent": True}}, "at most 2.5 %"),
        ({"value": {"low": 75, "high": 75, "unit": "attacks", "rate": "month"}},
         "75 attacks per month"),
        ({"value": {"of": "another tool"}}, ""),
        ({"value": "a string of another tool"}, ""),
    ],
)  # fmt: skip
def test_highlight_values_are_brief(meta, said):
    assert brief_value(meta) == said


def test_highlight_tags_hide_what_says_nothing():
    # Every second tag said 1.00, and values stood in tooltips alone, which paper does not have.
    assert tag_text(Entity(0, 2, "ACTOR", 1.0)) == "ACTOR"
    assert tag_text(Entity(0, 2, "ACTOR", 0.996)) == "ACTOR"
    assert tag_text(Entity(0, 2, "ACTOR", 0.994)) == "ACTOR 0.99"
    assert tag_text(Entity(0, 2, "SIZE 1.00")) == "SIZE 1.00"
    assert tag_text(Entity(0, 4, "LOCATION", 0.5, "Iraq", {"name": "Iraq"})) == "LOCATION 0.50"
    day = {"value": {"start": "2018-12-11", "end": "2018-12-11"}}
    document = Document("on Tuesday", (Entity(3, 10, "DATE", 1.0, "", day),), "d")
    for shown in (document._repr_html_(), render_page([document])):
        assert ">DATE · 2018-12-11</span>" in shown
    assert "|DATE · 2018-12-11]" in render_terminal(document, colour=False).plain
