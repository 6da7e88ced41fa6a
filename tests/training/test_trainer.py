import pytest
import torch
from transformers import Trainer

from ie_model import train
from ie_model.config.schema import TrainingConfig
from ie_model.training import fitting, trainer as module
from ie_model.training.trainer import SpanTrainer, schedule, training_arguments

STEPS = 100


def course(**settings):
    return [schedule(step, TrainingConfig(**settings), STEPS) for step in range(STEPS)]


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant"])
def test_schedule_rises_to_its_peak_and_never_leaves_the_range(kind):
    found = course(schedule=kind, warmup=0.1)
    assert found[:11] == sorted(found[:11])
    assert found[0] > 0  # the first update is not lost
    assert max(found) == found[10] == 1.0
    assert all(0 < factor <= 1 for factor in found)


def test_schedule_falls_as_it_is_called():
    linear, cosine = (course(schedule=kind, warmup=0.0) for kind in ("linear", "cosine"))
    assert linear[50] == pytest.approx(0.5)
    assert cosine[50] == pytest.approx(0.5)
    assert cosine[25] == pytest.approx(0.5 + 0.5 * 0.5**0.5)  # (1 + cos 45 degrees) / 2
    assert linear[-1] == pytest.approx(0.01)
    assert set(course(schedule="constant", warmup=0.0)) == {1.0}


def test_schedule_after_the_last_planned_update_is_nothing():
    config = TrainingConfig(warmup=0.0)
    assert schedule(STEPS, config, STEPS) == schedule(STEPS + 5, config, STEPS) == 0.0


def test_trainer_what_runs_on_a_gpu_learns_the_same_on_a_cpu(tiny_config, monkeypatch):
    """There the layers are transformers' own, the Trainer clips, autocast makes bf16, and attention
    has other kernels."""

    def losses(precision):
        config = tiny_config(
            epochs=20, learning_rate=0.01, max_grad_norm=0.5, batch_windows=4, precision=precision
        )
        still = config.model.model_copy(update={"dropout": 0.0})
        return [loss for _, loss in train(config.model_copy(update={"model": still})).losses]

    expected = losses("fp32")
    monkeypatch.setattr(fitting, "pack", lambda model, dtype: False)
    monkeypatch.setattr(SpanTrainer, "_clip_grad_norm", Trainer._clip_grad_norm)
    kernels = module.attention_of_any_shape
    monkeypatch.setattr(module, "attention_of_any_shape", lambda _: kernels(torch.device("cuda")))
    assert losses("fp32") == pytest.approx(expected, rel=0.02)
    monkeypatch.setattr(
        fitting, "training_arguments",
        lambda config, work, device, _, steps: training_arguments(
            config, work, device, "bf16", steps
        ),
    )  # fmt: skip
    assert losses("bf16") == pytest.approx(expected, rel=0.3)
    assert expected[-1] < 0.1 * expected[0]
