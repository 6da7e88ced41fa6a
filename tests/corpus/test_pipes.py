"""Corpora that come through a pipe, of which each byte can be read once."""

from __future__ import annotations

import os
import threading

import pytest

from ie_model.corpus.reading import load_gold, read_documents
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")

TEXT = "Iraqi federal police cleared Hawija on Tuesday."
MANY = 1000  # more than a pipe holds


@pytest.fixture
def piped(tmp_path):
    """A named pipe that some bytes are written into."""
    feeding: list[threading.Thread] = []

    def make(data: bytes):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        feeding.append(threading.Thread(target=pipe.write_bytes, args=(data,)))
        feeding[-1].start()
        return pipe

    yield make
    for thread in feeding:
        thread.join()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("format", ["jsonl", "conll", "doccano", "labelstudio", "prodigy", "csv"])
def test_pipe_is_read_from_its_first_byte_to_its_last(tmp_path, piped, format, told):
    """The look at the format took the first block: documents were lost, or it hung."""
    gold = [Document(TEXT, (Entity(0, 20, "ACTOR"),), id=f"a{i}") for i in range(MANY)]
    write_documents(gold, tmp_path / "corpus", format)
    pipe = piped((tmp_path / "corpus").read_bytes())
    if format == "csv" and not told:
        with pytest.raises(InputError, match=f"{pipe}:1: not recognised"):
            list(read_documents(pipe))
        return
    documents = load_gold(pipe, format if told else None)
    assert [d.text for d in documents] == [TEXT] * MANY


def test_pipe_is_what_places_are_called_after(piped):
    pipe = piped(b'{"text": "a b", "entities": []}\n{"text": 5}\n')
    stream = read_documents(pipe, "jsonl")
    assert next(stream).id == "pipe:1"
    with pytest.raises(InputError, match=f"^{pipe}:2: 'text' must be a string"):
        next(stream)


def test_training_on_a_pipe_is_refused(tmp_path, tiny_config):
    from ie_model.training import train

    config = tiny_config()
    pipe = tmp_path / "sentences.txt"
    pipe.unlink()
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="is a pipe, which can be read only once"):
        train(config)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device")  # noqa: PTH110
def test_device_without_an_end_is_refused():
    with pytest.raises(InputError, match="is a device"):
        list(read_documents("/dev/zero", "text"))
    with pytest.raises(InputError):
        load_gold("/dev/null", "jsonl")
