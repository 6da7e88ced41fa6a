"""Models take the case of words as token types, in every engine, and stay ordinary models."""

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification

from ie_model import Extractor, InputError
from ie_model.encoding.letter_case import CASES, ID_BITS, token_ids
from ie_model.inference.batching import pad_batch
from ie_model.inference.engines.packing import PackedModel, unpack
from ie_model.inference.loading import load_engine
from ie_model.models.directory import read_settings
from ie_model.models.token_types import add_token_types
from ie_model.models.weights import load_classifier
from ie_model.training.run import train
from tests.inference.test_engines import ENGINES
from tests.inference.test_engines_packing import make

TEXT = "The police of Iraq said on Monday that nine forces cleared Hawija."


@pytest.fixture(scope="module")
def typed(tmp_path_factory, tiny_model):
    """A model whose token types differ a lot."""
    folder = tmp_path_factory.mktemp("typed") / "model"
    shutil.copytree(tiny_model, folder)
    model = load_classifier(folder)
    torch.manual_seed(0)
    with torch.no_grad():
        model.base_model.embeddings.token_type_embeddings.weight.normal_()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    rows = [rng.integers(5, 60, n) + (rng.integers(CASES, size=n) << ID_BITS) for n in (9, 3)]
    return pad_batch(rows, 0)


def test_training_gives_an_uncased_encoder_the_case_of_words(tiny_model):
    assert read_settings(tiny_model).letter_case is True
    config = json.loads((tiny_model / "config.json").read_text())
    assert (config["letter_case"], config["type_vocab_size"]) == (True, CASES)
    assert Extractor.from_pretrained(tiny_model, "torch").encoder.letter_case


@pytest.mark.parametrize("kind", ["albert", "bert", "electra"])
def test_new_token_types_change_no_answer_yet(kind):
    model = make(kind)
    ids = torch.randint(5, 50, (2, 9))
    before = model(input_ids=ids).logits
    add_token_types(model)
    cased = ids + (torch.randint(CASES, ids.shape) << ID_BITS)
    assert torch.equal(model(input_ids=cased).logits, before)


def test_transformers_alone_gives_the_same_answers(typed, batch):
    ids, mask = (torch.from_numpy(x) for x in batch)
    plain = AutoModelForTokenClassification.from_pretrained(typed).eval()
    with torch.inference_mode():
        theirs = plain(
            input_ids=ids & ((1 << ID_BITS) - 1), attention_mask=mask, token_type_ids=ids >> ID_BITS
        ).logits
        ours = load_classifier(typed)(input_ids=ids, attention_mask=mask).logits
    assert torch.equal(theirs, ours)


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_reads_the_case(typed, batch, name):
    expected = load_engine(typed, "torch", "fp32", device="cpu").forward(*batch)
    engine = load_engine(typed, name, "fp32", threads=1)
    answers = engine.forward(*batch)
    blind = engine.forward(token_ids(batch[0]), batch[1])
    real = batch[1] == 1
    assert np.abs(answers - expected)[real].max() < 1e-4
    assert np.abs(blind - expected)[real].max() > 0.1
    engine.close()


def test_packed_batches_read_the_case(typed, batch):
    expected = load_engine(typed, "torch", "fp32", device="cpu").forward(*batch)
    packed = PackedModel(load_classifier(typed))
    ids, positions, bounds, longest = packed.pack(*batch)
    with torch.inference_mode():
        logits = packed(
            torch.from_numpy(ids), torch.from_numpy(positions), torch.from_numpy(bounds), longest
        ).numpy()
    real = batch[1] == 1
    assert np.abs(unpack(logits, batch[1]) - expected)[real].max() < 1e-4


@pytest.mark.parametrize("asked", [False, "auto"])
def test_training_goes_on_from_a_model_that_knows_case(tiny_config, typed, asked):
    given = tiny_config()
    config = given.model_copy(
        update={
            "model": given.model.model_copy(update={"backbone": str(typed)}),
            "encoding": given.encoding.model_copy(update={"letter_case": asked}),
        }
    )
    folder = train(config).model_dir
    assert read_settings(folder).letter_case is (asked == "auto")
    assert Extractor.from_pretrained(folder, "torch").predict(TEXT).text == TEXT


def test_models_from_before_token_types_are_read_without(typed, batch, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(typed, folder)
    for name in ("config.json", "ie_model.json"):
        values = json.loads((folder / name).read_text())
        del values["letter_case"]
        (folder / name).write_text(json.dumps(values))
    extractor = Extractor.from_pretrained(folder, "torch")
    (encoded,) = extractor.encoder.encode([TEXT])
    assert not any((w.input_ids >> ID_BITS).any() for w in encoded.windows)
    ids, mask = token_ids(batch[0]), batch[1]
    ours = load_engine(folder, "torch", "fp32", device="cpu").forward(ids, mask)
    plain = AutoModelForTokenClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        theirs = plain(torch.from_numpy(ids), torch.from_numpy(mask)).logits.numpy()
    assert np.abs(ours - theirs)[mask == 1].max() < 1e-5


def test_files_of_different_models_are_refused(typed, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(typed, folder)
    config = json.loads((folder / "config.json").read_text())
    del config["letter_case"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="letter_case"):
        Extractor.from_pretrained(folder, "torch")
