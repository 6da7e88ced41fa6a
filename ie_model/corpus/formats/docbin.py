"""spaCy's ``DocBin`` (``.spacy``), its training format; needs the extra ``formats``.

Flat entities are written to ``doc.ents``; a document with overlapping ones to
``doc.spans["sc"]``, spaCy's span-categorisation key. Both are read. Ids, scores and ``meta``
travel in ``doc.user_data``. A ``DocBin`` is one object: the whole file is held in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ie_model.corpus.formats.spacing import split_tokens
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.files import whole_path, writing

_OURS = "ie_model"


def read(path: Path, spans_key: str = "sc") -> Iterator[tuple[str, Document]]:
    """Stream ``("file, item n", document)``; without an id a document is called ``stem:n``.

    Raises:
        InputError: spaCy is not installed, or the file is missing or no ``DocBin``.
    """
    spacy = _spacy()
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        docs = spacy.tokens.DocBin().from_disk(path)
        vocab = spacy.vocab.Vocab()
        stream = enumerate(docs.get_docs(vocab), 1)
    except Exception as error:
        # zlib, msgpack and spaCy each raise their own kinds for the same thing.
        raise InputError(f"{path}: not a spaCy DocBin ({error})") from None
    for number, doc in stream:
        ours = doc.user_data.get(_OURS) or {}
        scores = ours.get("scores") or {}
        spans = [*doc.ents, *doc.spans.get(spans_key, ())]
        keys = dict.fromkeys((s.start_char, s.end_char, s.label_) for s in spans)
        entities = tuple(
            Entity(start, end, label, scores.get(f"{start}-{end}-{label}"), doc.text[start:end])
            for start, end, label in keys
        )
        id_ = str(ours.get("id", "")) or f"{path.stem}:{number}"
        yield f"{path}, item {number}", Document(doc.text, entities, id_, ours.get("meta") or {})


def write(documents: Iterable[Document], path: Path) -> None:
    """Write a ``DocBin``; words are cut where an entity cuts them.

    Raises:
        InputError: spaCy is not installed, or an entity is outside its text or begins or
            ends with white space, which no token does.
    """
    spacy = _spacy()
    vocab = spacy.vocab.Vocab()
    docs = spacy.tokens.DocBin(store_user_data=True)
    for document in documents:
        docs.add(_doc(spacy, vocab, document))
    with writing(path), whole_path(path) as temporary:
        docs.to_disk(temporary)


def _spacy() -> Any:
    try:
        import spacy
        import spacy.tokens
        import spacy.vocab
    except ImportError:
        raise InputError(
            "reading and writing DocBin needs spaCy: pip install 'ie-model[formats]'"
        ) from None
    return spacy


def _doc(spacy: Any, vocab: Any, document: Document) -> Any:
    text = document.text
    entities = sorted(document.entities, key=lambda e: e.key)
    words, spaces = _words(text, [offset for e in entities for offset in (e.start, e.end)])
    doc = spacy.tokens.Doc(vocab, words=words, spaces=spaces)
    if doc.text != text:
        raise InputError(f"document {document.id!r}: spaCy cannot hold its text unchanged")
    spans = []
    for e in entities:
        span = doc.char_span(e.start, e.end, label=e.label)
        if span is None:
            raise InputError(
                f"document {document.id!r}: {e.label} [{e.start}, {e.end}) is outside the text or "
                "has white space at an edge; mend it (ie-model annotations check --fix)"
            )
        spans.append(span)
    flat = all(a.end <= b.start for a, b in itertools.pairwise(entities))
    if flat:
        doc.set_ents(spans)
    else:
        doc.spans["sc"] = spans
    ours: dict[str, Any] = {"id": document.id}
    scores = {f"{e.start}-{e.end}-{e.label}": e.score for e in entities if e.score is not None}
    if scores:
        ours["scores"] = scores
    if document.meta:
        ours["meta"] = dict(document.meta)
    doc.user_data[_OURS] = ours
    return doc


def _words(text: str, cuts: list[int]) -> tuple[list[str], list[bool]]:
    """spaCy's tokens: words, each with or without one blank behind it; other space is a word."""
    words: list[str] = []
    spaces: list[bool] = []
    position = 0
    for start, end in [*split_tokens(text, cuts), (len(text), len(text))]:
        gap = text[position:start]
        if words and gap.startswith(" "):
            spaces[-1], gap = True, gap[1:]
        if gap:
            words.append(gap)
            spaces.append(False)
        if end > start:
            words.append(text[start:end])
            spaces.append(False)
        position = end
    return words, spaces
