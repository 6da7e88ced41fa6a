"""A closed extractor answers nothing, says so, and holds no model any more."""

import gc
import pickle
import weakref

import pytest

from ie_model import Extractor, InputError
from ie_model.inference.engines import installed

TEXT = "Iraqi federal police cleared Hawija on Tuesday."
ENGINES = ["torch", *(name for name in ("openvino", "onnx") if installed(name))]
CLOSED = r"is closed: load the model again with Extractor\.from_pretrained"


@pytest.mark.parametrize("engine", ENGINES)
def test_closing_every_method_says_that_it_is_closed(tiny_model, engine):
    extractor = Extractor.from_pretrained(tiny_model, engine, precision="fp32", threads=1)
    assert extractor.predict(TEXT).entities
    extractor.close()
    extractor.close()
    for call in (
        lambda: extractor.predict(TEXT),
        lambda: extractor.predict([]),
        lambda: extractor.pipe([TEXT]),
        lambda: extractor.logits([TEXT]),
        lambda: extractor.with_engine(extractor.engine),
        lambda: pickle.dumps(extractor),
        extractor.__enter__,
    ):
        with pytest.raises(InputError, match=CLOSED):
            call()
    assert extractor.closed
    assert repr(extractor).endswith(", closed)")
    # What was compiled is gone, and is not made again by whoever still holds the engine.
    with pytest.raises(InputError, match=f"the {engine} engine is closed"):
        extractor.engine.forward(*[[[1]]] * 2)


def test_closing_frees_the_weights(tiny_model):
    extractor = Extractor.from_pretrained(tiny_model, "torch", precision="fp32")
    model = weakref.ref(extractor.engine._model)
    extractor.close()
    gc.collect()
    assert model() is None


def test_closing_at_the_end_of_a_with_block(tiny_model):
    with Extractor.from_pretrained([tiny_model, tiny_model], "torch") as both:
        assert both.predict(TEXT).entities
    assert both.closed
    with pytest.raises(InputError, match=CLOSED):
        both.predict(TEXT)


@pytest.mark.parametrize("on_error", ["raise", "yield"])
@pytest.mark.parametrize("engine", ENGINES)
def test_closing_ends_a_stream_under_way(tiny_model, engine, on_error):
    extractor = Extractor.from_pretrained(tiny_model, engine, precision="fp32", threads=1)
    waiting = extractor.pipe([TEXT], on_error=on_error)
    stream = extractor.pipe((f"{TEXT} {k}" for k in range(3000)), on_error=on_error)
    assert next(stream).entities
    extractor.close()
    for pipe in (stream, waiting):
        with pytest.raises(InputError, match=CLOSED):
            next(pipe)


def test_closing_while_a_source_closes_it_and_blocks(tiny_model):
    """Another thread's close() reaches a stream that waits for its source."""
    extractor = Extractor.from_pretrained(tiny_model, "torch", precision="fp32", threads=1)

    def source():
        yield TEXT
        extractor.close()
        yield TEXT

    stream = extractor.pipe(source(), max_wait=0)
    with pytest.raises(InputError, match=CLOSED):
        list(stream)
