"""Every engine and precision gives what torch gives in fp32."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from filelock import FileLock

from ie_model import InputError, RunError
from ie_model.inference.batching import pad_batch
from ie_model.inference.engines import OpenVINOEngine, artifacts, installed
from ie_model.inference.loading import choose_engine, load_engine
from ie_model.models.devices import native_precision
from ie_model.models.directory import weights_digest

ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(not installed(package), reason=f"no {package}"))
    for name, package in (("openvino", "openvino"), ("onnx", "onnxruntime"))
]


@pytest.fixture(scope="module")
def batches():
    rng = np.random.default_rng(0)
    rows = [rng.integers(5, 60, n) for n in (3, 17, 40, 1, 96, 8)]
    return [pad_batch(rows[:3], 0), pad_batch(rows[3:], 0), pad_batch(rows[:1], 0)]


@pytest.fixture(scope="module")
def expected(tiny_model, batches):
    engine = load_engine(tiny_model, "torch", "fp32", device="cpu", threads=1)
    return [engine.forward(*batch) for batch in batches]


def largest_gap(answers, expected, batches):
    gaps = [
        np.abs(a - e)[mask == 1].max()
        for a, e, (_, mask) in zip(answers, expected, batches, strict=True)
    ]
    return max(gaps)


@pytest.mark.parametrize("name", ENGINES)
def test_engines_fp32_logits_equal_torch(tiny_model, batches, expected, name):
    engine = load_engine(tiny_model, name, "fp32", threads=1)
    answers = [engine.forward(*batch) for batch in batches]
    assert [a.dtype for a in answers] == [np.float32] * 3
    assert largest_gap(answers, expected, batches) < 1e-4
    pending = [engine.submit(*batch) for batch in batches]  # several in flight
    assert largest_gap([p.result() for p in pending], expected, batches) < 1e-4
    engine.close()


@pytest.mark.parametrize("name", ["torch", *ENGINES[:1]])
def test_engines_bf16_stays_within_its_rounding(tiny_model, batches, expected, name):
    engine = load_engine(tiny_model, name, "bf16", threads=1, device="cpu")
    assert engine.precision == "bf16"
    answers = [engine.forward(*batch) for batch in batches]
    scale = max(np.abs(e).max() for e in expected)
    # bf16 keeps 8 bits: errors of a few 2**-8 of the largest logit add up over two layers.
    assert largest_gap(answers, expected, batches) < 0.05 * scale


@pytest.mark.parametrize("name", ["torch", *ENGINES])
def test_engines_answer_several_threads_at_once(tiny_model, batches, expected, name):
    engine = load_engine(tiny_model, name, "fp32", threads=1, device="cpu")
    gaps = []

    def work():
        for _ in range(5):
            answers = [engine.submit(*b).result() for b in batches]
            gaps.append(largest_gap(answers, expected, batches))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gaps) == 20
    assert max(gaps) < 1e-4


_FORK = """
import multiprocessing, sys, warnings
import numpy as np
from ie_model.inference.loading import load_engine
engine = load_engine(sys.argv[1], sys.argv[2], "fp32", device="cpu", threads=2)
ids = np.full((2, 8), 7); mask = np.ones_like(ids)
before = engine.forward(ids, mask)
engine.submit(ids, mask).result()
def work():
    warnings.simplefilter("ignore")
    after = [engine.forward(ids, mask), engine.submit(ids, mask).result()]
    sys.exit(0 if max(np.abs(a - before).max() for a in after) < 1e-4 else 3)
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join(300)
child.kill()
sys.exit(child.exitcode)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("name", ["torch", *ENGINES])
def test_engines_go_on_in_a_forked_process(tiny_model, name):
    done = subprocess.run(
        [sys.executable, "-c", _FORK, str(tiny_model), name], capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_engines_unused_conversion_of_other_weights(tiny_model, tmp_path):
    import shutil

    from ie_model.inference.engines.conversion import convert

    copy = tmp_path / "model"
    shutil.copytree(tiny_model, copy)
    path = convert(copy, "openvino")
    assert artifacts.locate(copy, "openvino", "fp32") == path
    assert json.loads(path.with_suffix(".json").read_text())["largest_difference"] < 1e-4
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert artifacts.locate(copy, "openvino", "fp32") is None


def test_engines_nothing_is_left_of_a_conversion_that_fails(tmp_path):
    (tmp_path / "config.json").write_text("{}")

    def save(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(RunError, match=r"fp32\.onnx: cannot be written: disk full"):
        artifacts.store(tmp_path, "onnx", "fp32", save, {})
    assert list((tmp_path / "onnx").iterdir()) == []


def test_engines_model_directory_that_cannot_be_written_converts_into_the_cache(
    tiny_model, tmp_path, monkeypatch
):
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    monkeypatch.setattr(artifacts, "user_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(os, "access", lambda path, mode: model not in path.parents)
    home = artifacts.writable_home(model, "elsewhere")
    assert tmp_path / "cache" in home.parents
    assert weights_digest(model) in home.parts


@pytest.mark.parametrize("name", ["torch", *ENGINES])
def test_engines_detached_from_files_that_are_overwritten_in_place(
    tiny_model, tmp_path, batches, expected, name
):
    # It changed the answers of a server, and a file cut short ended the process.
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    engine = load_engine(folder, name, "fp32", threads=2, device="cpu")
    engine.detach()
    engine.forward(*batches[0])
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("r+b") as opened:
                opened.write(bytes(file.stat().st_size))
    answers = [engine.forward(*batch) for batch in batches]
    assert largest_gap(answers, expected, batches) < 1e-4
    submitted = [engine.submit(*batch).result() for batch in batches]
    assert largest_gap(submitted, expected, batches) < 1e-4
    engine.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "tensorflow"}, "engine 'tensorflow' is unknown"),
        ({"precision": "fp8"}, "precision 'fp8' is unknown"),
        ({"engine": "torch", "precision": "int8"}, "torch engine has no int8"),
        ({"engine": "openvino", "precision": "int8"}, "ie-model export"),
        ({"engine": "onnx", "precision": "bf16"}, "onnx engine has no bf16"),
        ({"engine": "onnx", "device": "cuda"}, "runs on the CPU only"),
        ({"engine": "torch", "device": "warp"}, "device: 'warp' is unknown"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_engines_refuse_what_does_not_exist(tiny_model, arguments, message):
    with pytest.raises(InputError, match=message):
        load_engine(tiny_model, **arguments)


def test_engines_folder_without_a_model(tmp_path):
    with pytest.raises(InputError, match=r"holds no config\.json"):
        load_engine(tmp_path)


def test_engines_auto_is_openvino_on_a_cpu_where_installed(monkeypatch):
    monkeypatch.setattr("ie_model.inference.loading.has_nvidia_driver", lambda: False)
    monkeypatch.setattr("ie_model.inference.loading.installed", lambda package: True)
    assert choose_engine() == "openvino"
    assert choose_engine("cuda") == "torch"
    monkeypatch.setattr("ie_model.inference.loading.installed", lambda package: False)
    assert choose_engine() == "torch"


def test_engines_openvino_loads_without_torch_or_transformers(tiny_model):
    load_engine(tiny_model, "openvino", "fp32")  # converted by now
    code = (
        "import sys; from ie_model import Extractor\n"
        "x = Extractor.from_pretrained(sys.argv[1], 'openvino', precision='fp32')\n"
        "x.predict('Iraqi federal police cleared Hawija.')\n"
        "heavy = {'torch', 'transformers', 'datasets'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_model)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_artifacts_damaged_or_locked_for_ever_are_no_trap(tmp_path, tiny_model, caplog):
    """Bit rot in a converted model answered on; a lock that a reader held was waited for."""
    model = shutil.copytree(tiny_model, tmp_path / "model")

    def save(path):
        path.write_bytes(b"<xml/>")
        path.with_suffix(".bin").write_bytes(bytes(1000))

    artifacts.store(model, "openvino", "fp32", save, {})
    path = artifacts.locate(model, "openvino", "fp32")
    data = bytearray(path.with_suffix(".bin").read_bytes())
    data[500] ^= 1
    path.with_suffix(".bin").write_bytes(data)
    assert artifacts.locate(model, "openvino", "fp32") is None
    assert "damaged, or not as it was written" in caplog.text
    with (
        FileLock(path.parent / ".lock"),
        pytest.raises(RunError, match="another process has held this lock"),
        artifacts.exclusive(model, "openvino", wait=0.2),
    ):
        pass


def test_engines_auto_says_once_that_the_slow_one_answers(monkeypatch, caplog):
    from ie_model.inference import loading

    monkeypatch.setattr(loading, "installed", lambda name: False)
    monkeypatch.setattr(loading, "has_nvidia_driver", lambda: False)
    loading._advise_openvino.cache_clear()
    assert [loading.choose_engine() for _ in range(2)] == ["torch", "torch"]
    assert caplog.text.count("pip install 'ie-model[openvino]'") == 1


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("avx2 fma", "fp32"),
        ("avx512f avx512_vnni", "fp32"),
        ("avx512f avx512_vnni avx512_bf16", "bf16"),
        ("amx_bf16 amx_int8", "bf16"),
        ("asimd asimddp", "fp32"),
        ("asimd bf16 i8mm", "bf16"),
    ],
)
def test_engines_precision_follows_the_features_of_the_cpu(monkeypatch, tmp_path, flags, precision):
    arm = "asimd" in flags
    monkeypatch.setattr("ie_model.models.hardware.cpu_flags", lambda: frozenset(flags.split()))
    monkeypatch.setattr("platform.machine", lambda: "aarch64" if arm else "x86_64")
    assert native_precision(torch.device("cpu")) == precision
    engine = OpenVINOEngine(tmp_path, path=tmp_path / "fp32.xml")
    # OpenVINO has no bf16 on Arm: it would compute fp32 and call it bf16.
    assert engine.precision == ("fp32" if arm else precision)
    if arm:
        with pytest.raises(InputError, match="x86-64 only"):
            OpenVINOEngine(tmp_path, "bf16", path=tmp_path / "fp32.xml")


@pytest.mark.parametrize(
    ("features", "machine", "hint"),
    [
        ("avx2 fma", "x86_64", "f32"),
        ("avx512f avx512_vnni", "x86_64", "f32"),
        ("avx512f avx512_vnni avx512_bf16", "x86_64", "bf16"),
        ("asimd bf16 i8mm", "aarch64", "f32"),
    ],
)
def test_engines_what_int8_leaves_is_computed_in_what_the_cpu_has(
    monkeypatch, tmp_path, features, machine, hint
):
    asked = {}
    core = SimpleNamespace(compile_model=lambda path, device, options: asked.update(options))
    openvino = SimpleNamespace(Core=lambda: core)
    monkeypatch.setattr("ie_model.inference.engines.openvino.import_openvino", lambda: openvino)
    monkeypatch.setattr("ie_model.inference.engines.openvino._first_pid", os.getpid())
    monkeypatch.setattr("ie_model.models.hardware.cpu_flags", lambda: frozenset(features.split()))
    monkeypatch.setattr("platform.machine", lambda: machine)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    engine = OpenVINOEngine(tmp_path, "int8", path=tmp_path / "int8.xml", threads=1)
    engine._compile("LATENCY")
    assert asked["INFERENCE_PRECISION_HINT"] == hint


@pytest.mark.parametrize(("threads", "told"), [(1, 0), (2, 1)])
def test_engines_torch_says_once_that_its_threads_spin(
    monkeypatch, tiny_model, caplog, threads, told
):
    from ie_model.models import hardware

    monkeypatch.setattr(hardware, "waits_actively", lambda: True)
    hardware.advise_passive_waiting.cache_clear()
    for _ in range(2):
        load_engine(tiny_model, "torch", "fp32", threads=threads, device="cpu").close()
    hardware.advise_passive_waiting.cache_clear()
    assert caplog.text.count(hardware.WAITS_ACTIVELY) == told
