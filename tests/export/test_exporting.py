"""int8 behind the gate: calibrated, searched, judged on other documents, or refused."""

import json
import shutil

import numpy as np
import pytest
import yaml

from ie_model import Document, Extractor, InputError, RunError, read_documents
from ie_model.encoding.windows import Window
from ie_model.export.acceptance import Limits
from ie_model.export.exporting import _write_card, export
from ie_model.export.quantization import left_in_fp32
from ie_model.inference.engines import artifacts, installed
from ie_model.inference.engines.onnx import OnnxEngine
from ie_model.inference.engines.openvino import OpenVINOEngine
from ie_model.inference.loading import load_engine
from ie_model.labels import LabelSet

LENIENT = Limits(f1_drop=1.0, agreement=0.5)
needs_nncf = pytest.mark.skipif(not installed("nncf"), reason="no nncf")
needs_onnx = pytest.mark.skipif(not installed("onnxruntime"), reason="no onnxruntime")


@pytest.fixture(scope="module")
def corpus(tiny_model):
    file = tiny_model.parent / "sentences.txt"
    documents = list(read_documents(file, "markup"))
    calibration = [
        Document(f"{d.text} {e.text}", id=f"c{i}")
        for i, (d, e) in enumerate(zip(documents * 2, (documents * 2)[1:], strict=False))
    ]
    return calibration, documents


@pytest.fixture
def model(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.slow
@needs_nncf
def test_export_int8_is_stored_with_its_figures_and_used(model, corpus):
    calibration, gate = corpus
    result = export(model, "openvino", "int8", calibration=calibration, gate=gate, limits=LENIENT)
    assert result.path == model / "openvino" / "int8.xml"
    assert result.verdict is not None
    assert result.verdict.agreement > 0.9
    facts = json.loads((model / "openvino" / "int8.json").read_text())
    assert facts["gate"]["documents"] == len(gate)
    assert facts["calibration_windows"] == len(calibration)
    card = (model / "README.md").read_text()
    assert card.count("- openvino int8: quality gate passed") == 1
    extractor = Extractor.from_pretrained(model, "openvino", precision="int8")
    assert extractor.engine.precision == "int8"
    text = gate[0].text
    fp32 = Extractor.from_pretrained(model, "torch", precision="fp32").predict(text)
    assert [e.key for e in extractor.predict(text).entities] == [e.key for e in fp32.entities]


@needs_onnx
def test_export_that_fails_the_gate_leaves_nothing_unless_forced(model, corpus):
    calibration, gate = corpus
    impossible = Limits(agreement=1.01)
    before = (model / "README.md").read_text() if (model / "README.md").exists() else None
    arguments = {"calibration": calibration, "gate": gate, "limits": impossible}
    with pytest.raises(RunError, match=r"failed the quality gate.*below 101\.00%.*--force"):
        export(model, "onnx", "int8", **arguments)
    assert artifacts.locate(model, "onnx", "int8") is None
    assert before == ((model / "README.md").read_text() if before is not None else None)
    result = export(model, "onnx", "int8", force=True, **arguments)
    assert not result.verdict.passed
    _write_card(model, "onnx int8", result.verdict)
    assert (model / "README.md").read_text().count("FAILED (entity agreement") == 1


@needs_onnx
def test_export_onnx_int8_and_fp32(model, corpus):
    calibration, gate = corpus
    assert export(model, "onnx", "fp32").verdict is None
    result = export(model, "onnx", "int8", calibration=calibration, gate=gate, limits=LENIENT)
    assert result.path == model / "onnx" / "int8.onnx"
    assert load_engine(model, "onnx", "int8", threads=1).precision == "int8"


def test_export_bf16_is_judged_like_int8(model, corpus):
    calibration, gate = corpus
    result = export(model, "openvino", "bf16", calibration=calibration, gate=gate)
    assert result.path == model / "openvino" / "fp32.xml"  # bf16 is a way to compute
    assert result.verdict.agreement >= 0.985


@needs_nncf
def test_export_default_documents_come_from_the_config(model):
    with pytest.raises(InputError, match="at least 8 windows"):
        # Eight training sentences, of which the gate takes its share.
        export(model, "openvino", "int8", limits=LENIENT)


@pytest.mark.parametrize(
    ("engine", "precision", "message"),
    [("tvm", "int8", "engine 'tvm' is unknown"), ("onnx", "bf16", "cannot be exported"),
     ("openvino", "int4", "cannot be exported")],
)  # fmt: skip
def test_export_refuses_what_does_not_exist(tiny_model, engine, precision, message):
    with pytest.raises(InputError, match=message):
        export(tiny_model, engine, precision)


def test_export_refuses_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(InputError, match="not a model directory"):
        export(tmp_path, "onnx", "fp32")


@pytest.fixture
def moved(model):
    """A model whose training documents are not where its config says, as after a download."""
    config = model / "config.yaml"
    values = yaml.safe_load(config.read_text())
    values["data"]["train"][0]["path"] = str(model / "moved.txt")
    config.write_text(yaml.safe_dump(values))
    return model


@pytest.mark.parametrize("config", ["moved", "none", "without sources"])
def test_export_away_from_its_data_says_what_to_give(moved, config):
    file = moved / "config.yaml"
    if config == "none":
        file.unlink()
    elif config == "without sources":
        values = yaml.safe_load(file.read_text())
        values["data"]["train"] = []
        file.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=r"--calibration FILE .*--documents FILE"):
        export(moved, "openvino", "int8")
    assert artifacts.locate(moved, "openvino", "int8") is None


@needs_onnx
def test_export_away_from_its_data_is_calibrated_and_judged_by_texts_alone(moved, corpus, caplog):
    texts = [Document(d.text, id=d.id) for d in corpus[0]]
    result = export(moved, "onnx", "int8", calibration=texts, limits=LENIENT)
    facts = json.loads((moved / "onnx" / "int8.json").read_text())
    assert result.verdict.f1 is None  # plain texts: judged by agreement
    assert facts["calibration_windows"] + facts["gate"]["documents"] == len(texts)
    assert "a part of the calibration documents judges the export" in caplog.text


def test_export_bf16_needs_no_calibration(moved, corpus):
    assert export(moved, "openvino", "bf16", gate=corpus[1]).verdict.agreement >= 0.985


def test_export_gate_documents_are_taken_out_of_the_calibration(model, corpus):
    with pytest.raises(InputError, match="nothing is left to calibrate on"):
        export(model, "openvino", "int8", calibration=corpus[1], gate=corpus[1])


@pytest.mark.parametrize("engine", [OpenVINOEngine, OnnxEngine])
def test_export_full_range_int8_is_refused_on_a_cpu_without_vnni(model, monkeypatch, engine):
    # ONNX Runtime used one that was made elsewhere, and its answers were silently wrong.
    def store(reduced):
        facts = {"reduced_range": reduced}
        artifacts.store(model, engine.name, "int8", lambda path: path.write_text("<xml/>"), facts)

    store(reduced=False)
    monkeypatch.setattr("ie_model.inference.engines.artifacts.multiplies_int8", lambda: False)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    engine(model, "int8")  # there they are added up in 32 bits, slowly perhaps
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(InputError, match="--reduce-range"):
        engine(model, "int8")
    store(reduced=True)
    engine(model, "int8")


LABELS = LabelSet.declare(["X"])


class FakeQuantizer:
    """Quantising product k adds errors[k] to one logit of every token."""

    made_with = "nothing"

    def __init__(self, errors, sizes):
        self.errors, self.sizes = errors, sizes

    def fp32(self):
        return self.variant(tuple(self.errors))

    def groups(self):
        return [([name], self.sizes[name]) for name in self.errors]

    def variant(self, left_out):
        error = sum(e for name, e in self.errors.items() if name not in left_out)

        def run(ids, mask):
            logits = np.zeros((*ids.shape, 3), np.float32)
            logits[..., 1] = np.sin(ids) + error
            return logits

        return run


WINDOWS = [Window(np.arange(k, k + 20, dtype=np.int32), np.arange(20)) for k in range(12)]


def test_export_search_leaves_out_the_costly_errors_first_and_stops():
    errors = {"a": 0.001, "b": 0.9, "c": 0.001, "d": 0.05}
    found = left_in_fp32(FakeQuantizer(errors, dict.fromkeys(errors, 10)), WINDOWS, LABELS, 0.95)
    assert found == ["b"]


def test_export_search_weighs_gain_by_size():
    errors = {"small": 0.4, "large": 0.45, "c": 0.0, "d": 0.0}
    sizes = {"small": 1, "large": 1000, "c": 1, "d": 1}
    found = left_in_fp32(FakeQuantizer(errors, sizes), WINDOWS, LABELS, 0.999)
    assert found[0] == "small"


def test_export_search_leaves_nothing_out_when_all_is_well():
    errors = {"a": 1e-6, "b": 0.0}
    assert left_in_fp32(FakeQuantizer(errors, {"a": 1, "b": 1}), WINDOWS, LABELS, 0.99) == []
