import numpy as np
import pytest
import torch

from ie_model.config.schema import TrainingConfig
from ie_model.labels import LabelSet
from ie_model.training.loss import SpanLoss

LABELS = LabelSet.declare(["A", "B"])
CPU = torch.device("cpu")


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def test_loss_is_the_formula_of_its_docstring():
    random = np.random.default_rng(0)
    temperature, smoothing = 2.0, 0.1
    logits = random.normal(size=(2, 3, 5))
    targets = np.array([[0, 1, 2], [3, -100, 0]])  # one token is no unit, or cannot be labelled
    soft = random.dirichlet(np.ones(5), (2, 3))
    share = np.array([0.3, 1.0])  # an annotated text and one without annotations
    weights = np.array([0.5, 2.0, 2.0, 1.0, 1.0])

    config = TrainingConfig(class_weights={"O": 0.5, "A": 2.0}, label_smoothing=smoothing)
    loss = SpanLoss(config, LABELS, CPU, temperature)
    loss.soft, loss.share = torch.tensor(soft).float(), torch.tensor(share).float()
    outputs = {"logits": torch.tensor(logits).float()}
    found = loss(outputs, torch.tensor(targets), num_items_in_batch=7).item()

    expected = 0.0
    for row, token in np.argwhere(targets != -100):
        likely = log_softmax(logits[row, token])
        tag = targets[row, token]
        hard = -(1 - smoothing) * weights[tag] * likely[tag] - smoothing / 5 * weights @ likely
        cooled = log_softmax(logits[row, token] / temperature)
        divergence = (soft[row, token] * (np.log(soft[row, token]) - cooled)).sum()
        expected += (1 - share[row]) * hard + share[row] * temperature**2 * divergence
    assert found == pytest.approx(expected / 7, rel=1e-5)


def test_loss_without_teachers_is_the_mean_cross_entropy():
    logits, targets = torch.randn(2, 3, 5), torch.tensor([[0, 1, -100], [4, -100, -100]])
    found = SpanLoss(TrainingConfig(), LABELS, CPU)({"logits": logits}, targets)
    chosen = -logits.log_softmax(-1)[targets != -100]
    expected = chosen[torch.arange(3), targets[targets != -100]].mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
