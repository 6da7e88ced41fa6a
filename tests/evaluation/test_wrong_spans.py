"""Errors with their kinds, gold over prediction, as JSON lines and as a page."""

import json
from dataclasses import replace

import pytest

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.evaluation import check_ending, write_errors
from ie_model.evaluation.wrong_spans import wrong_lines, wrong_spans

TEXT = "Iraqi police cleared <b>Hawija</b> on Tuesday.\nTwelve men fled to Mosul & beyond."


def spans(*found):
    return tuple(
        Entity(start := TEXT.index(text), start + len(text), label, None, text)
        for text, label in found
    )


GOLD = Document(
    TEXT, id="a<b>",
    entities=spans(("Iraqi police", "ACTOR"), ("Hawija", "LOCATION"), ("Tuesday", "DATE"),
          ("Twelve men", "QUANTITY"), ("Mosul", "LOCATION")),
)  # fmt: skip
FOUND = Document(
    TEXT, id="a<b>",
    entities=spans(("police", "ACTOR"), ("Hawija", "ACTOR"), ("Tuesday", "DATE"),
          ("Mosul & beyond", "ACTOR"), ("fled", "OPERATION")),
)  # fmt: skip
KINDS = ["wrong_boundary", "wrong_type", "missed", "spurious", "wrong_both"]


def test_wrong_spans_have_their_kinds_in_the_order_of_the_text():
    errors = wrong_spans(GOLD, FOUND)
    assert [e.kind for e in errors] == KINDS
    assert TEXT[errors[0].start : errors[0].end] == "Iraqi police"
    assert not wrong_spans(GOLD, GOLD)


def test_wrong_lines_lose_no_character():
    first, second = wrong_lines(GOLD, FOUND)
    for line in (first, second):
        for side in ("gold", "predicted"):
            assert "".join(p["text"] for p in line[side]) == TEXT[line["start"] : line["end"]]
    assert [p["text"] for p in first["gold"] if not p["right"]] == ["Iraqi police", "Hawija"]
    assert [p["label"] for p in first["predicted"] if p["right"] and p["label"]] == ["DATE"]


def test_errors_where_nobody_annotated_are_none():
    partly = replace(GOLD, meta={"unannotated": [[46, len(TEXT)]]})
    assert "spurious" not in [e.kind for e in wrong_spans(partly, FOUND)]


def test_errors_as_json_lines_are_one_row_each(tmp_path):
    target = tmp_path / "errors.jsonl"
    assert write_errors(target, [GOLD], [FOUND]) == 5
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["kind"] for row in rows] == KINDS
    assert rows[2]["predicted"] is None
    assert rows[0]["gold"]["text"] == "Iraqi police"
    assert all(TEXT[r["start"] : r["end"]] == r["mention"] for r in rows)


def test_errors_as_a_page_are_escaped_and_counted(tmp_path):
    target = tmp_path / "errors.html"
    right = Document("Nothing here.", id="sound")
    write_errors(target, [GOLD, right], [FOUND, right])
    page = target.read_text()
    assert "<b>Hawija" not in page
    assert "a&lt;b&gt;" in page
    assert "sound" not in page
    assert "5 errors in 1 of" in page
    for kind in KINDS:
        assert page.count(kind.replace("_", " ")) == 2  # the count above, the error below


def test_errors_file_of_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.html or \.jsonl"):
        check_ending(tmp_path / "errors.txt")
