"""brat's mentions in fragments: over a line end they are one span, with words between not."""

import pytest

from ie_model.corpus import Account, read_documents, read_located, write_documents
from ie_model.corpus.folders import source_files
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


def bionlp(tmp_path):
    (tmp_path / "a.txt").write_text("TGF-b binds IL-10.", encoding="utf-8")
    (tmp_path / "a.a1").write_text("T1\tProtein 0 5\tTGF-b\nT2\tProtein 12 17\tIL-10\n")
    (tmp_path / "a.a2").write_text(
        "T3\tBinding 6 11\tbinds\nE1\tBinding:T3 Theme:T1 Theme2:T2\nM1\tNegation E1\n"
        "*\tEquiv T1 T2\n"
    )
    return tmp_path


@pytest.mark.parametrize("name", ["", "a.a1", "a.a2", "a.txt"])
@pytest.mark.parametrize("format", ["brat", None])
def test_brat_pairs_of_bionlp_are_one_document(tmp_path, name, format):
    account = Account()
    ((_, document),) = read_located(bionlp(tmp_path) / name, format, account=account)
    assert document.id == "a"
    assert [(e.text, e.label) for e in document.entities] == [
        ("TGF-b", "Protein"), ("IL-10", "Protein"), ("binds", "Binding"),
    ]  # fmt: skip
    found = {entry.kind: (entry.number, entry.first) for entry in account}
    assert found == {
        f"{kind} (kept aside)": (1, f"{tmp_path / 'a.a2'}:{line}")
        for kind, line in (("event", 2), ("modification", 3), ("equivalence", 4))
    }
    write_documents([document], tmp_path / "out", "brat")
    (back,) = read_documents(tmp_path / "out", "brat")
    assert (back.meta, back.entities) == (document.meta, document.entities)


def test_brat_pairs_of_bionlp_without_events_and_beside_others(tmp_path):
    bionlp(tmp_path)
    (tmp_path / "a.a2").unlink()
    (tmp_path / "b.txt").write_text("IS left", encoding="utf-8")
    (tmp_path / "b.ann").write_text("T1\tACTOR 0 2\tIS\n", encoding="utf-8")
    (tmp_path / "b.a1").write_text("", encoding="utf-8")
    (tmp_path / "c.txt").write_text("IS left", encoding="utf-8")
    account = Account()
    found = [d for _, d in read_located(tmp_path, account=account)]
    assert [(d.id, len(d.entities)) for d in found] == [("a", 2), ("b", 1)]
    assert sorted(entry.first for entry in account) == [
        str(tmp_path / "b.a1"), str(tmp_path / "c.txt"),
    ]  # fmt: skip
    assert {f.name for f in source_files(tmp_path)} == {"a.a1", "a.txt", "b.ann", "b.txt"}
