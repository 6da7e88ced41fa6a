"""The interface of the page: who may ask, what is answered."""

from __future__ import annotations

import socket

import httpx
import pytest

from ie_model.annotating.guard import SECRET_HEADER
from ie_model.annotating.guidelines import find_guidelines, read_guidelines
from ie_model.corpus import read_documents
from ie_model.serving.limits import Limits
from tests.annotating.conftest import SECRET, client_of, live, sitting, work


@pytest.fixture
def client(output):
    with sitting(output) as session, live(session) as address, client_of(address) as client:
        yield client


def test_app_saves_and_shows_the_newer_state_to_who_is_late(client, output):
    state = client.get("/api/documents/0").json()
    first = client.put("/api/documents/0", json={"revision": 1, **work((0, 2, "ACTOR"))})
    assert first.json()["revision"] == 2
    before = output.read_bytes()
    late = client.put("/api/documents/0", json={"revision": state["revision"], **work()})
    assert late.status_code == 409
    assert late.json()["document"]["work"]["entities"][0]["text"] == "UN"
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({SECRET_HEADER: "wrong"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:80"}, 421),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_app_turns_others_away(client, output, headers, status):
    body = httpx.Request("PUT", "http://x", json={"revision": 1, **work()}).content
    sent = {"content-type": "application/json"} | headers
    answer = client.put("/api/documents/0", content=body, headers=sent)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert not output.exists()
    own = str(client.base_url).rstrip("/")
    sent = {"content-type": "application/json", "origin": own}
    assert client.put("/api/documents/0", content=body, headers=sent).status_code == 200


def test_app_gives_nothing_without_the_secret(client):
    bare = httpx.Client(base_url=client.base_url)
    for path in ("/api/session", "/api/documents", "/api/documents/0", "/api/next", "/api/check"):
        assert bare.get(path).status_code == 403
        assert client.get(path).status_code == 200
    page = bare.get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert SECRET not in page.text
    bare.close()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"revision": "1"}', b"\xff", b"[" * 50_000,
        b'{"revision": true, "entities": [], "rejected": [], "decided": [], "done": false}',
        b'{"revision": 1, "entities": [{"start": 0}], "rejected": [], "decided": [], "done": true}',
        b'{"revision": 1, "entities": [], "rejected": [["a", 1, "X"]], "decided": [], "done": 1}',
        b'{"revision": 1, "entities": [], "rejected": [], "decided": "no", "done": true}',
        b'{"revision": 1, "entities": [], "rejected": {}, "decided": [], "done": true}',
        b'{"revision": 1, "entities": [], "rejected": [], "decided": [], "done": "no"}',
        b'{"revision": 1, "entities": {}, "rejected": [], "decided": [], "done": true}',
        b'{"revision": 1, "entities": [{"start": 0, "end": 2, "label": "ACTOR", "x": NaN}], '
        b'"rejected": [], "decided": [], "done": false}',
        b'{"revision": 1, "entities": [{"start": 0, "end": 2, "label": "ACTOR", "x": "\\ud800"}], '
        b'"rejected": [], "decided": [], "done": false}',
        b'{"revision": 1, "entities": [{"start": 0, "end": 2, "label": "NONE"}], '
        b'"rejected": [], "decided": [], "done": false}',
    ],
)  # fmt: skip
def test_app_refuses_what_is_no_change(client, output, body):
    headers = {"content-type": "application/json"}
    answer = client.put("/api/documents/0", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert not output.exists()


def test_app_says_when_the_output_cannot_be_written(client, output):
    assert client.put("/api/documents/0", json={"revision": 1, **work()}).status_code == 200
    output.write_text("changed\n")
    answer = client.put("/api/documents/0", json={"revision": 2, **work((0, 2, "ACTOR"))})
    assert answer.status_code == 507
    assert "another program has changed it" in answer.json()["error"]
    assert client.get("/api/documents/0").json()["work"]["entities"] == []
    assert client.get("/api/documents/99").status_code == 404


@pytest.mark.parametrize("number", ["99", "9" * 5000, "-1", "1.0", "x", "%00", "..", "0%2f0", "³"])
def test_app_knows_no_other_documents(client, number):
    assert client.get(f"/api/documents/{number}").status_code == 404
    assert client.get("/api/next", params={"after": number}).json() == {"number": 0}


def test_app_takes_no_huge_change(client, output, monkeypatch):
    monkeypatch.setattr("ie_model.annotating.app._LIMITS", Limits(body_bytes=1000))
    answer = client.put("/api/documents/0", json={"revision": 1, **work(), "more": "x" * 2000})
    assert answer.status_code == 413
    assert not output.exists()


def test_app_saves_nothing_of_a_change_that_breaks_off(client, output, caplog):
    """A window is closed amid a change: there is half of it, and no answer."""
    url = client.base_url
    with socket.create_connection((url.host, url.port)) as connection:
        head = (
            f"PUT /api/documents/0 HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n"
            f"{SECRET_HEADER}: {SECRET}\r\nContent-Type: application/json\r\n"
            'Content-Length: 900\r\n\r\n{"revision": 1, "entities": []'
        )
        connection.sendall(head.encode())
    assert client.put("/api/documents/1", json={"revision": 1, **work()}).status_code == 200
    assert [d.id for d in read_documents(output)] == ["two"]
    assert client.get("/api/documents/0").json()["revision"] == 1
    assert "ClientGone" not in caplog.text


def test_app_refuses_who_names_two_hosts_or_none(client):
    """DNS rebinding brings another name; a request that names two is trusted with neither."""
    url = client.base_url
    for hosts in ("", f"Host: {url.host}:{url.port}\r\nHost: evil.example\r\n",
                  f"Host: evil.example\r\nHost: {url.host}:{url.port}\r\n",
                  f"Host: {url.host}:{url.port}@evil.example\r\n"):  # fmt: skip
        with socket.create_connection((url.host, url.port)) as connection:
            request = f"GET /api/session HTTP/1.1\r\n{hosts}{SECRET_HEADER}: {SECRET}\r\n\r\n"
            connection.sendall(request.encode())
            assert connection.recv(100).split()[1] in (b"400", b"421"), hosts


def test_app_leads_two_pages_to_different_documents(client):
    client.get("/api/documents/0", params={"page": "a"})
    assert client.get("/api/next", params={"page": "a"}).json() == {"number": 0}
    assert client.get("/api/next", params={"page": "b"}).json() == {"number": 1}


def test_app_checks_everything_annotated(client):
    client.put("/api/documents/0", json={"revision": 1, **work((0, 3, "ACTOR"))})
    report = client.get("/api/check").json()
    assert report["documents"] == 1
    assert [(f["kind"], f["where"]) for f in report["findings"]] == [("edge", "0")]


def test_guidelines_become_nodes_and_never_markup(tmp_path):
    folder = tmp_path / "annotations"
    folder.mkdir()
    file = folder / "GUIDELINES.md"
    file.write_text(
        "# Rules\n\n1. A *span* is `text[0:2]`\n2. <b>no</b> <script>alert(1)</script>\n\n"
        "[a](https://example.org/x) [b](javascript:alert(1)) [c](#d) ![i](http://x/y.png)\n\n"
        "| x | y |\n|---|---|\n| 1 | 2 |\n",
    )
    assert find_guidelines([tmp_path]) == file
    heading, rules, links, table = read_guidelines(file)
    assert heading == ["h1", "Rules"]
    assert rules == [
        "ol", ["li", "A ", ["em", "span"], " is ", ["code", "text[0:2]"]],
        ["li", "<b>no</b> <script>alert(1)</script>"],
    ]  # fmt: skip
    assert links == [
        "p", ["a", "https://example.org/x", "a"], " [b](javascript:alert(1)) ", "c", " ", "i",
    ]  # fmt: skip
    assert table[0] == "table"
    assert find_guidelines([folder / "none"]) is None
