"""Round trips of the four basic formats on random documents, and their errors."""

from __future__ import annotations

import errno
import os
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from ie_model.corpus.formats import FORMATS
from ie_model.corpus.formats.files import read_lines, read_text
from ie_model.corpus.formats.spacing import join_tokens, split_tokens
from ie_model.corpus.reading import load_gold, read_documents
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError, RunError
from ie_model.files import write_text

ALPHABET = st.one_of(
    st.sampled_from(string.ascii_letters + string.digits + " .,'\"-/[]|\\()\n\r\t#%\u2028\u00a0"),
    st.sampled_from("éß—’“”İ😂\u0301\ufeff"),
    st.characters(exclude_categories=["Cs"]),
)
LABELS = ("ACTOR", "DATE", "creative-work")


@st.composite
def flat_documents(draw: st.DrawFn) -> Document:
    """A text with flat entities whose edges are not white space."""
    text = draw(st.text(ALPHABET, max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    entities = [
        Entity(a, b, draw(st.sampled_from(LABELS)), text=text[a:b])
        for a, b in zip(cuts[::2], cuts[1::2], strict=False)
        if a < b and text[a:b] == text[a:b].strip()
    ]
    return Document(text, tuple(entities), "doc")


def keys(documents: list[Document]) -> list[tuple[str, list[tuple[int, int, str]]]]:
    return [(d.text, [e.key for e in d.entities]) for d in documents]


@pytest.mark.parametrize(
    ("format", "name", "options"),
    [
        ("jsonl", "x.jsonl", {}),
        ("brat", "x", {}),
        ("markup", "x.txt", {}),
        ("conll", "x.conll", {"comments": True}),
    ],
)
@settings(max_examples=150)
@given(document=flat_documents())
def test_formats_round_trip(format, name, options, document):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_documents([document], path, format, **options)
        back = list(read_documents(path, format))
        assert keys(back) == keys([document])
        assert all(e.text == d.text[e.start : e.end] for d in back for e in d.entities)
        assert not list(Path(folder).rglob("*.tmp"))


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_formats_invalid_utf8_names_byte_and_line(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"text": "x"}\n{"text": "caf\xe9"}\n')
    with pytest.raises(InputError, match=r"a\.jsonl:2: byte 27 \(0xe9\) is not UTF-8"):
        list(read_documents(path))


@pytest.mark.parametrize("format", [n for n in FORMATS if n not in ("docbin", "datasets")])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_formats_byte_order_mark_says_the_encoding(tmp_path, encoding, format):
    text = "Bağdat 😂 fell.\u2028Then Qaim, too." + " Then they left." * 900
    document = Document(text, (Entity(0, 6, "LOC", text="Bağdat"),), "d")
    path = tmp_path / f"x{''.join(FORMATS[format].suffixes[:1])}"
    if format in ("text", "lines"):
        write(path, text)
    else:
        write_documents([document], path, format)
    plain = list(read_documents(path, format))
    for file in path.rglob("*.*") if path.is_dir() else [path]:
        write(file, ("\ufeff" + file.read_text("utf-8")).encode(encoding))
    assert list(read_documents(path, format)) == plain
    assert list(read_documents(path)) == plain or format == "lines"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_formats_utf16_without_a_mark_is_called_so(tmp_path, encoding):
    wanted = f"a.txt:1: looks like UTF-16 without.*iconv -f {encoding.replace('16-', '16')} "
    for text in ("left", "Bağdat fell.", "В Багдаде они были недолго.\n" * 400):
        path = write(tmp_path / "a.txt", text.encode(encoding))
        for read in (read_text, lambda p: list(read_lines(p)), lambda p: list(read_documents(p))):
            with pytest.raises(InputError, match=wanted):
                read(path)
    stray = write(tmp_path / "b.txt", "One zero\0 in a text is a character like others.")
    assert "\0" in read_text(stray)


def test_formats_broken_utf16_names_the_line(tmp_path):
    path = write(tmp_path / "a.txt", "\ufeffa\nb".encode("utf-16-le") + b"\x00\xd8")
    with pytest.raises(InputError, match=r"a.txt:2: not UTF-16-LE, which its byte order mark says"):
        read_text(path)


def test_formats_two_documents_of_one_name_are_named(tmp_path):
    with pytest.raises(InputError, match=r"^two documents are called 'a'; each needs a file of"):
        write_documents([Document("x", id="a"), Document("y", id="a")], tmp_path / "brat")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a [[ACTOR|b", "never closed"),
        ("a b]] c", "closes nothing"),
        ("[[ACTOR|a [[DATE|b]]]]", "inside another"),
        ("[[|a]]", "without a label"),
        ("[[ACTOR|]]", "empty mention"),
        ("[[ACTOR]]", "closes nothing"),
    ],
)
def test_formats_markup_errors_name_the_line(tmp_path, content, message):
    path = write(tmp_path / "a.txt", "fine\n" + content + "\n")
    with pytest.raises(InputError, match=rf"a\.txt:2: .*{message}"):
        list(read_documents(path, "markup"))


def test_formats_markup_reads_marks_and_ids(tmp_path):
    path = write(tmp_path / "news.txt", "\n[[ACTOR|NATO]] met on [[DATE|Monday]].\n")
    (document,) = load_gold(path, labels=["ACTOR", "DATE"])
    assert document.id == "news:2"
    assert document.text == "NATO met on Monday."
    assert [e.key for e in document.entities] == [(0, 4, "ACTOR"), (12, 18, "DATE")]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB1", "I-A I-A B-A O I-B I-A"),
        ("IOB2", "B-A I-A B-A O B-B B-A"),
        ("BIOES", "B-A E-A S-A O S-B S-A"),
        ("BILOU", "B-A L-A U-A O U-B U-A"),
    ],
)
def test_formats_conll_reads_every_scheme(tmp_path, scheme, tags):
    rows = "".join(f"{w} x {t}\n" for w, t in zip("abcdef", tags.split(), strict=True))
    path = write(tmp_path / "a.conll", rows)
    expected = [(0, 3, "A"), (4, 5, "A"), (8, 9, "B"), (10, 11, "A")]
    for name in (None, scheme):
        (document,) = read_documents(path, "conll", scheme=name)
        assert [e.key for e in document.entities] == expected


def test_formats_conll_scheme_refuses_malformed(tmp_path):
    path = write(tmp_path / "a.conll", "a O\nb I-A\n")
    assert [e.text for d in read_documents(path) for e in d.entities] == ["b"]
    with pytest.raises(InputError, match="malformed in IOB2"):
        list(read_documents(path, scheme="iob2"))


def test_formats_conll_docstart_makes_documents_of_lines(tmp_path):
    path = write(
        tmp_path / "a.conll",
        "-DOCSTART- -X- O O\n\nU.S. NNP I-NP B-LOC\n( ( O O\nUS NNP I-NP B-LOC\n) ) O O\n\n"
        "Yes UH O O\n! . O O\n\n-DOCSTART- -X- O O\n\nNo UH O O\n",
    )
    first, second = read_documents(path)
    assert (first.text, second.text) == ("U.S. (US)\nYes!", "No")
    assert (first.id, second.id) == ("a:3", "a:13")
    assert [e.text for e in first.entities] == ["U.S.", "US"]


def test_formats_brat_keeps_what_is_no_span(tmp_path):
    write(tmp_path / "a.txt", "IS fighters\nleft Mosul.")
    ann = (
        "T1\tACTOR 0 11\tIS fighters\nT2\tLOCATION 17 22\tMosul\n"
        "T3\tACTOR 0 2;17 22\tIS Mosul\nR1\tin Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\tsure\n"
    )
    write(tmp_path / "a.ann", ann)
    (document,) = read_documents(tmp_path)
    assert document.id == "a"
    assert [e.key for e in document.entities] == [(0, 11, "ACTOR"), (17, 22, "LOCATION")]
    write_documents([document], tmp_path / "out", "brat")
    assert (tmp_path / "out" / "a.ann").read_text() == ann
    (tmp_path / "a.txt").rename(tmp_path / "out" / "a.txt")
    (again,) = read_documents(tmp_path / "a.ann", text_dir=tmp_path / "out")
    assert again == document


def test_formats_brat_reports_shifted_text(tmp_path):
    write(tmp_path / "a.txt", "The IS fighters left.")
    write(tmp_path / "a.ann", "T1\tACTOR 0 11\tIS fighters\n")
    with pytest.raises(InputError, match=r"a\.ann: document 'a'.*text is 'IS fighters'") as error:
        load_gold(tmp_path)
    assert "ie-model annotations check" in str(error.value)


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", ".", "a\0b"])
def test_formats_brat_refuses_ids_that_leave_the_folder(tmp_path, name):
    with pytest.raises(InputError, match="cannot be a file name"):
        write_documents([Document("x", id=name)], tmp_path / "out", "brat")


@pytest.mark.parametrize("name", ["folder.jsonl", "file/x.jsonl", "file/brat"])
def test_formats_targets_that_cannot_be_written_are_named(tmp_path, name):
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "file").write_text("x")
    format = "brat" if name == "file/brat" else "jsonl"
    with pytest.raises(InputError, match=f"{name}: cannot be written: "):
        write_documents([Document("x", id="a")], tmp_path / name, format)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.jsonl"]


def test_formats_a_full_disk_is_no_mistake_of_the_user(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"x\.jsonl: cannot be written: No space left"):
        write_documents([Document("x", id="a")], tmp_path / "x.jsonl")
    with pytest.raises(RunError, match=r"x\.txt: cannot be written: No space left"):
        write_text(tmp_path / "x.txt", "x")
    assert not list(tmp_path.iterdir())


def test_formats_surrogates_are_refused(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "\\ud83d\\ude02"}\n{"text": "\\ud83d"}\n')
    with pytest.raises(InputError, match=r"a\.jsonl:2: .*surrogate"):
        list(read_documents(path))
    with pytest.raises(InputError, match="surrogate"):
        write_documents([Document("\ud83d")], tmp_path / "b.jsonl")
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize(
    "text",
    [
        "The U.S.-backed forces' advance (Dec. 3) cost $1.6bn, they said.",
        'He said: "We don\'t know," and left.',
        "“Go,” she said; 80% of the ‘old’ city's homes were empty…",
        "The 30-metre craft, the 2nd of 1,000-strong crews, came at 10:30.",
        "Iran-backed 'fighters' and others' men / women",
    ],
)
def test_formats_spacing_rebuilds_ordinary_prose(text):
    tokens = [text[start:end] for start, end in split_tokens(text)]
    rebuilt, offsets = join_tokens(tokens)
    assert rebuilt == text.replace(" / ", "/")
    assert [rebuilt[o : o + len(t)] for o, t in zip(offsets, tokens, strict=True)] == tokens


@pytest.mark.parametrize("text", ["He left Anbar.[1][12] He came back.", "Between 120–180 died."])
def test_formats_spacing_of_citations_and_ranges_returns(text):
    assert join_tokens([text[a:b] for a, b in split_tokens(text)])[0] == text


def test_formats_spacing_of_authored_paragraphs_mostly_returns():
    folder = Path(__file__).parents[2] / "annotations" / "authored"
    texts = [document.text for document in read_documents(folder)]
    rebuilt = [join_tokens([t[a:b] for a, b in split_tokens(t)])[0] for t in texts]
    same = sum(a == b for a, b in zip(texts, rebuilt, strict=True))
    assert same / len(texts) > 0.95
