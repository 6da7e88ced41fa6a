"""Documents as data frames: a row an entity, nothing lost without a word."""

import sys

import pytest

from ie_model import Document, Entity, InputError, to_frame

pandas = pytest.importorskip("pandas")

TEXT = "IS left Qaim on Tuesday."
FOUND = Document(
    TEXT,
    (
        Entity(0, 2, "ACTOR", 0.9),
        Entity(16, 23, "DATE", 0.8, "Tuesday", {"value": {"start": "2018-12-04"}}),
    ),
    "n-1",
    {"source": "wire"},
)


def test_frame_of_one_document_has_a_row_an_entity():
    frame = FOUND.to_frame()
    assert list(frame.columns) == ["document", "start", "end", "label", "text", "score", "value"]
    assert frame["text"].tolist() == ["IS", "Tuesday"]
    assert frame["start"].tolist() == [0, 16]
    assert frame["score"].tolist() == [0.9, 0.8]
    assert frame["value"][1] == {"start": "2018-12-04"}
    pandas.testing.assert_frame_equal(frame, to_frame([FOUND]))


def test_frame_of_many_keeps_meta_and_names_failures():
    failed = Document("x", (), "n-2", error="out of memory")
    gold = Document("Qaim", (Entity(0, 4, "LOCATION"),), "n-3")
    frame = to_frame(iter([FOUND, failed, Document("nothing", (), "n-4"), gold]), keep=["source"])
    assert frame["document"].tolist() == ["n-1", "n-1", "n-2", "n-3"]
    assert frame["source"].tolist()[:2] == ["wire", "wire"]
    assert frame["source"].isna().tolist() == [False, False, True, True]
    assert frame["error"][2] == "out of memory"
    assert frame["start"].isna().tolist() == [False, False, True, False]
    assert frame["score"].isna().tolist() == [False, False, True, True]
    assert str(frame["start"].dtype) == str(to_frame([])["start"].dtype) == "Int64"
    with pytest.raises(InputError, match="keep names label, which is a column already"):
        to_frame([FOUND], keep=["label"])
    with pytest.raises(InputError, match=r"item 1: expected a Document, found str; to_frame\(ex"):
        to_frame([FOUND, TEXT])


def test_frame_without_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"pip install 'ie-model\[notebooks\]'"):
        FOUND.to_frame()
