import pytest
import torch
from transformers import (
    AutoModelForTokenClassification,
    BertConfig,
    DistilBertConfig,
    ModernBertConfig,
    MPNetConfig,
)

from ie_model import Extractor, train
from ie_model.config.loading import parse_config
from ie_model.errors import InputError
from ie_model.training.layers import chosen_layers, keep_layers

SMALL = {
    "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 6, "num_attention_heads": 2,
    "intermediate_size": 32,
}  # fmt: skip
DISTIL = DistilBertConfig(vocab_size=50, dim=16, n_layers=6, n_heads=2, hidden_dim=32)
MODERN = ModernBertConfig(**SMALL, pad_token_id=0, cls_token_id=1, sep_token_id=2)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [(1, [0]), (3, [0, 1, 2]), (6, [0, 1, 2, 3, 4, 5]), ([0, 2, 5], [0, 2, 5]), ([5], [5])],
)
def test_chosen_layers(asked, kept):
    assert chosen_layers(asked, 6) == kept


@pytest.mark.parametrize("asked", [7, [0, 6], list(range(7))])
def test_layers_that_are_not_there_are_refused(asked):
    with pytest.raises(InputError, match=r"model\.layers: .* an encoder with 6 layers"):
        chosen_layers(asked, 6)


@pytest.mark.parametrize(
    "config", [BertConfig(**SMALL), MPNetConfig(**SMALL), DISTIL, MODERN],
    ids=["bert", "mpnet", "distilbert", "modernbert"],
)  # fmt: skip
def test_kept_layers_are_those_of_the_encoder_and_survive_saving(config, tmp_path):
    model = AutoModelForTokenClassification.from_config(config).eval()
    stack = next(m for m in model.modules() if isinstance(m, torch.nn.ModuleList))
    wanted = [stack[i] for i in (0, 2, 5)]
    keep_layers(model, [0, 2, 5])
    kept = next(m for m in model.modules() if isinstance(m, torch.nn.ModuleList))
    assert list(kept) == wanted
    ids = torch.arange(5, 15)[None]
    with torch.no_grad():
        before = model(ids).logits
        model.save_pretrained(tmp_path)
        again = AutoModelForTokenClassification.from_pretrained(tmp_path).eval()
        assert torch.equal(again(ids).logits, before)
    assert again.config.num_hidden_layers == 3


def test_a_shallower_model_trains_and_predicts(tiny_config):
    values = tiny_config(max_steps=2).model_dump(mode="json")
    values["model"]["layers"] = 1
    result = train(parse_config(values))
    model = AutoModelForTokenClassification.from_pretrained(result.model_dir)
    assert model.config.num_hidden_layers == 1
    assert Extractor.from_pretrained(result.model_dir, "torch").predict("Nothing in Mosul.").text


@pytest.mark.parametrize("layers", [0, -1, [], [2, 1], [1, 1], [-1]])
def test_numbers_that_mean_nothing_are_refused_by_the_config(layers):
    with pytest.raises(InputError, match="layers"):
        parse_config({"model": {"layers": layers}})
