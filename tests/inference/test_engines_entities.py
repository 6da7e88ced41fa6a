"""The same entities from every engine and precision, in every batch size and order."""

import random

import pytest

from ie_model import Extractor
from ie_model.inference.engines import installed
from tests.conftest import SENTENCES

PLAIN = [s.replace("[[", "").replace("]]", "").split("|") for s in SENTENCES]
TEXTS = [" ".join(part for part in parts) for parts in PLAIN]
TEXTS += [" ".join(TEXTS[i : i + 4]) for i in range(5)] + [". ".join(TEXTS * 4), ""]

RUNS = [("torch", "fp32"), ("torch", "bf16"), ("openvino", "fp32"), ("openvino", "bf16"),
        ("onnx", "fp32")]  # fmt: skip


def keys(documents):
    return [[e.key for e in d.entities] for d in documents]


@pytest.fixture(scope="module")
def expected(tiny_model):
    return keys(Extractor.from_pretrained(tiny_model, "torch", precision="fp32").predict(TEXTS))


@pytest.mark.parametrize(("engine", "precision"), RUNS)
def test_engines_entities_equal_fp32(tiny_model, expected, engine, precision):
    if not installed("onnxruntime" if engine == "onnx" else engine):
        pytest.skip(f"no {engine}")
    extractor = Extractor.from_pretrained(
        tiny_model, engine, precision=precision, device="cpu" if engine == "torch" else "auto",
        threads=1,
    )  # fmt: skip
    found = keys(extractor.predict(TEXTS))
    same = sum(len(set(a) & set(b)) for a, b in zip(found, expected, strict=True))
    total = sum(map(len, found)) + sum(map(len, expected))
    if precision == "fp32":
        assert found == expected
    else:  # rounding may move what is on the edge, and nothing else
        assert 2 * same / total >= 0.985
    order = list(range(len(TEXTS)))
    random.Random(1).shuffle(order)
    shuffled = keys(extractor.predict([TEXTS[i] for i in order]))
    if precision == "fp32":
        assert [shuffled[order.index(i)] for i in range(len(TEXTS))] == expected
        assert keys(extractor.predict(t) for t in TEXTS) == expected


@pytest.mark.parametrize("batch_tokens", [1, 64, 100_000])
@pytest.mark.parametrize("multiple", [1, 32])
def test_engines_entities_do_not_depend_on_the_batch_size(
    tiny_model, expected, batch_tokens, multiple
):
    extractor = Extractor.from_pretrained(
        tiny_model, "torch", precision="fp32", batch_tokens=batch_tokens, multiple=multiple
    )
    assert keys(extractor.predict(TEXTS)) == expected
