"""Runs that are judged, stopped early, killed and resumed."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from ie_model import evaluate, train
from ie_model.documents import Document, Entity
from ie_model.errors import InputError, RunError
from ie_model.training.checkpoints import last_checkpoint
from ie_model.training.preparation import prepare
from ie_model.training.workspace import work_folder


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a)


def with_dev(config, **changes):
    """The config judged on its own training sentences."""
    data = config.data.model_copy(update={"dev": config.data.train, **changes})
    return config.model_copy(update={"data": data})


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_checkpoints_resumed_after_an_interruption_gives_the_same_weights(
    tiny_config, killed, precision
):
    settings = {"epochs": 6, "batch_windows": 2, "checkpoint_every": 5, "precision": precision}
    undisturbed = weights(train(tiny_config(**settings)).model_dir)
    config = tiny_config(**settings)
    killed(config, 13)
    assert (work_folder(config.output_dir) / "checkpoint-10").is_dir()
    resumed = train(config, resume=True)
    assert same(weights(resumed.model_dir), undisturbed)
    assert not work_folder(config.output_dir).exists()


@pytest.mark.slow
def test_checkpoints_averaged_weights_are_the_mean_of_the_last_updates(
    tiny_config, killed, monkeypatch
):
    from ie_model.training import trainer as module

    settings = {"epochs": 4, "batch_windows": 2, "checkpoint_every": 3, "average_last": 0.5}
    seen = []
    original = module.SpanTrainer.training_step

    def watched(self, model, *args):
        if self.state.global_step > 8:  # weights after the updates 9 to 15 of 16
            seen.append(model.classifier.weight.detach().clone())
        return original(self, model, *args)

    monkeypatch.setattr(module.SpanTrainer, "training_step", watched)
    plain = weights(train(tiny_config(**{**settings, "average_last": 0.0})).model_dir)
    last = plain["classifier.weight"]
    mean = np.mean([*(w.numpy() for w in seen), last], axis=0)
    averaged = weights(train(tiny_config(**settings)).model_dir)
    assert np.allclose(averaged["classifier.weight"], mean, atol=1e-6)
    assert not np.allclose(averaged["classifier.weight"], last, atol=1e-6)
    monkeypatch.undo()
    killed(tiny_config(**settings), 13)
    resumed = weights(train(tiny_config(**settings), resume=True).model_dir)
    assert same(resumed, averaged)


def test_checkpoints_averaged_weights_are_one_more_candidate_on_dev(tiny_config, caplog):
    config = tiny_config(epochs=2, average_last=0.5)
    dev = config.data.model_copy(update={"dev": config.data.train})
    with caplog.at_level("INFO"):
        result = train(config.model_copy(update={"data": dev}))
    assert "the averaged weights are" in caplog.text
    assert result.metrics["dev"]["span"]["micro"]["support"] > 0


def test_checkpoints_resume_refuses_another_config_and_nothing_to_resume(tiny_config, killed):
    split = with_dev(tiny_config(), dev=[], dev_fraction=0.2)
    with pytest.raises(InputError, match="no checkpoint to resume from"):
        train(split, resume=True)
    assert not work_folder(split.output_dir).exists()  # its windows stayed behind
    killed(tiny_config(epochs=3, batch_windows=2, checkpoint_every=2), 3)
    with pytest.raises(InputError, match=r"another run: training\.epochs was 3, is 4; restore"):
        train(tiny_config(epochs=4, batch_windows=2, checkpoint_every=2), resume=True)


@pytest.mark.slow
def test_checkpoints_early_stopping_keeps_the_best_weights(tiny_config):
    config = tiny_config(epochs=40, batch_windows=4, early_stopping=2, learning_rate=0.02)
    dev = [Document("Iraqi federal police cleared Hawija.", (Entity(0, 20, "ACTOR"),), "dev")]
    result = train(config, dev=dev)
    assert result.steps < 40 * 2
    best = result.metrics["dev"]["span"]["micro"]["f1"]
    assert evaluate(result.model_dir, dev)["span"]["micro"]["f1"] == best


@pytest.mark.slow
def test_checkpoints_killed_in_the_evaluation_of_an_epoch_resumes_as_if_not(
    tiny_config, tmp_path, monkeypatch
):
    from ie_model.training.dev_evaluation import DevEvaluation

    config = with_dev(tiny_config(epochs=4, batch_windows=2, learning_rate=0.01))
    every = len(prepare(config).plan.batches)
    training = config.training.model_copy(update={"checkpoint_every": every})
    config = config.model_copy(update={"training": training})
    undisturbed = train(config)
    expected = weights(undisturbed.model_dir)

    original, calls = DevEvaluation._score, []

    def dies(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(DevEvaluation, "_score", dies)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    resumed = train(config, resume=True)
    assert resumed.metrics["dev"] == undisturbed.metrics["dev"]
    assert same(weights(resumed.model_dir), expected)


@pytest.mark.slow
def test_checkpoints_a_half_written_one_is_passed_over(tiny_config, killed):
    config = tiny_config(epochs=6, batch_windows=2, checkpoint_every=5)
    undisturbed = weights(train(config).model_dir)
    killed(config, 13)
    newest = work_folder(config.output_dir) / "checkpoint-10"
    (newest / "trainer_state.json").unlink()
    (newest / "whole").unlink()
    assert same(weights(train(config, resume=True).model_dir), undisturbed)


@pytest.mark.slow
def test_checkpoints_of_other_versions_or_processes_or_dev_documents_are_refused(
    tiny_config, killed, monkeypatch, tmp_path
):
    from ie_model.training import checkpoints as training

    config = with_dev(tiny_config(epochs=3, batch_windows=2, checkpoint_every=2))
    killed(config, 3)
    other = tmp_path / "dev.txt"
    other.write_text("[[ACTOR|Police]] left.", encoding="utf-8")
    source = config.data.train[0].model_copy(update={"path": other})
    # The same config, file names included, but another text in the dev file.
    elsewhere = with_dev(config, dev=[source])
    killed(elsewhere, 3)
    other.write_text("[[ACTOR|Troops]] left.", encoding="utf-8")
    with pytest.raises(InputError, match="another run: digest of the dev documents was"):
        train(elsewhere, resume=True)
    killed(config, 3)
    with monkeypatch.context() as patch:
        patch.setattr(training, "versions", lambda: {"torch": "1.0"})
        with pytest.raises(InputError, match=r"another run: versions\."):
            train(config, resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(training, "world_size", lambda: 2)
        with pytest.raises(InputError, match="another run: processes was 1, is 2; restore"):
            train(config, resume=True)
    about = work_folder(config.output_dir) / "run.json"
    kept = about.read_text(encoding="utf-8")
    about.write_text(kept[:40], encoding="utf-8")
    with pytest.raises(InputError, match=r"run\.json: is damaged"):
        train(config, resume=True)
    about.write_text(kept, encoding="utf-8")
    assert train(config, resume=True).steps > 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"max_steps": 6},  # in the middle of an epoch
        {"epochs": 1.5},
        {"max_steps": 6, "average_last": 0.5, "evaluate_every": 2},
        {"early_stopping": 1, "evaluate_every": 2, "learning_rate": 1e-6},
        {"early_stopping": 1, "evaluate_every": 2, "learning_rate": 1e-6, "average_last": 1.0},
    ],
)
def test_checkpoints_a_run_that_could_not_be_saved_is_resumed_at_its_end(
    tiny_config, monkeypatch, settings
):
    # A disk that was full at the very end: resuming trained on, past the last update.
    from ie_model.training import run as training

    def full(*args):
        raise RunError("the disk is full")

    config = tiny_config(**{"epochs": 10, "batch_windows": 2, "checkpoint_every": 2} | settings)
    config = with_dev(config) if "evaluate_every" in settings else config
    undisturbed = train(config)
    expected = weights(undisturbed.model_dir)
    with monkeypatch.context() as patch:
        patch.setattr(training, "write_model", full)
        with pytest.raises(RunError):
            train(config)
    resumed = train(config, resume=True)
    assert resumed.steps == undisturbed.steps < 10 * 4
    assert resumed.metrics.get("dev") == undisturbed.metrics.get("dev")
    assert same(weights(resumed.model_dir), expected)


def test_checkpoints_average_that_never_began_is_no_candidate(tiny_config, caplog):
    config = with_dev(
        tiny_config(epochs=40, early_stopping=1, average_last=0.1, learning_rate=1e-9)
    )
    with caplog.at_level("INFO"):
        result = train(config)
    assert result.steps < 30
    assert "averaged" not in caplog.text
    assert "average_last: the run stopped before" in caplog.text


def test_checkpoints_early_stopping_needs_dev_documents(tiny_config):
    with pytest.raises(InputError, match=r"early_stopping: there are no dev documents"):
        prepare(tiny_config(early_stopping=2))


def test_checkpoint_of_a_work_folder_that_was_half_removed_is_none(tmp_path):
    (tmp_path / "checkpoint-3").mkdir()
    (tmp_path / "checkpoint-3/whole").touch()
    with pytest.raises(InputError, match="no checkpoint to resume from"):
        last_checkpoint(tmp_path, {}, resume=True)
