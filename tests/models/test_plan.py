import json
import shutil

import pytest

from ie_model import Extractor
from ie_model.models.plan import PLAN_FILE, Plan, load_plan, save_plan


@pytest.fixture
def model(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "model")
    return tmp_path / "model"


def test_plan_is_used_when_nothing_else_is_asked_for(model):
    save_plan(model, Plan("torch", "fp32", batch_tokens=300, multiple=4, device="cpu"))
    extractor = Extractor.from_pretrained(model)
    assert extractor.engine.name == "torch"
    assert extractor.batch_tokens == 300
    asked = Extractor.from_pretrained(model, "torch", precision="fp32", batch_tokens=77)
    assert asked.batch_tokens == 77
    assert Extractor.from_pretrained(model, batch_tokens=99).batch_tokens == 99


def test_plan_round_trip_with_its_figures(model):
    plan = Plan("openvino", "int8", 1024, 8, 2, "cpu")
    path = save_plan(model, plan, {"tokens_per_second": 12345.0})
    assert load_plan(model) == plan
    assert plan.name == "openvino int8 1024 2 streams"
    assert json.loads(path.read_text())["measured"] == {"tokens_per_second": 12345.0}


def test_plan_of_another_machine_or_other_weights_is_passed_over(model):
    path = save_plan(model, Plan("torch", "fp32"))
    values = json.loads(path.read_text())
    for key, other in (("machine", {"cpu": "another"}), ("weights", "0123456789abcdef")):
        path.write_text(json.dumps({**values, key: other}))
        assert load_plan(model) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"plan": {"engin": "torch"}}', "\x00"])
def test_plan_that_is_damaged_is_passed_over(model, content, caplog):
    (model / PLAN_FILE).write_text(content)
    with caplog.at_level("WARNING", logger="ie_model"):
        assert load_plan(model) is None
    assert "not usable" in caplog.text


def test_plan_absent(model):
    assert load_plan(model) is None
