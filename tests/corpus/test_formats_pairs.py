"""A document comes back equal through every pair of formats that can express it."""

from __future__ import annotations

import importlib.util
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from ie_model.corpus.formats import FORMATS
from ie_model.corpus.reading import read_documents
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity

WRITABLE = [name for name in FORMATS if name not in ("text", "lines")]
if importlib.util.find_spec("spacy") is None:
    WRITABLE.remove("docbin")
OPTIONS = {"conll": {"comments": True}}
LETTERS = string.ascii_letters + string.digits
CHARACTERS = st.one_of(
    st.sampled_from(LETTERS + " .,'\"-/[]|\\()\n\r\t#%_*;<>&\u2028\u00a0éß—’“”İ😂\u0301"),
    st.characters(exclude_categories=["Cs"]),
)
LABELS = ("ACTOR", "DATE", "creative-work", "a|b[1]_*")


@st.composite
def documents(draw: st.DrawFn, overlaps: bool = False) -> Document:
    """A text that begins with a word, and entities without white space at their edges."""
    text = draw(st.text(CHARACTERS, max_size=40))
    text = text.lstrip()
    if overlaps:
        offset = st.integers(0, len(text))
        pairs = [tuple(sorted(p)) for p in draw(st.lists(st.tuples(offset, offset), max_size=6))]
    else:
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
        pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    entities = {
        Entity(a, b, draw(st.sampled_from(LABELS)), text=text[a:b])
        for a, b in pairs
        if a < b and text[a:b] == text[a:b].strip()
    }
    return Document(text, tuple(sorted(entities, key=lambda e: e.key)), "doc")


def through(documents: list[Document], name: str, folder: Path) -> list[Document]:
    folder.mkdir(exist_ok=True)
    path = folder / f"x{''.join(FORMATS[name].suffixes[:1])}"
    write_documents(documents, path, name, **OPTIONS.get(name, {}))
    back = list(read_documents(path, name))
    assert not list(folder.rglob("*.tmp"))
    return back


def check_pairs(documents: list[Document], names: list[str]) -> None:
    numbered = [Document(d.text, d.entities, f"doc/{i}") for i, d in enumerate(documents)]
    with tempfile.TemporaryDirectory() as temporary:
        for a in names:
            first = through(numbered, a, Path(temporary) / a)
            for b in names:
                back = through(first, b, Path(temporary) / f"{a}-{b}")
                if FORMATS[a].ids and FORMATS[b].ids:
                    back.sort(key=lambda d: int(d.id.partition("/")[2]))
                    assert [d.id for d in back] == [d.id for d in numbered], (a, b)
                elif FORMATS[a].folder or FORMATS[b].folder:
                    back.sort(key=lambda d: d.text)
                    numbered.sort(key=lambda d: d.text)
                assert [d.text for d in back] == [d.text for d in numbered], (a, b)
                for got, wanted in zip(back, numbered, strict=True):
                    assert sorted(e.key for e in got.entities) == [e.key for e in wanted.entities]
                    assert all(e.text in ("", got.text[e.start : e.end]) for e in got.entities), (
                        a,
                        b,
                    )
                numbered.sort(key=lambda d: int(d.id.partition("/")[2]))


def corpora(overlaps: bool) -> st.SearchStrategy[list[Document]]:
    """Different texts, so that folders of files can be compared whatever their order."""
    return st.lists(documents(overlaps), min_size=1, max_size=12, unique_by=lambda d: d.text)


@pytest.mark.slow
@settings(max_examples=4)
@given(documents=corpora(overlaps=False))
def test_formats_pairs_keep_flat_documents(documents):
    check_pairs(documents, WRITABLE)


@pytest.mark.slow
@settings(max_examples=4)
@given(documents=corpora(overlaps=True))
def test_formats_pairs_keep_overlapping_documents(documents):
    check_pairs(documents, [name for name in WRITABLE if FORMATS[name].overlaps])


@pytest.mark.parametrize("name", [n for n in WRITABLE if FORMATS[n].scores])
def test_formats_scores_come_back(name, tmp_path):
    document = Document("IS left Mosul.", (Entity(0, 2, "ACTOR", 0.25), Entity(8, 13, "DATE")), "d")
    (back,) = through([document], name, tmp_path)
    assert [e.score for e in back.entities] == [0.25, None]


@pytest.mark.parametrize("name", [n for n in WRITABLE if FORMATS[n].meta])
def test_formats_meta_comes_back(name, tmp_path):
    document = Document("IS left Mosul.", id="d", meta={"source": "x", "year": 2018})
    (back,) = through([document], name, tmp_path)
    assert back.meta == document.meta
