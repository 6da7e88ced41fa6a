"""brat's mentions in fragments: over a line end they are one span, with words between not."""

import pytest

from ie_model.corpus import Account, read_documents, read_located, write_documents
from ie_model.documents import Document, Entity


def folder(tmp_path, text: str, annotations: str):
    (tmp_path / "a.txt").write_bytes(text.encode())
    (tmp_path / "a.ann").write_text(annotations, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "offsets", "end"),
    [
        ("The Free Syrian\nArmy left.", "4 15;16 20", 20),
        ("The Free Syrian\r\nArmy left.", "4 15;17 21", 21),
        ("The Free Syrian\r\nArmy left.", "4 15;16 20", 21),  # a line end counted as one
        ("The Free \n  Syrian\nArmy left.", "4 8;12 18;19 23", 23),
    ],
)
def test_brat_fragments_over_line_ends_are_one_span(tmp_path, text, offsets, end):
    path = folder(tmp_path, text, f"T1\tACTOR {offsets}\tFree Syrian Army\n")
    account = Account()
    ((_, document),) = read_located(path, account=account)
    (entity,) = document.entities
    assert (entity.start, entity.end, entity.text) == (4, end, text[4:end])
    assert not list(account)
    assert "brat_aside" not in document.meta


def test_brat_fragments_with_words_between_are_counted_and_kept(tmp_path):
    line = "T1\tACTOR 4 8;16 20\tFree Army"
    account = Account()
    path = folder(tmp_path, "The Free Syrian\nArmy left.", line + "\n")
    ((_, document),) = read_located(path, account=account)
    assert document.entities == ()
    assert document.meta["brat_aside"] == [line]
    ((kind, number),) = ((entry.kind, entry.number) for entry in account)
    assert (kind, number) == ("mention in fragments with words between them", 1)


def test_brat_writes_a_fragment_a_line(tmp_path):
    document = Document("The Free Syrian\nArmy left.", (Entity(4, 20, "ACTOR"),), "a")
    write_documents([document], tmp_path / "out", "brat")
    written = (tmp_path / "out" / "a.ann").read_text()
    assert written == "T1\tACTOR 4 15;16 20\tFree Syrian Army\n"
    (back,) = read_documents(tmp_path / "out")
    assert [e.key for e in back.entities] == [(4, 20, "ACTOR")]
