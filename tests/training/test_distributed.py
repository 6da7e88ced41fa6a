"""Two processes over gloo train as one process with the same global batch does."""

import json
import os
import socket
import subprocess
import sys

import pytest

from ie_model import load_config, train

pytestmark = pytest.mark.slow


def launched(config_file, output, *launcher):
    """What two processes that a launcher started say of their training."""
    done = subprocess.run(
        [sys.executable, "-m", *launcher, "-m", "ie_model", "train", str(config_file),
         f"output_dir={output}"],
        capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert (output / "model.safetensors").is_file()
    return training_of(output)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return str(found.getsockname()[1])


def training_of(output):
    return json.loads((output / "metrics.json").read_text())["training"]


@pytest.fixture
def config_file(tiny_config, tmp_path):
    config = tiny_config(epochs=4, batch_windows=1, reference_batch=2048, learning_rate=0.005)
    # Without dropout: the processes draw their random numbers apart from each other.
    config = config.model_copy(update={"model": config.model.model_copy(update={"dropout": 0.0})})
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml())
    return file


def test_distributed_two_processes_give_the_loss_curve_of_one(config_file, tmp_path):
    changes = [f"output_dir={tmp_path / 'one'}", "training.gradient_accumulation=2"]
    one = training_of(train(load_config(config_file, changes)).model_dir)
    launcher = ("torch.distributed.run", "--nproc_per_node", "2", "--master_port", free_port())
    two = launched(config_file, tmp_path / "two", *launcher)
    assert one["steps"] == two["steps"] == 16
    assert [step for step, _ in one["losses"]] == [step for step, _ in two["losses"]]
    for (step, a), (_, b) in zip(one["losses"], two["losses"], strict=True):
        assert a == pytest.approx(b, rel=2e-3), f"step {step}"


def test_distributed_accelerate_launch_trains(config_file, tmp_path):
    assert launched(
        config_file, tmp_path / "launched", "accelerate.commands.launch", "--cpu",
        "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
        "--dynamo_backend", "no", "--main_process_port", free_port(),
    )["steps"]  # fmt: skip
