"""Model directories that would run code, load a pickle, or belong to two models."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import sys
from pathlib import Path

import pytest

from ie_model import Extractor, InputError
from ie_model.files import write_text
from ie_model.models.directory import read_settings, weights_digest
from ie_model.models.plan import Plan, load_plan, machine, save_plan
from ie_model.models.weights import load_classifier


@pytest.fixture
def model(tmp_path, tiny_model) -> Path:
    return shutil.copytree(tiny_model, tmp_path / "model")


def change(file: Path, **values) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def load(folder: Path) -> Extractor:
    return Extractor.from_pretrained(folder, "torch", threads=1, device="cpu")


def test_model_with_code_of_its_own_is_refused_whatever_standard_input_says(model, monkeypatch):
    """transformers asked whether to run it, and the first line to predict was the answer."""
    marker = model / "ran"
    code = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"
    for name in ("configuration_own.py", "modeling_own.py"):
        (model / name).write_text(code)
    change(
        model / "config.json",
        model_type="own",
        auto_map={
            "AutoConfig": "configuration_own.OwnConfig",
            "AutoModelForTokenClassification": "modeling_own.OwnModel",
        },
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    with pytest.raises(InputError, match="no model that can be loaded"):
        load(model)
    assert not marker.exists()
    assert sys.stdin.read() == "y\n" * 9, "standard input is for texts alone"


class Touches:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_pickled_weights_are_never_loaded(model):
    """With `model-x.safetensors` beside it, `pytorch_model.bin` was, and no fingerprint saw it."""
    marker = model / "ran"
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Touches(marker)))
    assert load(model).labels
    (model / "model.safetensors").rename(model / "model-x.safetensors")
    with pytest.raises(InputError, match=r"no model\.safetensors in it, and .* is not read"):
        load(model)
    with pytest.raises(InputError, match="no model that can be loaded"):
        load_classifier(model)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "../model.safetensors", 5, None])
def test_index_that_names_other_files_than_weights_of_the_folder_is_refused(model, name):
    """transformers loads what an index names: `pytorch_model.bin` was unpickled."""
    marker = model / "ran"
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Touches(marker)))
    (model / "model.safetensors").rename(model.parent / "model.safetensors")
    index = {"metadata": {}, "weight_map": {"bert.embeddings.word_embeddings.weight": name}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    for loads in (load, load_classifier):
        with pytest.raises(InputError, match="no safetensors file of this folder"):
            loads(model)
    assert not marker.exists()


def test_weights_that_are_not_all_there_are_refused(model):
    """transformers filled them in by chance, and answered."""
    from safetensors.torch import load_file, save_file

    file = model / "model.safetensors"
    weights = load_file(file)
    del weights["classifier.bias"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"its weights lack classifier\.bias"):
        load(model)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"_attn_implementation": "kernels-community/flash-attn"}, "must be eager or sdpa"),
        ({"text_config": {"attn_implementation": "a/b"}}, "must be eager or sdpa"),
        ({"quantization_config": {"quant_method": "torchao"}}, "quantised weights are not loaded"),
        ({"num_hidden_layers": 10_000}, "no encoder has so many"),
        ({"max_position_embeddings": 50}, "windows of 96 tokens, config.json has 50 places"),
        ({"pad_token_id": -1}, "pad_token_id is -1"),
        ({"pad_token_id": "0"}, "pad_token_id is '0'"),
        ({"hidden_act": "__import__('os')"}, "no model that can be loaded"),
        ({"num_attention_heads": 0}, "no model that can be loaded"),
        ({"layer_norm_eps": "x"}, "no model that can be loaded"),
    ],
)
def test_config_that_fetches_or_cannot_be_is_refused(model, values, message):
    """Each ended in a traceback, or an attention was fetched as code, or it took minutes."""
    change(model / "config.json", **values)
    with pytest.raises(InputError, match=message):
        load(model)


def test_code_beside_tokenizer_and_processor_is_not_run(model, monkeypatch):
    marker = model / "ran"
    (model / "own.py").write_text(f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n")
    auto = {"AutoTokenizer": ["own.T", "own.T"], "AutoProcessor": "own.P", "AutoModel": "own.M"}
    change(model / "tokenizer_config.json", auto_map=auto, tokenizer_class="T")
    change(model / "config.json", auto_map=auto)
    for name in ("preprocessor_config.json", "processor_config.json", "generation_config.json"):
        (model / name).write_text(json.dumps({"auto_map": auto, "processor_class": "P"}))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    assert load(model).predict("Iraqi police").text
    assert not marker.exists()
    assert sys.stdin.read() == "y\n" * 9


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")
@pytest.mark.parametrize("name", ["config.json", "notes.txt", "openvino/fp32.json"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_model_that_would_be_read_for_ever_is_refused(model, name, kind):
    """A `config.json` that led to /dev/zero was read until the memory was full."""
    file = model / name
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    with pytest.raises(InputError, match=rf"{name}: is no ordinary file"):
        load(model)


def test_adapter_beside_the_weights_is_refused(model):
    (model / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="adapters are not loaded"):
        load(model)


@pytest.mark.parametrize(
    ("change_to", "message"),
    [
        ('"temperature": NaN', "NaN is no number"),
        ('"temperature": 1e999', "too large for a number"),
        ('"temperature": 0', "must be from 0.001"),
        ('"temperature": 1e-300', "must be from 0.001"),
        ('"temperature": -1', "must be from 0.001"),
        ('"temperature": 1' + "0" * 400, "must be from 0.001"),
        ('"temperature": true', "no number"),
        ('"touching": "no"', "must be true or false"),
        ('"calibration": []', "must be an object"),
        ('"calibration": {"knots": {"scores": [0, 1], "probabilities": [1]}}', "as many"),
        ('"calibration": {"review": {"ACTOR": [0.1]}}', "no pair of numbers"),
        ('"thresholds": {"ACTOR": "0.5"}', "no number"),
        ('"thresholds": {"ACTOR": -5}', "must be from 0 to 1"),
        ('"labels": ["ACTOR", "ACTOR"]', "names one twice"),
        ('"format_version": true', "format_version is True"),
        ('"temperature": "1"', "no number"),
        ('"window": 0', "0 <= overlap < window"),
        ('"labels": []', "must be a list of strings"),
        ('"calibration": {"knots": [[0.1, Infinity]]}', "Infinity is no number"),
    ],
)
def test_settings_that_no_training_writes_are_named(model, change_to, message):
    """A temperature of NaN gave scores of NaN, which is no JSON."""
    file = model / "ie_model.json"
    values = json.loads(file.read_text())
    values.pop(json.loads("{" + change_to.replace("NaN", "0") + "}").popitem()[0], None)
    file.write_text("{" + change_to + ", " + json.dumps(values)[1:])
    with pytest.raises(InputError, match=message):
        read_settings(model)


def test_labels_and_vocabulary_must_be_of_one_model(model):
    """Nonsense came out, with exit code 0."""
    config = json.loads((model / "config.json").read_text())
    names = config["id2label"]
    names["1"], names["2"] = names["2"], names["1"]
    change(model / "config.json", id2label=names)
    with pytest.raises(InputError, match=r"tag 1 is .* in ie_model\.json and .* in config\.json"):
        load(model)
    names["1"], names["2"] = names["2"], names["1"]
    change(model / "config.json", id2label=names)
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["kabul"] = config["vocab_size"]
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(InputError, match="the tokenizer gives ids up to"):
        load(model)


def test_weights_digest_sees_every_byte(model):
    """64 sampled blocks let a change between them through, and the old conversion answered."""
    before = weights_digest(model)
    file = model / "model.safetensors"
    data = bytearray(file.read_bytes())
    for place in range(len(data) - 9, 0, -len(data) // 7):
        data[place] ^= 1
        file.write_bytes(data)
        assert weights_digest(model) != before
        data[place] ^= 1
    file.write_bytes(data)
    assert weights_digest(model) == before


@pytest.mark.parametrize(
    "bad",
    [
        {"batch_tokens": 1 << 40}, {"batch_tokens": 0}, {"batch_tokens": "1024"},
        {"multiple": -8}, {"streams": 10**6}, {"engine": "../x"}, {"precision": ["fp32"]},
        {"device": "cuda:0;x"}, {"multiple": True}, {"unknown": 1},
    ],
)  # fmt: skip
def test_plan_with_bad_values_is_passed_over_with_one_line(model, bad, caplog):
    file = save_plan(model, Plan("torch", "fp32", 512, 8, None, "cpu"))
    assert load_plan(model) is not None
    values = json.loads(file.read_text())
    values["plan"] |= bad
    values["machine"] = machine("cpu")
    file.write_text(json.dumps(values))
    assert load_plan(model) is None
    assert sum("not usable" in record.getMessage() for record in caplog.records) == 1


def test_files_are_written_as_the_umask_says(tmp_path):
    import os

    before = os.umask(0o077)
    try:
        write_text(tmp_path / "a.json", "{}")
        os.umask(0o002)
        write_text(tmp_path / "b.json", "{}")
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a.json", "b.json")]
    assert modes == [0o600, 0o664]
