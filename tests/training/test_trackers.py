"""What trackers keep of a run."""

import sys
from types import SimpleNamespace

import pytest

from ie_model import train
from ie_model.training.fitting import fit
from ie_model.training.trackers import dev_scalars, events_folder, trackers


def with_dev(config):
    data = config.data.model_copy(update={"dev": config.data.train})
    return config.model_copy(update={"data": data})


def test_trackers_tensorboard_events_outlive_the_run(tiny_config, monkeypatch):
    # They were written into the work folder, and removed with it; no tracker saw a dev score.
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    config = with_dev(tiny_config(epochs=2, batch_windows=4, loggers=["tensorboard"]))
    result = train(config)
    (run,) = (config.output_dir.parent / "model.tensorboard").iterdir()
    events = accumulator.EventAccumulator(str(run))
    events.Reload()
    scalars = set(events.Tags()["scalars"])
    assert {"train/loss", "train/learning_rate", "train/tokens_per_second"} <= scalars
    assert {"eval/f1", "eval/recall", "eval/ACTOR_precision", "eval/DATE_f1"} <= scalars
    f1 = [event.value for event in events.Scalars("eval/f1")]
    assert max(f1) == pytest.approx(result.metrics["dev"]["span"]["micro"]["f1"])
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4]
    (told,) = events.Tensors("config/text_summary")
    assert b"batch_windows: 4" in told.tensor_proto.string_val[0]
    assert sorted(p.name for p in config.output_dir.parent.iterdir() if p.name[0] == ".") == []


def test_trackers_events_go_where_the_user_says(tmp_path, monkeypatch):
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    assert events_folder(tmp_path / "m", None).parent == tmp_path / "m.tensorboard"
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "all"))
    assert events_folder(tmp_path / "m", None).parent == tmp_path / "all"
    assert events_folder(tmp_path / "m", tmp_path / "mine").parent == tmp_path / "mine"


def test_trackers_dev_scalars_name_each_label():
    row = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 4}
    scalars = dev_scalars({"span": {"micro": row, "labels": {"ACTOR": row}}})
    assert scalars["eval_ACTOR_recall"] == scalars["eval_recall"] == 0.25
    assert set(scalars) == {
        "eval_precision", "eval_recall", "eval_f1",
        "eval_ACTOR_precision", "eval_ACTOR_recall", "eval_ACTOR_f1",
    }  # fmt: skip


def test_trackers_wandb_and_mlflow_get_the_resolved_config(tiny_config, monkeypatch):
    told = {}
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(
        run=1, config=SimpleNamespace(update=lambda values, **_: told.update(values)),
    ))  # fmt: skip
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(
        active_run=lambda: 1, log_text=lambda text, name: told.update({name: text}),
    ))  # fmt: skip
    (callback,) = trackers(tiny_config(loggers=["wandb", "mlflow"]))
    state = SimpleNamespace(is_world_process_zero=True)
    callback.on_train_begin(None, state, None)
    assert told["ie_model"]["training"]["threads"] == 1
    assert "threads: 1" in told["config.yaml"]
    assert trackers(tiny_config()) == []


def test_trackers_dev_scores_do_not_swallow_the_loss_of_their_step(tiny_config, monkeypatch):
    seen = []
    original = fit

    def spied(*args, **kwargs):
        seen.append(original(*args, **kwargs))
        return seen[-1]

    monkeypatch.setattr("ie_model.training.run.fit", spied)
    train(with_dev(tiny_config(epochs=2, batch_windows=4, evaluate_every=1)))
    assert [step for step, _ in seen[0].losses] == [1, 2, 3, 4]
