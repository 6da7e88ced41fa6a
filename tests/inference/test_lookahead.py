"""Chunks of a stream: nothing lost, small at first, and what is there when the source is slow."""

import threading
import time

import pytest
from hypothesis import given, strategies as st

from ie_model import Document
from ie_model.inference import lookahead
from ie_model.inference.lookahead import Lookahead

BATCH = 16 * lookahead.CHARACTERS_PER_TOKEN


def documents(sizes):
    return (Document("x" * size, id=str(k)) for k, size in enumerate(sizes))


def all_chunks(ahead):
    """Every chunk, as if the model worked on each at once."""
    for chunk in ahead:
        if chunk is not None:
            yield chunk
            ahead.job_done()


@given(st.lists(st.integers(0, 200), max_size=80), st.booleans(), st.sampled_from([None, 10.0]))
def test_lookahead_keeps_order_and_limits_and_grows(sizes, soon, max_wait):
    chunks = list(all_chunks(Lookahead(documents(sizes), 16, soon, max_wait)))
    assert [d.id for chunk in chunks for d in chunk.documents] == [
        str(k) for k in range(len(sizes))
    ]
    size = BATCH if soon else lookahead.LARGEST * BATCH // lookahead.GROWTH
    for chunk in chunks:
        assert chunk.documents
        assert sum(len(d.text) for d in chunk.documents) <= size or len(chunk.documents) == 1
        size = min(size * lookahead.GROWTH, lookahead.LARGEST * BATCH)
    assert [chunk.last for chunk in chunks if chunk.last] in ([], [True])


def test_lookahead_short_stream_is_one_last_chunk():
    (chunk,) = all_chunks(Lookahead(documents([3, 4]), 16))
    assert chunk.last


@pytest.mark.parametrize("max_wait", [None, 0.02])
def test_lookahead_does_not_wait_for_a_slow_source(max_wait):
    given = threading.Semaphore(1)

    def slow():
        for document in documents([5, 5, 5]):
            assert given.acquire(timeout=60), "the one before is waiting for this one"
            time.sleep(1.5 * lookahead.PATIENCE)
            yield document

    counts = []
    for chunk in all_chunks(Lookahead(slow(), 16, max_wait=max_wait)):
        counts.append(len(chunk.documents))
        given.release()
    assert counts == [1, 1, 1]


def test_lookahead_with_max_wait_gives_while_the_source_blocks():
    blocked = threading.Event()

    def source():
        yield from documents([5, 5])
        blocked.wait(300)
        yield Document("late")

    ahead = Lookahead(source(), 16, max_wait=0.05)
    stream = all_chunks(ahead)
    given = 0
    while given < 2:  # one after the other where the reading thread was slow
        given += len(next(stream).documents)
    blocked.set()
    assert [d.text for d in next(stream).documents] == ["late"]


def test_lookahead_does_not_cut_short_while_the_model_works():
    for max_wait in (None, 0.01):
        begun = threading.Event()

        def slow(begun=begun, max_wait=max_wait):
            for k, document in enumerate(documents([5] * 6)):
                time.sleep(0.06)
                if k and max_wait is not None:
                    assert begun.wait(60)
                yield document

        chunks = []
        for chunk in Lookahead(slow(), 16, max_wait=max_wait):  # no job is ever done
            if chunk is not None:
                chunks.append(chunk)
                begun.set()
        assert sum(len(c.documents) for c in chunks) == 6
        assert len(chunks) == 2  # the first, and all that came while it was worked on


def test_lookahead_reading_thread_stops_with_its_reader_and_hands_on_errors():
    def endless():
        while True:
            yield Document("x" * 100)

    def breaks():
        yield Document("x")
        raise KeyboardInterrupt

    before = threading.active_count()
    stream = iter(Lookahead(endless(), 16, max_wait=0.1))
    next(stream)
    stream.close()
    until = time.perf_counter() + 60
    while threading.active_count() > before and time.perf_counter() < until:
        time.sleep(0.01)
    assert threading.active_count() == before
    ahead = all_chunks(Lookahead(breaks(), 16, max_wait=0.1))
    assert next(ahead).documents
    with pytest.raises(KeyboardInterrupt):
        next(ahead)
