from __future__ import annotations

import asyncio
import threading
import time

import pytest

from ie_model.documents import Document
from ie_model.serving.batcher import PER_DOCUMENT, Batcher
from ie_model.serving.limits import Refusal
from tests.serving.conftest import LONGEST


class Model:
    """Echoes; holds back while ``gate`` is not set."""

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, documents):
        self.batches.append([d.id for d in documents])
        assert self.gate.wait(LONGEST)
        return documents


def made(model, **options):
    settings = {"batch_characters": 10_000, "queue_characters": 100_000, "threads": 1, **options}
    return Batcher(model, **settings)


def docs(*ids, size=1):
    return [Document("x" * size, id=i) for i in ids]


def same(document):
    return document


async def settle(condition):
    end = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.002)


def test_batcher_gives_each_request_its_own_answers_in_order():
    async def run():
        batcher = made(Model(), threads=2)
        asked = [docs(*(f"{k}.{i}" for i in range(k % 5 + 1))) for k in range(50)]
        answers = await asyncio.gather(*(batcher.submit(d, same) for d in asked))
        assert answers == asked
        await batcher.close()

    asyncio.run(run())


def test_batcher_lone_request_goes_to_the_model_without_the_wait():
    async def run():
        batcher = made(Model(), threads=2, wait_ms=600_000)
        await asyncio.wait_for(batcher.submit(docs("a"), same), LONGEST)
        await batcher.close()

    asyncio.run(run())


def test_batcher_requests_that_wait_for_a_busy_model_share_a_batch():
    async def run():
        model = Model()
        batcher = made(model)
        model.gate.clear()
        first = asyncio.ensure_future(batcher.submit(docs("a"), same))
        await settle(lambda: model.batches)
        others = [asyncio.ensure_future(batcher.submit(docs(i), same)) for i in "bcd"]
        await asyncio.sleep(0)
        model.gate.set()
        await asyncio.gather(first, *others)
        assert model.batches == [["a"], ["b", "c", "d"]]
        await batcher.close()

    asyncio.run(run())


def test_batcher_second_thread_collects_for_at_most_the_wait():
    async def run():
        model = Model()
        batcher = made(model, threads=2, wait_ms=500)
        model.gate.clear()
        tasks = [asyncio.ensure_future(batcher.submit(docs("a"), same))]
        await settle(lambda: model.batches)
        tasks.append(asyncio.ensure_future(batcher.submit(docs("b"), same)))
        await asyncio.sleep(0.005)
        tasks.append(asyncio.ensure_future(batcher.submit(docs("c"), same)))
        await settle(lambda: len(model.batches) == 2)
        assert model.batches == [["a"], ["b", "c"]]
        model.gate.set()
        await asyncio.gather(*tasks)
        await batcher.close()

    asyncio.run(run())


def test_batcher_keeps_to_the_budget_and_takes_turns_between_requests():
    async def run():
        model = Model()
        batcher = made(model, batch_characters=4 * (100 + PER_DOCUMENT))
        model.gate.clear()
        first = asyncio.ensure_future(batcher.submit(docs("a"), same))
        await settle(lambda: model.batches)
        large = asyncio.ensure_future(batcher.submit(docs(*"123456", size=100), same))
        await asyncio.sleep(0)
        small = asyncio.ensure_future(batcher.submit(docs("s", size=100), same))
        await asyncio.sleep(0)
        model.gate.set()
        await asyncio.gather(first, large, small)
        assert model.batches == [["a"], ["1", "s", "2", "3"], ["4", "5", "6"]]
        await batcher.close()

    asyncio.run(run())


def test_batcher_full_queue_refuses_and_says_when_to_come_again():
    async def run():
        model = Model()
        batcher = made(model, queue_characters=2 * (100 + PER_DOCUMENT))
        model.gate.clear()
        tasks = [asyncio.ensure_future(batcher.submit(docs("a", size=100), same))]
        await settle(lambda: model.batches)
        tasks += [asyncio.ensure_future(batcher.submit(docs(i, size=100), same)) for i in "bc"]
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as refused:
            await batcher.submit(docs("d", size=100), same)
        assert refused.value.status == 503
        assert refused.value.retry_after >= 1
        model.gate.set()
        await asyncio.gather(*tasks)
        assert batcher.waiting_characters == 0
        await batcher.close()

    asyncio.run(run())


def test_batcher_request_larger_than_the_queue_is_taken_when_nothing_waits():
    async def run():
        batcher = made(Model(), queue_characters=10)
        assert len(await batcher.submit(docs("a", "b", size=100), same)) == 2
        await batcher.close()

    asyncio.run(run())


def test_batcher_cancelled_request_frees_its_place():
    async def run():
        model = Model()
        batcher = made(model)
        model.gate.clear()
        first = asyncio.ensure_future(batcher.submit(docs("a"), same))
        await settle(lambda: model.batches)
        gone = asyncio.ensure_future(batcher.submit(docs("b", "c"), same))
        await settle(lambda: batcher.waiting_characters)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert batcher.waiting_characters == 0
        model.gate.set()
        await first
        await batcher.close()
        assert model.batches == [["a"]]

    asyncio.run(run())


def test_batcher_failing_model_fails_its_batch_and_goes_on():
    async def run():
        def fails_once(documents):
            if documents[0].id == "bad":
                raise RuntimeError("engine")
            return documents

        batcher = made(fails_once)
        with pytest.raises(RuntimeError, match="engine"):
            await batcher.submit(docs("bad"), same)
        assert await batcher.submit(docs("good"), same) == docs("good")
        await batcher.close()

    asyncio.run(run())


def test_batcher_failure_in_one_finish_is_not_the_others():
    async def run():
        def fails(document):
            raise ValueError("no")

        batcher = made(Model())
        bad, good = await asyncio.gather(
            batcher.submit(docs("a"), fails), batcher.submit(docs("b"), same)
        )
        assert "ValueError" in bad[0].error
        assert good == docs("b")
        await batcher.close()

    asyncio.run(run())


def test_batcher_close_finishes_what_waits_and_refuses_the_rest():
    async def run():
        model = Model()
        batcher = made(model)
        model.gate.clear()
        tasks = [asyncio.ensure_future(batcher.submit(docs("a"), same))]
        await settle(lambda: model.batches)
        tasks.append(asyncio.ensure_future(batcher.submit(docs("b"), same)))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(Refusal, match="being stopped"):
            await batcher.submit(docs("c"), same)
        model.gate.set()
        await closing
        assert [t.result()[0].id for t in tasks] == ["a", "b"]

    asyncio.run(run())
