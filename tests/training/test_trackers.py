"""What trackers keep of a run."""

import sys
from types import SimpleNamespace

import pytest

from ie_model import train
from ie_model.errors import InputError
from ie_model.evaluation import cross_validate
from ie_model.evaluation.tuning.judge import Judge
from ie_model.training.fitting import fit
from ie_model.training.preparation import prepare
from ie_model.training.trackers import dev_scalars, events_parent, tracking


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
    assert events_parent(tmp_path / "m", None) == tmp_path / "m.tensorboard"
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "all"))
    assert events_parent(tmp_path / "m", None) == tmp_path / "all"
    assert events_parent(tmp_path / "m", tmp_path / "mine") == tmp_path / "mine"


def test_trackers_runs_of_the_same_second_have_folders_of_their_own(tiny_config, tmp_path):
    pytest.importorskip("tensorboard")
    config = tiny_config(loggers=["tensorboard"], log_dir=tmp_path / "events")
    for _ in range(3):
        with tracking(config):
            pass
    assert len(list((tmp_path / "events").iterdir())) == 3


def test_trackers_folder_that_cannot_be_made_is_refused_before_the_data_is_read(tiny_config):
    # NotADirectoryError (unexpected), after the corpora were read and encoded.
    pytest.importorskip("tensorboard")
    config = tiny_config(loggers=["tensorboard"])
    file = config.data.train[0].path
    for log_dir in (file, file / "events"):
        training = config.training.model_copy(update={"log_dir": log_dir})
        for run in (prepare, train):
            with pytest.raises(InputError, match=r"training\.log_dir .*: cannot be made, .* file"):
                run(config.model_copy(update={"training": training}))
    assert not config.data.cache_dir.exists()


def test_trackers_events_of_folds_and_trials_stay(tiny_config, tmp_path):
    # They went with the models of the folds.
    pytest.importorskip("tensorboard")
    config = tiny_config(max_steps=1, loggers=["tensorboard"])
    cross_validate(config, tmp_path / "cv", folds=2)
    assert len(list((tmp_path / "cv.tensorboard").iterdir())) == 2
    judge = Judge.prepare(with_dev(config), "dev", None)
    judge.measure(with_dev(config), lambda percent, f1: None, tmp_path / "trials")
    assert len(list((tmp_path / "model.tensorboard").glob("*/events*"))) == 1


def test_trackers_dev_scalars_name_each_label():
    row = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 4}
    scalars = dev_scalars({"span": {"micro": row, "labels": {"ACTOR": row}}})
    assert scalars["eval_ACTOR_recall"] == scalars["eval_recall"] == 0.25
    assert set(scalars) == {
        "eval_precision", "eval_recall", "eval_f1",
        "eval_ACTOR_precision", "eval_ACTOR_recall", "eval_ACTOR_f1",
    }  # fmt: skip


@pytest.fixture
def services(monkeypatch):
    """W&B and MLflow that note what they are told, with a run once one is begun."""
    told = {"runs": {}, "ended": []}

    def end(name, how):
        told["ended"].append((name, how))
        told["runs"].pop(name)

    class Wandb:
        config = SimpleNamespace(update=lambda values, **_: told.update(values))
        run = property(lambda self: told["runs"].get("wandb"))

        def finish(self, exit_code):
            end("wandb", exit_code)

    monkeypatch.setitem(sys.modules, "wandb", Wandb())
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(
        active_run=lambda: told["runs"].get("mlflow"),
        log_text=lambda text, name: told.update({name: text}),
        end_run=lambda status: end("mlflow", status),
    ))  # fmt: skip
    return told


def test_trackers_wandb_and_mlflow_get_the_resolved_config(tiny_config, services):
    with tracking(tiny_config(loggers=["wandb", "mlflow"])) as callbacks:
        services["runs"] |= {"wandb": 1, "mlflow": 1}  # the Trainer begins them
        (callback,) = callbacks
        callback.on_train_begin(None, SimpleNamespace(is_world_process_zero=True), None)
    assert services["ie_model"]["training"]["threads"] == 1
    assert "threads: 1" in services["config.yaml"]
    with tracking(tiny_config()) as callbacks:
        assert callbacks == []


def test_trackers_runs_end_with_the_training_that_began_them(tiny_config, services):
    # The next training of a notebook went on in the W&B run of the one before.
    config = tiny_config(loggers=["wandb", "mlflow"])

    def begins(then=lambda: None):
        with tracking(config):
            services["runs"] |= {"wandb": 1, "mlflow": 1}
            then()

    def fails():
        raise KeyboardInterrupt

    begins()
    assert services["ended"] == [("wandb", 0), ("mlflow", "FINISHED")]
    with pytest.raises(KeyboardInterrupt):
        begins(fails)
    assert services["ended"][2:] == [("wandb", 1), ("mlflow", "FAILED")]
    services["runs"] |= {"wandb": 1, "mlflow": 1}  # begun by the caller, who goes on with it
    with tracking(config):
        pass
    assert len(services["ended"]) == 4


def test_trackers_dev_scores_do_not_swallow_the_loss_of_their_step(tiny_config, monkeypatch):
    seen = []
    original = fit

    def spied(*args, **kwargs):
        seen.append(original(*args, **kwargs))
        return seen[-1]

    monkeypatch.setattr("ie_model.training.run.fit", spied)
    train(with_dev(tiny_config(epochs=2, batch_windows=4, evaluate_every=1)))
    assert [step for step, _ in seen[0].losses] == [1, 2, 3, 4]
