import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForTokenClassification

from ie_model.training.packed_layers import PACKABLE, pack, unpack

TAGS, SHAPE = 5, (3, 12)


def tiny(kind, dropout=0.0, **changes):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind, vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=24, max_position_embeddings=32, embedding_size=16, num_labels=TAGS,
        **changes,
    )  # fmt: skip
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    config.classifier_dropout = 0.0
    model = AutoModelForTokenClassification.from_config(config).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def batch(model):
    mask = torch.ones(SHAPE, dtype=torch.long)
    mask[1, 9:] = 0
    mask[2, 4:] = 0
    ids = torch.randint(5, 50, SHAPE).masked_fill(mask == 0, model.config.pad_token_id)
    labels = torch.randint(0, TAGS, SHAPE).masked_fill(mask == 0, -100)
    return ids, mask, labels


def learn(model, ids, mask, labels):
    """Logits of real tokens, loss and gradients."""
    model.zero_grad()
    logits = model(input_ids=ids, attention_mask=mask).logits
    loss = cross_entropy(logits.view(-1, TAGS), labels.view(-1))
    loss.backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return logits.detach()[mask == 1], loss.item(), gradients


@pytest.mark.parametrize("kind", sorted(PACKABLE))
def test_packed_layers_learn_as_transformers_own(kind):
    model = tiny(kind)
    data = batch(model)
    logits, _, gradients = learn(model, *data)
    assert pack(model, torch.float32)
    packed_logits, _, packed_gradients = learn(model, *data)
    torch.testing.assert_close(packed_logits, logits, rtol=1e-4, atol=1e-5)
    assert packed_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(packed_gradients[name], gradient, rtol=1e-3, atol=1e-6)
    unpack(model)
    assert torch.equal(learn(model, *data)[0], logits)


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_packed_layers_in_bf16_differ_by_rounding(kind):
    model = tiny(kind)
    data = batch(model)
    logits, _, gradients = learn(model, *data)
    pack(model, torch.bfloat16)
    rounded, _, near = learn(model, *data)
    assert 0 < (rounded - logits).abs().max() < 0.02 * logits.abs().max()
    for name, gradient in gradients.items():
        assert near[name].dtype == torch.float32
        assert (near[name] - gradient).norm() <= 0.03 * gradient.norm() + 1e-4, name


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_packed_layers_gradients_hold_under_dropout(kind):
    model = tiny(kind, dropout=0.3).double()
    data = batch(model)
    pack(model, torch.float64)

    def loss():
        torch.manual_seed(7)  # the same masks
        return learn(model, *data)

    _, _, gradients = loss()
    torch.manual_seed(1)
    directions = {n: torch.randn_like(p) for n, p in model.named_parameters() if n in gradients}
    expected = sum((gradients[n] * d).sum().item() for n, d in directions.items())
    ends = []
    for step in (1e-5, -2e-5):
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in directions:
                    parameter.add_(directions[name], alpha=step)
        ends.append(loss()[1])
    assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(expected, rel=1e-5)


def test_packed_layers_use_weights_that_have_changed():
    model = tiny("bert")
    data = batch(model)
    pack(model, torch.bfloat16)
    before = learn(model, *data)[0]
    with torch.no_grad():
        model.bert.encoder.layer[0].output.dense.weight.mul_(2)
    changed = learn(model, *data)[0]
    assert not torch.equal(before, changed)
    unpack(model)
    pack(model, torch.bfloat16)
    assert torch.equal(learn(model, *data)[0], changed)


def test_packed_layers_without_dropout_when_evaluating():
    model = tiny("bert", dropout=0.5)
    ids, mask, _ = batch(model)
    expected = model.eval()(input_ids=ids, attention_mask=mask).logits[mask == 1]
    pack(model, torch.float32)
    for _ in range(2):
        found = model(input_ids=ids, attention_mask=mask).logits[mask == 1]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_packed_layers_leave_other_models_alone():
    assert not pack(tiny("bert", hidden_act="relu"), torch.float32)
    config = AutoConfig.for_model("distilbert", dim=16, hidden_dim=24, n_heads=4, n_layers=1)
    model = AutoModelForTokenClassification.from_config(config)
    assert not pack(model, torch.float32)
    unpack(model)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_layers_evaluated_before_and_after_an_update_go_on_learning(dtype):
    model = tiny("bert")
    ids, mask, labels = batch(model)
    pack(model, dtype)
    losses = []
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
    for _ in range(8):
        with torch.inference_mode():  # as dev evaluations do
            model.eval()(input_ids=ids, attention_mask=mask)
        losses.append(learn(model.train(), ids, mask, labels)[1])
        optimizer.step()
    # The fused optimiser changes weights without telling: layers that kept old copies would
    # not learn.
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_layers_add_the_gradients_of_two_batches(dtype):
    model = tiny("mpnet")
    pack(model, dtype)
    first, second = batch(model), batch(model)
    apart = [learn(model, *data)[2] for data in (first, second)]
    learn(model, *first)
    ids, mask, labels = second
    logits = model(input_ids=ids, attention_mask=mask).logits
    cross_entropy(logits.view(-1, TAGS), labels.view(-1)).backward()  # onto those of the first
    for name, parameter in model.named_parameters():
        if name in apart[0]:
            torch.testing.assert_close(parameter.grad, apart[0][name] + apart[1][name])


def test_packed_layers_give_gradients_the_same_memory_at_every_update():
    model = tiny("bert")
    pack(model, torch.float32)
    weights = [m.weight for m in model.bert.encoder.modules() if isinstance(m, torch.nn.Linear)]
    places = []
    for _ in range(2):
        learn(model, *batch(model))
        places.append([w.grad.data_ptr() for w in weights])
    assert places[0] == places[1]


def test_packed_layers_refuse_a_backward_pass_whose_activations_are_gone():
    model = tiny("bert")
    pack(model, torch.float32)
    ids, mask, _ = batch(model)
    early = model(input_ids=ids, attention_mask=mask).logits.sum()
    model(input_ids=ids, attention_mask=mask)
    with pytest.raises(RuntimeError, match="another forward pass came between"):
        early.backward()
