from __future__ import annotations

import asyncio
import math
from types import SimpleNamespace

from ie_model.inference.batching import steps
from ie_model.serving.limits import Limits
from ie_model.serving.metrics import Metrics
from ie_model.serving.served import Served
from tests.serving.conftest import FakeExtractor


class Recording:
    """An engine that keeps the shapes it was given, and does nothing."""

    name, precision, remembers_shapes = "recording", "fp32", True
    multiple, streams = 8, 2

    def __init__(self):
        self.alone: list[tuple[int, int]] = []
        self.side_by_side: list[tuple[int, int]] = []
        self.detached = False

    def detach(self):
        self.detached = True

    def forward(self, ids, mask):
        assert ids.shape == mask.shape
        self.alone.append(ids.shape)

    def submit(self, ids, mask):
        self.side_by_side.append(ids.shape)
        return SimpleNamespace(result=lambda: None)


def test_served_is_ready_after_every_shape_was_met_small_ones_first(monkeypatch):
    # Memory that an engine keeps for a shape grew while the server served.
    monkeypatch.setattr("ie_model.serving.served._MEETING", math.inf)
    monkeypatch.setattr("ie_model.serving.served.normalises", lambda: False)
    extractor = FakeExtractor()
    extractor.engine, extractor.encoder = Recording(), SimpleNamespace(window=64)
    served = Served("one", extractor)

    async def warm_up():
        served.start(Limits(), Metrics())
        await served.warm_up()
        assert served.ready
        await served.close()

    asyncio.run(warm_up())
    engine = extractor.engine
    assert engine.detached
    wanted = {(rows, n) for n in range(8, 65, 8) for rows in steps(n, extractor.batch_tokens)}
    assert set(engine.alone) == wanted
    assert len(engine.alone) == len(wanted)
    assert sorted(engine.side_by_side) == sorted(2 * engine.alone)
    costs = [math.prod(shape) for shape in engine.alone]
    assert costs == sorted(costs)
