from __future__ import annotations

import json
import logging
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ie_model.errors import InputError
from ie_model.serving import Limits, create_app
from ie_model.serving.served import Served, load_models
from tests.serving.conftest import (
    JSON,
    LONGEST,
    FakeExtractor,
    documents,
    get,
    live,
    post,
    running,
    wait_until,
)


def mentions(answer):
    return [[e.text for e in d.entities] for d in documents(answer)]


def test_predict_one_document_carries_id_and_meta(client):
    asked = {"text": "The UN saw 12 😀 NATO tanks.", "id": "n1", "meta": {"k": [1, None]}}
    (document,) = documents(client.post("/v1/predict", json=asked))
    assert (document.text, document.id, document.meta) == (asked["text"], "n1", asked["meta"])
    assert [document.text[e.start : e.end] for e in document.entities] == ["UN", "12", "NATO"]


def test_predict_many_documents_in_order(client):
    rows = ["UN", {"text": "", "id": "b"}, {"text": "NATO 3"}]
    answer = client.post("/v1/predict", json={"documents": rows})
    assert mentions(answer) == [["UN"], [], ["NATO", "3"]]
    assert [d.id for d in documents(answer)] == ["0", "b", "2"]
    assert documents(client.post("/v1/predict", json={"documents": []})) == []


def test_predict_min_score_replaces_the_models_thresholds():
    with live(Served("one", FakeExtractor({"ACTOR": 0.5}))) as address:

        def found(**options):
            asked = {"text": "MAYBE UN 7", **options}
            return mentions(post(f"{address}/v1/predict", json=asked))[0]

        assert found() == ["UN", "7"]
        assert found(min_score=0) == ["MAYBE", "UN", "7"]
        assert found(min_score=0.95) == []
        assert found(min_score={"QUANTITY": 1}) == ["UN"]
        refused = post(f"{address}/v1/predict", json={"text": "a", "min_score": {"WHO": 1}})
        assert refused.status_code == 422
        assert "no label 'WHO'" in refused.json()["error"]


def test_predict_normalises_with_the_documents_date_before_the_requests(client):
    pytest.importorskip("pint")
    pytest.importorskip("dateparser")
    rows = ["on Tuesday 12", {"text": "on Tuesday", "meta": {"date": "2018-08-15"}}]
    asked = {"documents": rows, "normalise": True, "date": "2018-12-05"}
    first, second = documents(client.post("/v1/predict", json=asked))
    assert first.entities[0].meta["value"]["start"] == "2018-12-04"
    assert first.entities[1].meta["value"]["low"] == 12
    assert second.entities[0].meta["value"]["start"] == "2018-08-14"


def test_predict_failed_document_says_so_in_its_place(client):
    answer = client.post("/v1/predict", json={"documents": ["UN", "BROKEN"]})
    assert [d.error for d in documents(answer)] == [None, "document '1': broken"]
    assert client.post("/v1/predict", json={"text": "BROKEN"}).status_code == 500


def test_predict_two_models_by_name():
    models = [Served("one", FakeExtractor()), Served("two", FakeExtractor({"ACTOR": 1.0}))]
    with live(*models) as address, httpx.Client(base_url=address, timeout=LONGEST) as client:
        assert mentions(client.post("/v1/predict", json={"text": "UN"})) == [["UN"]]
        answer = client.post("/v1/predict", json={"text": "UN", "model": "two"})
        assert (answer.json()["model"], mentions(answer)) == ("two", [[]])
        refused = client.post("/v1/predict", json={"text": "UN", "model": "three"})
        assert (refused.status_code, "use one, two." in refused.text) == (422, True)
        listed = client.get("/v1/models").json()["models"]
        assert [(m["name"], m["thresholds"]) for m in listed] == [
            ("one", {}), ("two", {"ACTOR": 1.0}),
        ]  # fmt: skip


def test_predict_many_clients_each_get_their_own_answer(client):
    def ask(number):
        text = f"UN {number}"
        return documents(client.post("/v1/predict", json={"text": text, "id": number}))[0]

    with ThreadPoolExecutor(16) as pool:
        for number, document in enumerate(pool.map(ask, range(100))):
            assert (document.id, document.entities[1].text) == (str(number), str(number))


def test_refusals_bodies_that_are_no_questions(client):
    for body, status in ((b"{", 422), (b"[]", 422), (b'{"text": 1}', 422)):
        answer = client.post("/v1/predict", content=body, headers=JSON)
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
    packed = client.post("/v1/predict", content=b"x", headers=JSON | {"content-encoding": "gzip"})
    assert packed.status_code == 415
    assert client.get("/v1/predict").status_code == 405
    assert client.get("/nowhere").status_code == 404


def test_refusals_large_bodies_declared_or_not():
    with live(Served("one", FakeExtractor()), limits=Limits(body_bytes=1000)) as address:
        declared = post(f"{address}/v1/predict", content=b"x" * 1001, headers=JSON)
        streamed = post(f"{address}/v1/predict", content=iter([b"x" * 600] * 2), headers=JSON)
        for answer in (declared, streamed):
            assert answer.status_code == 413
            assert "1,000 bytes" in answer.json()["error"]


def test_refusals_full_queue_says_when_to_come_again(extractor):
    served = Served("one", extractor)
    with live(served, limits=Limits(queue_characters=50)) as address:
        extractor.gate.clear()
        done = len(extractor.batches)

        def ask():
            return post(f"{address}/v1/predict", json={"text": "UN"})

        with ThreadPoolExecutor(4) as pool:
            running = []
            for threads in (1, 2):  # what the model has in hand
                running.append(pool.submit(ask))
                wait_until(lambda n=done + threads: len(extractor.batches) == n)
            running.append(pool.submit(ask))
            wait_until(lambda: served.waiting_characters)
            full = ask()
            assert full.status_code == 503
            assert int(full.headers["retry-after"]) >= 1
            extractor.gate.set()
            assert [f.result().status_code for f in running] == [200] * 3


def test_refusals_too_many_requests_under_way(extractor):
    with live(Served("one", extractor), limits=Limits(requests=1)) as address:
        extractor.gate.clear()
        done = len(extractor.batches)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(post, f"{address}/v1/predict", json={"text": "UN"})
            wait_until(lambda: len(extractor.batches) > done)
            busy = post(f"{address}/v1/predict", json={"text": "UN"})
            assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
            assert get(f"{address}/healthz").status_code == 200
            extractor.gate.set()
            assert first.result().status_code == 200


def test_refusals_timeout_of_answer_and_of_body(extractor):
    with live(Served("one", extractor), limits=Limits(timeout=1)) as address:
        extractor.gate.clear()
        late = post(f"{address}/v1/predict", json={"text": "UN"})
        assert late.status_code == 503
        assert "within 1 s" in late.json()["error"]
        extractor.gate.set()
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=LONGEST) as slow:
            slow.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 9\r\n\r\n{"
            )
            assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_client_that_leaves_frees_its_place(extractor):
    served = Served("one", extractor)
    with live(served) as address:
        extractor.gate.clear()
        done = len(extractor.batches)
        with ThreadPoolExecutor(2) as pool:
            held = []
            for threads in (1, 2):
                held.append(pool.submit(post, f"{address}/v1/predict", json={"text": "UN"}))
                wait_until(lambda n=done + threads: len(extractor.batches) == n)
            host, _, port = address.removeprefix("http://").partition(":")
            with socket.create_connection((host, int(port)), timeout=LONGEST) as leaving:
                body = b'{"text": "GONE"}'
                leaving.sendall(
                    b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
                )
                wait_until(lambda: served.waiting_characters)
            wait_until(lambda: served.waiting_characters == 0)
            extractor.gate.set()
            assert [f.result().status_code for f in held] == [200, 200]
        assert not any("GONE" in batch for batch in extractor.batches)
        wait_until(lambda: "ie_model_abandoned_total 1.0" in get(f"{address}/metrics").text)


def test_key_opens_what_the_probes_and_pages_do_not_need_it_for():
    with live(Served("one", FakeExtractor()), keys=("secret", "other")) as address:
        for path in ("/healthz", "/readyz", "/", "/docs", "/openapi.json", "/page.js"):
            assert get(address + path).status_code == 200
        for headers in ({}, {"authorization": "Bearer secre"}, {"x-api-key": "sécret".encode()}):
            for path in ("/v1/models", "/metrics", "/nowhere"):
                answer = get(address + path, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
        for headers in ({"authorization": "Bearer secret"}, {"x-api-key": "other"}):
            assert get(f"{address}/v1/models", headers=headers).status_code == 200


def test_other_sites_may_ask_only_where_allowed(client):
    asked = {"origin": "https://desk.example", "access-control-request-method": "POST"}
    answer = client.options("/v1/predict", headers=asked)
    assert "access-control-allow-origin" not in answer.headers
    with live(Served("one", FakeExtractor()), cors_origins=["https://desk.example"]) as address:
        answer = httpx.options(f"{address}/v1/predict", headers=asked, timeout=LONGEST)
        assert answer.headers["access-control-allow-origin"] == "https://desk.example"
        other = get(f"{address}/v1/models", headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers


def test_logs_and_metrics_hold_no_text(client, caplog, monkeypatch, extractor):
    def explodes(documents, **options):
        raise RuntimeError(f"cannot read {documents[0].text}")

    with caplog.at_level(logging.DEBUG):
        assert client.post("/v1/predict", json={"text": "SECRETWORD", "id": "SECRETID"}).is_success
        client.post("/v1/predict", content=b'{"text": "SECRETWORD",}', headers=JSON)
        client.get("/SECRETPATH?q=SECRETWORD")
        monkeypatch.setattr(extractor, "predict", explodes)
        monkeypatch.setattr(extractor, "pipe", explodes)
        failed = client.post("/v1/predict", json={"text": "SECRETWORD"})
    assert failed.status_code == 500
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    assert any("RuntimeError in" in line for line in ours)
    assert not any("SECRET" in line for line in ours)
    metrics = client.get("/metrics").text
    assert 'ie_model_requests_total{route="/v1/predict",status="500"} 1.0' in metrics
    assert 'ie_model_documents_total{model="one"} 1.0' in metrics
    assert "SECRET" not in metrics


def test_readyz_is_503_until_the_model_has_answered_once(extractor):
    extractor.gate.clear()
    with running(create_app([Served("one", extractor)])) as address:
        assert get(f"{address}/healthz").status_code == 200
        assert get(f"{address}/readyz").status_code == 503
        extractor.gate.set()
        wait_until(lambda: get(f"{address}/readyz").status_code == 200)
    assert extractor.closed


def test_openapi_names_every_route_and_pages_need_nothing_from_elsewhere(client):
    description = client.get("/openapi.json").json()
    assert set(description["paths"]) == {
        "/v1/predict", "/v1/models", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    text = json.dumps(description)
    for name in ("Question", "DocumentIn", "Answer", "EntityOut"):
        assert name in description["components"]["schemas"]
    for reference in text.split('"$ref": "')[1:]:
        assert reference.split('"')[0].rpartition("/")[2] in description["components"]["schemas"]
    for path in ("/", "/docs", "/page.css", "/page.js"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        for outside in ('src="http', 'href="http', "url(http", "@import"):
            assert outside not in answer.text


def test_load_models_names_and_their_clashes(tmp_path):
    with pytest.raises(InputError, match="no model to serve"):
        load_models([])
    with pytest.raises(InputError, match="two models are named 'm'"):
        load_models([str(tmp_path / "a" / "m"), f"m={tmp_path}"])
    with pytest.raises(InputError, match="no such model directory"):
        load_models([f"m={tmp_path}/missing"])
