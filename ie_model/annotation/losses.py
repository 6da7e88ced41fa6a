"""What of a document a target format has no place for, by kind, with numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ie_model.corpus.formats import FORMATS
from ie_model.corpus.formats.spacing import LINE_END, join_tokens, split_tokens
from ie_model.corpus.references import settle_references
from ie_model.documents import Document, Entity, misplaced

# How a tool numbers and draws spans: no content.
_HANDLING = {"brat_id", "doccano_id", "labelstudio_id", "labelstudio"}
_EDGES = {"conll", "webanno"}  # tokens hold no white space, so no span begins or ends with it

COUNTED_IN = {
    "document ids": "document",
    "documents without a word": "document",
    "exact spacing": "document",
    "errors of predictions": "document",
    "who annotated, and names in the Label Studio project": "document",
    "document meta": "document",
    "scores": "entity",
    "second labels": "entity",
    "notes": "entity",
    "repeated entities": "entity",
    "entities of white space alone": "entity",
    "white space at the edge of entities": "entity",
    "entity meta": "entity",
}
"""What the number behind a kind counts; other kinds count themselves."""


def losses(document: Document, name: str, options: Mapping[str, Any] | None = None) -> Counter[str]:
    """What of a document the format ``name`` has no place for: kinds, and how many of each.

    A kind that is a key of ``meta`` is ``document meta: KEY`` or ``entity meta: KEY``. Names that
    tools give to spans (ids of regions) are no content and not counted.

    Args:
        document: as it is handed to the writer.
        name: a name in ``FORMATS``.
        options: options of the format written.
    """
    entry = FORMATS[name]
    exact = bool((options or {}).get("comments"))  # CoNLL with ids and texts in comments
    lost: Counter[str] = Counter()
    lost["document ids"] = int(not (entry.ids or exact))
    lost["errors of predictions"] = int(
        document.error is not None and name not in ("jsonl", "json")
    )
    if not document.text.strip() and name == "conll" and not exact:
        lost["documents without a word"] = 1
    elif not exact and not _spacing_comes_back(document, name):
        lost["exact spacing"] = 1
    if entry.meta:
        lost.update(settle_references(document, name)[1])
    else:
        lost.update(_of_document(document, name))
    for entity in document.entities:
        lost["scores"] += entity.score is not None and not entry.scores
        if entry.entity_meta is None:
            clash = entity.meta.keys() & entry.entity_keys
            lost.update(f"entity meta: {key}" for key in clash)
        else:
            lost.update(_of_entity(entity, name, entry.entity_meta))
        if name in _EDGES and not misplaced(entity.start, entity.end, len(document.text)):
            mention = document.text[entity.start : entity.end]
            blank = not mention.strip()
            lost["entities of white space alone"] += blank
            lost["white space at the edge of entities"] += not blank and mention != mention.strip()
    if not entry.repeats:
        number = len(document.entities) - len({e.key for e in document.entities})
        lost["repeated entities"] = number
    return +lost


def _of_document(document: Document, name: str) -> Counter[str]:
    lost: Counter[str] = Counter()
    for key, value in document.meta.items():
        if key == f"{name}_aside":
            continue
        if key == "unannotated":
            lost["stretches that nobody looked at, which count as looked at from there"] += len(
                document.unannotated
            )
        elif key.endswith("_aside") and isinstance(value, list):
            lost[f"{key.removesuffix('_aside')} annotations that are no entities"] += len(value)
        elif key == "labelstudio":
            lost["who annotated, and names in the Label Studio project"] += 1
        elif key in ("doccano", "prodigy") and isinstance(value, Mapping):
            lost["relations"] += len(value.get("relations") or ())
            # Tokens are there for the relations' sake.
            lost.update(f"document meta: {k}" for k in value.keys() - {"relations", "tokens"})
        else:
            lost[f"document meta: {key}"] += 1
    return lost


def _of_entity(entity: Entity, name: str, held: frozenset[str]) -> Iterator[str]:
    for key in entity.meta:
        if key == "other_labels" and key not in held:
            yield "second labels"
        elif key not in held and key not in _HANDLING:
            yield f"entity meta: {key}"
    region = entity.meta.get("labelstudio")
    if name != "labelstudio" and isinstance(region, Mapping) and region.get("meta"):
        yield "notes"


def _spacing_comes_back(document: Document, name: str) -> bool:
    """Whether the very text comes back from a format that holds tokens, or sentences of them."""
    text = document.text
    if name == "webanno":  # between sentences it has the text; before the first one, blanks
        return not text[: len(text) - len(text.lstrip())].strip(" ") and bool(
            text.strip() or not text
        )
    if FORMATS[name].spacing:
        return True
    # The tokens that are written, cut where entities cut words.
    cuts = [offset for e in document.entities for offset in (e.start, e.end)]
    lines: list[list[str]] = []
    before = 0
    for start, end in split_tokens(text, cuts):
        # Within an entity no sentence ends.
        if not lines or (
            LINE_END.search(text, before, start)
            and not any(e.start < before and start < e.end for e in document.entities)
        ):
            lines.append([])
        lines[-1].append(text[start:end])
        before = end
    return "\n".join(join_tokens(line)[0] for line in lines) == text
