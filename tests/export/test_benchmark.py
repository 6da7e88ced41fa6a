import json

import pytest

from ie_model import InputError
from ie_model.export.benchmark import measuring as bench_module
from ie_model.export.benchmark.baseline import hugging_face
from ie_model.export.benchmark.matrix_peak import model_operations
from ie_model.export.benchmark.measuring import _pieces, bench, best_plan, sample_texts
from ie_model.export.benchmark.report import format_table, write_plot

TEXTS = [
    "Iraqi federal police cleared Hawija on Tuesday.",
    "Coalition strikes in Syria on Monday.\n\nThe army said nine of ten.",
    " ".join(["police"] * 300),
] * 3


@pytest.fixture(scope="module")
def report(tiny_model):
    return bench(
        tiny_model, TEXTS, engines=["torch", "openvino"], precisions=["fp32"],
        budgets=[256, 512], rounds=2, starts=False,
    )  # fmt: skip


def test_bench_report_holds_what_it_promises(report):
    json.dumps(report)
    assert report["documents"] == 9
    names = {row["name"] for row in report["rows"]}
    assert {"hf default", "hf tuned"} < names
    assert any(name.startswith("openvino fp32") for name in names)
    speeds = [row["tokens_per_second"] for row in report["rows"]]
    assert speeds == sorted(speeds)
    for row in report["rows"]:
        assert row["times hf default"] > 0
        if row["plan"]:
            assert row["agreement"] == 1.0
            assert 0 <= row["padding_waste"] < 0.5
            assert row["peak_share"] > 0
        else:
            assert row["agreement"] is None
    assert report["peaks"]["fp32"] > 1e8
    assert report["other_work"] > 0


def test_bench_table_and_plot(report, tmp_path):
    table = format_table(report)
    assert "x hf default" in table
    assert "100.00 %" in table
    write_plot(report, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes()[:4] == b"\x89PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["bench.png"]


def rows(*figures):
    return {
        "rows": [
            {"plan": plan and {"engine": plan}, "agreement": agreement, "tokens_per_second": speed}
            for plan, agreement, speed in figures
        ]
    }


def test_bench_plan_is_the_fastest_that_agrees():
    figures = rows(
        ("torch", 1.0, 10), ("openvino", 0.996, 30), ("onnx", 0.99, 50), (None, None, 99)
    )
    plan, row = best_plan(figures)
    assert plan.engine == "openvino"
    assert row["tokens_per_second"] == 30
    with pytest.raises(InputError, match="no engine and precision keeps"):
        best_plan(rows(("onnx", 0.99, 50), (None, None, 99)))


def test_bench_start_in_a_process_of_its_own(tiny_model):
    from ie_model.export.benchmark.starts import first_answer
    from ie_model.models.plan import Plan

    start = first_answer(tiny_model, Plan("openvino", "fp32", device="cpu"))
    assert 0 < start["first_answer_seconds"] < 120
    assert 20 < start["peak_memory_mb"] < 2000
    assert "error" in first_answer(tiny_model, Plan("openvino", "int8", device="cpu"))


def test_bench_pieces_hold_every_word_and_fit_the_pipeline():
    pieces = _pieces(["one two\n\nthree", "w " * 400, "x" * 4000])
    assert pieces[:2] == ["one two", "three"]
    assert "".join(pieces).replace(" ", "") == "onetwothree" + "w" * 400 + "x" * 4000
    assert max(map(len, pieces)) <= 1500


def test_bench_sample_texts_have_no_marks():
    texts = sample_texts()
    assert len(texts) > 500
    assert not any("[[" in t or "]]" in t for t in texts)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"engines": ["foo"]}, "foo cannot be measured: 'foo' is no engine: use one of torch"),
        ({"precisions": ["fp16"]}, "'fp16' is no precision"),
        ({"engines": ["torch"], "precisions": ["int8", "fp32"]}, "int8 .*: torch has no int8"),
        ({"precisions": ["int8"]}, "no int8 there: run 'ie-model export .* --engine openvino"),
        ({"engines": ["onnx"]}, "onnxruntime is not installed"),
        ({"engines": ["openvino", "torch"], "device": "cuda"}, "openvino runs on the CPU only"),
    ],
)
def test_bench_what_was_asked_for_by_name_has_to_be_there(tiny_model, monkeypatch, asked, message):
    monkeypatch.setattr(bench_module, "installed", lambda package: package != "onnxruntime")
    with pytest.raises(InputError, match=message):
        bench(tiny_model, TEXTS, **asked)


def test_bench_measures_all_that_is_there_when_nothing_is_named(tiny_model, monkeypatch):
    monkeypatch.setattr(bench_module, "installed", lambda package: package != "openvino")
    monkeypatch.setattr(bench_module, "multiplies_bf16", lambda: True)
    found = bench_module._kinds(tiny_model, None, None, "cpu")
    assert found == [("torch", "fp32"), ("torch", "bf16"), ("onnx", "fp32")]


def test_bench_plot_of_another_format_is_refused(report, tmp_path):
    with pytest.raises(InputError, match=r"b\.xyz: the plot is a PNG"):
        write_plot(report, tmp_path / "b.xyz")


def test_bench_baseline_loads_without_progress_bars(tiny_model, capfd):
    from transformers.utils import logging as transformers_logging

    transformers_logging.enable_progress_bar()
    hugging_face(tiny_model, threads=1)
    assert "Loading weights" not in capfd.readouterr().err
    assert transformers_logging.is_progress_bar_enabled()


def test_bench_refuses_texts_without_text(tiny_model):
    with pytest.raises(InputError, match="no text"):
        bench(tiny_model, ["", " "])


def test_bench_operations_count_the_matrices(tiny_model):
    hidden, inner, layers, tags = 32, 64, 2, 11
    weights = layers * (4 * hidden**2 + 2 * hidden * inner) + hidden * tags
    expected = 2 * weights * 7 + 4 * layers * hidden * (3**2 + 4**2)
    assert model_operations(tiny_model, [3, 4]) == expected


def test_bench_of_no_model_is_one_clear_error(tmp_path):
    """It was a FileNotFoundError of config.json."""
    with pytest.raises(InputError, match="no such model directory"):
        bench(tmp_path / "nothing", ["a text"])
