"""Values that need a row's day: JSON lines, CSV, Parquet, Python's items and Arrow batches."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass

import pytest

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.normalise import normalise_document
from ie_model.scoring import ReadOptions, arrow_scorer
from tests.scoring.jobs import run

pytest.importorskip("dateparser")
TEXT = "IS attacked Qaim yesterday."
ROWS = [("a", "2017-03-05"), ("b", "2018-01-01"), ("c", "no day at all"), ("d", None)]
DAYS = ["2017-03-04", "2017-12-31", None, None]


@dataclass(frozen=True)
class Normalises:
    """Finds `yesterday`, and gives it the value that the extractor would."""

    def __call__(self, threads, device):
        return self

    def pipe(self, items, *, on_error="raise"):
        for item in items:
            document = item if isinstance(item, Document) else Document(item)
            start = document.text.index("yesterday")
            entity = Entity(start, start + 9, "DATE", 0.9, "yesterday")
            yield normalise_document(document.with_entities([entity]))


def starts(output) -> list:
    values = [
        json.loads(line)["entities"][0]["meta"]["value"] for line in output.read_text().splitlines()
    ]
    return [value and value["start"] for value in values]


def score(inputs, output, column="date", **options):
    read = ReadOptions(date_column=None if column == "date" else column, **options.pop("read", {}))
    options = {"extractor_factory": Normalises(), "normalise": True, "read": read} | options
    return run(inputs, output, **options)


@pytest.mark.parametrize("column", ["date", "published"])
@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_score_sees_yesterday_from_the_day_of_the_row(tmp_path, format, column):
    """All four texts are equal: one answer was given to all, seen from no day."""
    source = tmp_path / f"in.{format}"
    rows = [{"id": id_, "text": TEXT, column: day} for id_, day in ROWS]
    if format == "jsonl":
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif format == "csv":
        with source.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.Table.from_pylist(rows), source)
    score(source, tmp_path / "out.jsonl", column)
    assert starts(tmp_path / "out.jsonl") == DAYS
    assert "meta" not in json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    pq = pytest.importorskip("pyarrow.parquet")
    score(source, tmp_path / "out.parquet", column)
    found = [e[0] for e in pq.read_table(tmp_path / "out.parquet")["entities"].to_pylist()]
    values = [e["value"] for e in found]
    # Parquet lost the reason, and names.
    assert [e["unresolved"] is not None for e in found] == [day is None for day in DAYS]
    assert [value and value["start"] for value in values] == DAYS
    assert values[0]["approximate"] is False


def test_score_sees_yesterday_from_the_day_of_documents_and_mappings(tmp_path):
    documents = [Document(TEXT, id=id_, meta={"date": day}) for id_, day in ROWS]
    score(None, tmp_path / "a.jsonl", items=documents)
    assert starts(tmp_path / "a.jsonl") == DAYS
    mappings = [{"text": TEXT, "when": day} for _, day in ROWS]
    score(None, tmp_path / "b.jsonl", "when", items=mappings)
    assert starts(tmp_path / "b.jsonl") == DAYS


def test_score_parquet_days_of_arrow_are_days(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    days = pa.array([17230, None], pa.date32())  # 2017-03-05
    pq.write_table(pa.table({"text": [TEXT] * 2, "date": days}), tmp_path / "in.parquet")
    score(tmp_path / "in.parquet", tmp_path / "out.jsonl", read={"keep": ("date",)})
    assert starts(tmp_path / "out.jsonl") == ["2017-03-04", None]


def test_arrow_scorer_sees_yesterday_from_the_day_of_the_row():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"text": [TEXT] * 4, "date": [day for _, day in ROWS], "id": ["x"] * 4})
    scorer = arrow_scorer(extractor_factory=Normalises(), normalise=True)
    rows = pa.Table.from_batches(scorer(table.to_batches())).to_pylist()
    values = [row["entities"][0]["value"] for row in rows]
    assert [value and value["start"] for value in values] == DAYS
    with pytest.raises(InputError, match="no column 'day'"):
        list(arrow_scorer(extractor_factory=Normalises(), normalise=True, date_column="day")(
            table.to_batches()))  # fmt: skip


def test_score_date_column_that_is_not_there_or_not_used_is_refused(tmp_path):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": TEXT, "date": "2017-03-05"}) + "\n")
    with pytest.raises(InputError, match="no column 'dat'"):
        score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "dat")
    with pytest.raises(InputError, match="add normalise"):
        score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "day", normalise=False)
