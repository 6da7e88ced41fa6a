"""The command in a process of its own, over a real model."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from ie_model import Extractor
from ie_model.errors import InputError
from ie_model.serving import create_app, serve
from ie_model.serving.served import Served
from ie_model.serving.server import address_of, listen, run
from tests.conftest import SENTENCES
from tests.serving.conftest import LONGEST, FakeExtractor, documents, get, post, wait_until

TEXTS = [s.replace("[[", "").replace("]]", "") for s in SENTENCES]


@pytest.fixture
def process(tiny_model):
    """``ie-model serve`` and its address."""
    command = [sys.executable, "-m", "ie_model", "serve", str(tiny_model), "--port", "0",
               "--engine", "torch", "--threads", "1"]  # fmt: skip
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert started.stderr is not None
        line = started.stderr.readline()
        assert line.startswith("serving at http://127.0.0.1:"), line
        drain = threading.Thread(target=started.stderr.read, daemon=True)
        drain.start()
        address = line.split()[-1]
        wait_until(lambda: get(f"{address}/readyz").status_code == 200)
        yield started, address
    finally:
        started.kill()
        started.wait()


def test_serve_answers_as_the_extractor_and_finishes_what_is_in_hand(process, tiny_model):
    started, address = process
    expected = Extractor.from_pretrained(tiny_model, "torch", threads=1).predict(TEXTS)
    assert any(d.entities for d in expected)
    answer = documents(post(f"{address}/v1/predict", json={"documents": TEXTS}))
    assert [[e.key for e in d.entities] for d in answer] == [
        [e.key for e in d.entities] for d in expected
    ]
    long = " ".join(TEXTS * 100)
    results = []

    def ask():
        asked = {"documents": [f"{k} {long}" for k in range(4)]}
        results.append(post(f"{address}/v1/predict", json=asked))

    before = _begun(address)
    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: _begun(address) > before)
    started.send_signal(signal.SIGTERM)
    asking.join(LONGEST)
    assert len(documents(results[0])) == 4
    assert started.wait(LONGEST) == 0
    with pytest.raises(httpx.ConnectError):
        get(f"{address}/healthz")


def _begun(address):
    """How many batches have begun."""
    for line in get(f"{address}/metrics").text.splitlines():
        if line.startswith("ie_model_batch_documents_count"):
            return float(line.split()[-1])
    return 0.0


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal closes there")
def test_serve_ends_in_order_when_its_terminal_closes():
    """SIGHUP killed it, and with it the answers in hand."""
    extractor = FakeExtractor()
    app = create_app([Served("one", extractor)])
    heard = signal.signal(signal.SIGHUP, lambda *_: None)  # not ours, should it come too late
    try:
        with listen("127.0.0.1", 0) as listener:
            address = address_of(listener)

            def hang_up():
                wait_until(lambda: get(f"{address}/readyz").status_code == 200)
                os.kill(os.getpid(), signal.SIGHUP)

            hanging = threading.Thread(target=hang_up)
            hanging.start()
            run(app, listener, 5)
            hanging.join(LONGEST)
    finally:
        signal.signal(signal.SIGHUP, heard)
    assert app.state.failure is None
    assert extractor.closed


def test_serve_model_that_cannot_answer_ends_the_server():
    extractor = FakeExtractor()
    extractor.fails = True
    app = create_app([Served("one", extractor)])
    with listen("127.0.0.1", 0) as listener:
        run(app, listener, 5)
    assert isinstance(app.state.failure, InputError)
    assert "'one' does not answer" in str(app.state.failure)
    assert extractor.closed


def test_serve_taken_port_is_one_clear_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen at 127.0.0.1 port {port}"):
            serve([str(tmp_path)], port=port)
    with pytest.raises(InputError, match="host 'no such host'"):
        serve([str(tmp_path)], host="no such host")
    with pytest.raises(InputError, match="key is empty"):
        serve([str(tmp_path)], keys=[" "])
