"""Every supported encoder family trains, saves, loads and predicts (tiny random weights)."""

from __future__ import annotations

import pytest

from ie_model import Extractor
from ie_model.training.run import train
from tests.conftest import TINY, make_bert_tokenizer, make_byte_tokenizer

FAMILIES = ["bert", "distilbert", "roberta", "deberta-v2", "electra", "mpnet", "xlm-roberta",
            "modernbert"]  # fmt: skip


def unigram_tokenizer():
    """A SentencePiece-style tokenizer, as DeBERTa-v2's and XLM-RoBERTa's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁"]
    pieces += [f"▁{w}" for w in ("Iraqi", "federal", "police", "cleared", "Hawija", "on")]
    pieces += [chr(c) for c in range(33, 127)]
    model = models.Unigram([(p, -float(i) / 10) for i, p in enumerate(pieces)], unk_id=3)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="<s>", sep_token="</s>", pad_token="<pad>",
        unk_token="<unk>", model_max_length=512,
    )  # fmt: skip


def backbone(family, folder):
    import torch
    import transformers as t

    if family in ("bert", "electra", "distilbert", "mpnet"):
        tokenizer = make_bert_tokenizer(folder)
    elif family in ("roberta", "modernbert"):
        tokenizer = make_byte_tokenizer()
    else:
        tokenizer = unigram_tokenizer()
    tokenizer.save_pretrained(folder)
    common = {**TINY, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    configs = {
        "bert": lambda: t.BertConfig(**common),
        "distilbert": lambda: t.DistilBertConfig(
            vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=2, hidden_dim=64,
            max_position_embeddings=514, pad_token_id=tokenizer.pad_token_id,
        ),
        "roberta": lambda: t.RobertaConfig(**common),
        "deberta-v2": lambda: t.DebertaV2Config(
            **common, relative_attention=True, pos_att_type=["p2c", "c2p"],
            position_biased_input=False, type_vocab_size=0, max_relative_positions=-1,
        ),
        "electra": lambda: t.ElectraConfig(**common, embedding_size=32),
        "mpnet": lambda: t.MPNetConfig(**common),
        "xlm-roberta": lambda: t.XLMRobertaConfig(**common),
        "modernbert": lambda: t.ModernBertConfig(
            **common, global_attn_every_n_layers=2, local_attention=64,
            bos_token_id=0, eos_token_id=2, cls_token_id=0, sep_token_id=2,
        ),
    }  # fmt: skip
    torch.manual_seed(0)
    t.AutoModel.from_config(configs[family]()).save_pretrained(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_families_train_save_load_predict(family, tmp_path, tiny_config):
    folder = tmp_path / family
    folder.mkdir()
    backbone(family, folder)
    config = tiny_config(epochs=25, learning_rate=0.01, layer_decay=0.9)
    model = config.model.model_copy(update={"backbone": str(folder), "dropout": 0.0})
    result = train(config.model_copy(update={"model": model}))
    assert result.losses[-1][1] < result.losses[0][1] / 2
    extractor = Extractor.from_pretrained(result.model_dir, "torch")
    text = "Iraqi federal police cleared Hawija on Tuesday."
    document = extractor.predict(text)
    assert {e.text for e in document.entities} & {"Iraqi federal police", "Hawija", "Tuesday"}
    long = " ".join([text] * 60)
    assert len(extractor.predict(long).entities) > 60  # windows, no truncation
