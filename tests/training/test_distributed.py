"""Two processes over gloo train as one process with the same global batch does."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def launch(config_file, output, *overrides, processes=1, **environment):
    command = [sys.executable, "-m"]
    if processes > 1:
        command += [
            "torch.distributed.run", "--nproc_per_node", str(processes),
            "--master_port", "29517", "-m",
        ]  # fmt: skip
    command += ["ie_model", "train", str(config_file), f"output_dir={output}", *overrides]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    metrics = json.loads((output / "metrics.json").read_text())
    return metrics["training"]


@pytest.fixture
def config_file(tiny_config, tmp_path):
    config = tiny_config(epochs=4, batch_windows=1, reference_batch=2048, learning_rate=0.005)
    # Without dropout: the processes draw their random numbers apart from each other.
    config = config.model_copy(update={"model": config.model.model_copy(update={"dropout": 0.0})})
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml())
    return file


def test_distributed_two_processes_give_the_loss_curve_of_one(config_file, tmp_path):
    one = launch(config_file, tmp_path / "one", "training.gradient_accumulation=2")
    two = launch(config_file, tmp_path / "two", processes=2)
    assert one["steps"] == two["steps"] == 16
    assert [step for step, _ in one["losses"]] == [step for step, _ in two["losses"]]
    for (step, a), (_, b) in zip(one["losses"], two["losses"], strict=True):
        assert a == pytest.approx(b, rel=2e-3), f"step {step}"


def test_distributed_accelerate_launch_trains(config_file, tmp_path):
    output = tmp_path / "launched"
    done = subprocess.run(
        [
            sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2",
            "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no",
            "--main_process_port", "29518",
            "-m", "ie_model", "train", str(config_file), f"output_dir={output}",
        ],
        capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert (output / "model.safetensors").is_file()
