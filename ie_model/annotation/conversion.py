"""One annotation format to another, streaming, with an account of what the target cannot hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ie_model.corpus.changes import Changes
from ie_model.corpus.formats import FORMATS
from ie_model.corpus.formats.offsets import same_surface
from ie_model.corpus.formats.spacing import join_tokens, split_tokens
from ie_model.corpus.overlaps import overlapping
from ie_model.corpus.reading import read_documents
from ie_model.corpus.writing import check_output, format_for_writing, write_documents
from ie_model.display.excerpts import counted
from ie_model.documents import Document, Entity, misplaced
from ie_model.errors import InputError

# How a tool numbers and draws spans: no content, but for a note that Label Studio has there.
_HANDLING = {"brat_id", "doccano_id", "labelstudio_id", "labelstudio"}


@dataclass
class Conversion:
    """What :func:`convert` did.

    ``labels`` counts the entities written under each label; ``changes`` what the mapping
    dropped and why; ``lost`` what the target format has no place for. ``read`` are the labels
    before any change, ``misplaced`` the entities written that are no spans of their texts, or
    hold another mention. ``warnings`` are sentences about them and about rules that changed
    nothing.
    """

    format: str
    documents: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    read: set[str] = field(default_factory=set)
    misplaced: int = 0
    warnings: list[str] = field(default_factory=list)


def convert(
    source: str | Path,
    target: str | Path,
    source_format: str | None = None,
    target_format: str | None = None,
    changes: Changes | None = None,
    read_options: Mapping[str, Any] | None = None,
    write_options: Mapping[str, Any] | None = None,
) -> Conversion:
    """Read ``source``, change it, write ``target``; one document in memory at a time.

    Args:
        source: a file, folder or glob.
        target: a file, or a folder for formats with a file a document.
        source_format: a name in ``FORMATS``; by content if not given.
        target_format: a name in ``FORMATS``; by the ending of ``target`` if not given.
        changes: labels to rename or drop, a confidence floor, a rule for overlaps.
        read_options: options of the source format.
        write_options: options of the target format.

    Raises:
        InputError: the source cannot be read or the target format cannot express it (in
            which case nothing is written), or the target is read from.
    """
    target = Path(target)
    options = dict(read_options or {})
    check_output(target, [source], source_format, options.get("text_dir"))
    name = target_format or format_for_writing(target)
    result = Conversion(name)
    documents = read_documents(source, source_format, **options)
    rules = changes or Changes()
    stream = _account(documents, rules, result, dict(write_options or {}))
    write_documents(_not_empty(stream, source), target, name, **(write_options or {}))
    result.warnings.extend(rules.unused(result.read))
    if result.misplaced:
        result.warnings.append(
            f"{counted(result.misplaced, 'entity')} outside the text, empty, or at offsets that "
            f"hold another mention, written as read; see ie-model annotations check {source}, and "
            "--fix"
        )
    return result


def losses(document: Document, name: str, options: Mapping[str, Any] | None = None) -> list[str]:
    """What of a document a format has no place for, as phrases for a report."""
    entry = FORMATS[name]
    exact = bool((options or {}).get("comments"))  # CoNLL with ids and texts in comments
    lost: list[str] = []
    if not entry.ids and not exact:
        lost.append("document ids")
    if not entry.scores and any(e.score is not None for e in document.entities):
        lost.append("scores")
    if not entry.meta and _foreign_meta(document, name):
        lost.append("meta")
    if any(_foreign_keys(e, name) for e in document.entities):
        lost.append("what entities carry beside offsets and label (second labels, notes, links)")
    if not entry.repeats and len({e.key for e in document.entities}) < len(document.entities):
        lost.append("repeated entities")
    if not entry.overlaps and overlapping(document.entities):
        lost.append("overlapping entities")
    if not entry.spacing and not exact and not _spacing_rebuilt(document):
        lost.append("exact spacing")
    return lost


def _account(
    documents: Iterable[Document], changes: Changes, result: Conversion, options: dict[str, Any]
) -> Iterator[Document]:
    for document in documents:
        result.read.update(e.label for e in document.entities)
        changed = changes.apply(document, result.changes)
        size = len(changed.text)
        result.misplaced += sum(
            bool(misplaced(e.start, e.end, size))
            or (bool(e.text) and not same_surface(changed.text[e.start : e.end], e.text))
            for e in changed.entities
        )
        result.documents += 1
        result.labels.update(e.label for e in changed.entities)
        result.lost.update(losses(changed, result.format, options))
        yield changed


def _not_empty(documents: Iterator[Document], source: str | Path) -> Iterator[Document]:
    first = next(documents, None)
    if first is None:  # raised inside the writer, which then leaves nothing behind
        raise InputError(f"{source}: no documents in it")
    yield first
    yield from documents


def _foreign_meta(document: Document, name: str) -> bool:
    return any(key != f"{name}_aside" for key in document.meta)


def _foreign_keys(entity: Entity, name: str) -> bool:
    """Whether an entity's ``meta`` has what the format does not write."""
    held = FORMATS[name].entity_meta
    if held is None:
        return False
    region = entity.meta.get("labelstudio")
    noted = name != "labelstudio" and isinstance(region, dict) and bool(region.get("meta"))
    return noted or not entity.meta.keys() <= held | _HANDLING


def _spacing_rebuilt(document: Document) -> bool:
    """Whether the tokens that are written, cut where entities cut words, spell the text."""
    text = document.text
    cuts = [offset for e in document.entities for offset in (e.start, e.end)]
    lines: list[list[str]] = []
    before = 0
    for start, end in split_tokens(text, cuts):
        if not lines or "\n" in text[before:start]:
            lines.append([])
        lines[-1].append(text[start:end])
        before = end
    return "\n".join(join_tokens(line)[0] for line in lines) == text
