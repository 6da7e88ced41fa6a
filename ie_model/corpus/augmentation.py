"""More training text from annotated documents, with exact offsets and nothing invented by a model.

Every step builds its document anew from pieces that know their label, so that no offset is
ever corrected afterwards. Augment the training side of a split only: a copy of a test
document in training would be a leak.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain

from ie_model.config.schema import AugmentConfig
from ie_model.corpus.resampling import other_date, other_quantity
from ie_model.documents import Document, Entity, in_one_line
from ie_model.errors import InputError


def augment(documents: Sequence[Document], config: AugmentConfig, seed: int) -> Iterator[Document]:
    """Yield ``config.copies`` changed copies of each document, not the documents themselves.

    A copy that no step changed is left out. Replacements and sentences come from
    ``documents`` alone. The same documents, config and seed give the same copies; the ids
    are the original's with ``+1``, ``+2``, and so on, which ``meta["augmented_from"]`` repeats
    without the suffix.

    Raises:
        InputError: a document with broken or overlapping entities.
    """
    return (copy for _, copy in numbered_copies(documents, config, seed))


def numbered_copies(
    documents: Sequence[Document], config: AugmentConfig, seed: int
) -> Iterator[tuple[int, Document]]:
    """:func:`augment`, each copy with the place of its original in ``documents``."""
    if config.copies == 0:
        return
    for number, document in enumerate(documents, start=1):
        problems = document.check()
        if problems:
            raise InputError(f"document {document.id or number}: {problems[0].message}")
    mentions = _mention_bank(documents)
    parts = [_sentences(d) for d in documents] if config.exchange_sentences else []
    sentences, edges = list(chain(*parts)), list(accumulate(map(len, parts), initial=0))
    for copy in range(1, config.copies + 1):
        for number, document in enumerate(documents):
            rng = random.Random(f"{seed}/{copy}/{number}")
            made = document
            if config.exchange_sentences:
                own = range(edges[number], edges[number + 1])
                made = _exchange_sentences(made, sentences, own, config.exchange_sentences, rng)
            if rng.random() < config.join_documents and len(documents) > 1:
                made = _join([made, _another(documents, range(number, number + 1), rng)], "\n")
            made = _replace_mentions(made, mentions, config, rng)
            made = _resample(made, config, rng)
            made = _abbreviate(made, config, rng)
            if rng.random() < config.list_mentions:
                made = _list_mentions(made, mentions, rng)
            made = _change_case(made, config.change_case, rng)
            if made.text != document.text:
                meta = {**document.meta, "augmented_from": document.id}
                yield number, replace(made, id=f"{document.id}+{copy}", meta=meta)


def _another(bank: Sequence[Document], own: range, rng: random.Random) -> Document:
    """One of ``bank`` that does not stand in the places ``own``."""
    at = rng.randrange(len(bank) - len(own))
    return bank[at if at < own.start else at + len(own)]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text that is a mention (``entity`` says which, its offsets ignored) or is not."""

    text: str
    entity: Entity | None = None


def _pieces(document: Document) -> list[_Piece]:
    """The document cut at the edges of its entities."""
    pieces, at = [], 0
    for entity in sorted(document.entities, key=lambda e: e.key):
        pieces.append(_Piece(document.text[at : entity.start]))
        pieces.append(_Piece(document.text[entity.start : entity.end], entity))
        at = entity.end
    return [*pieces, _Piece(document.text[at:])]


def _assemble(pieces: Sequence[_Piece], document: Document) -> Document:
    """The pieces put together; offsets are counted here and nowhere else."""
    entities, at = [], 0
    for piece in pieces:
        end = at + len(piece.text)
        if piece.entity is not None:
            entities.append(replace(piece.entity, start=at, end=end, text=piece.text))
        at = end
    return replace(document, text="".join(p.text for p in pieces), entities=tuple(entities))


def _join(documents: Sequence[Document], separator: str) -> Document:
    pieces: list[_Piece] = []
    for i, document in enumerate(documents):
        pieces += ([_Piece(separator)] if i else []) + _pieces(document)
    return _assemble(pieces, documents[0])


# -- mentions ---------------------------------------------------------------------------


# An ACTOR may be a person; a name that ends in one of these is a body.
_BODIES = frozenset(
    "agency alliance army assembly association authority board brigade brigades bureau center "
    "centre command commission committee congress corps council court department directorate "
    "federation force forces front guard institute league ministry mission movement network "
    "office organisation organization party police resistance service services union".split()
)


def _form(mention: str) -> tuple[bool, ...]:
    """What a replacement must share, so that the sentence around it still reads well."""
    last = mention.split()[-1]
    return (
        mention[0].isupper(),
        mention[0].lower() in "aeiou",  # after "a" or "an"
        last[0].isupper(),
        last.lower() in _BODIES,
        last.endswith("s"),  # plural verbs, possessives
        " " not in mention,
        mention.isupper(),
    )


_Bank = dict[tuple[str, tuple[bool, ...]], list[str]]


def _mention_bank(documents: Sequence[Document]) -> _Bank:
    found: dict[tuple[str, tuple[bool, ...]], set[str]] = {}
    for document in documents:
        for entity in document.entities:
            mention = in_one_line(document.text[entity.start : entity.end])
            found.setdefault((entity.label, _form(mention)), set()).add(mention)
    return {key: sorted(mentions) for key, mentions in found.items()}


def _replace_mentions(
    document: Document, bank: _Bank, config: AugmentConfig, rng: random.Random
) -> Document:
    """Other mentions of the same label and form; equal mentions get equal replacements."""
    kept = {*config.number_labels, *config.date_labels}
    chosen: dict[tuple[str, str], str] = {}
    pieces = _pieces(document)
    for i, piece in enumerate(pieces):
        if piece.entity is None:
            continue
        # "Iran-backed", and names whose abbreviation follows, stay in all of the document.
        if pieces[i - 1].text.endswith("-") or re.match(r"-|\s?\(", pieces[i + 1].text):
            words = in_one_line(piece.text)
            chosen[piece.entity.label, words] = words
    for i, piece in enumerate(pieces):
        if piece.entity is None or piece.entity.label in kept:
            continue
        words = in_one_line(piece.text)
        key = (piece.entity.label, words)
        if key not in chosen:
            same_form = bank.get((piece.entity.label, _form(words)), [words])
            other = rng.choice(same_form)
            chosen[key] = other if rng.random() < config.replace_mentions else words
        if chosen[key] != words:
            pieces[i] = _Piece(chosen[key], piece.entity)
    return _assemble(pieces, document)


def _resample(document: Document, config: AugmentConfig, rng: random.Random) -> Document:
    pieces = _pieces(document)
    for i, piece in enumerate(pieces):
        if piece.entity is None:
            continue
        label = piece.entity.label
        if label in config.number_labels and rng.random() < config.resample_numbers:
            pieces[i] = _Piece(other_quantity(piece.text, rng), piece.entity)
        elif label in config.date_labels and rng.random() < config.resample_dates:
            pieces[i] = _Piece(other_date(piece.text, rng), piece.entity)
    return _assemble(pieces, document)


def _list_mentions(document: Document, bank: _Bank, rng: random.Random) -> Document:
    """One name becomes two to four with a blank between, as in tables and headlines.

    Half of the time they head the text, before a colon, and the sentence stays as it was.
    """
    pieces = _pieces(document)
    names = [i for i, p in enumerate(pieces) if p.entity is not None and p.text[0].isupper()]
    if not names:
        return document
    at = rng.choice(names)
    one = pieces[at]
    assert one.entity is not None
    label = one.entity.label
    forms = [form for kind, form in bank if kind == label and form[0] and form[2]]
    row = [in_one_line(one.text)] + [
        rng.choice(bank[label, rng.choice(forms)]) for _ in range(rng.randint(1, 3)) if forms
    ]
    listed = [_Piece(row[0], one.entity)]
    for name in row[1:]:
        listed += [_Piece(" "), _Piece(name, Entity(0, 0, label))]
    if rng.random() < 0.5:
        return _assemble([*listed, _Piece(": "), *pieces], document)
    return _assemble([*pieces[:at], *listed, *pieces[at + 1 :]], document)


# -- abbreviations ------------------------------------------------------------------------

_BETWEEN = ("of", "for", "and", "the", "in", "on", "to", "de", "al")


def _abbreviation(name: str) -> str | None:
    """``Ministry of Foreign Affairs`` to ``MFA``; ``None`` if it is no name of a body."""
    words = [w for part in name.split() for w in part.split("-")]
    main = [w for w in words if w.lower() not in _BETWEEN]
    body = words[-1].lower() in _BODIES or (
        words[0].lower() in _BODIES and words[1:2] in (["of"], ["for"])
    )
    if not body or len(main) < 3 or not all(w.isalpha() and w[0].isupper() for w in main):
        return None
    return None if len(main) > 6 else "".join(w[0] for w in main)


def _abbreviate(document: Document, config: AugmentConfig, rng: random.Random) -> Document:
    """Insert the abbreviation at the first mention; about half of the later ones become it."""
    known: dict[str, str | None] = {}
    out: list[_Piece] = []
    pieces = _pieces(document)
    for i, piece in enumerate(pieces):
        out.append(piece)
        if piece.entity is None or piece.entity.label not in config.organisation_labels:
            continue
        if piece.text in known:
            short = known[piece.text]
            if short and rng.random() < 0.5:
                out[-1] = _Piece(short, piece.entity)
            continue
        short = _abbreviation(piece.text)
        free = re.match(r"$|[\s.,;:](?!\s?\()", pieces[i + 1].text)
        if not free or rng.random() >= config.add_abbreviations:
            short = None
        known[piece.text] = short
        if short:
            out += [_Piece(" ("), _Piece(short, Entity(0, 0, piece.entity.label)), _Piece(")")]
    return _assemble(out, document)


# -- case and sentences -------------------------------------------------------------------


def _change_case(document: Document, probability: float, rng: random.Random) -> Document:
    """Whole lines in another case, character by character, so that no length changes."""
    lines = document.text.splitlines(keepends=True)
    for i, line in enumerate(lines):
        style = rng.choice((_upper, _lower, _title))
        if rng.random() < probability:
            lines[i] = style(line)
    text = "".join(lines)
    entities = tuple(replace(e, text=text[e.start : e.end]) for e in document.entities)
    return replace(document, text=text, entities=entities)


def _each(function: Callable[[str], str], text: str) -> str:
    return "".join(made if len(made := function(c)) == 1 else c for c in text)


def _upper(text: str) -> str:
    return _each(str.upper, text)


def _lower(text: str) -> str:
    return _each(str.lower, text)


def _title(text: str) -> str:
    return re.sub(r"(?<![\w'’])\w", lambda m: _upper(m[0]), text)


_BOUNDARY = re.compile(r"(?<=[a-z0-9)\"”’]{2}[.!?])[\"”’)]*[ \t]+(?=[\"“‘(]?[A-Z])|\s*\n\s*")


def _sentences(document: Document) -> list[Document]:
    """The sentences as documents; none is cut inside an entity, empty ones are dropped."""
    return [s for s, _ in _cut(document) if s.text]


def _cut(document: Document) -> list[tuple[Document, str]]:
    """Each sentence with the white space behind it."""
    sentences: list[tuple[Document, str]] = []
    at, behind = 0, 0
    entities = sorted(document.entities, key=lambda e: e.key)
    ends = [
        (m.end() - len(m[0]) + len(m[0].rstrip()), m.end())
        for m in _BOUNDARY.finditer(document.text)
    ]
    for end, after in [*ends, (len(document.text), len(document.text))]:
        if any(e.start < after and e.end > end for e in entities[behind:]):
            continue
        inside = [e for e in entities[behind:] if e.end <= end]
        behind += len(inside)
        moved = tuple(replace(e, start=e.start - at, end=e.end - at) for e in inside)
        sentence = replace(document, text=document.text[at:end], entities=moved)
        sentences.append((sentence, document.text[end:after]))
        at = after
    return sentences


def _exchange_sentences(
    document: Document, bank: Sequence[Document], own: range, probability: float, rng: random.Random
) -> Document:
    """Sentences exchanged for others of ``bank``, in which ``own`` are the document's."""
    others = len(bank) > len(own)
    pieces: list[_Piece] = []
    for sentence, space in _cut(document):
        swap = bool(sentence.text) and others and rng.random() < probability
        pieces += [*_pieces(_another(bank, own, rng) if swap else sentence), _Piece(space)]
    return _assemble(pieces, document)
