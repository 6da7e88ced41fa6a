"""A stand-in for a loaded model, and servers on free ports."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from ie_model.documents import Document, Entity
from ie_model.serving import Limits, create_app
from ie_model.serving.served import Served

LONGEST = 120.0
"""Seconds after which something is taken to hang; how slow a machine may be is not tested."""

get = functools.partial(httpx.get, timeout=LONGEST)
post = functools.partial(httpx.post, timeout=LONGEST)


class FakeExtractor:
    """Finds words in capitals as ACTOR and digits as QUANTITY; keeps the batches it was given.

    ``gate`` holds the answers back while it is not set; a text of BROKEN fails.
    """

    labels = ("ACTOR", "QUANTITY", "DATE")
    batch_tokens = 100
    fingerprint = "0" * 64
    engine = SimpleNamespace(name="fake", precision="fp32")

    def __init__(self, thresholds=None):
        self.settings = SimpleNamespace(thresholds=thresholds or {})
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.closed = False

    def pipe(self, documents, on_error="raise"):
        self.batches.append([d.text for d in documents])
        assert self.gate.wait(LONGEST)
        for d in documents:
            if d.text == "BROKEN":
                yield replace(d, error=f"document {d.id!r}: broken")
                continue
            found = re.finditer(r"[A-Z]{2,}|[0-9]+|Tuesday", d.text)
            yield replace(d, entities=tuple(self._entity(m) for m in found))

    def _entity(self, m):
        label = "QUANTITY" if m[0].isdigit() else "DATE" if m[0] == "Tuesday" else "ACTOR"
        return Entity(m.start(), m.end(), label, 0.4 if m[0] == "MAYBE" else 0.9, m[0])

    def close(self):
        self.closed = True


@contextlib.contextmanager
def running(app):
    """The address of an app, on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(LONGEST)
        assert not thread.is_alive()


@contextlib.contextmanager
def live(*models: Served, limits: Limits | None = None, **options):
    """The address of a server over ``models``, from ready to closed."""
    with running(create_app(models, limits, **options)) as address:
        wait_until(lambda: get(f"{address}/readyz").status_code == 200)
        yield address


def wait_until(condition):
    """Poll until ``condition()`` holds."""
    end = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def extractor():
    return FakeExtractor()


@pytest.fixture
def client(extractor):
    """Of a server over the stand-in, named ``one``."""
    with (
        live(Served("one", extractor)) as address,
        httpx.Client(base_url=address, timeout=LONGEST) as client,
    ):
        yield client


def documents(answer: httpx.Response) -> list[Document]:
    """What a server answered."""
    assert answer.status_code == 200, answer.text
    return [Document.from_dict(row) for row in answer.json()["documents"]]
