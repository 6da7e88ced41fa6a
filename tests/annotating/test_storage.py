"""What is on disk is whole, and nothing of it gets lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from ie_model.annotating import Session, open_storage
from ie_model.annotating.guard import SECRET_HEADER
from ie_model.annotating.storage import SIDECAR
from ie_model.annotating.work import Work, with_work, work_of
from ie_model.corpus import read_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError, RunError
from tests.annotating.conftest import work
from tests.serving.conftest import LONGEST

TEXT = "UN forces left Mosul."
BEGUN = Work((Entity(0, 2, "ACTOR"),), ((15, 20, "LOCATION"),), ("a/b",), False)


@pytest.mark.parametrize("name", ["out.jsonl", "folder"])
def test_storage_gives_back_work_that_is_begun_and_work_that_is_done(tmp_path, name):
    path = tmp_path / name
    storage, lock = open_storage(path)
    storage.write([with_work(Document(TEXT, id="a/x", meta={}), BEGUN)])
    storage.write([with_work(Document(TEXT + "!", id="b"), Work(BEGUN.entities, done=True))])
    lock.release()
    storage, lock = open_storage(path)
    lock.release()
    begun, done = (work_of(d) for d in storage.documents)
    assert [e.key for e in begun.entities] == [(0, 2, "ACTOR")]
    assert (begun.rejected, begun.decided, begun.done) == (BEGUN.rejected, BEGUN.decided, False)
    assert done.done
    assert [d.id for d in read_documents(path)] == ["a/x", "b"]


def test_storage_unfinished_work_is_nothing_to_learn_from(output):
    storage, lock = open_storage(output)
    storage.write([with_work(Document(TEXT, id="x"), BEGUN)])
    (read,) = read_documents(output)
    assert read.unannotated == [[0, len(TEXT)]]
    storage.write([with_work(read, Work(BEGUN.entities, done=True))])
    (read,) = read_documents(output)
    assert read.meta == {}
    lock.release()


def test_storage_keeps_lines_and_fields_it_does_not_know(output):
    rows = [
        {"id": "x", "text": TEXT, "source": "wire", "meta": {"day": 3}},
        {"id": "y", "text": "b", "source": "web"},
    ]
    output.write_text("".join(json.dumps(row) + "\n" for row in rows))
    storage, lock = open_storage(output)
    storage.write([with_work(storage.documents[0], Work(BEGUN.entities, done=True))])
    lock.release()
    first, second = (json.loads(line) for line in output.read_text().splitlines())
    assert first["meta"] == {"source": "wire", "day": 3}
    assert first["entities"][0]["text"] == "UN"
    assert second == rows[1]


def test_storage_keeps_what_brat_keeps_aside(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "a.ann").write_text("T7\tACTOR 0 2\tUN\n#1\tAnnotatorNotes T7\tsure\n")
    storage, lock = open_storage(tmp_path)
    (document,) = storage.documents
    both = (*document.entities, Entity(15, 20, "LOCATION"))
    storage.write([with_work(document, Work(both, done=True))])
    lock.release()
    assert (tmp_path / "a.ann").read_text().splitlines() == [
        "T7\tACTOR 0 2\tUN", "T1\tLOCATION 15 20\tMosul", "#1\tAnnotatorNotes T7\tsure",
    ]  # fmt: skip
    assert (tmp_path / "a.txt").read_text() == TEXT
    assert not (tmp_path / SIDECAR).exists()


def write_in_its_time(file: Path, content: bytes) -> None:
    """Write a file, and put back when it was changed last."""
    facts = file.stat()
    while file.stat().st_ctime_ns == facts.st_ctime_ns:  # the clock of files is a coarse one
        file.write_bytes(content)
        os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.mark.parametrize("kind", ["longer", "of its size and time"])
@pytest.mark.parametrize("name", ["out.jsonl", "folder"])
def test_storage_does_not_write_over_what_another_program_wrote(tmp_path, name, kind):
    path = tmp_path / name
    storage, lock = open_storage(path)
    document = with_work(Document(TEXT, id="x"), BEGUN)
    storage.write([document])
    file = path if path.is_file() else path / "x.ann"
    other = file.read_bytes() + b"\n"
    if kind == "longer":
        file.write_bytes(other)
    else:
        other = other[:-1].replace(b"ACTOR", b"actor")
        write_in_its_time(file, other)
    with pytest.raises(RunError, match="another program has changed it"):
        storage.write([document])
    assert file.read_bytes() == other
    lock.release()


def test_storage_refuses_what_it_cannot_keep(tmp_path, output):
    with pytest.raises(InputError, match="native JSONL or a brat folder, not conll"):
        open_storage(tmp_path / "out.conll")
    output.write_text(json.dumps({"id": "x", "text": "UN", "entities": [
        {"start": 0, "end": 2, "label": "ACTOR", "score": 0.5}]}) + "\n")  # fmt: skip
    with pytest.raises(InputError, match="predictions, which would be taken for annotations"):
        open_storage(output)
    output.write_text('{"id": "x", "text": "a"}\n' * 2)
    with pytest.raises(InputError, match="'x' is there twice"):
        open_storage(output)
    (tmp_path / "gold.jsonl").write_text('{"text": "a", "spans": []}\n')
    with pytest.raises(InputError, match="kept in native JSONL"):
        open_storage(tmp_path / "gold.jsonl")


@pytest.mark.parametrize("name", ["fifo", "loop.jsonl", "n" * 300 + ".jsonl", "file/x.jsonl"])
def test_storage_refuses_places_where_nothing_can_be_kept(tmp_path, name):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("a")
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    with pytest.raises(InputError, match=re.escape(str(tmp_path / name))):
        open_storage(tmp_path / name)


def test_storage_brat_refuses_at_the_start_what_it_cannot_hold(tmp_path):
    for id_, labels, message in (
        ("../x", ("A",), "cannot be a file name"), ("/etc/x", ("A",), "cannot be a file name"),
        ("a\0b", ("A",), "cannot be a file name"), ("x" * 300, ("A",), "too long for a file name"),
        ("x", ("A B",), "holds white space"),
    ):  # fmt: skip
        storage, lock = open_storage(tmp_path / "folder")
        with pytest.raises(InputError, match=message):
            Session([Document("UN", id=id_)], storage, labels)
        lock.release()
    assert not (tmp_path / "folder").exists()


def test_storage_has_one_writer(output, tmp_path):
    link = tmp_path / "link.jsonl"
    link.symlink_to(output)
    storage, lock = open_storage(output)
    for path in (output, link):
        with pytest.raises(InputError, match="another process annotates it"):
            open_storage(path)
    lock.release()
    storage, lock = open_storage(link)
    storage.write([with_work(Document(TEXT, id="x"), BEGUN)])
    assert link.is_symlink()
    assert [d.id for d in read_documents(output)] == ["x"]
    lock.release()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.jsonl", "large.jsonl", "folder"])
def test_storage_keeps_everything_saved_when_killed_at_any_moment(tmp_path, name):
    """SIGKILL amid saves from several clients, twice: what was acknowledged is there."""
    source, path = tmp_path / "in.jsonl", tmp_path / name
    text = "word " * 400
    if name == "large.jsonl":
        path.write_text(json.dumps({"id": "filler", "text": text * 600}) + "\n")
    source.write_text("".join(json.dumps({"id": f"d{i}", "text": text}) + "\n" for i in range(8)))
    saved: dict[int, int] = {}  # document -> entities acknowledged
    for trial in range(2):
        command = [sys.executable, "-m", "ie_model", "-q", "annotate", str(source), "-o", str(path),
                   "--labels", "A", "--port", "0"]  # fmt: skip
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})
        assert process.stderr is not None
        address, secret = process.stderr.readline().split()[-1].split("/#")

        def annotate(number, address=address, secret=secret):
            with httpx.Client(
                base_url=address, headers={SECRET_HEADER: secret}, timeout=LONGEST
            ) as client:
                document = client.get(f"/api/documents/{number}").json()
                count = len(document["work"]["entities"])
                assert count >= saved.get(number, 0)
                revision = document["revision"]
                while count < 400:
                    count += 1
                    spans = [(5 * i, 5 * i + 4, "A") for i in range(count)]
                    try:
                        answer = client.put(
                            f"/api/documents/{number}", json={"revision": revision, **work(*spans)}
                        )
                    except httpx.TransportError:
                        return
                    assert answer.status_code == 200, answer.text
                    revision, saved[number] = answer.json()["revision"], count

        threads = [threading.Thread(target=annotate, args=(i,)) for i in range(8)]
        before = sum(saved.values())
        for thread in threads:
            thread.start()
        while sum(saved.values()) < before + 40 + 7 * trial:
            assert any(thread.is_alive() for thread in threads)
            time.sleep(0.001)  # a loop without rest takes the time of those it waits for
        process.send_signal(signal.SIGKILL)
        process.wait()
        for thread in threads:
            thread.join()
        list(read_documents(path))  # whole, and of the format, as the kill left it
        storage, lock = open_storage(path)
        lock.release()
        found = {d.id: len(d.entities) for d in storage.documents}
        if name != "large.jsonl":  # there, what is saved last is put in by the next start
            assert found == {d.id: len(d.entities) for d in read_documents(path)}
        for number, count in saved.items():
            assert found[f"d{number}"] in (count, count + 1)
    assert len(saved) == 8
