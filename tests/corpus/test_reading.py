"""Finding, reading, fingerprinting, de-duplicating and splitting corpora."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from collections.abc import Iterator

import pytest

from ie_model.annotation.conversion import convert
from ie_model.corpus.folders import source_files
from ie_model.corpus.near_duplicates import near_duplicate_clusters
from ie_model.corpus.reading import load_gold, read_documents
from ie_model.corpus.splits import fingerprint, split_documents
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError


def words(n: int, seed: int) -> str:
    return " ".join(str(random.Random(seed * 1000 + i).randrange(10**6)) for i in range(n))


def test_corpus_missing_and_empty_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        list(read_documents(tmp_path / "none"))
    with pytest.raises(InputError, match="no file matches"):
        list(read_documents(str(tmp_path / "*.ann")))
    with pytest.raises(InputError, match=r"no files ending in \.ann"):
        list(read_documents(tmp_path, "brat"))
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(InputError, match="file is empty"):
        load_gold(tmp_path / "a.jsonl")
    with pytest.raises(InputError, match="no documents"):
        load_gold(tmp_path / "a.jsonl", "jsonl")


def test_corpus_unknown_option_lists_the_known(tmp_path):
    (tmp_path / "a.conll").write_text("a O\n")
    with pytest.raises(InputError, match="no option 'tags'; its options: token_column"):
        list(read_documents(tmp_path / "a.conll", tags=1))
    with pytest.raises(InputError, match="unknown format 'xml'; one of: jsonl"):
        list(read_documents(tmp_path / "a.conll", "xml"))


def test_corpus_options_have_types(tmp_path):
    (tmp_path / "a.conll").write_text("a O\n")
    with pytest.raises(InputError, match="conll, option tag_column: expected a whole number, fo"):
        list(read_documents(tmp_path / "a.conll", tag_column="x"))
    with pytest.raises(InputError, match="option comments: expected true or false, found 'yes'"):
        write_documents([Document("a")], tmp_path / "b.conll", comments="yes")
    # A number can be a name; the option annotator=3 comes as one.
    row = '{"text": "x", "_annotator_id": "3"}\n{"text": "y", "_annotator_id": "4"}\n'
    (tmp_path / "a.jsonl").write_text(row)
    read = read_documents(tmp_path / "a.jsonl", "prodigy", annotator=3)
    assert [d.text for d in read] == ["x"]


def test_corpus_gold_refuses_two_documents_with_one_id(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "x", "text": "a"}\n{"id": "x", "text": "b"}\n')
    with pytest.raises(InputError, match=r"a\.jsonl:2: document id 'x' was already used at .*:1"):
        load_gold(tmp_path / "a.jsonl")


def test_corpus_fingerprint_ignores_order_and_sees_every_change():
    a = Document("IS left.", (Entity(0, 2, "ACTOR"), Entity(3, 7, "DATE")), "a")
    b = Document("No.", id="b")
    base = fingerprint([a, b])
    assert base == fingerprint([b, Document(a.text, a.entities[::-1], "a")])
    others = [
        [a],
        [a, b, b],
        [a, Document("No", id="b")],
        [a, Document("No.", id="c")],
        [Document(a.text, a.entities[:1], "a"), b],
        [Document(a.text, (Entity(0, 2, "ACTOR"), Entity(3, 6, "DATE")), "a"), b],
    ]
    assert len({base, *map(fingerprint, others)}) == len(others) + 1


def test_corpus_clusters_equal_exact_jaccard():
    texts = [words(60, seed) for seed in range(8)]
    texts += [t + " tail of the reprint" for t in texts[:4]] + [texts[0].replace(" ", ", ")]
    documents = [Document(t) for t in texts]
    shingles = [
        {tuple(w[i : i + 4]) for i in range(len(w) - 3)}
        for w in (t.replace(",", "").split() for t in texts)
    ]
    clusters = near_duplicate_clusters(documents, 0.8)
    for i, j in itertools.combinations(range(len(texts)), 2):
        same = len(shingles[i] & shingles[j]) / len(shingles[i] | shingles[j]) >= 0.8
        assert (clusters[i] == clusters[j]) == same
    assert clusters[:8] == list(range(8))


def test_corpus_split_keeps_duplicates_together_and_ignores_order():
    documents = [Document(words(30, i), id=str(i)) for i in range(30)]
    documents += [Document(d.text + " reprint", id=d.id + "r") for d in documents[:10]]
    train, dev = split_documents(documents, 0.2, seed=3)
    assert len(dev) == 8
    assert sorted(d.id for d in train + dev) == sorted(d.id for d in documents)
    sides = {d.id: d in dev for d in documents}
    assert all(sides[str(i)] == sides[f"{i}r"] for i in range(10))
    again = split_documents(documents[::-1], 0.2, seed=3)
    assert {d.id for d in again[1]} == {d.id for d in dev}
    assert {d.id for d in split_documents(documents, 0.2, seed=4)[1]} != {d.id for d in dev}
    assert split_documents(documents, 0.0, seed=3) == (documents, [])
    with pytest.raises(InputError, match="cannot be split"):
        split_documents([documents[0], documents[30]], 0.5, seed=1)


def test_corpus_source_files_are_all_that_documents_depend_on(tmp_path):
    (tmp_path / "ann").mkdir()
    (tmp_path / "txt").mkdir()
    (tmp_path / "ann" / "a.ann").write_text("")
    (tmp_path / "ann" / "a.txt").write_text("x")
    (tmp_path / "txt" / "a.txt").write_text("x")
    beside = source_files(tmp_path / "ann")
    assert [p.name for p in beside] == ["a.ann", "a.txt"]
    apart = source_files(tmp_path / "ann", "brat", tmp_path / "txt")
    assert apart == [tmp_path / "ann" / "a.ann", tmp_path / "txt" / "a.txt"]
    write_documents([Document("x", id="x")], tmp_path / "data", "datasets")
    assert {p.suffix for p in source_files(tmp_path / "data")} == {".json", ".arrow"}


def test_corpus_ids_of_files_in_folders_do_not_clash(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "news.txt").write_text(folder)
    assert [(d.id, d.text) for d in read_documents(tmp_path)] == [("a/news", "a"), ("b/news", "b")]


def test_corpus_reading_says_what_it_took(tmp_path, caplog):
    (tmp_path / "a.conll").write_text("a O\n")
    with caplog.at_level("INFO", "ie_model"):
        list(read_documents(tmp_path))
        list(read_documents(tmp_path, "conll"))
    assert [r.getMessage() for r in caplog.records] == [f"{tmp_path / 'a.conll'}: read as conll"]


@pytest.mark.parametrize("target", ["out.json", "out.jsonl"])
def test_corpus_convert_streams(tmp_path, target):
    def rows() -> Iterator[Document]:
        text = f"IS left {words(150, 1)}"
        for i in range(2500):
            yield Document(text, (Entity(0, 2, "ACTOR", text="IS"),), str(i))

    source = tmp_path / "a.jsonl"
    write_documents(rows(), source)
    tracemalloc.start()
    result = convert(source, tmp_path / target)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.documents == 2500
    assert source.stat().st_size > 2.2e6
    assert peak < 1e6


@pytest.mark.parametrize("format", ["jsonl", "doccano", "labelstudio", "prodigy"])
def test_reading_number_of_thousands_of_digits_is_an_input_error(tmp_path, format):
    """Python refuses to make a number of it with a ValueError, which reached the caller."""
    file = tmp_path / "a.jsonl"
    file.write_text('[{"id": ' + "9" * 5000 + "}]" if format == "labelstudio" else "9" * 5000)
    with pytest.raises(InputError, match="not readable JSON"):
        list(read_documents(file, format))


def test_corpus_one_odd_file_does_not_hide_the_others(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "IS left", "entities": []}\n')
    (tmp_path / "b.jsonl").write_text('{"text": "IS left"}\n')
    (tmp_path / "odd.json").write_text('{"words": 3}\n')
    with pytest.raises(InputError, match=r"odd\.json.*--from.*the other files.*: 2 jsonl"):
        list(read_documents(tmp_path))
