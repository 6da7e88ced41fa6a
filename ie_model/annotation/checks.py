"""Checking annotations: every finding with its document, offset and excerpt.

Errors are what :func:`ie_model.corpus.reading.load_gold` refuses; warnings are spans that training
loses or the guidelines would draw otherwise; notes are worth a look.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ie_model.annotation.lints import edge_lints, uneven_surfaces
from ie_model.corpus.mending import fix_document, nearest_place
from ie_model.corpus.near_duplicates import near_duplicate_clusters
from ie_model.corpus.overlaps import flatten, overlapping
from ie_model.display.excerpts import Excerpt, counted, excerpt
from ie_model.documents import Document, Entity, misplaced, unseen_at_edges
from ie_model.encoding.lines import LINE_END, sequences
from ie_model.encoding.windows import Encoder
from ie_model.errors import InputError
from ie_model.models.backbones import resolve

__all__ = [
    "KINDS",
    "CheckReport",
    "Finding",
    "backbone_units",
    "check_documents",
    "fix_document",
    "flatten",
]

Severity = Literal["error", "warning", "note"]
Located: TypeAlias = tuple[str, Document]
Units: TypeAlias = Callable[[Sequence[str]], Iterable[tuple[Sequence[int], Sequence[int]]]]
"""Texts to the (starts, ends) of the units that a backbone can tag."""

KINDS: Mapping[str, tuple[Severity, str]] = {
    "bounds": ("error", "offsets outside the text, or empty"),
    "surface": ("error", "the mention is not what its offsets hold"),
    "edge": ("error", "white space at an edge"),
    "overlap": ("error", "overlaps another entity"),
    "duplicate-span": ("error", "the same entity twice"),
    "label": ("error", "a label that is not declared"),
    "id": ("error", "a document id used twice"),
    "line": ("warning", "runs over a line break"),
    "token": ("warning", "cuts a token of the backbone"),
    "punctuation": ("warning", "punctuation at an edge"),
    "article": ("warning", "begins with an article"),
    "possessive": ("warning", "ends in a possessive"),
    "duplicate-document": ("warning", "a text that was there before"),
    "near-duplicate": ("note", "a text much like another one"),
    "unlabelled": ("note", "labelled elsewhere, not here"),
    "label-varies": ("note", "mostly labelled otherwise"),
    "aside": ("note", "annotations of other kinds, kept aside"),
    "predicted": ("note", "what a model says, not yet corrected"),
}
"""Every kind of finding: how severe, and what it means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; ``start`` and ``end`` are code-point offsets into its document."""

    kind: str
    where: str
    document: str
    start: int
    end: int
    label: str
    message: str
    excerpt: Excerpt

    @property
    def severity(self) -> Severity:
        """``error``, ``warning`` or ``note``."""
        return KINDS[self.kind][0]

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON."""
        return {"severity": self.severity, **asdict(self)}


FINDING_COLUMNS = ("severity", *(each.name for each in fields(Finding)))
"""The keys of a finding, in their order."""


@dataclass
class CheckReport:
    """What :func:`check_documents` saw and found."""

    documents: int = 0
    entities: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Findings of each kind that occurs, errors first."""
        counted = Counter(finding.kind for finding in self.findings)
        return {kind: counted[kind] for kind in KINDS if counted[kind]}

    def number(self, severity: Severity) -> int:
        """How many findings are this severe."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "documents": self.documents,
            "entities": self.entities,
            "errors": self.number("error"),
            "warnings": self.number("warning"),
            "notes": self.number("note"),
            "counts": self.counts,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def check_documents(
    located: Iterable[Located], labels: Iterable[str] | None = None, units: Units | None = None
) -> CheckReport:
    """Check a corpus; findings come in the order of documents and offsets.

    Args:
        located: documents with their places, as from :func:`ie_model.corpus.reading.read_located`.
        labels: the declared labels; ``None`` allows any.
        units: what a backbone can tag, for the kind ``token``; ``None`` leaves it out.
    """
    pairs = list(located)
    allowed = None if labels is None else set(labels)
    found: list[list[Finding]] = [[] for _ in pairs]
    for report, (where, document) in zip(found, pairs, strict=True):
        report.extend(_check_document(where, document, allowed))
    _check_corpus(pairs, found)
    if units is not None:
        _check_units(pairs, found, units)
    for report in found:
        report.sort(key=lambda f: (f.start, f.end, list(KINDS).index(f.kind)))
    return CheckReport(
        len(pairs),
        sum(len(document.entities) for _, document in pairs),
        [finding for report in found for finding in report],
    )


def backbone_units(backbone: str) -> Units:
    """What a backbone can tag, for :func:`check_documents`.

    Args:
        backbone: an installed backbone's name, a model folder, or a hub id in the cache.

    Raises:
        InputError: no such backbone, or one without a fast tokenizer.
    """
    from tokenizers import Tokenizer

    file = Path(resolve(backbone)) / "tokenizer.json"
    if not file.is_file():
        raise InputError(f"backbone {backbone}: no tokenizer.json in {file.parent}")
    encoder = Encoder(Tokenizer.from_file(str(file)))

    def units(texts: Sequence[str]) -> Iterator[tuple[list[int], list[int]]]:
        for text in texts:
            (encoded,) = encoder.encode([text])
            yield encoded.starts.tolist(), encoded.ends.tolist()

    return units


def _check_document(where: str, document: Document, allowed: set[str] | None) -> Iterator[Finding]:
    lines = cache(lambda: sequences(document.text, "auto"))  # once, and only where it is asked for
    for e in document.entities:
        yield from _check_entity(where, document, e, allowed, lines)
    for e in document.entities:
        if others := e.meta.get("other_labels"):
            message = f"also labelled {', '.join(map(str, others))}, which is not used"
            yield _finding("aside", where, document, e, message)
    if scored := [e for e in document.entities if e.score is not None]:
        message = f"{counted(len(scored), 'entity')} with the score of a model: to be corrected"
        yield _finding("predicted", where, document, scored[0], message)
    once: dict[tuple[int, int, str], Entity] = {}
    for e in document.entities:
        if misplaced(e.start, e.end, len(document.text)):
            continue
        if e.key in once:
            yield _finding("duplicate-span", where, document, e, "is there twice")
        once.setdefault(e.key, e)
    for before, e in overlapping(list(once.values())):
        yield _finding("overlap", where, document, e, _relation(before, e))
    for key, kept in document.meta.items():
        if key.endswith("_aside") and kept:
            message = f"{len(kept)} {key.removesuffix('_aside')} annotations kept aside, not used"
            yield _note("aside", where, document, message)
        elif key in ("doccano", "prodigy") and isinstance(kept, dict) and kept.get("relations"):
            message = f"{len(kept['relations'])} {key} relations kept aside, not used"
            yield _note("aside", where, document, message)


def _check_entity(
    where: str,
    document: Document,
    e: Entity,
    allowed: set[str] | None,
    lines: Callable[[], list[tuple[int, int]]],
) -> Iterator[Finding]:
    """What is wrong with one entity by itself; ``lines`` gives what is read as one."""
    text = document.text
    mention = text[max(e.start, 0) : max(e.end, 0)]
    if allowed is not None and e.label not in allowed:
        declared = ", ".join(sorted(allowed))
        yield _finding("label", where, document, e, f"{e.label!r} is not one of {declared}")
    outside = misplaced(e.start, e.end, len(text))
    if outside or (e.text and e.text != mention):
        kind = "bounds" if outside else "surface"
        what = outside or f"should be {_short(e.text)} but the offsets hold {_short(mention)}"
        yield _finding(kind, where, document, e, what + _whereabouts(text, e))
    if outside:
        return
    if unseen := unseen_at_edges(mention):
        yield _finding("edge", where, document, e, unseen)
    else:
        for lint in edge_lints(text, e):
            better = text[lint.start : lint.end]
            hint = f": {_short(better)}?" if better.count("(") == better.count(")") else ""
            yield _finding(lint.kind, where, document, e, lint.message + hint)
    if LINE_END.search(mention.strip()) and not any(
        start <= e.start and e.end <= end for start, end in lines()
    ):
        yield _finding("line", where, document, e, "runs over a line break")


def _whereabouts(text: str, e: Entity) -> str:
    """Where the mention of an entity stands, if it is not at its offsets; for a message's end."""
    place = nearest_place(text, e) if e.text else None
    if place == (e.start, e.end):
        return "; only white space or punctuation differs"
    if place is not None:
        return f"; it stands at [{place[0]}, {place[1]}), {_distance(place[0] - e.start)}"
    return f"; {_short(e.text)} stands nowhere in the text" if e.text else ""


def _check_corpus(pairs: list[Located], found: list[list[Finding]]) -> None:
    documents = [document for _, document in pairs]
    first_id: dict[str, str] = {}
    first_text: dict[bytes, int] = {}
    # Alone, as a page checks a document with every key, it is like none.
    clusters = near_duplicate_clusters(documents) if len(documents) > 1 else [0] * len(documents)
    members: dict[int, list[int]] = defaultdict(list)
    for i, (where, document) in enumerate(pairs):
        if document.id in first_id:
            message = f"id {document.id!r} was already used at {first_id[document.id]}"
            found[i].append(_note("id", where, document, message))
        first_id.setdefault(document.id, where)
        digest = hashlib.sha256(document.text.encode("utf-8", "surrogatepass")).digest()
        earlier = first_text.setdefault(digest, i)
        if earlier != i:
            message = f"the same text as {documents[earlier].id!r} at {pairs[earlier][0]}"
            found[i].append(_note("duplicate-document", where, document, message))
        elif members[clusters[i]]:
            like = members[clusters[i]][0]
            message = f"much like {documents[like].id!r} at {pairs[like][0]}"
            found[i].append(_note("near-duplicate", where, document, message))
        members[clusters[i]].append(i)
    for uneven in uneven_surfaces(documents):
        where, document = pairs[uneven.document]
        entity = Entity(uneven.start, uneven.end, uneven.label)
        if uneven.label:
            message = f"{uneven.usual} {uneven.times} times, {uneven.label} {uneven.others}"
        else:
            message = f"{uneven.usual} {uneven.times} times, unlabelled {uneven.others}"
        kind = "label-varies" if uneven.label else "unlabelled"
        found[uneven.document].append(_finding(kind, where, document, entity, message))


def _check_units(pairs: list[Located], found: list[list[Finding]], units: Units) -> None:
    encoded = units([document.text for _, document in pairs])
    for report, (where, document), (starts, ends) in zip(found, pairs, encoded, strict=True):
        opening, closing = set(starts), set(ends)
        for e in document.entities:
            mention = document.text[max(e.start, 0) : max(e.end, 0)]
            if not mention or mention != mention.strip():
                continue
            cut = [o for o, known in ((e.start, opening), (e.end, closing)) if o not in known]
            if cut:
                at = " and ".join(str(offset) for offset in cut)
                message = f"cuts a token of the backbone at {at}; it cannot be learned"
                report.append(_finding("token", where, document, e, message))


def _finding(kind: str, where: str, document: Document, e: Entity, message: str) -> Finding:
    start = min(max(e.start, 0), len(document.text))
    end = min(max(e.end, start), len(document.text))
    place = excerpt(document.text, start, end)
    return Finding(kind, where, document.id, e.start, e.end, e.label, message, place)


def _note(kind: str, where: str, document: Document, message: str) -> Finding:
    place = excerpt(document.text, 0, 0)
    return Finding(kind, where, document.id, 0, 0, "", message, place)


def _distance(shift: int) -> str:
    return f"{counted(abs(shift), 'character')} {'later' if shift > 0 else 'earlier'}"


def _relation(before: Entity, e: Entity) -> str:
    other = f"{before.label} [{before.start}, {before.end})"
    if (before.start, before.end) == (e.start, e.end):
        return f"has the offsets of {other}"
    return f"lies within {other}" if e.end <= before.end else f"overlaps {other}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
