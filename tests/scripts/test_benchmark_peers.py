"""What the comparison with other packages does to data and answers, and how it tells results."""

import importlib
import sys
from pathlib import Path

import pytest

from ie_model import Document, Entity

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
TEXT = "Police left Iraq.\nThe army of Iran\nstayed."
GOLD = Document(TEXT, (Entity(0, 6, "ACTOR"), Entity(12, 16, "LOCATION"), Entity(30, 34, "ACTOR")))


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(SCRIPTS))  # where it finds its sibling
    try:
        return importlib.import_module("benchmark_peers")
    finally:
        sys.path.remove(str(SCRIPTS))


def test_answers_to_paragraphs_come_back_to_their_documents(script):
    gold = [GOLD, Document("", ()), Document("Iran.", (Entity(0, 4, "LOCATION"),))]
    cut = [p for d in gold for p in script.paragraphs(d, "line")]
    assert [p.text for p in cut] == ["Police left Iraq.", "The army of Iran", "stayed.", "Iran."]
    answers = [[e.key for e in p.entities] for p in cut]
    found = script.moved_back(gold, "line", answers)
    assert [[e.key for e in d.entities] for d in found] == [
        [e.key for e in d.entities] for d in gold
    ]


def test_answers_that_are_too_many_are_refused(script):
    with pytest.raises(ValueError, match="more answers than paragraphs"):
        script.moved_back([GOLD], "line", [[], [], [], []])


def test_drawn_paragraphs_come_once_before_any_comes_again(script, tiny_config):
    config = tiny_config()
    once = script.drawn(config, 3, 0)
    assert once == script.drawn(config, 3, 0) != script.drawn(config, 3, 1)
    many = script.drawn(config, 1000, 0)
    assert len({d.id for d in many}) == len(many) == 1000
    counts = [sum(d.text == text for d in many) for text in {d.text for d in many}]
    assert min(counts) > 1


def test_table_names_what_failed(script):
    train = {"cpu_seconds": 61.4, "seconds": 130.0}
    speed = {"texts": 400, "cpu_seconds": 4.0, "seconds": 8.0}
    text = script.table(
        [
            {"title": "a", "rate": 3e-4, "f1": 0.5, "train": train, "speed": speed},
            {"title": "b", "rate": 5e-5, "error": {"stage": "train", "said": "no | module"}},
        ]
    )
    assert "| a | 0.0003 | 50.0 | 61 | 130 | 50.0 | 100.0 |" in text
    assert "| b | 5e-05 | not trained |  |  |  | failed (train): no \\| module |" in text
    assert len({line.replace("\\|", "").count("|") for line in text.splitlines()}) == 1
