"""The recipes of docs/annotations.md run as they stand there."""

import re
from pathlib import Path

import pytest

from ie_model.annotation import convert
from ie_model.corpus.reading import read_documents

PAGE = Path(__file__).parents[2] / "docs" / "annotations.md"


def test_recipe_for_data_frames_goes_there_and_back(tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    section = (
        PAGE.read_text(encoding="utf-8").partition("## Data frames\n")[2].partition("\n## ")[0]
    )
    writing, reading = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    exec(writing, {})
    convert("frame.csv", Path("rows.csv"), write_options={"rows": "entities"})
    names: dict = {}
    exec(reading, names)
    assert names["counts"].to_dict() == {"ACTOR": 1}
    for name in ("frame.csv", "rows.csv", "again.csv"):
        found = [(d.id, d.text, [e.key for e in d.entities]) for d in read_documents(name)]
        assert found == [("a", "IS left Mosul.", [(0, 2, "ACTOR")]), ("b", "Nothing happened.", [])]
