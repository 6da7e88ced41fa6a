"""Processes, accumulation and batch size change how an update is computed, not what it is."""

import math
from pathlib import Path

import numpy as np
import pytest

from ie_model import evaluate, load_config, train
from ie_model.config.schema import TrainingConfig
from ie_model.errors import InputError
from ie_model.training import plan as module
from ie_model.training.plan import adapted, batch_size, plan_batches
from ie_model.training.preparation import prepare

CONFIGS = Path(__file__).parents[2] / "configs"


class Windows:
    """As many windows of random lengths as a small corpus has."""

    def __init__(self, count=800, shortest=10, longest=60):
        self.lengths = np.random.default_rng(0).integers(shortest, longest, count).astype(np.int32)
        self.weights = np.ones(count, np.float32)


def settings(**values):
    given = {"reference_batch": 1024, "batch_windows": 8, "epochs": 2}
    return TrainingConfig(**{**given, **values})


@pytest.mark.parametrize("accumulation", [1, 2, 4, 8])
@pytest.mark.parametrize("processes", [1, 2, 4, 8])
def test_plan_update_keeps_its_size_however_it_is_divided(processes, accumulation):
    size = batch_size(settings(gradient_accumulation=accumulation), processes)
    assert size.accumulation == accumulation
    assert size.tokens * processes * accumulation == 1024
    assert size.windows == max(1, 8 // (processes * accumulation))


def test_plan_batches_that_hold_less_than_an_update_are_accumulated():
    size = batch_size(settings(batch_tokens=256), 2)
    assert (size.tokens, size.windows, size.accumulation) == (256, 2, 2)
    # Larger ones do not make larger updates.
    size = batch_size(settings(batch_tokens=8192), 2)
    assert (size.tokens, size.windows, size.accumulation) == (512, 4, 1)


@pytest.mark.parametrize("fits", [256, 512, 4096])
def test_plan_how_much_fits_into_memory_leaves_the_updates_as_they_were(fits):
    # batch_windows was of batch_tokens: 4096 made four times as many updates of two windows each,
    # 128 half as many of up to 64.
    chosen = plan_batches(Windows(), settings())
    plan = plan_batches(Windows(), settings(batch_tokens=fits))
    assert plan.steps == pytest.approx(chosen.steps, rel=0.1)
    assert plan.update_tokens == chosen.update_tokens


def test_plan_batches_too_small_for_the_recipe_scale_its_rates():
    small = settings(batch_tokens=64)
    plan = plan_batches(Windows(), small)
    assert plan.factor == pytest.approx(plan_batches(Windows(), settings()).steps / plan.steps)
    assert adapted(small, plan).learning_rate > small.learning_rate


def test_plan_without_a_reference_is_what_one_process_makes():
    alone = settings(reference_batch=None, gradient_accumulation=3)
    size = batch_size(alone, 1)
    assert (size.tokens, size.windows, size.accumulation) == (1024, 8, 3)
    assert batch_size(alone, 2).tokens == 512
    assert adapted(alone, plan_batches(Windows(), alone)) == alone


@pytest.mark.parametrize("processes", [2, 4, 8])
def test_plan_processes_make_as_many_updates_as_one(monkeypatch, processes):
    # Four processes made a quarter of the updates at the same rate: F1 36.8 for 87.7.
    one = plan_batches(Windows(), settings())
    monkeypatch.setattr(module, "world_size", lambda: processes)
    several = plan_batches(Windows(), settings())
    assert several.steps == pytest.approx(one.steps, rel=0.1)
    assert several.update_tokens == one.update_tokens == 1024


def test_plan_updates_that_cannot_be_divided_scale_the_rates(monkeypatch, caplog):
    # Twelve processes with a window each, where eight windows were chosen.
    monkeypatch.setattr(module, "world_size", lambda: 12)
    before = settings(head_learning_rate=1e-3, warmup=0.1)
    plan = plan_batches(Windows(), before)
    assert plan.factor == pytest.approx(1.5, abs=0.1)
    with caplog.at_level("INFO"):
        after = adapted(before, plan)
    root = math.sqrt(plan.factor)
    assert after.learning_rate == pytest.approx(before.learning_rate * root)
    assert after.head_learning_rate == pytest.approx(1e-3 * root)
    assert after.warmup * plan.steps == pytest.approx(0.1 * plan.steps * plan.factor)
    assert "times as large as training.reference_batch" in caplog.text


def test_plan_too_few_updates_for_the_recipe_are_refused_with_the_numbers(monkeypatch):
    monkeypatch.setattr(module, "world_size", lambda: 32)
    with pytest.raises(InputError, match=r"training: 50 updates, .* chosen for 200 .*32 proc"):
        plan_batches(Windows(), settings())
    assert plan_batches(Windows(), settings(max_steps=7)).steps == 7


def test_plan_very_few_updates_are_warned_of(caplog):
    plan_batches(Windows(100), settings(reference_batch=None))
    assert "only 26 updates" in caplog.text
    caplog.clear()
    plan_batches(Windows(100), settings(epochs=10))
    plan_batches(Windows(100), settings(max_steps=2))
    assert caplog.text == ""


def test_plan_gpu_config_makes_the_updates_of_the_accurate_one(monkeypatch):
    # 116 updates on one GPU and 29 on four, where 900 were chosen.
    gpu, accurate = (load_config(CONFIGS / f"{n}.yaml").training for n in ("gpu", "accurate"))
    windows = Windows(2000, 20, 120)
    chosen = plan_batches(windows, accurate).steps
    for processes in (1, 4):
        monkeypatch.setattr(module, "world_size", lambda n=processes: n)
        assert plan_batches(windows, gpu).steps == pytest.approx(chosen, rel=0.1)


def test_plan_emulated_processes_learn_alike(tiny_config):
    scores, steps = [], []
    for accumulation in (1, 2, 4):
        config = tiny_config(
            epochs=40, learning_rate=0.01, batch_windows=4, batch_tokens=96, reference_batch=96,
            gradient_accumulation=accumulation,
        )  # fmt: skip
        still = config.model.model_copy(update={"dropout": 0.0})
        result = train(config.model_copy(update={"model": still}))
        steps.append(result.steps)
        found = evaluate(result.model_dir, config.data.train[0].path)
        scores.append(found["span"]["micro"]["f1"])
    assert min(scores) > 0.9
    assert max(scores) - min(scores) < 0.1
    assert max(steps) / min(steps) < 1.6


def test_plan_dry_run_refuses_too_few_updates_as_the_run_does(tiny_config, monkeypatch):
    monkeypatch.setattr(module, "world_size", lambda: 4)
    config = tiny_config(batch_windows=1, reference_batch=1024, epochs=3)
    for run in (prepare, train):
        with pytest.raises(InputError, match=r"training: 6 updates, where .* chosen for 24 "):
            run(config)
