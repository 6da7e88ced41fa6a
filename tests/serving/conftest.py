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
from ie_model.errors import InputError
from ie_model.serving import Limits, create_app
from ie_model.serving.served import Served
from ie_model.serving.server import address_of, configure, listen

JSON = {"content-type": "application/json"}

LONGEST = 120.0
"""Seconds after which something is taken to hang; how slow a machine may be is not tested."""

get = functools.partial(httpx.get, timeout=LONGEST)
post = functools.partial(httpx.post, timeout=LONGEST)


class FakeExtractor:
    """Finds words in capitals as ACTOR and digits as QUANTITY; keeps the batches it was given.

    ``gate`` holds the answers back while it is not set; a text of BROKEN fails,
    and with ``fails`` every one.
    """

    labels = ("ACTOR", "QUANTITY", "DATE")
    batch_tokens = 100
    fingerprint = "0" * 64
    engine = SimpleNamespace(name="fake", precision="fp32", remembers_shapes=False, detach=list)

    def __init__(self, thresholds=None):
        self.settings = SimpleNamespace(thresholds=thresholds or {})
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.closed = False
        self.fails = False

    def predict(self, documents):
        if self.fails or any(d.text == "BROKEN" for d in documents):
            raise InputError("broken")
        self.batches.append([d.text for d in documents])
        assert self.gate.wait(LONGEST)
        return list(self._answers(documents))

    def pipe(self, documents, on_error="raise"):
        assert on_error == "yield"
        return self._answers(documents)

    def _answers(self, documents):
        for d in documents:
            if self.fails or d.text == "BROKEN":
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
def running(app, timeout=30.0, port=0):
    """The address of an app, with the connections of a real server; port 0 takes a free one."""
    listener = listen("127.0.0.1", port)
    server = uvicorn.Server(configure(app, timeout))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield address_of(listener)
    finally:
        server.should_exit = True
        thread.join(LONGEST)
        assert not thread.is_alive()


@contextlib.contextmanager
def live(*models: Served, limits: Limits | None = None, **options):
    """The address of a server over ``models``, from ready to closed."""
    app = create_app(models, limits, **options)
    with running(app, (limits or Limits()).timeout) as address:
        wait_until(lambda: _is_ready(address))
        yield address


def _is_ready(address):
    try:
        return get(f"{address}/readyz").status_code == 200
    except httpx.TransportError:  # a server with little patience, on a slow machine
        return False


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
