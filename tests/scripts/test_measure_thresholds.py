"""The script that measures thresholds of trained models counts what those models would say."""

import json
import shutil

from ie_model import Document, Entity, Extractor
from ie_model.metrics.bootstrap import unit_counts
from ie_model.metrics.spans import PREDICTED
from tests.training.test_distillation import TEXTS


def test_counts_are_those_of_models_with_these_thresholds(script, tiny_model, tmp_path):
    gold = [Document("\n".join(TEXTS[k:]), (Entity(0, 3, "ACTOR"),)) for k in range(len(TEXTS))]
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    settings = json.loads((folder / "ie_model.json").read_text())
    found_of = []
    # Scores of 0.75 to 0.87, not all near 1, and "three" once at 0.75 and once at 0.81.
    for sure, lowest in [(0.0, 0.0), (0.0, 0.78), (0.8, 0.78)]:
        changed = {**settings, "temperature": 2.0, "sure_score": sure}
        (folder / "ie_model.json").write_text(json.dumps(changed))
        model = Extractor.from_pretrained(folder, "torch", min_score=lowest)
        wanted = unit_counts(gold, list(model.predict(gold)), model.settings.labels)[0]
        found = script.every_span(model, gold)
        counts = script.counts_of(gold, [(model, found)], sure, lowest)
        assert (counts == wanted[None]).all()
        found_of.append(counts[..., PREDICTED].sum())
    every, left, agreed = found_of
    assert left < agreed < every
