"""Every reader and the encoder over damaged, random and hostile input: InputError or an answer."""

from __future__ import annotations

import json
import random
from functools import cache

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ie_model.corpus import formats, reading, writing
from ie_model.documents import Document, Entity
from ie_model.encoding.lines import LINES
from ie_model.encoding.windows import Encoder
from ie_model.errors import IEModelError, InputError
from ie_model.inference.decoding import decode
from ie_model.labels import LabelSet
from ie_model.normalise import normalise_document
from ie_model.scoring import ReadOptions
from ie_model.scoring.raw import Meter
from ie_model.scoring.readers import read_source
from ie_model.scoring.rows import read_row
from ie_model.scoring.sources import find_sources
from tests.faults.hostile import FUZZ, JUNK, check, damaged, resident

MEMORY = 1 << 30
"""Bytes by which the process may grow over all cases of a kind."""
TEXT = "Iraqi federal police cleared Hawija on Tuesday."
GOLD = Document(TEXT, (Entity(0, 20, "ACTOR", text=TEXT[:20]),), id="a", meta={"date": "2017"})


@pytest.fixture(autouse=True)
def _memory_stays():
    before = resident()
    yield
    assert resident() - before < MEMORY


@cache
def sound_file(format: str, folder) -> bytes | None:
    """The bytes of a small sound file of this format, where it is written as one file."""
    file = folder / f"sound.{format}"
    try:
        writing.write_documents([GOLD], file, format)
    except (IEModelError, ImportError):
        return None
    return file.read_bytes() if file.is_file() else None


@pytest.mark.parametrize("format", sorted(formats.FORMATS))
def test_corpus_reader_takes_anything(tmp_path_factory, format):
    folder = tmp_path_factory.mktemp("hostile")
    sound = sound_file(format, folder)
    suffix = {"brat": ".ann"}.get(format, ".txt")

    @FUZZ
    @given(data=st.one_of(JUNK, damaged(sound or json.dumps(GOLD.to_dict()).encode())))
    def fuzz(data):
        file = folder / f"case{suffix}"
        file.write_bytes(data)
        (folder / "case.txt").touch()
        check(f"corpus reader {format}", lambda: list(reading.read_documents(file, format)))

    fuzz()


CRASHERS = {
    "jsonl": [
        b'{"text": "a b", "meta": {"x": NaN}}',
        b'[{"text": "a b", "meta": {"x": -Infinity}}]',
        b'{"text": "a: b", "entities": [], "entities": [{"start": 0, "end": 1, "label": "X"}]}',
        b'{"text" : "a", "text": "b", "entities": []}',
        b'{"text": "a\\u003a", "entities": [], "id": "1", "id": "2"}',
        b'{"text": "a b", "entities": [{"start": 0, "end": 1, "label": "X", "label": "Y"}]}',
        b'{"text": "a b", "entities": [], "meta": {"x": 1, "x": {"y": 2}}}',
        b'{"text": "a", "entities": []}\n{"id": "1", "text": "b", "text": "c"}',
        b'[{"text": "a b", "text": "c"}]',
    ],
    "csv": [
        b'text,entities\na,"[{""start"": 0, ""end"": 1, ""label"": ""X"", ""label"": ""Y""}]"\n',
    ],
    "labelstudio": [b'[{"data": {"text": "a b"}, "data": {"text": "c"}, "annotations": []}]'],
    "prodigy": [
        b'{"text": "a", "spans": []}\n{"text": "a b", "spans": [], "text": "c"}',
        b'{"text": "a b", "spans": [], "tokens": [{"text": "a", "start": 0}]}',
        b'{"text": "a b", "spans": [], "tokens": [{"text": "a", "start": "0", "end": null}]}',
        b'{"text": "a b", "spans": [], "tokens": {"start": 0}, "relations": [1]}',
    ],
}
"""Files that ended a reader with another exception than InputError, or lost what they hold."""


@pytest.mark.parametrize(("format", "data"), [(f, d) for f, all_ in CRASHERS.items() for d in all_])
def test_corpus_reader_refuses_what_once_broke_it(tmp_path, format, data):
    (tmp_path / "case.txt").write_bytes(data)
    with pytest.raises(InputError, match=r"case\.txt"):
        list(reading.read_documents(tmp_path / "case.txt", format))


@pytest.mark.parametrize("format", ["jsonl", "csv", "tsv", "text", "lines", "parquet"])
def test_scoring_reader_takes_anything(tmp_path_factory, format):
    folder = tmp_path_factory.mktemp("hostile")
    file = folder / "case"
    sound = b'{"id": "a", "text": "Alpha", "n": [1]}\n{"text": "b"}\n'
    if format in ("csv", "tsv"):
        sound = b'id,text\n1,"a, ""b"""\n2,"c\nd"\n'.replace(
            b",", b"," if format == "csv" else b"\t"
        )
    elif format == "parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.table({"text": ["Alpha", None, "b"], "n": [[1], None, []]}), file)
        sound = file.read_bytes()

    @FUZZ
    @given(data=st.one_of(JUNK, damaged(sound)))
    def fuzz(data):
        file.write_bytes(data)
        options = ReadOptions(format=format, keep=("*",), max_chars=1000)

        def read() -> None:
            for source in find_sources([file], format):
                for raw in read_source(source, options, Meter()):
                    row = read_row(raw, options)
                    if hasattr(row, "to_json"):
                        json.loads(row.to_json())

        check(f"scoring reader {format}", read)

    fuzz()


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_unpacking_takes_anything(tmp_path_factory, packing):
    import gzip

    zstandard = pytest.importorskip("zstandard")
    folder = tmp_path_factory.mktemp("hostile")
    plain = b'{"text": "Alpha"}\n' * 50
    sound = gzip.compress(plain) if packing == "gz" else zstandard.compress(plain)
    file = folder / f"case.jsonl.{packing}"

    @FUZZ
    @given(data=damaged(sound))
    def fuzz(data):
        file.write_bytes(data)
        options = ReadOptions(max_chars=1000)
        check(
            f"unpacking {packing}",
            lambda: list(read_source(find_sources([file])[0], options, Meter())),
        )

    fuzz()


AWKWARD = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("\u0000\u00ad\u200b\u202e\u0130\ufb01\u0301\U0001f468\u200d\n\t\r\u2028 "),
    ),
    max_size=120,
)


WORDY = st.lists(
    st.sampled_from(
        "0 00 1 -1 3.5 1,000 1e9 99999999999999999999 half dozen a an the of to between and or "
        "per % $ € kg miles million billion Monday May 31 February 30 29 2024 0000 9999 Q5 week "
        "last next ago before since noon 25:61 12:30 UTC+99 Ramadan 1445 AH BC - / . th st ½ ٣ 三 "
        "twenty-one hundred thousand hours days months years T Z".split()
    ),
    max_size=9,
).map(" ".join)


@pytest.mark.parametrize("tokenizer", ["bert_tokenizer", "byte_tokenizer"])
@pytest.mark.parametrize("lines", sorted(LINES))
def test_encoder_takes_any_text(request, tokenizer, lines):
    encoder = Encoder(request.getfixturevalue(tokenizer), 96, 16, lines)

    @FUZZ
    @given(texts=st.lists(st.one_of(AWKWARD, WORDY), min_size=1, max_size=3))
    def fuzz(texts):
        def encode() -> None:
            for text, encoded in zip(texts, encoder.encode(texts), strict=True):
                assert all(len(window.input_ids) <= 96 for window in encoded.windows)
                answered = sum(len(window.positions) for window in encoded.windows)
                assert answered == len(encoded.starts)
                for start, end in zip(encoded.starts, encoded.ends, strict=True):
                    assert 0 <= start < end <= len(text)
                    assert text[start:end] == text[start:end].strip()

        check(f"encoder, {tokenizer.removesuffix('_tokenizer')}, {lines}", encode)

    fuzz()


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_decoder_gives_flat_spans_for_any_logits(bert_tokenizer, scheme):
    labels = LabelSet.declare(["ACTOR", "DATE"], scheme)
    encoder = Encoder(bert_tokenizer, 96, 16)

    @FUZZ
    @given(
        text=st.one_of(AWKWARD, WORDY), seed=st.integers(0, 1 << 32),
        scale=st.sampled_from([0.0, 1.0, 50.0, 1e4, 1e30]), temperature=st.floats(0.05, 20),
    )  # fmt: skip
    def fuzz(text, seed, scale, temperature):
        def decoded() -> None:
            (encoded,) = encoder.encode([text])
            shape = (len(encoded.starts), len(labels.tags))
            logits = np.random.default_rng(seed).normal(size=shape) * scale
            (entities,) = decode(
                [logits.astype(np.float32)], [encoded], [text], labels, temperature
            )
            before = 0
            for entity in entities:
                assert before <= entity.start < entity.end <= len(text)
                assert entity.text == text[entity.start : entity.end] == entity.text.strip()
                assert 0 <= entity.score <= 1
                before = entity.end

        check(f"decoder, {scheme}", decoded)

    fuzz()


@pytest.mark.parametrize("label", ["DATE", "QUANTITY", "ACTOR", "LOCATION"])
def test_normalising_takes_any_mention(label):
    @FUZZ
    @given(
        mention=st.one_of(WORDY, AWKWARD.filter(str.strip)),
        day=st.sampled_from(["", "2017-03-14", "0001-01-01", "9999-12-31", "2016-02-29T23:59"]),
    )
    def fuzz(mention, day):
        mention = mention.strip()
        if not mention:
            return
        text = f"On {mention} in May"
        meta = {"date": day} if day else {}
        document = Document(text, (Entity(3, 3 + len(mention), label),), meta=meta)

        def normal() -> None:
            json.dumps(normalise_document(document).to_dict(), allow_nan=False)

        check(f"normalising, {label}", normal)

    fuzz()


def test_random_bytes_of_any_name_are_an_answer_or_an_input_error(tmp_path):
    chance = random.Random(0)
    for _ in range(100):
        suffix = chance.choice(
            [".txt", ".jsonl", ".json", ".ann", ".csv", ".conll", ".iob", ".parquet"]
        )
        file = tmp_path / f"x{suffix}"
        file.write_bytes(chance.randbytes(chance.randrange(300)))
        check("file of random bytes", lambda file=file: list(reading.read_documents(file)))
