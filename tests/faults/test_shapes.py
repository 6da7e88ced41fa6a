"""Readers over well-formed files whose values are of the wrong kind: InputError or documents."""

from __future__ import annotations

import io
import json
import shutil
import zlib

import pytest
from hypothesis import given, strategies as st

from ie_model import Extractor
from ie_model.corpus import reading, writing
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.models.plan import Plan, save_plan
from tests.faults.hostile import FUZZ, check, reshaped

TEXT = "Iraqi federal police cleared Hawija on Tuesday."
SPAN = {"start": 0, "end": 20, "label": "ACTOR"}
SOUND = {
    "jsonl": {"id": "a", "text": TEXT, "entities": [{**SPAN, "score": 0.5, "meta": {"a": [1]}}],
              "meta": {"date": "2017", "unannotated": [[3, 4]]}, "error": None},
    "doccano": {"id": 1, "text": TEXT,
                "entities": [{"id": 4, "start_offset": 0, "end_offset": 20, "label": "ACTOR"}],
                "relations": [{"id": 1, "from_id": 4, "to_id": 4, "type": "x"}], "cats": ["y"]},
    "doccano ": {"id": 1, "data": TEXT, "label": [[0, 20, "ACTOR"]], "Comments": ["z"]},
    "prodigy": {"text": TEXT, "spans": [{**SPAN, "token_start": 0, "token_end": 2}],
                "tokens": [{"text": "Iraqi", "start": 0, "end": 5, "id": 0, "ws": True}],
                "relations": [{"head": 0, "child": 0, "label": "x",
                               "head_span": {**SPAN, "token_start": 0, "token_end": 2},
                               "child_span": {**SPAN, "token_start": 0, "token_end": 2}}],
                "answer": "accept", "meta": {"a": 1}, "_input_hash": 5},
    "labelstudio": {
        "id": 1, "data": {"text": TEXT, "id": "a", "meta": {"date": "2017"}},
        "annotations": [{
            "id": 3, "completed_by": {"id": 1}, "was_cancelled": False, "result": [
                {"id": "s", "from_name": "label", "to_name": "text", "type": "labels",
                 "value": {"start": 0, "end": 20, "text": "Iraqi federal police",
                           "labels": ["ACTOR"]}, "score": 0.4},
                {"from_id": "s", "to_id": "s", "type": "relation", "labels": ["x"]},
                {"id": "c", "type": "choices", "value": {"choices": ["y"]}}]}],
        "predictions": [{"result": [], "score": 0.1, "model_version": "v"}]},
    "datasets": {"id": "a", "text": TEXT, "entities": [{**SPAN, "meta": '{"a": 1}'}],
                 "meta": '{"date": "2017"}', "tokens": ["Iraqi", "police"],
                 "ner_tags": ["B-ACTOR", "I-ACTOR"]},
}  # fmt: skip


def everything(file, format, **options) -> list[Document]:
    """The documents, and what is done with any document: checked, and written natively."""
    documents = list(reading.read_documents(file, format, **options))
    for document in documents:
        document.check(["ACTOR"])
        document.with_entities(document.entities)
    writing.write_documents(documents, file.with_name("out.jsonl"), "jsonl")
    return documents


@pytest.mark.parametrize("format", SOUND)
def test_corpus_reader_takes_any_shape_of_json(tmp_path_factory, format):
    file = tmp_path_factory.mktemp("shapes") / "case.json"

    @FUZZ
    @given(row=reshaped(SOUND[format]))
    def fuzz(row):
        text = json.dumps(row)
        file.write_text(f"[{text}]" if format == "labelstudio" else text + "\n")
        check(f"shapes, {format}", lambda: everything(file, format.strip()))

    fuzz()


def test_tables_take_any_shape_of_json_in_their_cells(tmp_path_factory):
    import csv

    file = tmp_path_factory.mktemp("shapes") / "case.csv"
    sound = [["id", "text", "entities", "meta", "start", "end", "label", "score", "entity_meta"],
             ["a", TEXT, [{**SPAN, "meta": {}}], {"date": "2017"}, 0, 20, "ACTOR", 0.5, {"a": 1}],
             ["a", TEXT, [[0, 20, "ACTOR"]], {}, 21, 28, "X", None, None]]  # fmt: skip

    @FUZZ
    @given(rows=reshaped(sound))
    def fuzz(rows):
        text = io.StringIO()
        for row in rows if isinstance(rows, list) else [rows]:
            cells = row if isinstance(row, list) else [row]
            csv.writer(text).writerow([c if isinstance(c, str) else json.dumps(c) for c in cells])
        file.write_text(text.getvalue(), encoding="utf-8", errors="surrogatepass", newline="")
        check("shapes, csv", lambda: everything(file, "csv"))
        # Without this column a row is an entity.
        check("shapes, csv of entities", lambda: everything(file, "csv", entities_column="none"))

    fuzz()


def test_parquet_corpus_takes_any_shape(tmp_path_factory):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path_factory.mktemp("shapes") / "case.parquet"

    @FUZZ
    @given(row=reshaped(SOUND["datasets"]))
    def fuzz(row):
        try:
            table = pa.Table.from_pylist([row] if isinstance(row, dict) else [])
            pq.write_table(table, file)
        except (pa.ArrowException, TypeError, OverflowError, UnicodeError):
            return  # no table
        check("shapes, parquet", lambda: everything(file, "datasets"))

    fuzz()


def test_docbin_takes_any_shape(tmp_path_factory):
    srsly = pytest.importorskip("srsly")
    folder = tmp_path_factory.mktemp("shapes")
    file = folder / "case.spacy"
    gold = Document(TEXT, (Entity(0, 20, "ACTOR", 0.5, text=TEXT[:20]),), "a", {"date": "2017"})
    writing.write_documents([gold], file, "docbin")
    sound = srsly.msgpack_loads(zlib.decompress(file.read_bytes()))
    own = srsly.msgpack_loads(sound["user_data"][0])

    @FUZZ
    @given(message=reshaped(sound), user=reshaped(own))
    def fuzz(message, user):
        try:
            if isinstance(message, dict) and message.get("user_data"):
                message["user_data"] = [srsly.msgpack_dumps(user)]
            packed = srsly.msgpack_dumps(message)
        except (TypeError, ValueError, OverflowError, UnicodeError):
            return  # nothing that MessagePack can say
        file.write_bytes(zlib.compress(packed))
        check("shapes, docbin", lambda: everything(file, "docbin"))

    fuzz()


def test_model_directory_takes_any_shape(tmp_path_factory, tiny_model):
    """It is refused, or it answers with offsets and scores that are some."""
    folder = shutil.copytree(tiny_model, tmp_path_factory.mktemp("shapes") / "model")
    names = ("ie_model.json", "config.json", "tokenizer.json", "plan.json")
    sound = {n: json.loads((folder / n).read_text()) for n in names[:3]}
    save_plan(folder, Plan("torch", "fp32", 512, 8, None, "cpu"))
    sound["plan.json"] = json.loads((folder / "plan.json").read_text())
    sound["tokenizer.json"]["model"]["vocab"] = dict(
        list(sound["tokenizer.json"]["model"]["vocab"].items())[:40]
    )

    @FUZZ
    @given(data=st.data(), name=st.sampled_from(names))
    def fuzz(data, name):
        for other, value in sound.items():
            (folder / other).write_text(json.dumps(value))
        (folder / name).write_text(json.dumps(data.draw(reshaped(sound[name]))))

        def load() -> None:
            with Extractor.from_pretrained(folder, threads=1, device="cpu") as extractor:
                for entity in extractor.predict(TEXT).entities:
                    assert 0 <= entity.start < entity.end <= len(TEXT)
                    assert 0 <= entity.score <= 1

        check(f"model directory, {name}", load)

    fuzz()


def test_docbin_bomb_does_not_fill_the_memory(tmp_path):
    """A megabyte stands for a gigabyte, which spaCy unpacks in one piece."""
    file = tmp_path / "case.spacy"
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
    file.write_bytes(packed)
    with pytest.raises(InputError, match=r"unpacks .* to more than 257 MiB"):
        list(reading.read_documents(file))
