"""Files as the annotation tools write them, and the ways in which they go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ie_model.corpus.account import Account
from ie_model.corpus.formats.detect import detect_format
from ie_model.corpus.reading import load_gold, read_documents, read_located
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError


def keys(document: Document) -> list[tuple[int, int, str]]:
    return [e.key for e in document.entities]


def save(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# doccano


def test_formats_doccano_reads_both_exports_and_keeps_relations(tmp_path):
    relation = {"id": 1, "from_id": 7, "to_id": 8, "type": "in"}
    path = save(
        tmp_path / "a.jsonl",
        {"id": 3, "text": "IS left Mosul.", "label": [[0, 2, "ACTOR"]], "Comments": ["?"]},
        {
            "id": 4,
            "text": "IS left Mosul.",
            "entities": [
                {"id": 7, "label": "ACTOR", "start_offset": 0, "end_offset": 2},
                {"id": 8, "label": "LOCATION", "start_offset": 8, "end_offset": 13},
            ],
            "relations": [relation],
        },
    )
    assert detect_format(path) == "doccano"
    plain, related = read_documents(path)
    assert keys(plain) == [(0, 2, "ACTOR")]
    assert keys(related) == [(0, 2, "ACTOR"), (8, 13, "LOCATION")]
    assert (plain.id, related.id) == ("3", "4")
    write_documents([plain, related], tmp_path / "b.jsonl", "doccano")
    rows = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert rows[0]["Comments"] == ["?"]
    assert rows[1]["relations"] == [relation]
    assert [e["id"] for e in rows[1]["entities"]] == [7, 8]


@pytest.mark.parametrize("span", [[0, 2], ["0", 2, "A"], [0, 2, 5], {"start_offset": 0}, "x"])
def test_formats_doccano_refuses_what_is_no_span(tmp_path, span):
    path = save(tmp_path / "a.jsonl", {"text": "x", "label": []}, {"text": "IS", "label": [span]})
    with pytest.raises(InputError, match=r"a\.jsonl:2, label 0: expected"):
        list(read_documents(path, "doccano"))


# Prodigy


def test_formats_prodigy_takes_accepted_and_keeps_the_rest(tmp_path, caplog):
    row = {
        "text": "IS left Mosul.",
        "spans": [{"start": 0, "end": 2, "label": "ACTOR", "token_start": 0, "token_end": 0}],
        "answer": "accept",
        "_task_hash": 5,
        "_annotator_id": "ann",
        "meta": {"source": "x"},
    }
    path = save(
        tmp_path / "a.jsonl",
        row,
        {**row, "answer": "reject"},
        {**row, "_annotator_id": "ben", "answer": "ignore"},
    )
    assert detect_format(path) == "prodigy"
    with caplog.at_level("INFO"):
        (document,) = read_documents(path)
    assert "example answered 'reject' (option answers): 1" in caplog.text
    assert document.meta == {"source": "x", "prodigy": {"_task_hash": 5, "_annotator_id": "ann"}}
    assert len(list(read_documents(path, answers="accept, reject"))) == 2
    assert len(list(read_documents(path, answers="ignore", annotator="ben"))) == 1
    write_documents([document], tmp_path / "b.jsonl", "prodigy")
    written = json.loads((tmp_path / "b.jsonl").read_text())
    assert written["_task_hash"] == 5
    assert written["spans"] == row["spans"]
    assert [t["text"] for t in written["tokens"]] == ["IS", "left", "Mosul", "."]
    assert [t["ws"] for t in written["tokens"]] == [True, True, False, False]


def test_formats_prodigy_cuts_tokens_at_spans(tmp_path):
    document = Document("Iran-backed", (Entity(0, 4, "LOCATION"),), "d")
    write_documents([document], tmp_path / "a.jsonl", "prodigy")
    row = json.loads((tmp_path / "a.jsonl").read_text())
    assert [t["text"] for t in row["tokens"]] == ["Iran", "-backed"]
    assert (row["spans"][0]["token_start"], row["spans"][0]["token_end"]) == (0, 0)


def test_formats_prodigy_offsets_are_settled_by_the_tokens(tmp_path):
    tokens = [{"text": "😂", "start": 0, "end": 2}, {"text": "IS", "start": 3, "end": 5}]
    row = {"text": "😂 IS", "tokens": tokens, "spans": [{"start": 3, "end": 5, "label": "ACTOR"}]}
    (document,) = read_documents(save(tmp_path / "a.jsonl", row))
    assert keys(document) == [(2, 4, "ACTOR")]


# brat


def test_formats_brat_line_ends_counted_as_one(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"IS\r\nleft\r\nMosul.")
    (tmp_path / "a.ann").write_text("T1\tACTOR 0 2\tIS\nT2\tLOCATION 8 13\tMosul\n")
    (document,) = load_gold(tmp_path)
    assert keys(document) == [(0, 2, "ACTOR"), (10, 15, "LOCATION")]


def test_formats_brat_drops_what_refers_to_removed_entities(tmp_path):
    (tmp_path / "a.txt").write_text("IS left Mosul.")
    spans = ["T1\tACTOR 0 2\tIS", "T2\tLOCATION 8 13\tMosul", "T3\tX 0 2;8 13\tIS Mosul"]
    others = [
        "R1\tin Arg1:T1 Arg2:T2",
        "A1\tSure T2",
        "#1\tAnnotatorNotes R1\tsee T9",
        "#2\tAnnotatorNotes T1\tsee T2",
        "*\tEquiv T1 T3",
    ]
    (tmp_path / "a.ann").write_text("\n".join([*spans, *others]) + "\n")
    (document,) = read_documents(tmp_path)
    without = Document(document.text, document.entities[:1], document.id, document.meta)
    write_documents([document, Document("", id="b")], tmp_path / "all", "brat")
    write_documents([without], tmp_path / "less", "brat")
    whole = (tmp_path / "all" / "a.ann").read_text().splitlines()
    assert sorted(whole) == sorted([*spans, *others])
    less = (tmp_path / "less" / "a.ann").read_text().splitlines()
    assert less == [spans[0], spans[2], others[3], others[4]]


@pytest.mark.parametrize("shape", ["array", "pretty array", "pretty object", "objects"])
@pytest.mark.parametrize("ending", [".json", ".jsonl"])
@pytest.mark.parametrize(
    "row",
    [
        {"text": "IS left", "entities": [{"start": 0, "end": 2, "label": "A"}]},
        {"text": "IS left", "label": [[0, 2, "A"]]},
        {"text": "IS left", "spans": [{"start": 0, "end": 2, "label": "A"}]},
        {"tokens": ["IS", "left"], "ner_tags": ["B-A", "O"]},
    ],
)
def test_formats_json_documents_over_lines_and_in_arrays_are_read(tmp_path, shape, ending, row):
    indent = 2 if "pretty" in shape else None
    rows = [row] if "object" in shape and shape[-1] != "s" else [row, row]
    texts = [json.dumps(r, indent=indent or 1) for r in rows]
    whole = json.dumps(rows, indent=indent) if "array" in shape else "\n".join(texts)
    path = tmp_path / f"a{ending}"
    path.write_text("\ufeff" + whole, encoding="utf-8")
    found = list(read_documents(path))
    assert [[e.key for e in d.entities] for d in found] == [[(0, 2, "A")]] * len(rows)
    assert len({d.id for d in found}) == len(rows)
    path.write_text(whole[:-2], encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.json.*(item|not JSON)"):
        list(read_documents(path))


def test_formats_brat_malformed_lines_are_named(tmp_path):
    (tmp_path / "a.txt").write_text("IS left")
    for line, message in [
        ("T1 ACTOR 0 2 IS", "expected ID<TAB>LABEL"),
        ("T1\tACTOR 0\tIS", "expected LABEL START END"),
        ("T1\tACTOR a b\tIS", "expected LABEL START END"),
        ("T1\tACTOR 0 2\tIS\nT1\tACTOR 0 2\tIS", "T1 is defined twice"),
    ]:
        (tmp_path / "a.ann").write_text(line + "\n")
        with pytest.raises(InputError, match=rf"a\.ann:\d: .*{message}"):
            list(read_documents(tmp_path))
    (tmp_path / "a.txt").unlink()
    with pytest.raises(InputError, match=r"its text .* is missing; .*text_dir"):
        list(read_documents(tmp_path))


# WebAnno TSV

WEBANNO = """#FORMAT=WebAnno TSV 3.3
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value
#T_SP=webanno.custom.Doubt|


#Text=😊 Iran-backed forces
#Text=left\\r.
1-1\t0-2\t😊\tSYM\t_\t_\t*\t
1-2\t3-14\tIran-backed\tJJ\t*[1]|*[2]\tACTOR[1]|X\\|Y[2]\t_\t
1-2.1\t3-7\tIran\t_\t*\tLOCATION\t_\t
1-3\t15-21\tforces\tNNS\t*[1]\tACTOR[1]\t_\t
1-4\t22-26\tleft\tVBD\t_\t_\t_\t
1-5\t27-28\t.\t.\t_\t_\t_\t

#Text=Today
2-1\t29-34\tToday\tNN\t*\t*\t_\t

#Text=at 9
3-1\t37-39\tat\tIN\t_\t_\t_\t
3-2\t40-41\t9\tCD\t*[4]\tDATE[4]\t_\t
3-2.1\t41-41\t\t_\t*[5]\t*[5]\t_\t
"""


def test_formats_webanno_reads_stacks_subtokens_and_utf16(tmp_path):
    path = tmp_path / "news.tsv"
    path.write_text(WEBANNO)
    assert detect_format(path) == "webanno"
    (document,) = read_documents(path)
    assert document.id == "news"
    assert document.text == "😊 Iran-backed forces\nleft\r.\nToday\n  at 9"
    assert [(e.text, e.label) for e in document.entities] == [
        ("Iran-backed forces", "ACTOR"),
        ("Iran-backed", "X|Y"),
        ("Iran", "LOCATION"),
        ("Today", "NamedEntity"),
        ("9", "DATE"),
        ("", "NamedEntity"),
    ]
    assert [p.kind for p in document.check()] == ["overlap", "overlap", "bounds"]
    account = Account()
    list(read_located(path, account=account))
    assert dict(account.counts) == {
        "annotation of layer de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS": 8,
        "annotation of layer webanno.custom.Doubt": 1,
    }
    (doubt,) = read_documents(path, layer="Doubt")
    assert [(e.text, e.label) for e in doubt.entities] == [("😊", "Doubt")]
    (pos,) = read_documents(path, layer="POS", feature="PosValue")
    assert [e.label for e in pos.entities][:3] == ["SYM", "JJ", "NNS"]


def test_formats_webanno_errors_name_the_line(tmp_path):
    path = tmp_path / "a.tsv"
    for old, new, message in [
        ("3-14", "3-13", r"a\.tsv:10: the token is 'Iran-backed' but its offsets hold"),
        ("15-21", "15", r"a\.tsv:12: expected START-END"),
        ("left\tVBD\t_\t_\t_\t", "left", r"a\.tsv:13: 3 columns"),
        ("#FORMAT=WebAnno TSV 3.3", "#FORMAT=WebAnno TSV 2", "not WebAnno TSV 3"),
    ]:
        path.write_text(WEBANNO.replace(old, new))
        with pytest.raises(InputError, match=message):
            list(read_documents(path, "webanno"))
    path.write_text(WEBANNO)
    account = Account()
    ((_, document),) = read_located(path, account=account, layer="Chunk")
    assert document.entities == ()
    assert any("NamedEntity" in kind for kind in account.counts)
    with pytest.raises(InputError, match="has no feature 'x'"):
        list(read_documents(path, feature="x"))


def test_formats_webanno_writes_what_the_specification_shows(tmp_path):
    document = Document("😊 IS\n\nleft Mosul.", (Entity(2, 4, "ACTOR"),), "d")
    write_documents([document], tmp_path / "out", "webanno")
    body = (tmp_path / "out" / "d.tsv").read_text().split("\n\n\n")[1]
    assert body == (
        "#Text=😊 IS\n#Text=\n1-1\t0-2\t😊\t_\t\n1-2\t3-5\tIS\tACTOR[1]\t\n\n"
        "#Text=left Mosul.\n2-1\t7-11\tleft\t_\t\n2-2\t12-17\tMosul\t_\t\n2-3\t17-18\t.\t_\t\n"
    )


# spaCy


def test_formats_docbin_reads_what_spacy_wrote(tmp_path):
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    doc = nlp("IS left Mosul on Monday.")
    doc.set_ents([doc.char_span(0, 2, label="ORG")])
    doc.spans["sc"] = [doc.char_span(8, 13, label="GPE"), doc.char_span(8, 23, label="X")]
    spacy.tokens.DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    (document,) = read_documents(tmp_path / "a.spacy")
    assert [(e.text, e.label) for e in document.entities] == [
        ("IS", "ORG"),
        ("Mosul", "GPE"),
        ("Mosul on Monday", "X"),
    ]
    (tmp_path / "b.spacy").write_bytes(b"no")
    with pytest.raises(InputError, match=r"b\.spacy: not a spaCy DocBin"):
        list(read_documents(tmp_path / "b.spacy"))


def test_formats_docbin_written_is_read_by_spacy(tmp_path):
    spacy = pytest.importorskip("spacy")
    text = "  Iran-backed \n\n forces  left. "
    flat = Document(text, (Entity(2, 6, "LOCATION"),), "a")
    nested = Document(text, (Entity(2, 6, "LOCATION"), Entity(2, 23, "ACTOR")), "b")
    write_documents([flat, nested], tmp_path / "a.spacy")
    first, second = (
        spacy.tokens.DocBin().from_disk(tmp_path / "a.spacy").get_docs(spacy.blank("en").vocab)
    )
    assert first.text == second.text == text
    assert [(e.text, e.label_) for e in first.ents] == [("Iran", "LOCATION")]
    assert [s.label_ for s in second.spans["sc"]] == ["ACTOR", "LOCATION"][::-1]
    with pytest.raises(InputError, match="white space at an edge"):
        write_documents([Document("a b", (Entity(1, 3, "X"),))], tmp_path / "c.spacy")
    assert not (tmp_path / "c.spacy").exists()


# datasets


def test_formats_datasets_read_tokens_and_tags(tmp_path):
    datasets = pytest.importorskip("datasets")
    names = ["O", "B-LOC", "I-LOC"]
    features = datasets.Features(
        {
            "tokens": datasets.List(datasets.Value("string")),
            "ner_tags": datasets.List(datasets.ClassLabel(names=names)),
        }
    )
    rows = {"tokens": [["in", "New", "York", "."]], "ner_tags": [[0, 1, 2, 0]]}
    dataset = datasets.Dataset.from_dict(rows, features=features)
    datasets.disable_progress_bars()
    datasets.DatasetDict(train=dataset, test=dataset).save_to_disk(str(tmp_path / "d"))
    assert detect_format(tmp_path / "d") == "datasets"
    (document,) = read_documents(tmp_path / "d", split="test")
    assert (document.text, keys(document)) == ("in New York.", [(3, 11, "LOC")])
    with pytest.raises(InputError, match="has the splits train, test; name one"):
        list(read_documents(tmp_path / "d"))
    with pytest.raises(InputError, match="columns tokens, ner_tags; expected"):
        list(read_documents(tmp_path / "d", split="test", tokens_column="words"))


def test_formats_datasets_in_memory():
    pytest.importorskip("datasets")
    from ie_model.corpus.formats.hf_dataset import from_dataset, to_dataset

    documents = [
        Document("IS", (Entity(0, 2, "ACTOR", 0.5, "IS", {"note": "x"}),), "a", {"n": 1}),
        Document("", (), "b"),
    ]
    dataset = to_dataset(documents)
    assert dataset.column_names == ["id", "text", "entities", "meta"]
    back = list(from_dataset(dataset))
    assert back == documents
    assert back[0].entities[0].meta == {"note": "x"}
