"""Counting names over scored files."""

from __future__ import annotations

import csv
import gzip
import json
import tracemalloc

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("dateparser")

import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner

from ie_model.cli.main import app
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.scoring import Aggregate, aggregate_files, aggregation, write_table


def row(id: str, text: str, mentions: dict[str, str], day: object = None) -> dict:
    entities = [
        {"start": text.index(m), "end": text.index(m) + len(m), "label": label, "text": m}
        for m, label in mentions.items()
    ]
    return {"id": id, "text": text, "entities": entities, "meta": {"date": day}}


ROWS = [
    row("1", "The Free Syrian Army (FSA) met U.S. envoys in Idlib.",
        {"The Free Syrian Army": "ACTOR", "FSA": "ACTOR", "U.S.": "ACTOR", "Idlib": "LOCATION"},
        "2018-12-05T09:30:00Z"),
    row("2", "The United States left Idlib's west.",
        {"The United States": "ACTOR", "Idlib's": "LOCATION"}, "Dec. 6, 2018"),
    row("3", "Idlib again.", {"Idlib": "LOCATION"}, "soon"),
]  # fmt: skip
EXPECTED = [
    ("", "LOCATION", "Idlib", 1, 1),
    ("2018-12-05", "ACTOR", "Free Syrian Army", 2, 1),
    ("2018-12-05", "ACTOR", "United States", 1, 1),
    ("2018-12-05", "LOCATION", "Idlib", 1, 1),
    ("2018-12-06", "ACTOR", "United States", 1, 1),
    ("2018-12-06", "LOCATION", "Idlib", 1, 1),
]


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(r) + "\n" for r in rows)


def counted(path, **options):
    with Aggregate() as counts:
        totals = aggregate_files([path], counts, **options)
        return list(counts.counts()), totals


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "parquet", "flat"])
def test_aggregate_counts_the_same_in_every_format(tmp_path, kind):
    path = tmp_path / f"scored.{'parquet' if kind == 'flat' else kind}"
    flat = [{k: v for k, v in r.items() if k != "meta"} | {"date": r["meta"]["date"]} for r in ROWS]
    if kind == "jsonl":
        path.write_text(lines(ROWS), encoding="utf-8")
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress(lines(ROWS).encode()))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(flat), path)
    else:
        each = [
            {"id": r["id"], "date": r["date"], "mention": e["text"], **e}
            for r in flat
            for e in r["entities"]
        ]
        pq.write_table(pa.Table.from_pylist(each).drop(["text"]), path)
    found, totals = counted(path)
    assert found == (EXPECTED if kind != "flat" else found)
    assert sum(c.mentions for c in found) == totals.mentions == 7
    assert (totals.documents, totals.undated) == (3, 1)
    names = {(c.day, c.name) for c in found}
    assert {("2018-12-05", "United States"), ("2018-12-06", "United States")} <= names


def test_aggregate_takes_the_names_that_scoring_gave(tmp_path):
    one = json.loads(json.dumps(ROWS[2]))
    one["entities"][0]["meta"] = {"name": "Idlib Governorate"}
    path = tmp_path / "a.jsonl"
    path.write_text(lines([one]), encoding="utf-8")
    assert counted(path)[0][0].name == "Idlib Governorate"
    assert counted(path, names={"Idlib": "Idlib City"})[0][0].name == "Idlib City"


def test_aggregate_flushes_and_adds_up(tmp_path, monkeypatch):
    monkeypatch.setattr(aggregation, "HELD", 2)
    path = tmp_path / "a.jsonl"
    path.write_text(lines(ROWS * 20), encoding="utf-8")
    assert counted(path)[0] == [(*c[:3], 20 * c[3], 20 * c[4]) for c in EXPECTED]


def test_aggregate_counts_a_mention_over_a_line_end_with_its_like():
    with Aggregate() as counted:
        for text in ("14 May", "14\nMay", "14\r\n>  May"):
            counted.add(Document(text, (Entity(0, len(text), "DATE", text=text),)), "")
        assert [tuple(c)[2:4] for c in counted.counts()] == [("14 May", 3)]


def test_aggregate_labels_and_errors(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(lines(ROWS), encoding="utf-8")
    assert {c.label for c in counted(path, labels=["ACTOR"])[0]} == {"ACTOR"}
    with pytest.raises(InputError, match="no row has a column 'published'"):
        counted(path, date_column="published")
    path.write_text('{"text": "a"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.jsonl, line 1: no scored row"):
        counted(path)
    path.write_text("{\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1: no JSON"):
        counted(path)
    other = tmp_path / "a.txt"
    other.write_text("a", encoding="utf-8")
    with pytest.raises(InputError, match="give scored output"):
        counted(other)
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no column 'entities'"):
        counted(tmp_path / "a.parquet")
    with Aggregate() as counts, pytest.raises(InputError, match=r"end the name in \.csv"):
        write_table(counts, tmp_path / "o.xlsx")


def test_aggregate_memory_does_not_grow_with_the_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(aggregation, "HELD", 200)
    peaks = []
    for times in (200, 2000):
        path = tmp_path / f"{times}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for n in range(times):
                file.write(lines([row(str(n), f"Group {n} left.", {f"Group {n}": "ACTOR"},
                                      "2018-12-05")]))  # fmt: skip
        tracemalloc.start()
        with Aggregate() as counts:
            aggregate_files([path], counts)
            assert sum(1 for _ in counts.counts()) == times
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] + 4_000_000  # the caches of names, and no more


def test_aggregate_command_writes_every_table(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(lines(ROWS), encoding="utf-8")
    tables = [tmp_path / f"o.{suffix}" for suffix in ("csv", "parquet", "html")]
    outputs = [word for table in tables for word in ("-o", str(table))]
    done = CliRunner().invoke(app, ["aggregate", str(path), *outputs])
    assert done.exit_code == 0, done.output
    with tables[0].open(encoding="utf-8", newline="") as file:
        read = list(csv.reader(file))
    assert read[0] == ["day", "label", "name", "mentions", "documents"]
    assert [tuple(r) for r in read[1:]] == [tuple(map(str, c)) for c in EXPECTED]
    days = pq.read_table(tables[1]).column("day").to_pylist()
    assert [None if d is None else d.isoformat() for d in days] == [c[0] or None for c in EXPECTED]
    page = tables[2].read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "2018-12-05: 3" in page  # three actors on the first day
    assert "<td>Free Syrian Army</td>" in page


@pytest.mark.parametrize("link", [False, True])
def test_aggregate_never_writes_over_what_it_counts(tmp_path, link):
    """`aggregate e.parquet -o e.parquet` put the table in the place of the corpus."""
    file, out = tmp_path / "e.parquet", tmp_path / ("link.parquet" if link else "e.parquet")
    pq.write_table(pa.Table.from_pylist([{**ROWS[0], "date": "2018-12-05"}]), file)
    if link:
        out.symlink_to(file)
    before = file.read_bytes()
    command = ["aggregate", str(file), "-o", str(tmp_path / "t.csv"), "-o", str(out)]
    done = CliRunner().invoke(app, command)
    assert "is read from and cannot be written to" in str(done.exception)
    command = ["aggregate", str(file), "-o", str(out), "-o", str(tmp_path / "." / out.name)]
    assert "named for two outputs" in str(CliRunner().invoke(app, command).exception)
    names = tmp_path / "names.csv"
    names.write_text("FSA\tFree Syrian Army\n")
    command = ["aggregate", str(file), "-o", str(names), "--names", str(names)]
    done = CliRunner().invoke(app, command)
    assert "is read from and cannot be written to" in str(done.exception)
    assert (file.read_bytes(), names.read_text()) == (before, "FSA\tFree Syrian Army\n")


def test_aggregate_replaces_a_table_of_before(tmp_path):
    """It asked for an input, where the table to write was there already."""
    (tmp_path / "names.csv").write_text("old")
    with Aggregate() as counts:
        write_table(counts, tmp_path / "names.csv")
    assert "old" not in (tmp_path / "names.csv").read_text()
