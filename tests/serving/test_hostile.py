"""What no decent client sends, over real sockets. Waits are short for the server, long for us."""

from __future__ import annotations

import json
import logging
import socket
import threading
from functools import partial
from pathlib import Path

import httpx
import pytest

from ie_model.serving import Limits, server
from ie_model.serving.connection import HEAD_BYTES, Connection
from ie_model.serving.served import Served
from tests.serving.conftest import JSON, LONGEST, FakeExtractor, get, live, post, wait_until

HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def address():
    with live(Served("one", FakeExtractor()), limits=Limits(body_bytes=5000)) as address:
        yield address


@pytest.fixture
def hurried(monkeypatch):
    """A server that gives a head a second to arrive, and a body or an answer's reader two."""
    hasty = partial(Connection, head_seconds=1.0)
    monkeypatch.setattr(server, "Connection", lambda **named: hasty(**named))
    with live(Served("one", FakeExtractor()), limits=Limits(timeout=1)) as address:
        yield address


def connect(address):
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=LONGEST)


def until_closed(sock):
    """All that comes until the server closes the connection."""
    got = b""
    try:
        while part := sock.recv(1 << 16):
            got += part
    except ConnectionResetError:
        pass
    return got


def body_of(text, **more):
    body = json.dumps({"text": text, **more}).encode()
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /heal",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: 1",
        b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /",
    ],
)
def test_head_that_never_ends_is_not_waited_for(hurried, sent):
    with connect(hurried) as sock:
        sock.sendall(sent)
        got = until_closed(sock)
    assert got.count(b"HTTP/1.1 200") == (b"healthz HTTP/1.1\r\nHost: x\r\n\r\n" in sent)


def test_blank_lines_after_an_answer_do_not_keep_a_connection(hurried):
    with connect(hurried) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
        sock.sendall(b"\r\n")  # which ends the wait for another request
        until_closed(sock)


def test_body_that_never_ends_is_told_so_or_cut_off(hurried):
    with connect(hurried) as sock:
        sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
        assert until_closed(sock).startswith(b"HTTP/1.1 408")
    with connect(hurried) as sock:  # of a page that reads none
        sock.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1")
        assert until_closed(sock).startswith(b"HTTP/1.1 404")


def test_answer_that_nobody_takes_is_not_kept(hurried):
    if not Path("/proc/net/tcp").exists():
        pytest.skip("connections are counted as Linux lists them")
    large = body_of("x" * 400_000, meta={"more": "y" * 3_000_000})
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(LONGEST)
        host, _, port = hurried.removeprefix("http://").partition(":")
        sock.connect((host, int(port)))
        sock.sendall(large * 3)
        wait_until(lambda: connections_at(int(port)) == 0)


def connections_at(port):
    """How many connections a server has (Linux)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established = "01"
    return sum(row[1].endswith(f":{port:04X}") and row[3] == established for row in rows)


def test_head_without_end_is_refused(address):
    with connect(address) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        got = b""
        try:
            for number in range(20 * HEAD_BYTES // 1000):
                sock.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))
            got = until_closed(sock)
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert not got or got.startswith(b"HTTP/1.1 431")
    assert get(f"{address}/healthz").status_code == 200


def test_body_without_end_is_refused_once_it_is_too_large(address):
    with connect(address) as sock:
        sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        got = b""
        try:
            for _ in range(1000):
                sock.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
            got = until_closed(sock)
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert not got or got.startswith(b"HTTP/1.1 413")


def test_pipelined_requests_are_answered_in_their_order(address):
    with connect(address) as sock:
        last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        sock.sendall(b"".join(body_of(f"UN {n}", id=n) for n in range(20)) + last)
        got = until_closed(sock)
    assert got.count(b"HTTP/1.1 200") == 21
    places = [got.index(b'"id":"%d"' % n) for n in range(20)]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",  # somebody speaks TLS
        b"GET / HTTP/9.9\r\n\r\n",
        b"NONSENSE / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(address, sent):
    with connect(address) as sock:
        sock.sendall(sent)
        assert until_closed(sock).startswith(b"HTTP/1.1 4")
    assert get(f"{address}/healthz").status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/json; charset=latin-1", "application/jsonx"],
)  # fmt: skip
def test_other_content_types_are_refused_as_browsers_send_them_unasked(address, content_type):
    headers = {"content-type": content_type} if content_type else {}
    answer = post(f"{address}/v1/predict", content=b'{"text": "a"}', headers=headers)
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["error"]


def test_content_type_with_its_charset_is_taken(address):
    for kind in ("application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'):
        headers = {"content-type": kind}
        answer = post(f"{address}/v1/predict", content=b'{"text": "a"}', headers=headers)
        assert answer.status_code == 200


def test_packed_bodies_are_refused_unopened(address):
    for packing in ("gzip", "br", "deflate, gzip", "identity, gzip"):
        headers = JSON | {"content-encoding": packing}
        answer = post(f"{address}/v1/predict", content=b"\x1f\x8b", headers=headers)
        assert answer.status_code == 415


def test_other_methods_have_their_answers(client):
    for path in ("/", "/docs", "/healthz", "/readyz", "/metrics", "/v1/models"):
        head, full = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        if path != "/metrics":
            assert head.headers["content-length"] == str(len(full.content))
    for method in ("OPTIONS", "TRACE", "PUT", "DELETE", "HEAD", "GET"):
        refused = client.request(method, "/v1/predict")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_host_of_a_request_is_not_believed(address):
    for path in ("/v1/models/", "//evil.example/", "/healthz/"):
        answer = get(address + path, headers={"host": "evil.example"})
        assert answer.status_code == 404
        assert "evil.example" not in str(answer.headers) + answer.text


def test_upgrade_to_another_protocol_is_not_taken(address):
    headers = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
               "sec-websocket-key": "x3JJHMbDL1EzLkh9GBhXDw=="}  # fmt: skip
    assert get(f"{address}/v1/predict", headers=headers).status_code == 405


def test_odd_texts_come_back_as_they_were(address):
    text = "\x00 UN \u2028\u202e 😀\r\n\x1b[31m 7 \ufeff"
    asked = {"text": text, "id": "\x00\n", "meta": {"\x00": "\ud7ff"}}
    (document,) = post(f"{address}/v1/predict", json=asked).json()["documents"]
    assert (document["text"], document["id"], document["meta"]) == tuple(asked.values())
    assert [e["text"] for e in document["entities"]] == ["UN", "31", "7"]


def test_key_is_taken_from_the_headers_alone():
    served = Served("one", FakeExtractor())
    with (
        live(served, keys=("secret",)) as address,
        httpx.Client(base_url=address, timeout=LONGEST) as client,
    ):
        for query in ("?key=secret", "?api_key=secret", "?authorization=Bearer+secret"):
            assert client.get(f"/v1/models{query}").status_code == 401
        for headers in (
            {"cookie": "x-api-key=secret"},
            {"authorization": "Basic secret"},
            {"authorization": "secret"},
            {"authorization": "Bearer"},
            {"x-api-key": ""},
            {"authorization": "Bearer wrong", "x-api-key": "secret"},
        ):
            assert client.get("/v1/models", headers=headers).status_code == 401
        assert client.head("/v1/models").status_code == 401


def test_names_from_outside_become_no_metrics_and_no_lines(client, caplog):
    with caplog.at_level(logging.DEBUG, "ie_model"):
        for number in range(3):
            client.get(f"/made-up-{number}")
            client.get(f"/x%0d%0aFORGED%20{number}")
            client.post(f"/v1/predict?made={number}", json={"model": "made\nup", "text": ""})
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("ie_model")]
    assert len(lines) == 9
    assert not any("\n" in line or "made" in line or "FORGED" in line for line in lines)
    metrics = client.get("/metrics").text
    assert "made" not in metrics
    assert metrics.count("ie_model_requests_total{") == 3  # other, predict, readyz


def test_clients_that_leave_free_their_places():
    model = FakeExtractor()
    served = Served("one", model)
    with live(served, limits=Limits(requests=8)) as address:
        model.gate.clear()
        gone = [connect(address) for _ in range(8)]
        for sock in gone:
            sock.sendall(body_of("GONE"))
        wait_until(lambda: get(f"{address}/v1/models").status_code == 503)
        for sock in gone:
            sock.close()
        wait_until(lambda: get(f"{address}/v1/models").status_code == 200)
        assert served.waiting_characters == 0
        model.gate.set()
        assert post(f"{address}/v1/predict", json={"text": "UN"}).status_code == 200


def test_stopping_under_load_answers_or_closes_and_loses_nothing():
    model = FakeExtractor()
    asked = 24
    with live(Served("one", model)) as address:
        model.gate.clear()
        socks = [connect(address) for _ in range(asked)]
        for number, sock in enumerate(socks):
            sock.sendall(body_of(f"UN {number}", id=number))
        counted = f"ie_model_requests_under_way {asked + 1}.0"
        wait_until(lambda: counted in get(f"{address}/metrics").text)
        threading.Timer(0.2, model.gate.set).start()
    for number, sock in enumerate(socks):  # the server has ended
        got = until_closed(sock)
        sock.close()
        assert got.startswith(b"HTTP/1.1 200")
        assert b'"id":"%d"' % number in got
