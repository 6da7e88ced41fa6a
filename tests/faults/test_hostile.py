"""Every reader and the encoder over damaged, random and hostile input: InputError or an answer."""

from __future__ import annotations

import contextlib
import json
import random
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ie_model.corpus import formats, reading, writing
from ie_model.documents import Document, Entity
from ie_model.encoding.windows import Encoder
from ie_model.errors import IEModelError, InputError
from ie_model.scoring import ReadOptions
from ie_model.scoring.raw import Meter
from ie_model.scoring.readers import read_source
from ie_model.scoring.rows import read_row
from ie_model.scoring.sources import find_sources
from tests.faults import table

EXAMPLES = 60
FUZZ = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
TEXT = "Iraqi federal police cleared Hawija on Tuesday."
GOLD = Document(TEXT, (Entity(0, 20, "ACTOR", text=TEXT[:20]),), id="a", meta={"date": "2017"})
JUNK = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([
        b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b'"', b"[" * 3000, b"{" * 3000,
        b"NaN", b"1e999", b"-1", b"9" * 5000, b"null", b"[]", b"{}", b'"\\ud800"', b"\r", b"\t",
        b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PAR1",
    ]),
)  # fmt: skip


@st.composite
def damaged(draw, sound: bytes):
    """A sound file with pieces of it replaced, cut out, doubled or filled with junk."""
    data = sound
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(JUNK, st.just(b""), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


def check(kind: str, read) -> None:
    table.attempt(kind)
    with contextlib.suppress(InputError):
        read()
    table.survive(kind)


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


@pytest.mark.parametrize("tokenizer", ["bert_tokenizer", "byte_tokenizer"])
def test_encoder_takes_any_text(request, tokenizer):
    encoder = Encoder(request.getfixturevalue(tokenizer), 96, 16)
    awkward = st.text(
        st.one_of(
            st.characters(exclude_categories=["Cs"]),
            st.sampled_from(
                "\u0000\u00ad\u200b\u202e\u0130\ufb01\u0301\U0001f468\u200d\n\t\r\u2028 "
            ),
        ),
        max_size=120,
    )

    @FUZZ
    @given(text=awkward)
    def fuzz(text):
        kind = f"encoder, {tokenizer.removesuffix('_tokenizer')}"
        table.attempt(kind)
        (encoded,) = encoder.encode([text])
        for window in encoded.windows:
            assert len(window.input_ids) <= 96
        table.survive(kind)

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
