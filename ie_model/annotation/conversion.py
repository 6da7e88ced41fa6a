"""One annotation format to another, streaming, with an account of what the target cannot hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ie_model.annotation.losses import losses
from ie_model.corpus.account import Account
from ie_model.corpus.changes import Changes
from ie_model.corpus.formats.offsets import same_surface
from ie_model.corpus.reading import read_located
from ie_model.corpus.references import settle_references
from ie_model.corpus.writing import check_output, format_for_writing, write_documents
from ie_model.display.excerpts import counted
from ie_model.documents import Document, Entity, misplaced
from ie_model.errors import InputError

_SHOWN = 5  # entities spelled out in one error message


@dataclass
class Conversion:
    """What :func:`convert` did.

    ``labels`` counts the entities written under each label; ``changes`` what the mapping
    dropped and why; ``aside`` what the reader set aside; ``lost`` what the target format has no
    place for (:func:`ie_model.annotation.losses.losses`). ``read`` are the labels before any
    change, ``misplaced`` the entities that could not be mended. ``warnings`` are sentences about
    them and about rules that changed nothing.
    """

    format: str
    documents: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    aside: Account = field(default_factory=Account)
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
        InputError: the source cannot be read, holds entities that are no spans of their texts or
            whose mentions are not at their offsets (unless ``changes`` mend them), or the target
            format cannot express it (in which case nothing is written), or the target is read
            from.
    """
    target = Path(target)
    options = dict(read_options or {})
    check_output(target, [source], source_format, options.get("text_dir"))
    name = target_format or format_for_writing(target)
    result = Conversion(name)
    located = read_located(source, source_format, result.aside, **options)
    rules = changes or Changes()
    stream = _account(located, rules, result, dict(write_options or {}))
    write_documents(_not_empty(stream, source, result.aside), target, name, **(write_options or {}))
    result.warnings.extend(rules.unused(result.read))
    if result.misplaced:
        result.warnings.append(
            f"{counted(result.misplaced, 'entity')} outside the text, empty, or at offsets that "
            "hold another mention, which stands nowhere in the text, written as read; see "
            f"ie-model annotations check {source}"
        )
    return result


def _account(
    located: Iterable[tuple[str, Document]],
    changes: Changes,
    result: Conversion,
    options: dict[str, Any],
) -> Iterator[Document]:
    refused: list[str] = []
    for where, document in located:
        result.read.update(e.label for e in document.entities)
        changed = changes.apply(document, result.changes)
        faults = [fault for e in changed.entities if (fault := _fault(changed.text, e))]
        result.misplaced += len(faults)
        if faults and not changes.fix:
            refused += [f"{where}: document {document.id!r}: {fault}" for fault in faults]
            del refused[_SHOWN:]
        if refused:
            continue  # nothing will be written; the rest is read to count them
        result.documents += 1
        result.labels.update(e.label for e in changed.entities)
        result.lost.update(losses(changed, result.format, options))
        yield settle_references(changed, result.format)[0]
    if refused:
        more = result.misplaced - len(refused)
        raise InputError(
            "entities that are not where their offsets say:\n  "
            + "\n  ".join(refused)
            + (f"\n  and {more} more" if more else "")
            + "\n--fix moves them to where their mentions stand; annotations check shows all"
        )


def _fault(text: str, entity: Entity) -> str:
    """Why an entity is not what its offsets hold; empty if it is."""
    where = f"{entity.label} [{entity.start}, {entity.end})"
    if fault := misplaced(entity.start, entity.end, len(text)):
        return f"{where}: {fault}"
    held = text[entity.start : entity.end]
    if not entity.text or same_surface(held, entity.text):
        return ""
    return f"{where}: the mention is {entity.text!r:.80} but the offsets hold {held!r:.80}"


def _not_empty(
    documents: Iterator[Document], source: str | Path, aside: Account
) -> Iterator[Document]:
    first = next(documents, None)
    if first is None:  # raised inside the writer, which then leaves nothing behind
        note = "".join(f"; set aside, {e.kind}: {e.number}, first at {e.first}" for e in aside)
        raise InputError(f"{source}: no documents in it{note}")
    yield first
    yield from documents
