"""spaCy's ``DocBin`` (``.spacy``), its training format; needs the extra ``formats``.

Flat entities are written to ``doc.ents``; a document with overlapping ones to
``doc.spans["sc"]``, spaCy's span-categorisation key. Both are read; other groups are kept in
``meta["docbin_aside"]``, links, span ids and categories in ``meta``. Tokens whose entity was
never set stand in ``meta["unannotated"]``. Ids, scores and ``meta``
travel in ``doc.user_data``. A ``DocBin`` is one object: the whole file is held in memory.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.formats.files import read_bytes
from ie_model.corpus.formats.spacing import split_tokens
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.files import whole_path, writing

ASIDE = "docbin_aside"
_OF_TOKENS = ("TAG", "POS", "MORPH", "LEMMA", "DEP")
_GROUP = "sc"  # spaCy's own key of span categorisation
_OURS = "ie_model"
_ABSURD_BYTES, _ABSURD_RATIO = 256 << 20, 100


def read(
    path: Path, spans_key: str | None = None, account: Account | None = None
) -> Iterator[tuple[str, Document]]:
    """Stream ``("file, item n", document)``; without an id a document is called ``stem:n``.

    Args:
        path: the file.
        spans_key: the span group read beside ``doc.ents``; by default ``sc``.
        account: where to count what is not read; by default it is logged.

    Raises:
        InputError: spaCy is not installed, the file is missing or no ``DocBin``, or no document
            has the group ``spans_key``.
    """
    aside = Account() if account is None else account
    key = spans_key or _GROUP
    groups: set[str] = set()
    for number, doc in enumerate(_docs(path), 1):
        where = f"{path}, item {number}"
        try:
            groups.update(doc.spans)
            document = _document(doc, key, where, f"{path.stem}:{number}", aside)
        except InputError:
            raise
        except Exception as error:  # spaCy looks at labels, links and categories only here
            raise InputError(f"{where}: damaged ({error})") from None
        yield where, document
    if spans_key is not None and spans_key not in groups:
        found = ", ".join(map(repr, sorted(groups))) or "none"
        raise InputError(f"{path}: no document has the span group {spans_key!r}; groups: {found}")
    if account is None:
        aside.tell()


def _docs(path: Path) -> Iterator[Any]:
    """spaCy's docs, one after the other.

    Raises:
        InputError: spaCy is not installed, or this is no ``DocBin``, or one that unpacks to
            hundreds of megabytes and a hundred times its size.
    """
    spacy = _spacy()
    packed = read_bytes(path)
    try:
        _check_size(path, packed)
        yield from spacy.tokens.DocBin().from_bytes(packed).get_docs(spacy.vocab.Vocab())
    except InputError:
        raise
    except Exception as error:
        # zlib, msgpack, numpy and spaCy each raise their own kinds for the same thing.
        raise InputError(f"{path}: not a spaCy DocBin ({error})") from None


def _check_size(path: Path, packed: bytes) -> None:
    unpacker = zlib.decompressobj()
    waiting, size = packed, 0
    while waiting and size <= max(_ABSURD_BYTES, _ABSURD_RATIO * len(packed)):
        size += len(unpacker.decompress(waiting, 1 << 20))
        waiting = unpacker.unconsumed_tail
    if waiting:
        raise InputError(
            f"{path}: unpacks {len(packed)} bytes to more than {size >> 20} MiB; if that is right, "
            "write the documents into several files"
        )


def _document(doc: Any, key: str, where: str, fallback_id: str, account: Account) -> Document:
    ours = _notes(doc.user_data.get(_OURS), where)
    scores = ours["scores"]
    spans = [*doc.ents, *doc.spans.get(key, ())]
    unique: dict[tuple[int, int, str], dict[str, Any]] = {}
    for s in spans:
        known = unique.setdefault((s.start_char, s.end_char, s.label_), {})
        known.update({k: v for k, v in (("kb_id", s.kb_id_), ("span_id", s.id_)) if v})
    entities = tuple(
        Entity(start, end, label, scores.get(f"{start}-{end}-{label}"), doc.text[start:end], meta)
        for (start, end, label), meta in unique.items()
    )
    meta = dict(ours["meta"])
    if doc.cats:
        meta["cats"] = dict(doc.cats)
    aside = []
    for group in doc.spans:
        if group == key:
            continue
        aside += [[group, s.start_char, s.end_char, s.label_] for s in doc.spans[group]]
        kind = f"span of the group {group!r} (kept aside; option spans_key)"
        account.set_aside(kind, where, len(doc.spans[group]))
    if aside:
        meta[ASIDE] = aside
    custom = sum(name != _OURS for name in doc.user_data)
    account.set_aside("custom attribute in the user data of a doc", where, custom)
    parsed = any(doc.has_annotation(name) for name in _OF_TOKENS)
    account.set_aside("document with tags, lemmas or a parse, not read", where, int(parsed))
    if key not in doc.spans:
        missing = _missing(doc)
        declared = _numbers(_tokens_within(doc, meta.get("unannotated", ())))
        if declared - _numbers(doc.ents) != {token.i for token in doc if token.ent_iob == 0}:
            meta["unannotated"] = missing  # what our writer noted is exact, but no longer true
        account.set_aside("stretch of text whose entities were never set", where, len(missing))
        if not meta.get("unannotated"):
            meta.pop("unannotated", None)
    id_ = str(ours.get("id", "")) or fallback_id
    return Document(doc.text, entities, id_, meta)


def _notes(found: Any, where: str) -> dict[str, Any]:
    """What our writer noted of a document: its id, scores and ``meta``, as JSON has them.

    Raises:
        InputError: it is nothing that our writer can have written.
    """
    try:  # spaCy gives tuples for lists
        notes = json.loads(json.dumps(found or {}, allow_nan=False))
        notes = {"id": "", "scores": {}, "meta": {}} | notes
        for name in ("scores", "meta"):
            notes[name] = dict(notes[name] or {})
        for stretch in notes["meta"].get("unannotated", ()):
            start, end = stretch
            if type(start) is not int or type(end) is not int:
                raise ValueError(f"{stretch} is no stretch of text")
        if not all(
            score is None or type(score) in (int, float) for score in notes["scores"].values()
        ):
            raise ValueError("a score is no number")
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{where}: the notes {_OURS!r} in its user data: {error}") from None
    return notes


def _missing(doc: Any) -> list[list[int]]:
    """Stretches ``[start, end)`` of tokens whose entity spaCy takes as not annotated."""
    stretches: list[list[int]] = []
    before = False
    for token in doc:
        missing = token.ent_iob == 0
        end = token.idx + len(token.text)
        if missing and before:
            stretches[-1][1] = end
        elif missing:
            stretches.append([token.idx, end])
        before = missing
    return stretches


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
    text, meta = document.text, dict(document.meta)
    entities = sorted(document.entities, key=lambda e: e.key)
    words, spaces = _words(text, [offset for e in entities for offset in (e.start, e.end)])
    doc = spacy.tokens.Doc(vocab, words=words, spaces=spaces)
    if doc.text != text:
        raise InputError(f"document {document.id!r}: spaCy cannot hold its text unchanged")
    spans = []
    for e in entities:
        link, name = str(e.meta.get("kb_id", "")), str(e.meta.get("span_id", ""))
        span = doc.char_span(e.start, e.end, label=e.label, kb_id=link, span_id=name)
        if span is None:
            raise InputError(
                f"document {document.id!r}: {e.label} [{e.start}, {e.end}) is outside the text or "
                "has white space at an edge; mend it (ie-model annotations check --fix)"
            )
        spans.append(span)
    flat = all(a.end <= b.start for a, b in itertools.pairwise(entities))
    if flat:
        covered = _numbers(spans)
        masked = _tokens_within(doc, meta.get("unannotated", ()))
        doc.set_ents(spans, missing=[token for token in masked if token.start not in covered])
    else:
        doc.spans[_GROUP] = spans
    doc.cats = dict(meta.pop("cats", None) or {})
    for group, start, end, label in meta.pop(ASIDE, ()):
        span = doc.char_span(start, end, label=label)
        if span is None:  # the tokens are others now
            meta.setdefault(ASIDE, []).append([group, start, end, label])
        elif group in doc.spans:
            doc.spans[group].append(span)
        else:
            doc.spans[group] = [span]
    ours: dict[str, Any] = {"id": document.id}
    scores = {f"{e.start}-{e.end}-{e.label}": e.score for e in entities if e.score is not None}
    if scores:
        ours["scores"] = scores
    if meta:
        ours["meta"] = meta
    doc.user_data[_OURS] = ours
    return doc


def _tokens_within(doc: Any, stretches: Iterable[Sequence[int]]) -> list[Any]:
    """One span a token that lies within a stretch, for spaCy to take as not annotated."""
    places = list(stretches)
    return [
        doc[token.i : token.i + 1]
        for token in doc
        if any(start <= token.idx and token.idx + len(token) <= end for start, end in places)
    ]


def _numbers(spans: Iterable[Any]) -> set[int]:
    """The tokens of spans, by number."""
    return {i for span in spans for i in range(span.start, span.end)}


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
