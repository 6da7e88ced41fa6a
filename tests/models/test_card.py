import json
import re
import shutil

import pytest
import yaml

from ie_model.config.loading import load_config, parse_config
from ie_model.models.card import example_text, refresh_card, write_card
from ie_model.models.catalogue import BACKBONES
from ie_model.models.directory import read_settings, write_settings


@pytest.fixture
def model(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "model")


def front_matter(folder):
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def body(folder):
    return (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]


def test_card_example_is_a_text_the_model_was_trained_on(model):
    """Every card had the same sentence, whatever the labels."""
    (text,) = re.findall(r"^text = (.*)$", body(model), re.MULTILINE)
    assert json.loads(text) == "Iraqi federal police cleared Hawija on Tuesday."
    assert read_settings(model).origin["example"] == json.loads(text)


def test_card_example_never_ends_its_code_block_and_is_optional(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("No mention.\n``` [[X|breaks]] out of the block\nA [[X|short]] one.\n")
    config = parse_config({"labels": ["X"], "data": {"train": [str(file)]}})
    assert example_text(config) == "A short one."
    file.unlink()
    assert example_text(config) is None


def test_card_head_names_what_is_known(model):
    config = load_config(
        model / "config.yaml", {"license": "apache-2.0", "languages": ["en"], "output_dir": "m"}
    )
    settings = read_settings(model)
    settings.origin["backbone"] = "minilm"
    scores = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 4}
    metrics = json.loads((model / "metrics.json").read_text())
    metrics["test"] = {"documents": 2, "span": {"labels": {}, "micro": scores}}
    write_card(model, config, settings, metrics)
    head = front_matter(model)
    assert head["license"] == "apache-2.0"
    assert head["language"] == ["en"]
    assert head["base_model"] == BACKBONES["minilm"].hub_id
    (result,) = head["model-index"][0]["results"]
    assert {m["type"]: m["value"] for m in result["metrics"]}["f1"] == 0.3333


def test_card_head_leaves_out_what_is_not_known(model, tiny_backbone):
    head = front_matter(model)
    assert {"license", "language", "base_model", "model-index"}.isdisjoint(head)
    assert str(tiny_backbone.parent) not in body(model)  # the backbone is a folder


def test_card_says_what_the_pipeline_loses(model):
    text = body(model)
    assert "Prefer `Extractor`" in text
    assert 'aggregation_strategy="first"' in text


def test_card_is_brought_up_to_date_and_keeps_its_exports(model):
    """After calibrate it still said that the model was not calibrated."""
    file = model / "README.md"
    assert "(this model was not)" in file.read_text()
    file.write_text(file.read_text() + "\n<!-- exports -->\n- int8: fine\n<!-- /exports -->\n")
    settings = read_settings(model)
    settings.calibration.update(
        spans=40, ece_before=0.2, ece_after=0.05,
        cross_validation={"precision": 0.9, "recall": 0.8, "f1": 0.847, "documents": 5, "seeds": 1},
    )  # fmt: skip
    settings.thresholds.update(ACTOR=0.7)
    write_settings(model, settings)
    for _ in range(2):
        assert refresh_card(model)
    text = file.read_text()
    assert "(this model was not)" not in text
    assert "0.200 before" in text
    assert "0.050 after" in " ".join(text.split())
    assert "ACTOR 0.70" in text
    assert text.count("- int8: fine") == text.count("<!-- exports -->") == 1
    assert front_matter(model)["model-index"][0]["results"][0]["metrics"][2]["value"] == 0.847


@pytest.mark.parametrize(
    ("name", "keys", "value"),
    [("metrics.json", ("training", "seconds"), "long"), ("metrics.json", ("training",), None),
     ("ie_model.json", ("origin", "backbone"), 3), ("ie_model.json", ("origin", "versions"), ""),
     ("ie_model.json", ("origin", "ledger", "characters"), "many")],
)  # fmt: skip
def test_card_of_damaged_figures_stays(model, name, keys, value):
    """`calibrate` had stored its figures, and ended in a `TypeError` of the card's template."""
    values = json.loads((model / name).read_text())
    inside = values
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] = value
    (model / name).write_text(json.dumps(values))
    before = (model / "README.md").read_text()
    assert not refresh_card(model)
    assert (model / "README.md").read_text() == before


def test_card_of_a_directory_without_its_config_stays(model):
    (model / "config.yaml").unlink()
    before = (model / "README.md").read_text()
    assert not refresh_card(model)
    assert (model / "README.md").read_text() == before
