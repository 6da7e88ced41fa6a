import numpy as np
import pytest

from ie_model import Extractor, evaluate
from ie_model.errors import InputError
from ie_model.training.run import train
from tests.conftest import SENTENCES

TEXT = "Iraqi federal police cleared Hawija on Tuesday. U.S.-backed forces cleared nine of ten."


def spans(document):
    return [e.key for e in document.entities]


def test_ensemble_of_one_model_twice_is_that_model(tiny_model):
    alone = Extractor.from_pretrained(tiny_model, "torch", precision="fp32")
    twice = Extractor.from_pretrained([tiny_model, tiny_model], "torch", precision="fp32")
    texts = [TEXT, "", "one", TEXT * 30]
    for one, two in zip(alone.predict(texts), twice.predict(texts), strict=True):
        assert spans(one) == spans(two)
        assert np.allclose([e.score for e in one.entities], [e.score for e in two.entities])
    assert twice.labels == alone.labels
    assert twice.computed[0] == 2 * alone.computed[0]
    assert twice.fingerprint != alone.fingerprint


def test_ensemble_members_may_have_other_tokenizers(tiny_model, byte_model):
    both = Extractor.from_pretrained([tiny_model, byte_model], "torch", precision="fp32")
    document = both.predict(TEXT)
    assert ("Hawija", "LOCATION") in {(e.text, e.label) for e in document.entities}
    assert [spans(d) for d in both.pipe([TEXT, "x", TEXT])] == [
        spans(both.predict(t)) for t in (TEXT, "x", TEXT)
    ]


def test_ensemble_logits_are_the_mean_of_probabilities(tiny_model, byte_model):
    def chances(extractor):
        _, logits = extractor.logits(["Hawija"])[0]
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    one, two = (Extractor.from_pretrained(m, "torch", precision="fp32")
                for m in (tiny_model, byte_model))  # fmt: skip
    both = Extractor.from_pretrained([tiny_model, byte_model], "torch", precision="fp32")
    mean = (chances(one)[0] + chances(two)[0]) / 2
    assert np.allclose(chances(both)[0], mean, atol=1e-5)


def test_ensemble_is_evaluated_and_marks_bad_items_in_their_place(tiny_model, byte_model, tmp_path):
    both = Extractor.from_pretrained([tiny_model, byte_model], "torch")
    file = tmp_path / "gold.txt"
    file.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    assert evaluate(both, file, format="markup")["span"]["micro"]["f1"] > 0.95
    found = list(both.pipe([TEXT, 3, "\ud800", TEXT], on_error="yield"))
    assert [d.error is None for d in found] == [True, False, False, True]
    both.close()


def test_ensemble_refuses_none_others_and_another_engine(tiny_model, tiny_config):
    with pytest.raises(InputError, match="at least one"):
        Extractor.from_pretrained([])
    config = tiny_config()
    sources = [s.model_copy(update={"labels": {"ACTOR": "WHO"}}) for s in config.data.train]
    data = config.data.model_copy(update={"train": sources})
    labels = ["WHO", *config.labels[1:]]
    other = train(config.model_copy(update={"data": data, "labels": labels})).model_dir
    with pytest.raises(InputError, match=r"its labels are WHO.*trained on the same labels"):
        Extractor.from_pretrained([tiny_model, other])
    pair = Extractor.from_pretrained([tiny_model, tiny_model])
    with pytest.raises(InputError, match="an engine for each member"):
        pair.with_engine(pair.engine)
