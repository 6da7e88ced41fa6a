"""Settings that cannot work are refused by a dry run and a run alike."""

import re
import sys
from pathlib import Path

import pytest

from ie_model import load_config
from ie_model.cli import main as cli
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.training.preparation import prepare
from ie_model.training.refusals import check_learns, check_output, warn_of_idle


def with_output(config, path):
    return config.model_copy(update={"output_dir": path})


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"precision": "fp16"}, "fp16 needs a CUDA GPU"),
        ({"class_weights": {"FOO": 2}}, "'FOO' is not a declared label; there are ACTOR"),
        ({"loggers": ["wandb"]}, "wandb is not installed; run: pip install wandb"),
        ({"device": "cuda"}, "training.device: 'cuda' is not present"),
        (
            {
                "class_weights": dict.fromkeys(
                    ("ACTOR", "LOCATION", "QUANTITY", "OPERATION", "DATE"), 0
                )
            },
            "training.class_weights: every label has the weight 0",
        ),
        ({"learning_rate": 1e-12}, "1e-12 is less than weights can take up"),
        ({"weight_decay": 1e5}, "weight_decay: 100000 times training.learning_rate 0.0001 is 1"),
        ({"max_grad_norm": 1e-9}, "max_grad_norm: gradients cut to 1e-09"),
    ],
)
def test_preflight_settings_are_refused_before_the_data_is_read(
    tiny_config, monkeypatch, training, message
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(
        "transformers.integrations.get_available_reporting_integrations", lambda: ["mlflow"]
    )
    config = tiny_config(**training)
    config.data.train[0].path.unlink()
    with pytest.raises(InputError, match=message):
        prepare(config)


def test_preflight_output_that_cannot_be_made_is_refused(tiny_config, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("precious")
    with pytest.raises(InputError, match=r"notes\.txt: is a file"):
        prepare(with_output(tiny_config(), file))
    with pytest.raises(InputError, match=r"runs/a: cannot be made, .*notes\.txt is a file"):
        prepare(with_output(tiny_config(), file / "runs" / "a"))
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder no one can write to")
def test_preflight_output_where_not_even_root_can_write_is_refused(tiny_config):
    with pytest.raises(InputError, match="cannot be made, /proc is not writable"):
        check_output(with_output(tiny_config(), Path("/proc/new/model")))


def test_preflight_a_model_that_is_learned_from_is_not_replaced(tiny_config, tmp_path, tiny_model):
    config = tiny_config()
    (tmp_path / "link").symlink_to(tiny_model)
    teachers = config.distillation.model_copy(update={"teachers": [tiny_model]})
    taught = config.model_copy(update={"distillation": teachers})
    warm = config.model_copy(
        update={"model": config.model.model_copy(update={"backbone": str(tiny_model)})}
    )
    for learner in (taught, warm):
        check_output(learner)
        with pytest.raises(InputError, match="which it is to learn from"):
            check_output(with_output(learner, tmp_path / "link"))


def test_preflight_a_dry_run_refuses_as_the_run_does(tiny_config, tmp_path, monkeypatch, capsys):
    config = tiny_config(precision="fp16")
    (tmp_path / "c.yaml").write_text(config.to_yaml())
    monkeypatch.setattr("sys.argv", ["ie-model", "train", str(tmp_path / "c.yaml"), "--dry-run"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert f"error: {tmp_path / 'c.yaml'}: training.precision" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.train.0.path=nowhere.jsonl", "nowhere.jsonl: "),
        ("labels=[OTHER]", "sentences.txt:1: document 'sentences:1': "),
        ("data.train.0.weight=0", "data.train: no training window has a weight above 0"),
        ("data.train=[]", "data.train: names no corpus"),
    ],
)
def test_preflight_names_the_config_file_of_what_it_refuses(
    tiny_config, tmp_path, override, message
):
    """Only faults of reading the file itself named it; of several one did not know which."""
    file = tmp_path / "c.yaml"
    file.write_text(tiny_config().to_yaml())
    with pytest.raises(InputError, match=rf"^{file}: .*{re.escape(message)}"):
        prepare(load_config(file, [override]))
    if override.startswith("data"):  # documents of the caller stand in no file
        given = [Document("They left.", (Entity(0, 4, "WHO"),))]
        with pytest.raises(InputError, match=r"^document '': WHO"):
            prepare(load_config(file, [override]), documents=given)


def test_preflight_a_frozen_encoder_under_a_new_head_is_no_mistake(tiny_config):
    training = tiny_config(learning_rate=1e-12, head_learning_rate=1e-3).training
    check_learns(training, ["ACTOR"])
    check_learns(tiny_config(class_weights={"O": 0, "ACTOR": 0}).training, ["ACTOR", "DATE"])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.augment", {"replace_mentions": 0.5}, "copies is 0, so replace_mentions has no"),
        ("data.augment", {"copies": 1}, "every probability is 0, so there is no copy"),
        (
            "data.augment",
            {"copies": 1, "resample_dates": 1, "date_labels": ["WHEN"]},
            r"resample_dates: of the labels it is for \(WHEN\) none is",
        ),
        ("distillation", {"weight": 0.9}, "no teacher is named, so its settings have no effect"),
    ],
)
def test_preflight_settings_without_effect_are_told(
    tiny_config, tmp_path, caplog, key, value, message
):
    file = tmp_path / "c.yaml"
    file.write_text(tiny_config().to_yaml())
    prepare(load_config(file))
    assert "effect" not in caplog.text
    prepare(load_config(file, {key: value}))
    assert re.search(message, caplog.text)


def test_preflight_a_dev_fraction_beside_dev_documents_is_told(tiny_config, caplog):
    config = tiny_config()
    data = config.data.model_copy(update={"dev": config.data.train, "dev_fraction": 0.2})
    warn_of_idle(config.model_copy(update={"data": data}))
    assert "data.dev_fraction: has no effect" in caplog.text
