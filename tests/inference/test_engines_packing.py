"""Packed batches on the CPU: everything but the CUDA kernel is the code a GPU runs."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from ie_model.inference.engines.cuda import GpuRunner
from ie_model.inference.engines.packing import ALIGNMENT, PACKABLE, PackedModel, pack, unpack

SMALL = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 64, "max_position_embeddings": 80, "num_labels": 5}  # fmt: skip
CPU = torch.device("cpu")


def make(kind, **changes):
    from transformers import AutoConfig, AutoModelForTokenClassification

    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**SMALL, **changes})
    return AutoModelForTokenClassification.from_config(config).eval()


def batch(lengths, width, pad_id):
    rng = np.random.default_rng(0)
    mask = (np.arange(width) < np.array(lengths)[:, None]).astype(np.int64)
    ids = rng.integers(5, 50, mask.shape)
    ids[mask == 0] = pad_id
    return ids, mask


LENGTHS = st.lists(st.integers(0, 30), min_size=1, max_size=8)


@given(LENGTHS, st.integers(0, 3))
def test_packing_keeps_the_tokens_and_counts_positions_anew(lengths, first):
    ids, mask = batch(lengths, 32, 0)
    packed = pack(ids, mask, 0, first)
    total = sum(lengths)
    assert len(packed.ids) % ALIGNMENT == 0
    assert packed.ids[:total].tolist() == ids[mask == 1].tolist()
    assert packed.bounds[: len(lengths) + 1].tolist() == np.cumsum([0, *lengths]).tolist()
    assert packed.bounds[-1] == len(packed.ids)
    assert packed.bounds.dtype == np.int32
    assert packed.longest == np.diff(packed.bounds).max()
    for begin, end in zip(packed.bounds[:-1], packed.bounds[1:], strict=True):
        assert packed.positions[begin:end].tolist() == list(range(first, first + end - begin))


@given(LENGTHS, st.data())
def test_packing_unpack_restores_the_rows(lengths, data):
    _, mask = batch(lengths, 32, 0)
    total = int(mask.sum()) + 7
    logits = data.draw(hnp.arrays(np.float32, (total, 2), elements=st.floats(-9, 9, width=32)))
    padded = unpack(logits, mask)
    assert padded.shape == (*mask.shape, 2)
    assert (padded[mask == 1] == logits[: total - 7]).all()
    assert (padded[mask == 0] == 0).all()


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "electra"])
def test_packing_logits_equal_padded_ones(kind):
    model = make(kind, pad_token_id=1 if "roberta" in kind else 0)
    pad_id = model.config.pad_token_id
    ids, mask = batch([40, 3, 17, 1, 64], 64, pad_id)
    with torch.inference_mode():
        padded = model(
            input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)
        ).logits.numpy()
    runner = GpuRunner(model, CPU, pack=True, compile=False)
    assert runner._packed is not None
    answers = [runner.submit(ids, mask), runner.submit(ids[:2], mask[:2])]
    first, second = (a.result() for a in answers)
    assert np.abs(first - padded)[mask == 1].max() < 1e-5
    assert np.abs(second - padded[:2])[mask[:2] == 1].max() < 1e-5


def test_packing_model_that_answers_otherwise_runs_padded(monkeypatch, caplog):
    # Positions that start at the wrong place: just what the check at loading is for.
    monkeypatch.setattr("ie_model.inference.engines.packing.POSITIONS_AFTER_PADDING", {"bert"})
    model = make("bert", initializer_range=1.0)
    runner = GpuRunner(model, CPU, pack=True, compile=False)
    assert runner._packed is None
    assert "runs padded" in caplog.text
    ids, mask = batch([5, 9], 16, 0)
    assert runner.submit(ids, mask).result().shape == (2, 16, 5)


def test_packing_other_families_run_padded():
    assert "mpnet" not in PACKABLE  # its scores have a bias by distance
    model = make("mpnet", pad_token_id=1)
    with pytest.raises(ValueError, match="mpnet models cannot be packed"):
        PackedModel(model)
    runner = GpuRunner(model, CPU, pack=True, compile=False)
    ids, mask = batch([5, 9], 16, 1)
    assert runner.submit(ids, mask).result().shape == (2, 16, 5)
