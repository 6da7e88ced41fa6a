"""What a notebook shows of a document: all of its text, marked, and nothing that acts."""

import re
from html.parser import HTMLParser

from ie_model import Document, Entity
from ie_model.display import render_page
from ie_model.highlights import marked_text

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
