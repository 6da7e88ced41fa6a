"""The whole mission on the real seeds with the real encoder."""

import json
from pathlib import Path

import pytest

from ie_model import Extractor, evaluate, load_config, read_documents, train
from ie_model.models.backbones import folder_of

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def model(made_once):
    if not folder_of("minilm").is_dir():
        pytest.skip("ie-model backbones install minilm")

    def make(folder):
        overrides = [f"output_dir={folder}/model", "training.epochs=6"]
        return train(load_config(ROOT / "configs" / "seeds_only.yaml", overrides)).model_dir

    return made_once("seeds", make)


def test_end_to_end_seeds_train_evaluate_predict(model):
    ledger = json.loads((model / "metrics.json").read_text())["training"]["ledger"]
    assert (ledger["documents"], ledger["gold_seen"], ledger["gold_lost"]) == (2, 224, 0)
    metrics = evaluate(model, ROOT / "annotations" / "seeds", text_dir=ROOT / "seeds")
    assert metrics["span"]["micro"]["f1"] > 0.85  # documents it was trained on
    (article,) = read_documents(ROOT / "annotations" / "demo")
    found = Extractor.from_pretrained(model, "torch").predict(article)
    right = {e.key for e in found.entities} & {e.key for e in article.entities}
    assert len(right) > len(article.entities) / 4  # an article it has never seen


def test_end_to_end_plain_transformers_agrees(model):
    from transformers import pipeline

    text = "Iraqi federal police cleared Hajin in Syria on Tuesday."
    tagger = pipeline("token-classification", str(model), aggregation_strategy="first")
    theirs = {(f["start"], f["end"], f["entity_group"]) for f in tagger(text)}
    extractor = Extractor.from_pretrained(model, "torch", precision="fp32")
    assert {e.key for e in extractor.predict(text).entities} & theirs
