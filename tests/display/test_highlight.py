"""Marked documents: nothing of the text lost, everything escaped, nothing from the network."""

from __future__ import annotations

import io
import itertools
import re
from html.parser import HTMLParser

from hypothesis import given, settings, strategies as st
from rich.console import Console

from ie_model.display.highlight import label_hues, render_page, render_terminal, segments
from ie_model.documents import Document, Entity

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Tags and attributes of a page, and its marked mentions."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "p" and ("class", "text") in attrs:
            self.texts.append("")
        self.inside.append("tag" if ("class", "tag") in attrs else tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() not in (tag, "tag"):
            pass

    def handle_data(self, data):
        if self.texts and "p" in self.inside and "tag" not in self.inside:
            self.texts[-1] += data


@st.composite
def overlapping(draw: st.DrawFn) -> Document:
    text = draw(st.text(st.sampled_from("ab <>&\"'\n"), max_size=30))
    offset = st.integers(-2, len(text) + 2)
    entities = [
        Entity(*sorted(pair), draw(st.sampled_from(["A", "B", "<C>"])))
        for pair in draw(st.lists(st.tuples(offset, offset), max_size=6))
    ]
    return Document(text, tuple(entities), "d")


@settings(max_examples=200)
@given(overlapping())
def test_highlight_segments_cover_the_text_and_every_entity(document):
    pieces = list(segments(document))
    assert "".join(piece.text for piece in pieces) == document.text
    inside = [e for e in document.entities if 0 <= e.start < e.end <= len(document.text)]
    assert sorted(e.key for p in pieces for e in p.ending) == sorted(e.key for e in inside)
    for e in inside:
        covered = "".join(p.text for p in pieces for held in p.entities if held is e)
        assert covered == document.text[e.start : e.end]


@settings(max_examples=50)
@given(overlapping())
def test_highlight_page_holds_the_very_text(document):
    page = Page(render_page([document]))
    assert page.texts == [document.text]
    assert page.tags.count("mark") >= sum(len(p.entities) for p in segments(document))


def test_highlight_page_escapes_every_string():
    hostile = Document(
        HOSTILE, (Entity(0, 5, HOSTILE, 0.5), Entity(3, 9, "B")), id=HOSTILE, error=HOSTILE
    )
    page = Page(render_page([hostile, hostile], title=HOSTILE))
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on")]
    assert all(href.startswith("#d") for href in page.attributes["href"])
    assert "src" not in page.attributes
    policy = page.attributes["content"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policy


def test_highlight_page_names_nothing_outside_itself():
    page = render_page([Document("IS left", (Entity(0, 2, "ACTOR"),), "d")])
    assert not re.search(r"https?:|//|url\(|@import", page)
    assert "1 document,\n1 entity" in page
    assert "entit" in render_page([])


def test_highlight_hues_are_stable_and_apart():
    hues = label_hues(["DATE", "ACTOR", "LOCATION", "ACTOR"])
    assert list(hues) == ["ACTOR", "DATE", "LOCATION"]
    values = sorted(label_hues(map(str, range(12))).values())
    gaps = [b - a for a, b in itertools.pairwise(values)]
    assert min(gaps) >= 15


def test_highlight_terminal_shows_labels_and_no_escape_sequences():
    document = Document("a\x1b[31mIS\x9b left", (Entity(6, 8, "AC\x1bTOR", 0.5),), "d")
    plain = render_terminal(document, colour=False).plain
    assert plain == "a␛[31m[IS|AC␛TOR 0.50]\ufffd left"
    out = Console(file=io.StringIO(), force_terminal=True, width=80)
    out.print(render_terminal(document))
    shown = out.file.getvalue()
    assert "AC␛TOR 0.50" in shown
    assert "\x1b[31m" not in shown


def test_highlight_terminal_leaves_out_what_crosses_and_says_so():
    text = "The IS fighters left Mosul."
    spans = [(0, 15), (4, 20), (4, 6), (21, 26), (20, 26), (3, 99)]
    document = Document(text, tuple(Entity(*span, "A") for span in spans), "d")
    plain = render_terminal(document, colour=False).plain
    assert plain == (
        "The [[IS|A] fighters left|A][ [Mosul|A]|A].\n"
        "(2 entities not drawn: across others or outside the text)"
    )
    crossing = Document(text, (Entity(0, 15, "A"), Entity(4, 20, "B")), "d")
    assert render_terminal(crossing).plain.endswith(
        "\n(1 entity not drawn: across others or outside the text)"
    )


@settings(max_examples=200)
@given(overlapping())
def test_highlight_terminal_brackets_match(document):
    plain = render_terminal(document, colour=False).plain
    depth = list(itertools.accumulate((c == "[") - (c == "]") for c in plain))
    assert not depth or (min(depth) >= 0 and depth[-1] == 0)


def test_highlight_tags_may_break_and_keep_their_direction():
    page = render_page([Document("IS", (Entity(0, 2, "ACTOR"),), "d")])
    (rule,) = re.findall(r"\n\.tag \{([^}]*)\}", page)
    assert "overflow-wrap: anywhere" in rule
    assert "white-space: normal" in rule
    assert "unicode-bidi: isolate" in rule
