import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ie_model import Extractor
from ie_model.errors import InputError
from ie_model.labels import LabelSet
from ie_model.training.model import make_model
from ie_model.training.preparation import prepare
from ie_model.training.run import train


def moved(config, model_dir, labels, scheme="BIO"):
    """The config with another label set, started from a trained model."""
    keep = {label: label if label in labels else None for label in config.labels}
    sources = [s.model_copy(update={"labels": keep}) for s in config.data.train]
    return config.model_copy(
        update={
            "labels": labels,
            "scheme": scheme,
            "data": config.data.model_copy(update={"train": sources}),
            "model": config.model.model_copy(update={"backbone": str(model_dir)}),
        }
    )


def head(folder_or_model):
    if hasattr(folder_or_model, "classifier"):
        layer = folder_or_model.classifier
        return layer.weight.detach().numpy(), layer.bias.detach().numpy()
    weights = load_file(folder_or_model / "model.safetensors")
    return weights["classifier.weight"], weights["classifier.bias"]


def untrained(config):
    ready = prepare(config)
    return make_model(config.model, ready.labels, ready.vocabulary, seed=config.training.seed)


def rows_kept(config, model_dir):
    model = untrained(config)
    new = LabelSet.declare(config.labels, config.scheme).tags
    old = Extractor.from_pretrained(model_dir, "torch").label_set.tags
    (weight, bias), (before, bias_before) = head(model), head(model_dir)
    return {
        tag
        for i, tag in enumerate(new)
        if tag in old
        and np.array_equal(weight[i], before[old.index(tag)])
        and bias[i] == bias_before[old.index(tag)]
    }


def test_transfer_keeps_the_rows_of_shared_labels(tiny_config, tiny_model):
    config = moved(tiny_config(), tiny_model, ["DATE", "VESSEL", "LOCATION"])
    kept = {"O", "B-DATE", "I-DATE", "B-LOCATION", "I-LOCATION"}
    assert rows_kept(config, tiny_model) == kept


def test_transfer_as_many_labels_of_other_names_do_not_inherit_by_number(tiny_config, tiny_model):
    # transformers loads a head of equal size as it is, whatever its rows mean.
    labels = ["DATE", "CARGO", "PORT", "VESSEL", "CREW"]
    model = untrained(moved(tiny_config(), tiny_model, labels))
    (weight, _), (before, _) = head(model), head(tiny_model)
    assert rows_kept(moved(tiny_config(), tiny_model, labels), tiny_model) == {
        "O", "B-DATE", "I-DATE",
    }  # fmt: skip
    fresh = [i for i, tag in enumerate(LabelSet.declare(labels).tags) if "CARGO" in tag]
    for i in fresh:
        assert not any(np.array_equal(weight[i], row) for row in before)


def test_transfer_knows_shared_labels_without_training(tiny_config, tiny_model):
    config = moved(tiny_config(max_steps=1, learning_rate=1e-9), tiny_model, ["LOCATION", "DATE"])
    extractor = Extractor.from_pretrained(train(config).model_dir, "torch")
    found = extractor.predict("Iraqi federal police cleared Hawija on Tuesday.").entities
    assert {(e.label, e.text) for e in found} >= {("LOCATION", "Hawija"), ("DATE", "Tuesday")}


def test_transfer_same_labels_go_on_as_they_are(tiny_config, tiny_model):
    config = tiny_config()
    settings = config.model.model_copy(update={"backbone": str(tiny_model)})
    model = untrained(config.model_copy(update={"model": settings}))
    assert all(np.array_equal(a, b) for a, b in zip(head(model), head(tiny_model), strict=True))


def test_transfer_is_not_resumed_from_another_model_in_the_same_place(
    tiny_config, tiny_model, tmp_path, killed
):
    # Rows of the embedding table that no token uses came from the new model.
    backbone = tmp_path / "backbone"
    shutil.copytree(tiny_model, backbone)
    config = tiny_config(batch_windows=2, checkpoint_every=1)
    settings = config.model.model_copy(update={"backbone": str(backbone)})
    config = config.model_copy(update={"model": settings})
    killed(config, 2)
    weights = load_file(backbone / "model.safetensors")
    name = next(name for name in weights if "word_embeddings" in name)
    save_file(
        {**weights, name: weights[name] + 1}, backbone / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(InputError, match="another run: digest of the backbone's weights was"):
        train(config, resume=True)
    shutil.copy(tiny_model / "model.safetensors", backbone)
    assert train(config, resume=True).steps > 2
