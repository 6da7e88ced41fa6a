"""Files into rows: every format, every compression, every kind of bad row."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings, strategies as st

from ie_model.corpus.parquet_pages import read_pages
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.scoring.options import ReadOptions
from ie_model.scoring.raw import Meter
from ie_model.scoring.readers import read_iterable, read_source
from ie_model.scoring.rows import Rejected, Row, plain, read_row
from ie_model.scoring.sources import differences, find_sources, units
from ie_model.scoring.streams import ByteStream


def read(path, **options):
    """All rows of a file, folder or pattern."""
    chosen = ReadOptions(**options)
    paths = path if isinstance(path, list) else [path]
    return [
        read_row(raw, chosen)
        for source in find_sources(paths, chosen.format)
        for raw in read_source(source, chosen, Meter())
    ]


def texts(rows):
    return [row.text for row in rows if isinstance(row, Row)]


def bad(rows):
    return [(row.raw.line, row.kind) for row in rows if isinstance(row, Rejected)]


def test_jsonl_ids_and_kept_columns(tmp_path):
    file = tmp_path / "news.jsonl"
    file.write_text('{"id": 7, "text": "a", "day": 1}\n\n{"text": "b"}\n', encoding="utf-8")
    first, second = read(file, keep=("day",))
    assert (first.id, first.text, first.kept) == ("7", "a", {"day": 1})
    assert (second.id, second.kept) == ("news.jsonl:3", {"day": None})


def test_jsonl_every_kind_of_bad_row_is_set_aside_with_its_line(tmp_path):
    lines = [
        b'{"text": "fine"}',
        b'{"text": "broken',
        b"[1, 2]",
        b'{"body": "no text"}',
        b'{"text": null}',
        b'{"text": 5}',
        b'{"text": "\xff\xfe"}',
        b'{"text": "half a pair \\ud83d"}',
        b'{"text": "' + b"x" * 101 + b'"}',
        b'{"text": "NaN", "n": NaN}',
        b'{"id": {}, "text": "object as id"}',
        b'{"text": "a line of its own \xe2\x80\xa8 separator"}\r',
        b'{"text": ' + b"[" * 100_000,
        b'{"id": "\\ud800", "text": "a"}',
        b'{"text": "of two", "text": "which?"}',
        b'{"text": "last, no line break"}',
    ]
    file = tmp_path / "bad.jsonl"
    file.write_bytes(b"\n".join(lines))
    rows = read(file, max_chars=100)
    assert texts(rows) == ["fine", "a line of its own \u2028 separator", "last, no line break"]
    kinds = ["json", "json", "missing", "missing", "type", "encoding", "surrogate", "too_large"]
    kinds += ["json", "type", "json", "surrogate", "json"]
    assert bad(rows) == list(zip([*range(2, 12), 13, 14, 15], kinds, strict=True))
    for row in rows:
        if isinstance(row, Rejected):
            written = json.loads(row.to_json())
            assert written["file"] == "bad.jsonl"
            assert written["reason"]
            assert "raw" in written or "raw_base64" in written
    assert json.loads(rows[1].to_json())["raw"] == '{"text": "broken'


def test_jsonl_huge_line_takes_no_memory_and_the_rest_is_read(tmp_path):
    file = tmp_path / "huge.jsonl.gz"
    with gzip.open(file, "wb") as out:
        out.write(b'{"text": "a"}\n{"text": "')
        for _ in range(40):
            out.write(b"x" * (1 << 20))
        out.write(b'"}\n{"text": "b"}\n')
    options = ReadOptions(max_chars=1000)
    (source,) = find_sources([file])
    raw = list(read_source(source, options, Meter()))
    assert [r.line for r in raw] == [1, 2, 3]
    assert len(raw[1].raw) == 4096
    rows = [read_row(r, options) for r in raw]
    assert texts(rows) == ["a", "b"]
    assert bad(rows) == [(2, "too_large")]


def test_jsonl_array_is_refused_with_a_remedy(tmp_path):
    file = tmp_path / "array.json"
    file.write_text('[{"text": "a"}]')
    with pytest.raises(InputError, match="jq -c"):
        read(file)


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_compressed_files_of_several_members(tmp_path, packing):
    zstandard = pytest.importorskip("zstandard")
    pack = gzip.compress if packing == "gz" else zstandard.ZstdCompressor().compress
    file = tmp_path / f"a.jsonl.{packing}"
    file.write_bytes(pack(b'{"text": "a"}\n{"te') + pack(b'xt": "b"}\n'))
    assert texts(read(file)) == ["a", "b"]
    # The content decides: a wrong name does no harm.
    file.rename(tmp_path / "b.jsonl")
    assert texts(read(tmp_path / "b.jsonl")) == ["a", "b"]


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_compressed_file_cut_short_is_an_error_not_an_end(tmp_path, packing):
    zstandard = pytest.importorskip("zstandard")
    rng = random.Random(0)
    plain = b"".join(b'{"text": "%d"}\n' % rng.getrandbits(500) for _ in range(20_000))
    packed = gzip.compress(plain) if packing == "gz" else zstandard.compress(plain)
    file = tmp_path / f"a.jsonl.{packing}"
    file.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match="cut short"):
        read(file)


def test_stream_position_never_passes_the_file_and_reaches_its_end(tmp_path):
    file = tmp_path / "a.jsonl.gz"
    packed = gzip.compress(b'{"text": "a"}\n' * 10_000)
    file.write_bytes(packed)
    (source,) = find_sources([file])
    meter = Meter()
    for _ in read_source(source, ReadOptions(), meter):
        assert meter.position <= len(packed)
    assert meter.position == len(packed)


def test_utf16_is_named(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a"}\n', encoding="utf-16")
    with pytest.raises(InputError, match="UTF-16"):
        read(file)


def test_csv_quotes_line_breaks_and_byte_order_mark(tmp_path):
    file = tmp_path / "a.csv"
    content = 'id,text,day\r\n1,"two\r\nlines, one ""row""",x\r\n2,plain,y\r\n\r\n3,"",z\r\n'
    file.write_bytes(b"\xef\xbb\xbf" + content.encode())
    rows = read(file, keep=("day",))
    assert [(r.id, r.text, r.kept["day"]) for r in rows] == [
        ("1", 'two\r\nlines, one "row"', "x"),
        ("2", "plain", "y"),
        ("3", "", "z"),
    ]
    assert [r.raw.line for r in rows] == [2, 4, 6]


def test_csv_broken_rows_cost_one_line_each(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(
        b"text,n\n"
        b"good,1\n"
        b'"never closed,2\n'
        b"good,3\n"
        b'"quoted good",4\n'
        b"too,many,fields\n"
        b"few\n"
        b"not \xff utf-8,7\n"
        b'"two\nlines",8\n'
        b'"open to the end,9\n'
        b"good,10\n"
    )
    rows = read(file)
    assert texts(rows) == ["good", "good", "quoted good", "two\nlines", "good"]
    assert bad(rows) == [(3, "csv"), (6, "csv"), (7, "csv"), (8, "encoding"), (11, "csv")]


def test_csv_missing_column_names_those_there_are(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("body,day\nx,1\n")
    with pytest.raises(
        InputError, match=r"no column 'text'; its columns: body, day; .*--text-column NAME"
    ):
        read(file)
    assert texts(read(file, text_column="body")) == ["x"]


def test_tsv_reads_tabs(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text('text\tday\nit is 5" long\tmonday\n')
    assert texts(read(file)) == ['it is 5" long']


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        ),
        max_size=8,
    )
)
def test_csv_written_by_python_comes_back(tmp_path_factory, table):
    file = tmp_path_factory.mktemp("csv") / "a.csv"
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["text", "other"])
    writer.writerows(table)
    file.write_bytes(out.getvalue().encode())
    rows = read(file, keep=("other",))
    assert [(r.text, r.kept["other"]) for r in rows] == table


def test_text_files_are_documents_and_lines_can_be(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_bytes(b"One.\r\nTwo.\n")
    (tmp_path / "sub" / "a.txt").write_bytes(b"Three.\n")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    (tmp_path / ".hidden.txt").write_bytes(b"x")
    (tmp_path / "README.md").write_bytes(b"x")
    rows = read(tmp_path)
    assert [(r.id, r.text) for r in rows if isinstance(r, Row)] == [
        ("b.txt", "One.\r\nTwo.\n"),
        ("empty.txt", ""),
        ("sub/a.txt", "Three.\n"),
    ]
    assert bad(rows) == [(1, "encoding")]
    lines = read(tmp_path / "b.txt", format="lines")
    assert [(r.id, r.text) for r in lines] == [("b.txt:1", "One."), ("b.txt:2", "Two.")]


def test_parquet_rows_types_and_bad_values(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    broken = pa.array([b"fine", b"\xff", None, b"x" * 101]).cast(pa.string(), safe=False)
    table = pa.table(
        {"text": broken, "id": [1, 2, 3, 4], "day": ["a", "b", "c", "d"], "x": [0] * 4}
    )
    file = tmp_path / "a.parquet"
    pq.write_table(table, file)
    rows = read(file, keep=("day",), max_chars=100)
    assert [(r.id, r.text, r.kept) for r in rows if isinstance(r, Row)] == [
        ("1", "fine", {"day": "a"})
    ]
    assert bad(rows) == [(2, "encoding"), (3, "missing"), (4, "too_large")]
    assert json.loads(rows[1].to_json())["raw"]["text"] == "\\xff"


def test_parquet_column_of_another_type_is_the_files_fault(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="holds int64, not strings"):
        read(tmp_path / "a.parquet")
    columns = {"text": ["x"], "day": ["y"], "picture": [b"z"]}
    pq.write_table(pa.table(columns), tmp_path / "c.parquet")
    with pytest.raises(InputError, match=r"'picture' holds bytes: .* without it \('day'\)"):
        read(tmp_path / "c.parquet", keep=("*",))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="no readable Parquet"):
        read(tmp_path / "b.parquet")


def test_iterable_takes_strings_documents_and_mappings():
    items = [
        "a",
        Document("b", id="d", meta={"m": 1}),
        {"text": "c", "id": 3},
        4,
        {"text": "\ud800"},
    ]
    options = ReadOptions()
    rows = [read_row(raw, options) for raw in read_iterable(items)]
    assert [(r.id, r.text, dict(r.kept)) for r in rows if isinstance(r, Row)] == [
        ("iterable:1", "a", {}),
        ("d", "b", {"m": 1}),
        ("3", "c", {}),
    ]
    assert bad(rows) == [(4, "type"), (5, "surrogate")]
    assert json.loads(rows[4].to_json())["raw"] == {"text": "\ud800"}


def test_iterable_takes_a_dataset():
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"text": ["a", "b", None], "id": [1, 2, 3]})
    rows = [read_row(raw, ReadOptions()) for raw in read_iterable(data)]
    assert [(r.id, r.text) for r in rows if isinstance(r, Row)] == [("1", "a"), ("2", "b")]
    assert bad(rows) == [(3, "missing")]


def test_id_column_asked_for_is_needed(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"key": "k", "text": "a"}\n{"text": "b"}\n{"key": 1.5, "text": "c"}\n')
    rows = read(file, id_column="key")
    assert rows[0].id == "k"
    assert bad(rows) == [(2, "missing"), (3, "type")]


def test_sources_order_and_names_do_not_depend_on_where_they_lie(tmp_path):
    for home in ("one", "two"):
        for name in ("b.jsonl", "a.jsonl", "sub/c.jsonl.gz", "z.md"):
            file = tmp_path / home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b'{"text": "x"}\n')
    names = [[s.name for s in find_sources([tmp_path / home])] for home in ("one", "two")]
    assert names == [["a.jsonl", "b.jsonl", "sub/c.jsonl.gz"]] * 2
    pattern = [s.name for s in find_sources([str(tmp_path / "one" / "**" / "*.jsonl*")])]
    assert pattern == names[0]
    twice = find_sources([tmp_path / "one" / "b.jsonl", tmp_path / "one"])
    assert [s.name for s in twice] == ["b.jsonl", "a.jsonl", "sub/c.jsonl.gz"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "no input"),
        (["nowhere.jsonl"], "no such file"),
        (["nowhere/*.jsonl"], "no readable file"),
        (["-", "a.jsonl"], "cannot be mixed"),
    ],
)
def test_sources_that_are_not_there(inputs, message):
    with pytest.raises(InputError, match=message):
        find_sources(inputs)


def test_sources_changed_files_are_named(tmp_path):
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    a.write_text("x" * 300_000)
    b.write_text("y")
    before = find_sources([tmp_path])
    content = bytearray(a.read_bytes())
    content[299_999] = ord("z")
    a.write_bytes(bytes(content))
    assert differences(before, find_sources([tmp_path])) == ["a.jsonl: its content has changed"]
    b.write_text("yy")
    assert "b.jsonl: was 1 bytes, is 2" in differences(before, find_sources([tmp_path]))
    b.unlink()
    assert "b.jsonl: no longer among the input" in differences(before, find_sources([tmp_path]))


def test_units_gather_small_files_and_leave_large_ones_alone(tmp_path):
    for name, size in (("a", 10), ("b", 10), ("c", (32 << 20) - 15), ("d", 10)):
        with (tmp_path / f"{name}.txt").open("wb") as file:
            file.truncate(size)
    found = [[s.name for s in unit] for unit in units(find_sources([tmp_path]))]
    assert found == [["a.txt", "b.txt"], ["c.txt", "d.txt"]]


@settings(max_examples=100)
@given(st.binary(max_size=400), st.integers(1, 30))
def test_lines_are_cut_and_counted_whatever_the_bytes(tmp_path_factory, data, limit):
    file = tmp_path_factory.mktemp("lines") / "a"
    data = b"-" + data  # no byte order mark, no compression
    file.write_bytes(data)
    with ByteStream(str(file)) as stream:
        lines = list(stream.lines(limit))
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) == data.count(b"\n") + (not data.endswith(b"\n"))
    assert all(len(line.data) <= limit for line in lines)
    if not any(line.cut for line in lines):
        assert b"".join(line.data + line.ending for line in lines) == data
    else:
        assert max(len(line) for line in data.split(b"\n")) > limit


def test_csv_quote_left_open_does_not_swallow_the_rows_behind_it(tmp_path):
    """Closed 290 rows on, it made one row of 291: 289 sound ones were gone, unnamed."""
    lines = ["id,text", *(f"{i},Alpha {i}" for i in range(300))]
    lines[5] = '4,"Alpha 4'
    file = tmp_path / "a.csv"
    for end in ('295,Alpha 295"', '295,Alpha 295",more', '295,"Alpha 295"'):
        lines[296] = end
        file.write_text("\n".join(lines) + "\n")
        rows = read(file)
        assert (5 + 1, "csv") in bad(rows)
        assert len(bad(rows)) <= 2
        assert len(rows) == 300, "every line is a row or a rejected row"


def test_csv_row_of_many_lines_is_read_as_far_as_the_limit_goes(tmp_path):
    body = "\n".join(f"paragraph {i}, of some length" for i in range(50))
    file = tmp_path / "a.csv"
    file.write_text(f'id,text,day\n1,"{body}",x\n2,Alpha,y\n')
    first, second = read(file)
    assert (first.text, first.raw.lines, second.raw.line) == (body, 51 - 1, 52)
    rows = read(file, max_row_lines=49)
    assert bad(rows)[0] == (2, "csv")
    assert "allow more with --max-row-lines" in rows[0].reason
    assert texts(rows)[-1] == "Alpha"


def test_zstd_that_begins_with_a_skippable_frame_is_unpacked(tmp_path):
    """As pzstd writes it; it was taken for plain text, and every line rejected."""
    zstandard = pytest.importorskip("zstandard")
    skip = bytes([0x50, 0x2A, 0x4D, 0x18]) + (4).to_bytes(4, "little") + b"size"
    frames = [zstandard.compress(b'{"text": "%d"}\n' % k) for k in range(3)]
    (tmp_path / "a.jsonl.zst").write_bytes(b"".join(skip + frame for frame in frames))
    assert texts(read(tmp_path / "a.jsonl.zst")) == ["0", "1", "2"]


def peak_of(code: str) -> int:
    """Bytes by which a fresh process grows while it runs ``code``."""
    script = f"""
import resource
from ie_model.scoring.options import ReadOptions
from ie_model.corpus.parquet_pages import read_pages
from ie_model.scoring.raw import Meter
from ie_model.scoring.readers import read_source
from ie_model.scoring.sources import find_sources
import pyarrow.parquet
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{code}
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_zstd_bomb_does_not_fill_the_memory(tmp_path):
    """96 KB took 3 GB, since each read unpacked all that 128 KiB stand for."""
    zstandard = pytest.importorskip("zstandard")
    packer = zstandard.ZstdCompressor().compressobj()
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
    file = tmp_path / "a.jsonl.zst"
    file.write_bytes(packed)
    code = f"list(read_source(find_sources([{str(file)!r}])[0], ReadOptions(), Meter()))"
    assert peak_of(code) < 150 << 20
    huge = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    wide = zstandard.ZstdCompressor(compression_params=huge).compressobj()
    file.write_bytes(wide.compress(b"x" * 1000) + wide.flush())
    with pytest.raises(InputError, match="damaged zstd data"):
        read(file)


def test_parquet_bomb_does_not_fill_the_memory(tmp_path):
    """One long string that a dictionary gives to each row: 549 bytes took 3.9 GB."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), ["x" * 2_000_000])
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": values}), file, compression="zstd",
                   dictionary_pagesize_limit=1 << 30)  # fmt: skip
    assert file.stat().st_size < 10_000
    code = f"""
options = ReadOptions(max_chars=1000)
for row in read_source(find_sources([{str(file)!r}])[0], options, Meter()):
    assert row.fault[0] == "too_large" and len(row.raw["text"]) == 4096
"""
    assert peak_of(code) < 300 << 20
    plain = pa.table({"text": ["x" * 4_000_000] * 100})
    pq.write_table(plain, file, compression="zstd", use_dictionary=False)
    with pytest.raises(InputError, match=r"unpacks .* to 381 MiB"):
        read(file)


def test_parquet_footer_that_lies_about_sizes_does_not_fill_the_memory(tmp_path):
    """Sizes were taken from the footer, which nothing holds to the truth."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x" * 4_000_000] * 100}), file, compression="zstd",
                   use_dictionary=False, data_page_size=1 << 30)  # fmt: skip
    said = pq.ParquetFile(file).metadata.row_group(0).column(0).total_uncompressed_size

    def number(value: int) -> bytes:  # as Thrift writes it, with a sign
        value, found = 2 * value, b""
        while value > 127:
            found, value = found + bytes([value & 127 | 128]), value >> 7
        return found + bytes([value])

    data = file.read_bytes()
    assert data.count(number(said)) >= 1
    small = number(1000)[:1] + b"\x80" * (len(number(said)) - 2) + b"\x00"
    head, footer = data[: -int.from_bytes(data[-8:-4], "little") - 8], data[-2000:]
    footer = data[len(head) :].replace(number(said), small)
    file.write_bytes(head + footer)
    told = pq.ParquetFile(file).metadata.row_group(0).column(0).total_uncompressed_size
    assert told < 1000 < 400_000_000 < said
    with pytest.raises(InputError, match=r"unpacks .* to 381 MiB, 381 MiB"):
        read(file)
    code = f"""
from ie_model.errors import InputError
try:
    list(read_source(find_sources([{str(file)!r}])[0], ReadOptions(), Meter()))
except InputError:
    pass
"""
    assert peak_of(code) < 300 << 20


def test_parquet_page_header_of_lists_in_lists_is_refused(tmp_path):
    """Found by fuzzing: lists in lists ended the reader with a RecursionError."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a" * 3000]}), file, compression=None, use_dictionary=False)
    data = file.read_bytes()
    file.write_bytes(data[:4] + b"\x19" * 2500 + data[2504:])
    with pytest.raises(InputError, match="column 'text': nested too deep"):
        read(file)


def test_parquet_list_of_a_billion_nulls_does_not_fill_the_memory(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    nulls = pa.ListArray.from_arrays([0, 40_000_000], pa.nulls(40_000_000, pa.int8()))
    table = pa.table({"text": ["a"], "n": nulls})
    pq.write_table(table, file, compression="zstd", write_statistics=False)
    assert file.stat().st_size < 20_000
    with pytest.raises(InputError, match=r"column 'n\..*' unpacks .* to 610 MiB"):
        read(file, keep=("n",))


def test_parquet_of_no_rows_is_read(tmp_path):
    """It has a dictionary and no page of data, and was called damaged."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == []


def test_parquet_with_two_columns_of_one_name_is_refused(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for names in (["text", "text"], ["text", "x", "x"]):
        table = pa.Table.from_arrays([pa.array(["a"])] * len(names), names)
        pq.write_table(table, tmp_path / "a.parquet")
        with pytest.raises(InputError, match=f"two columns are called '{names[-1]}'"):
            read(tmp_path / "a.parquet")


def test_parquet_columns_of_any_type_are_kept(tmp_path):
    """A column of maps ended the reader with a TypeError."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {
        "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int8())),
        "deep": pa.array([[[{"a": [1]}]], None]),
        "fixed": pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
        "said once": pa.array(["x", None]).dictionary_encode(),
        "days": pa.array([1, None], pa.date32()),
        "span": pa.array([1, None], pa.duration("us")),
        "none": pa.nulls(2),
    }
    pq.write_table(pa.table({"text": ["Alpha", "Bravo"], **columns}), tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet", keep=("*",))
    assert texts(rows) == ["Alpha", "Bravo"]
    for row in rows:
        assert set(row.kept) == set(columns)
        json.dumps(plain(row.kept), allow_nan=False)
    assert plain(rows[0].kept)["map"] == [["a", 1]]


def test_parquet_pages_are_those_that_the_footer_tells_of(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    texts = [f"{k} " * (k % 50) for k in range(20_000)]
    for version in ("1.0", "2.0"):
        table = pa.table({"text": texts, "n": [[k, None] for k in range(20_000)]})
        pq.write_table(table, file, compression="gzip", data_page_version=version,
                       row_group_size=7000, data_page_size=5000)  # fmt: skip
        facts = pq.ParquetFile(file).metadata
        with file.open("rb") as stream:
            for group in range(facts.num_row_groups):
                for k in range(2):
                    column = facts.row_group(group).column(k)
                    pages = read_pages(stream, column)
                    assert pages.values == column.num_values
                    # The footer counts the headers as well.
                    assert 0.9 < pages.unpacked / column.total_uncompressed_size <= 1
                    assert pages.largest < column.total_uncompressed_size
    assert len(read(file)) == 20_000


def test_links_to_folders_are_followed_where_named_and_files_are_read_once(tmp_path, caplog):
    """`**` went through a link to a folder above: 10 rows became 410."""
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (data / "a.jsonl").write_text('{"text": "a"}\n')
    (data / "deep" / "b.jsonl").write_text('{"text": "b"}\n')
    (data / "deep" / "up").symlink_to(data)
    (data / "c.jsonl").symlink_to(data / "a.jsonl")
    other = tmp_path / "other"
    other.mkdir()
    (other / "d.jsonl").write_text('{"text": "d"}\n')
    (data / "linked").symlink_to(other)
    for pattern in (data, f"{data}/**/*.jsonl", f"{data}/**"):
        caplog.clear()
        assert texts(read(pattern)) == ["a", "b"]
        said = [record.getMessage() for record in caplog.records]
        assert any("linked: a link to a folder, not followed" in line for line in said)
        assert any("c.jsonl: the same file as" in line for line in said)
    assert texts(read(data / "linked")) == ["d"]
    assert texts(read(f"{data}/linked/*.jsonl")) == ["d"]
    os.mkfifo(data / "never.jsonl")  # found by the way, it would be waited for
    assert texts(read(data)) == ["a", "b"]


def test_pipe_is_read_from_its_first_byte(tmp_path):
    """The sample had taken its first 64 KiB, or waited for a second writer."""
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    count = 20_000

    def write() -> None:
        with pipe.open("w") as file:
            file.writelines(f'{{"text": "Alpha {i}"}}\n' for i in range(count))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert len(read(pipe)) == count
    writer.join(timeout=10)
    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(InputError, match="Parquet cannot be read from a pipe"):
        read(tmp_path / "pipe.parquet")
