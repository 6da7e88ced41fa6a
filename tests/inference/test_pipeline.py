"""The stations side by side: order, errors, early ends, bounded memory, nothing computed twice."""

import re
import threading
import time
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

from ie_model import Extractor, RunError
from ie_model.encoding.windows import Encoder
from ie_model.inference.batching import steps
from ie_model.inference.model import LoadedModel
from ie_model.labels import LabelSet
from ie_model.models.directory import ModelSettings

LABELS = LabelSet.declare(["ACTOR"])
POISON = "isis"


class FakeEngine:
    """Tags every token by its id alone, late and with several batches in flight."""

    name, precision, multiple, batch_tokens, streams, in_flight = "fake", "fp32", 8, 64, 2, 3
    remembers_shapes = False

    def __init__(self, poison=None):
        self.poison = poison
        self.rows = self.flying = self.most = 0
        self.lock = threading.Lock()

    def forward(self, ids, mask):
        if self.poison is not None and (ids == self.poison).any():
            raise RunError("out of memory")
        with self.lock:
            self.rows += len(ids)
        logits = np.zeros((*ids.shape, 3), np.float32)
        logits[..., 1] = np.where(ids % 2, 5.0, -5.0)
        return logits

    def submit(self, ids, mask):
        answer = self.forward(ids, mask)
        with self.lock:
            self.flying += 1
            self.most = max(self.most, self.flying)

        class Pending:
            def result(_self):
                time.sleep(0.001)
                with self.lock:
                    self.flying -= 1
                return answer

        return Pending()

    def close(self):
        pass


@pytest.fixture
def make(bert_tokenizer, tmp_path):
    def extractor(engine):
        settings = ModelSettings(LABELS.labels, LABELS.tags, 96, 16, "line")
        encoder = Encoder(bert_tokenizer, 96, 16)
        return Extractor(LoadedModel(engine, encoder, settings, 0, tmp_path))

    return extractor


WORDS = "iraqi police cleared kirkuk on tuesday and the army said one two three".split()


def texts(count):
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 60))) for _ in range(count)]


def keys(documents):
    return [[e.key for e in d.entities] for d in documents]


def test_pipeline_many_chunks_equal_one_by_one(make):
    extractor = make(FakeEngine())
    sample = texts(150)
    alone = keys(extractor.predict(t) for t in sample)
    found = list(extractor.pipe(iter(sample)))
    assert [d.text for d in found] == sample
    assert keys(found) == alone
    assert any(alone)


def test_pipeline_keeps_several_batches_in_flight_and_no_more(make):
    engine = FakeEngine()
    make(engine).predict(texts(150))
    assert engine.most == engine.in_flight
    assert engine.flying == 0


def test_pipeline_equal_windows_are_computed_once_a_buffer(make):
    engine = FakeEngine()
    found = make(engine).predict(["iraqi police cleared kirkuk"] * 40)
    assert engine.rows == 1
    assert len({tuple(k) for k in keys(found)}) == 1
    assert found[39].entities


def test_pipeline_reads_ahead_no_more_than_it_must(make):
    read = 0

    def source():
        nonlocal read
        for text in texts(2000):
            read += 1
            yield text

    stream = make(FakeEngine()).pipe(source())
    next(stream)
    assert read < 400
    stream.close()


def test_pipeline_source_is_read_in_the_callers_thread(make):
    def source():
        for text in texts(200):
            assert threading.current_thread() is caller
            yield text

    caller = threading.current_thread()
    assert len(list(make(FakeEngine()).pipe(source()))) == 200


def test_pipeline_threads_end_when_the_caller_stops_early(make):
    before = threading.active_count()
    stream = make(FakeEngine()).pipe(texts(1000))
    next(stream)
    assert threading.active_count() > before
    stream.close()
    assert threading.active_count() == before


def test_pipeline_failing_document_is_marked_in_its_place(make, bert_tokenizer):
    poison = bert_tokenizer.convert_tokens_to_ids(POISON)
    sample = texts(120)
    sample[70] += f" {POISON}"
    extractor = make(FakeEngine(poison))
    found = list(extractor.pipe(sample, on_error="yield"))
    assert [d.id for d in found] == [str(i) for i in range(120)]
    assert [i for i, d in enumerate(found) if d.error] == [70]
    assert "out of memory" in found[70].error
    assert found[70].entities == ()
    whole = make(FakeEngine()).predict(sample)
    assert keys(found)[:70] + keys(found)[71:] == keys(whole)[:70] + keys(whole)[71:]
    with pytest.raises(RunError, match=r"document '70': out of memory; .*on_error='yield'"):
        list(extractor.pipe(sample))
    stream = extractor.pipe(sample)
    assert [next(stream).id for _ in range(70)] == [str(i) for i in range(70)]


def test_pipeline_error_of_the_source_reaches_the_caller(make):
    def source():
        yield from texts(300)
        raise OSError("the disk went away")

    before = threading.active_count()
    found = deque()
    with pytest.raises(OSError, match="went away"):
        found.extend(make(FakeEngine()).pipe(source()))
    assert threading.active_count() == before


def test_pipeline_serves_several_threads(make):
    extractor = make(FakeEngine())
    sample = texts(120)
    expected = keys(extractor.predict(sample))
    answers = {}

    def work(number):
        answers[number] = keys(extractor.pipe(sample))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(answers[n] == expected for n in range(4))


class Recorder(FakeEngine):
    """Keeps the shapes it was given, as OpenVINO does."""

    remembers_shapes = True

    def __init__(self):
        super().__init__()
        self.shapes = set()

    def forward(self, ids, mask):
        assert mask.any(axis=1).all()  # attention over nothing is not a number
        self.shapes.add(ids.shape)
        return super().forward(ids, mask)


def test_pipeline_long_stream_has_few_shapes_for_engines_that_keep_them(make):
    engine, sample = Recorder(), texts(600)
    found = keys(make(engine).pipe(sample))
    assert found == keys(make(FakeEngine()).pipe(sample))
    assert all(rows in steps(length, 64) for rows, length in engine.shapes)


def test_pipeline_lists_of_any_size_have_few_shapes_for_engines_that_keep_them(make):
    """A server that answered lists of 1 to 40 texts grew by 162 MiB in 10,000 requests."""
    engine, sample = Recorder(), texts(270)
    extractor, plain = make(engine), make(FakeEngine())
    for count in (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 21, 24):
        some = sample[10 * count :][:count]
        assert keys(extractor.predict(some)) == keys(plain.predict(some))
    assert {rows for rows, _ in engine.shapes} <= {1, 2, 4, 8}


@pytest.mark.parametrize(("stage", "count"), [("forward", 1), ("forward", 30), ("result", 30)])
def test_pipeline_interrupt_ends_a_list_under_way(make, monkeypatch, stage, count):
    """Ctrl-C was taken for a fault of the texts, and each of them was computed once more."""
    engine = FakeEngine()
    calls = []

    def interrupted(*_):
        calls.append(1)
        raise KeyboardInterrupt

    if stage == "forward":
        monkeypatch.setattr(engine, "forward", interrupted)
    else:
        monkeypatch.setattr(engine, "submit", lambda *_: SimpleNamespace(result=interrupted))
    with pytest.raises(KeyboardInterrupt):
        make(engine).predict(texts(count))
    assert len(calls) <= engine.in_flight + 1  # what was under way is waited for, no more


class Panic(BaseException):
    """As the bindings of a Rust library raise it when the library panics."""


@pytest.mark.parametrize("count", [1, 150])
@pytest.mark.parametrize("stage", ["encode", "submit", "result"])
def test_pipeline_panic_of_a_library_reaches_the_caller(make, monkeypatch, stage, count):
    """It is no Exception: it ended the thread it came up in, and pipe() waited for ever."""
    engine = FakeEngine()
    extractor = make(engine)

    def panics(*_):
        raise Panic("no entry found for key")

    if stage == "encode":
        monkeypatch.setattr(extractor.encoder, "encode", panics)
    elif stage == "submit":
        monkeypatch.setattr(engine, "forward", panics)
    else:
        monkeypatch.setattr(engine, "forward", lambda ids, mask: np.zeros((0, 0, 3), np.float32))
    items = [f"{text} {k}" for k, text in enumerate(texts(count))]
    said = "index 0|Panic: no entry found for key"
    answers = []
    caller = threading.Thread(
        target=lambda: answers.extend(extractor.pipe(items, on_error="yield")), daemon=True
    )
    caller.start()
    caller.join(timeout=300)
    assert not caller.is_alive(), "the caller waits for ever"
    assert len(answers) == count
    for document in answers:
        assert re.search(said, document.error)
