import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification

from ie_model.training.compact_embeddings import CompactEmbedding, compact, restore


def model(folder):
    torch.manual_seed(0)
    return AutoModelForTokenClassification.from_pretrained(folder, num_labels=3).train()


def steps(net, ids, count=3):
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.0)
    norms = []
    for _ in range(count):
        loss = net(input_ids=ids, labels=ids % 3).loss
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)))
        optimizer.step()
        optimizer.zero_grad()
    return norms


def test_compact_embeddings_train_exactly_as_the_full_table(tiny_backbone):
    ids = torch.tensor([[2, 9, 9, 30, 3, 0, 0], [2, 7, 41, 8, 60, 11, 3]])
    full, small = model(tiny_backbone), model(tiny_backbone)
    before = small.get_input_embeddings().weight.detach().clone()
    assert compact(small, np.unique(ids.numpy()))
    assert steps(full, ids) == pytest.approx(steps(small, ids), rel=1e-6)
    restore(small)
    after = dict(small.named_parameters())
    for name, parameter in full.named_parameters():
        torch.testing.assert_close(after[name], parameter, rtol=1e-6, atol=1e-7)
    unused = sorted(set(range(len(before))) - set(ids.flatten().tolist()))
    table = small.get_input_embeddings().weight
    assert torch.equal(table[unused], before[unused])
    assert not torch.equal(table, before)


def test_compact_embeddings_evaluate_ids_that_training_never_saw(tiny_backbone):
    net = model(tiny_backbone).eval()
    ids = torch.tensor([[2, 50, 51, 52, 3]])
    expected = net(input_ids=ids).logits
    assert compact(net, np.array([0, 2, 3, 9]))
    net.eval()
    torch.testing.assert_close(net(input_ids=ids).logits, expected)


def test_compact_embeddings_full_vocabulary_is_left_alone(tiny_backbone):
    net = model(tiny_backbone)
    size = net.get_input_embeddings().num_embeddings
    assert not compact(net, np.arange(size - 1))
    assert not isinstance(net.get_input_embeddings(), CompactEmbedding)
    restore(net)
    assert net.get_input_embeddings().num_embeddings == size
