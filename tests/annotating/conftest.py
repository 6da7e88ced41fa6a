"""Sessions over small documents, and their pages on free ports."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace

import httpx
import pytest

from ie_model.annotating import Session, create_app, open_storage
from ie_model.annotating.adviser import Adviser
from ie_model.annotating.guard import SECRET_HEADER
from ie_model.documents import Document, Entity
from tests.serving.conftest import LONGEST, running

LABELS = ("ACTOR", "LOCATION", "DATE")
SECRET = "not-guessed"
TEXTS = {
    "one": "UN forces left Mosul on Tuesday.\nNATO said so 😀 twice in Mosul.",
    "two": "Nothing is said here.",
    "three": "<b>NATO</b> & MAYBE the UN met in Sinjar.",
}


class FakeModel:
    """Finds words in capitals as ACTOR; ``MAYBE`` with a low score."""

    def pipe(self, documents, *, on_error="raise"):
        for d in documents:
            found = re.finditer(r"\b[A-Z]{2,}\b", d.text)
            yield replace(
                d,
                entities=tuple(
                    Entity(m.start(), m.end(), "ACTOR", 0.3 if m[0] == "MAYBE" else 0.9, m[0])
                    for m in found
                ),
            )


def documents() -> list[Document]:
    return [Document(text, id=name) for name, text in TEXTS.items()]


@contextlib.contextmanager
def live(session, model=None, by_value=False, port=0, secret=SECRET, **options):
    """The address of a page over a session."""
    app = create_app(session, Adviser(session, model, by_value), secret, **options)
    with running(app, port=port) as address:
        yield address


@contextlib.contextmanager
def sitting(path, given=None, labels=LABELS, **options):
    """A session over the output ``path``."""
    storage, lock = open_storage(path)
    try:
        yield Session(documents() if given is None else given, storage, labels, **options)
    finally:
        lock.release()


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out.jsonl"


def client_of(address, secret=SECRET) -> httpx.Client:
    return httpx.Client(base_url=address, headers={SECRET_HEADER: secret}, timeout=LONGEST)


def work(*entities, rejected=(), decided=(), done=False):
    """A change as the page sends it; entities are ``(start, end, label)``."""
    return {
        "entities": [{"start": s, "end": e, "label": label} for s, e, label in entities],
        "rejected": [list(span) for span in rejected],
        "decided": list(decided),
        "done": done,
    }
