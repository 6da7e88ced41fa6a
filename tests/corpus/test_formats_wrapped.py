"""A mention that runs over a soft line break comes back from every format that has its text."""

import importlib.util

import pytest

from ie_model.annotation.losses import losses
from ie_model.corpus.formats import FORMATS
from ie_model.corpus.reading import read_documents
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity

NAMES = [name for name in FORMATS if name not in ("text", "lines")]
BREAKS = ["\n", "\r\n", "\r", " \n", "\n   ", "\n\f", "\n> ", "-\n", "\r\n>> "]


@pytest.mark.parametrize("between", BREAKS)
@pytest.mark.parametrize("name", NAMES)
def test_mentions_over_a_soft_break_come_back(name, between, tmp_path):
    if name == "docbin" and importlib.util.find_spec("spacy") is None:
        pytest.skip("needs spaCy")
    text = f"They left Deir ez{between}Zor on 14{between}May.\nIraq{between}stayed."
    mentions = [
        (f"Deir ez{between}Zor", "LOCATION"),
        (f"14{between}May", "DATE"),
        ("Iraq", "ACTOR"),
    ]
    entities = [Entity(at := text.index(m), at + len(m), label, text=m) for m, label in mentions]
    document = Document(text, tuple(entities), "one")
    path = tmp_path / f"x{''.join(FORMATS[name].suffixes[:1])}"
    write_documents([document], path, name)
    (back,) = read_documents(path, name)
    if losses(document, name)["exact spacing"]:
        words = [(e.label, e.text.split()) for e in back.entities]
        assert [label for label, _ in words] == ["LOCATION", "DATE", "ACTOR"]
        assert "".join(back.text.split()) == "".join(text.split())
    else:
        assert back.text == text
        assert [e.key for e in back.entities] == [e.key for e in entities]
        assert all(e.text in ("", m) for e, (m, _) in zip(back.entities, mentions, strict=True))


@pytest.mark.parametrize("between", ["\r\n", " \n  ", "\n> "])
def test_brat_writes_a_mention_as_its_tool_does(between, tmp_path):
    text = f"Deir ez{between}Zor"
    write_documents([Document(text, (Entity(0, len(text), "X"),), "a")], tmp_path / "b", "brat")
    parts = f"0 7;{len(text) - 3} {len(text)}"
    assert (tmp_path / "b/a.ann").read_text() == f"T1\tX {parts}\tDeir ez Zor\n"
