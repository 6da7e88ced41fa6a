"""A whole job with a stand-in model: outputs, counts, rejected rows, wrong options."""

from __future__ import annotations

import gzip
import json
import os
import stat
from pathlib import Path

import pytest

from ie_model.documents import Document
from ie_model.errors import InputError, RunError
from ie_model.scoring import CutOptions, ReadOptions, WriteOptions
from tests.scoring.fakes import FakeFactory
from tests.scoring.jobs import corpus, files_beside, refused_rows, run, write_rows


def test_score_writes_native_documents_in_input_order(tmp_path):
    source = corpus(tmp_path / "in.jsonl")
    out = tmp_path / "out.jsonl"
    summary = run(source, out, read=ReadOptions(keep=("day",)))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == [f"d{i}" for i in range(20)]
    assert rows[3]["meta"] == {"day": 3}
    for row in rows:
        for entity in row["entities"]:
            assert row["text"][entity["start"] : entity["end"]] == entity["text"]
    assert Document.from_dict(rows[1]).entities[0].label == "ACTOR"
    assert summary["rows"] == summary["documents"] == 20
    assert summary["shards"] == 7
    assert summary["entities_by_label"] == {"ACTOR": summary["entities"]}
    assert files_beside(out) == ["out.jsonl", "out.jsonl.summary.json"]  # none was rejected
    assert json.loads((tmp_path / "out.jsonl.summary.json").read_text()) == summary


@pytest.mark.parametrize("name", ["out.jsonl.gz", "out.jsonl.zst", "out.jsonl"])
def test_score_lines_are_the_same_in_every_packing(tmp_path, name):
    zstandard = pytest.importorskip("zstandard")
    source = corpus(tmp_path / "in.jsonl")
    run(source, tmp_path / "plain.jsonl")
    run(source, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    if name.endswith("gz"):
        data = gzip.decompress(data)
    elif name.endswith("zst"):
        with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as stream:
            data = stream.read()
    assert data == (tmp_path / "plain.jsonl").read_bytes()


def test_score_without_text_leaves_it_out(tmp_path):
    run(corpus(tmp_path / "in.jsonl"), tmp_path / "out.jsonl", write=WriteOptions(text=False))
    assert list(json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])) == [
        "id",
        "entities",
    ]


def test_score_parquet_nested_and_per_entity(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    source = corpus(tmp_path / "in.jsonl")
    options = ReadOptions(keep=("day",))
    run(source, tmp_path / "a.parquet", read=options)
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column_names == ["id", "text", "day", "entities"]
    assert table.num_rows == 20
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 1
    first = table.slice(1, 1).to_pylist()[0]
    assert first["day"] == "1"
    assert [e["text"] for e in first["entities"]] == ["Alpha", "Bravo", "Paris"]
    run(source, tmp_path / "b.parquet", read=options, write=WriteOptions(per_entity=True))
    rows = pq.read_table(tmp_path / "b.parquet").to_pylist()
    assert len(rows) == sum(len(r["entities"]) for r in table.to_pylist())
    assert rows[0] == {
        "id": "d0", "day": "0", "start": 0, "end": 5, "label": "ACTOR", "mention": "Alpha",
        "score": pytest.approx(0.05), "value": None, "unresolved": None, "entity_name": None,
    }  # fmt: skip


def test_score_parquet_to_parquet_keeps_types(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"text": ["Alpha", "x"], "n": [1, None], "f": [0.5, 1.5], "s": ["a", "b"]})
    pq.write_table(table, tmp_path / "in.parquet")
    run(tmp_path / "in.parquet", tmp_path / "o.parquet", read=ReadOptions(keep=("n", "f", "s")))
    found = pq.read_table(tmp_path / "o.parquet").select(["n", "f", "s"])
    assert found.to_pylist() == table.select(["n", "f", "s"]).to_pylist()
    assert found.schema.field("n").type == pa.int64()


def test_score_folder_of_parts_joins_to_the_same_bytes(tmp_path):
    source = corpus(tmp_path / "in.jsonl")
    run(source, tmp_path / "one.jsonl")
    run(source, f"{tmp_path}/parts/", write=WriteOptions(format="jsonl"))
    parts = sorted((tmp_path / "parts").iterdir())
    assert [p.name for p in parts[:2]] == ["part-00000-000000.jsonl", "part-00000-000001.jsonl"]
    assert b"".join(p.read_bytes() for p in parts) == (tmp_path / "one.jsonl").read_bytes()
    again = run(source, f"{tmp_path}/parts", write=WriteOptions(format="jsonl"))
    assert again["already_complete"]


def test_score_empty_input_makes_an_empty_output(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n\n")
    assert run(tmp_path / "in.jsonl", tmp_path / "out.jsonl")["rows"] == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    pq = pytest.importorskip("pyarrow.parquet")
    run(tmp_path / "in.jsonl", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


def test_score_rejected_rows_are_complete_and_add_up(tmp_path):
    good = [{"id": str(i), "text": f"Alpha {i}"} for i in range(10)]
    bad = ["{", {"text": 1}, {"id": "x"}, {"text": "this fails"}]
    rows = [row for pair in zip(good, bad + good[4:], strict=True) for row in pair]
    source = write_rows(tmp_path / "in.jsonl", rows)
    summary = run(source, tmp_path / "out.jsonl")
    rejected = [
        json.loads(line)
        for line in (tmp_path / "out.jsonl.rejected.jsonl").read_text().splitlines()
    ]
    assert [(r["line"], r["kind"]) for r in rejected] == [
        (2, "json"), (4, "type"), (6, "missing"), (8, "prediction"),
    ]  # fmt: skip
    assert json.loads(rejected[3]["raw"]) == {"text": "this fails"}
    assert (summary["rows"], summary["documents"], summary["rejected"]) == (20, 16, 4)
    assert summary["rejected_by_kind"] == {"json": 1, "missing": 1, "prediction": 1, "type": 1}
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 16


def test_score_stops_at_max_rejected_and_goes_on_when_allowed_more(tmp_path):
    source = write_rows(tmp_path / "in.jsonl", ["{"] * 5 + [{"text": "Alpha"}] * 5)
    with pytest.raises(RunError, match=r"allowed: in.jsonl line 1: .* --max-rejected"):
        run(source, tmp_path / "out.jsonl", max_rejected=2)
    assert not (tmp_path / "out.jsonl").exists()
    with pytest.raises(RunError, match="rows rejected"):
        run(source, tmp_path / "out.jsonl", max_rejected=2)
    assert run(source, tmp_path / "out.jsonl", max_rejected=5)["rejected"] == 5


def test_score_model_that_fails_on_everything_is_no_case_of_bad_rows(tmp_path):
    """An engine that broke half-way once rejected all that was left, and the job was 'done'."""
    source = write_rows(tmp_path / "in.jsonl", [{"text": f"fails {i}"} for i in range(30)])
    with pytest.raises(RunError, match="the model failed on 30 of 30 texts: too strange"):
        run(source, tmp_path / "out.jsonl", cut=CutOptions(rows=100))
    assert not (tmp_path / "out.jsonl").exists()


def test_score_equal_texts_are_computed_once_in_a_shard(tmp_path):
    extractor = FakeFactory()(None, "cpu")
    source = write_rows(tmp_path / "in.jsonl", [{"text": t} for t in ("Aa", "Bb", "Aa", "Aa")])
    summary = run(
        source, tmp_path / "out.jsonl", extractor_factory=lambda threads, device: extractor
    )
    assert extractor.calls == ["Aa", "Bb", "Aa"]  # the fourth row is in another shard
    assert summary["duplicates"] == 1
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [r["entities"][0]["text"] for r in rows] == ["Aa", "Bb", "Aa", "Aa"]


def test_score_other_peoples_files_are_not_overwritten(tmp_path):
    source = corpus(tmp_path / "in.jsonl")
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(InputError, match="replace it with --overwrite"):
        run(source, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    assert files_beside(tmp_path / "out.jsonl") == ["out.jsonl"]
    assert run(source, tmp_path / "out.jsonl", overwrite=True)["rows"] == 20


def test_score_output_that_is_the_input_is_named(tmp_path):
    source = corpus(tmp_path / "in.jsonl")
    with pytest.raises(InputError, match="the input is the output itself"):
        run(source, source, overwrite=True)
    assert files_beside(source) == ["in.jsonl"]


def test_score_never_deletes_what_is_not_its_own(tmp_path):
    source = corpus(tmp_path / "in.jsonl")
    for name, output in (("home/thesis.txt", "home/"), ("out.jsonl.work/notes", "out.jsonl")):
        precious = tmp_path / name
        precious.parent.mkdir()
        precious.write_text("mine")
        with pytest.raises(InputError, match="not a scoring job's file"):
            run(source, f"{tmp_path}/{output}", overwrite=True)
        assert precious.read_text() == "mine"
    assert not list(tmp_path.rglob("lock"))


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("out.txt", {}, "no output format in the name"),
        ("out.jsonl", {"write": WriteOptions(format="parquet")}, "the option says parquet"),
        ("nowhere/out.jsonl", {}, "does not exist"),
        ("out.jsonl", {"write": WriteOptions(per_entity=True)}, "Parquet alone"),
        ("out.parquet", {"read": ReadOptions(keep=("entities",))}, "name of an output column"),
    ],
)
def test_score_wrong_options_are_explained(tmp_path, output, options, message):
    source = corpus(tmp_path / "in.jsonl")
    with pytest.raises(InputError, match=message):
        run(source, tmp_path / output, **options)
    assert [p.name for p in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("kind", ["device", "circle", "pipe", "long", "longer", "dot"])
def test_score_output_in_a_wrong_place_is_refused_before_the_work(tmp_path, kind):
    """`-o /dev/null --overwrite` as root replaced the device; others failed behind the work."""
    source, out = corpus(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    message = "is no ordinary file and is not replaced"
    if kind == "device":
        try:
            os.mknod(out, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            out = Path("/dev/null")
    elif kind == "circle":
        (tmp_path / "other.jsonl").symlink_to(out)
        out.symlink_to(tmp_path / "other.jsonl")
        message = "out.jsonl: cannot be written: Too many levels of symbolic links"
    elif kind == "pipe":
        os.mkfifo(out)
    elif kind in ("long", "longer"):  # the one with what a job adds to it, the other at once
        length = 240 if kind == "long" else 300
        out, message = tmp_path / ("x" * length + ".jsonl"), "cannot be .*: File name too long"
    else:
        out, message = Path(), "is no name for an output"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=message):
        run(source, out, overwrite=True, write=WriteOptions(format="jsonl"))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["out.jsonl", "out/"])
def test_score_output_given_as_a_link_is_written_where_it_leads(tmp_path, name):
    """One job is at work on a file, by whatever name, and a link stays one."""
    source, there = corpus(tmp_path / "in.jsonl"), tmp_path / "there"
    there.mkdir()
    link = tmp_path / name.rstrip("/")
    link.symlink_to(there / "1")
    run(source, f"{tmp_path}/{name}")
    run(source, tmp_path / "plain.jsonl")
    assert link.is_symlink()
    written = sorted(link.iterdir()) if name.endswith("/") else [link]
    assert b"".join(f.read_bytes() for f in written) == (tmp_path / "plain.jsonl").read_bytes()
    assert sorted(p.name for p in there.iterdir()) == ["1", "1.summary.json"]
    summary = run(source, str(there / "1"), write=WriteOptions(format="jsonl"))
    assert summary["already_complete"]


def test_score_row_that_cannot_be_written_is_set_aside_and_the_others_are_not(tmp_path):
    """Deep nesting, NaN of numpy or a time beyond Python's calendar cost the whole shard."""
    np = pytest.importorskip("numpy")
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    deep = 1
    for _ in range(500):
        deep = [deep]
    items = [
        {"text": "Alpha", "x": deep},
        {"text": "Alpha", "x": np.float32("nan")},
        {"text": "Alpha", "x": np.int64(3)},
        {"text": "Alpha", "x": 10**5000},
    ]
    for name in ("a.jsonl", "a.parquet"):
        summary = run(None, tmp_path / name, items=items, read=ReadOptions(keep=("x",)))
        assert summary["rejected_by_kind"] == {"type": 1}
    rows = [json.loads(line)["meta"]["x"] for line in (tmp_path / "a.jsonl").open()]
    assert rows == [None, 3, "a whole number of over 300 digits"]
    far = pa.array([0, 2**50, None], pa.timestamp("s"))
    pq.write_table(pa.table({"text": ["Alpha"] * 3, "when": far}), tmp_path / "in.parquet")
    keep = ReadOptions(keep=("when",))
    summary = run(tmp_path / "in.parquet", tmp_path / "b.jsonl", read=keep)
    assert summary["rejected_by_kind"] == {"output": 1}
    assert [json.loads(line)["meta"]["when"] for line in (tmp_path / "b.jsonl").open()] == [
        "1970-01-01T00:00:00",
        None,
    ]


def test_score_items_that_would_be_taken_apart_are_refused(tmp_path):
    """A data frame was scored as the names of its columns, a text as its letters."""
    frame = pytest.importorskip("pandas").DataFrame({"text": ["Alpha"]})
    for items in (frame, "Alpha", {"text": "Alpha"}):
        with pytest.raises(InputError, match=r"items: expected rows .*found (DataF|str|dict)"):
            run(None, tmp_path / "out.jsonl", items=items)
    records = frame.to_dict("records")
    assert run(None, tmp_path / "out.jsonl", items=records)["documents"] == 1
    with pytest.raises(InputError, match=r"keep is 'date': give a tuple of columns, \('date',\)"):
        ReadOptions(keep="date")


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_score_misspelt_kept_column_is_refused_for_every_format(tmp_path, format):
    """In JSON lines it became a column of nulls, with exit code 0."""
    source = tmp_path / f"in.{format}"
    if format == "jsonl":
        write_rows(source, ["{broken", {"id": "1", "text": "Alpha", "pub_date": "x"}])
    elif format == "csv":
        source.write_text("id,text,pub_date\n1,Alpha,x\n")
    else:
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.table({"text": ["Alpha"], "pub_date": ["x"]}), source)
    for output in ("out.jsonl", "out.parquet"):
        with pytest.raises(InputError, match=r"no column 'pubdate'.*pub_date"):
            run(source, tmp_path / output, read=ReadOptions(keep=("pubdate",)))
        assert files_beside(tmp_path / output) == []
    with pytest.raises(InputError, match="no column 'day'"):
        run(None, tmp_path / "o.jsonl", items=["Alpha"], read=ReadOptions(keep=("day",)))


def test_score_kept_column_that_some_rows_lack_is_null_in_those(tmp_path):
    source = write_rows(tmp_path / "in.jsonl", [{"text": "a"}, {"text": "b", "day": 2}])
    run(source, tmp_path / "out.jsonl", read=ReadOptions(keep=("day",)))
    rows = [json.loads(line)["meta"] for line in (tmp_path / "out.jsonl").open()]
    assert rows == [{"day": None}, {"day": 2}]


def test_score_keeps_every_column(tmp_path):
    source = write_rows(tmp_path / "in.jsonl", [{"id": 1, "text": "a", "x": 1}, {"text": "b"}])
    run(source, tmp_path / "out.jsonl", read=ReadOptions(keep=("*",)))
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").open()]
    assert [row.get("meta") for row in rows] == [{"x": 1}, None]
    with pytest.raises(InputError, match="name the columns, or write JSON lines"):
        run(source, tmp_path / "out.parquet", read=ReadOptions(keep=("*",)))
    with pytest.raises(InputError, match="name no other beside it"):
        ReadOptions(keep=("*", "x"))


def test_score_parquet_columns_stay_what_they_are(tmp_path):
    """Times and lists became strings, and a file with nothing but nulls made all strings."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {
        "n": pa.array([1, None], pa.int32()),
        "when": pa.array([0, 2**50], pa.timestamp("s")),
        "tags": pa.array([["a"], None], pa.list_(pa.string())),
        "d": pa.array(["a", "b"]).dictionary_encode(),
        "none": pa.array([1, 2], pa.int8()),
    }
    first = pa.table({"text": ["Alpha", "b"], **columns})
    pq.write_table(first, tmp_path / "1.parquet")
    other = {**columns, "n": pa.array([2, 3]), "none": pa.nulls(2)}
    pq.write_table(pa.table({"text": ["c", "d"], **other}), tmp_path / "2.parquet")
    inputs = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    run(inputs, tmp_path / "out.parquet", read=ReadOptions(keep=("*",)))
    found = pq.read_table(tmp_path / "out.parquet")
    types = {name: str(found.schema.field(name).type) for name in ("n", "d", "none")}
    assert types == {"n": "int64", "d": "string", "none": "int8"}
    assert pa.types.is_timestamp(found.schema.field("when").type)
    assert pa.types.is_list(found.schema.field("tags").type)
    assert found["none"].to_pylist() == [1, 2, None, None]
    assert found["n"].to_pylist() == [1, None, 2, 3]
    assert found["tags"].to_pylist() == [["a"], None, ["a"], None]


def test_score_delimiter(tmp_path):
    (tmp_path / "in.csv").write_text("id;text\n1;Alpha, he said\n")
    run(tmp_path / "in.csv", tmp_path / "out.jsonl", read=ReadOptions(delimiter=";"))
    assert json.loads((tmp_path / "out.jsonl").read_text())["text"] == "Alpha, he said"
    with pytest.raises(InputError, match="one ASCII character"):
        ReadOptions(delimiter="||")


@pytest.mark.parametrize(
    "text", ["id;body\n1;Alpha, he said\n", 'sep=;\r\nid;body\r\n1;"Alpha, he said"\n']
)
def test_score_reads_the_semicolons_of_spreadsheets(tmp_path, text):
    (tmp_path / "in.csv").write_text("\ufeff" + text)
    run(tmp_path / "in.csv", tmp_path / "out.jsonl", read=ReadOptions(text_column="body"))
    assert json.loads((tmp_path / "out.jsonl").read_text())["text"] == "Alpha, he said"
    with pytest.raises(InputError, match=r"no column 'text'; its columns: .*body"):
        run(tmp_path / "in.csv", tmp_path / "other.jsonl")
    with pytest.raises(InputError, match="--delimiter ';'"):
        run(tmp_path / "in.csv", tmp_path / "b.jsonl", read=ReadOptions(delimiter="|"))


def test_score_leaves_no_file_of_rejected_rows_where_there_are_none(tmp_path):
    source, out = write_rows(tmp_path / "in.jsonl", ["{", {"text": "a"}]), tmp_path / "out.jsonl"
    run(source, out)
    assert len(refused_rows(out).splitlines()) == 1
    write_rows(source, [{"text": "a"}])
    run(source, out, overwrite=True)
    assert files_beside(out) == ["out.jsonl", "out.jsonl.summary.json"]
