"""An output of many documents: saves are cheap, and the file is whole and valid all the same."""

from __future__ import annotations

import json
import logging
import threading

import pytest

from ie_model.annotating.jsonl_file import JsonlFile
from ie_model.annotating.work import Work, with_work
from ie_model.corpus import read_documents, write_documents
from ie_model.corpus.formats.jsonl import journal_of
from ie_model.documents import Document, Entity
from ie_model.errors import InputError, RunError
from tests.serving.conftest import wait_until

WORDS = "UN forces left Mosul."


def marked(id_, count):
    """A document with so many entities."""
    spans = tuple(Entity(i, i + 1, "A") for i in range(count))
    return with_work(Document(WORDS, id=id_), Work(spans, done=True))


def counts(path):
    return {d.id: len(d.entities) for d in read_documents(path)}


@pytest.fixture
def large(output, monkeypatch):
    """An output of three documents that is written behind the saves, once for a start."""
    monkeypatch.setattr("ie_model.annotating.jsonl_file.REST", 1e6)
    write_documents([marked(id_, 0) for id_ in "abc"], output)
    return output


def killed(storage):
    """The storage without its end, as a kill leaves it: nothing is written any more."""
    storage._stopped.set()
    storage._wake.set()
    if storage._thread is not None:
        storage._thread.join()
    storage._journal.close()


def journalled(path, *documents):
    """Save documents, and be killed before the file was written."""
    storage = JsonlFile(path, small=0)
    storage._fold_soon = lambda: None
    for document in documents:
        storage.write([document])
    killed(storage)


def test_file_gets_every_change_when_it_ends(large):
    storage = JsonlFile(large, small=0)
    for count in range(1, 6):
        storage.write([marked("b", count), marked("new", count)])
        assert set(counts(large)) >= {"a", "b", "c"}
    storage.close()
    assert counts(large) == {"a": 0, "b": 5, "c": 0, "new": 5}
    assert not journal_of(large).exists()


def test_file_is_written_in_the_background(large, monkeypatch):
    monkeypatch.setattr("ie_model.annotating.jsonl_file.REST", 0)
    storage = JsonlFile(large, small=0)
    storage.write([marked("a", 2)])
    wait_until(lambda: counts(large)["a"] == 2 and not journal_of(large).exists())
    storage.write([marked("a", 3)])
    wait_until(lambda: counts(large)["a"] == 3 and not journal_of(large).exists())
    storage.close()


def test_file_has_what_was_saved_before_a_kill(large, caplog):
    journalled(large, marked("a", 1), marked("a", 2), marked("new", 3))
    assert counts(large) == {"a": 0, "b": 0, "c": 0}
    with caplog.at_level(logging.WARNING):
        list(read_documents(large))
    assert "has saved more than it holds" in caplog.text
    storage = JsonlFile(large)
    assert {d.id: len(d.entities) for d in storage.documents} == {"a": 2, "b": 0, "c": 0, "new": 3}
    assert counts(large) == {"a": 2, "b": 0, "c": 0, "new": 3}
    assert not journal_of(large).exists()


@pytest.mark.parametrize("cut", range(1, 400, 37))
def test_file_loses_only_the_save_that_a_kill_tore(large, cut):
    journalled(large, marked("a", 1), marked("b", 2))
    journal = journal_of(large)
    whole = journal.read_bytes()
    torn = whole[:-cut] if cut < len(whole) else b""
    journal.write_bytes(torn)
    JsonlFile(large)
    kept = torn.count(b"\n")
    assert counts(large) == {"a": min(kept, 1), "b": 2 * (kept == 2), "c": 0}


def test_file_takes_a_journal_twice(large):
    """A kill between the file and the end of the journal."""
    journalled(large, marked("a", 1), marked("a", 2))
    journal = journal_of(large).read_bytes()
    JsonlFile(large)
    journal_of(large).write_bytes(journal)
    before = large.read_bytes()
    JsonlFile(large)
    assert large.read_bytes() == before


def test_file_unites_a_journal_with_what_others_changed_elsewhere(large):
    journalled(large, marked("a", 2))
    write_documents([marked("a", 0), marked("b", 4)], large)  # c is gone
    JsonlFile(large)
    assert counts(large) == {"a": 2, "b": 4}


def test_file_refuses_a_journal_of_a_document_that_another_program_changed(large):
    journalled(large, marked("a", 2), marked("b", 1))
    write_documents([marked("a", 4), marked("b", 0)], large)
    before, journal = large.read_bytes(), journal_of(large).read_bytes()
    with pytest.raises(InputError, match="'a' was saved by ie-model annotate, and changed"):
        JsonlFile(large)
    assert (large.read_bytes(), journal_of(large).read_bytes()) == (before, journal)
    large.unlink()
    with pytest.raises(InputError, match="'a' was saved"):
        JsonlFile(large)
    journal_of(large).write_text("no journal\n")
    with pytest.raises(InputError, match="no line of the journal"):
        JsonlFile(large)


def test_file_that_another_program_changed_is_not_written_over(large):
    storage = JsonlFile(large, small=0)
    storage._fold_soon = lambda: None
    storage.write([marked("a", 1)])
    write_documents([marked("a", 0), marked("b", 7)], large)
    with pytest.raises(RunError, match="another program has changed it"):
        storage.write([marked("a", 2)])
    with pytest.raises(RunError, match=r"kept in .*the same command puts it in"):
        storage.close()
    assert counts(large) == {"a": 0, "b": 7}
    JsonlFile(large)
    assert counts(large) == {"a": 1, "b": 7}


def test_file_needs_no_journal_that_was_removed(large):
    storage = JsonlFile(large, small=0)
    storage._fold_soon = lambda: None
    storage.write([marked("a", 1)])
    journal_of(large).unlink()
    storage.write([marked("b", 1)])
    killed(storage)
    JsonlFile(large)
    assert counts(large) == {"a": 1, "b": 1, "c": 0}


def test_file_keeps_whole_lines_where_the_disk_is_full(large, monkeypatch):
    storage = JsonlFile(large, small=0)
    storage._fold_soon = lambda: None
    storage.write([marked("a", 1)])

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("ie_model.annotating.journal.os.fsync", full)
        with pytest.raises(RunError, match="No space left"):
            storage.write([marked("b", 5)])
    storage.write([marked("c", 2)])
    killed(storage)
    JsonlFile(large)
    assert counts(large) == {"a": 1, "b": 0, "c": 2}


def test_file_takes_saves_while_it_is_written(large, monkeypatch):
    """Many saves from two threads, the file written all the time: all is there, and read whole."""
    monkeypatch.setattr("ie_model.annotating.jsonl_file.REST", 0)
    storage = JsonlFile(large, small=0)

    def save(id_):
        for count in range(1, 20):
            storage.write([marked(id_, count)])

    threads = [threading.Thread(target=save, args=(id_,)) for id_ in "ab"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert set(counts(large)) == {"a", "b", "c"}
    storage.close()
    assert counts(large) == {"a": 19, "b": 19, "c": 0}


def test_journal_holds_documents_as_they_are_written(large):
    journalled(large, marked("a", 1))
    (line,) = journal_of(large).read_text().splitlines()
    assert json.loads(line)["row"] == marked("a", 1).to_dict()
