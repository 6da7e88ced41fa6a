"""brat standoff: ``NAME.txt`` with ``NAME.ann`` beside it (or in a folder of its own).

The pairs of BioNLP's shared tasks, ``NAME.a1`` (given entities) and ``NAME.a2`` (triggers, events,
further entities), are read as one such file.

Text-bound annotations (``T`` lines) become entities; so do those in fragments with nothing but
line ends between them, as brat writes a mention that runs over a line. Mentions with words between
their fragments, relations, events, attributes and notes are kept aside, line by line, under
``meta["brat_aside"]``, counted, and written back, except what refers to an entity that has been
removed since. A mention over a line is written in fragments again.
A score travels as a note, ``#1<TAB>Score T1<TAB>0.98``.

brat's server counts a line end of two characters as one; such offsets are recognised by the
mentions beside them and brought to the characters of the text.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from ie_model.corpus.account import Account
from ie_model.corpus.formats.files import (
    document_files,
    read_lines,
    read_text,
)
from ie_model.corpus.formats.offsets import CODE_POINTS, convert_spans, settle_entities
from ie_model.documents import Document, Entity, misplaced
from ie_model.errors import InputError
from ie_model.files import new_folder, text_file

log = logging.getLogger(__name__)

_FRAGMENTS = re.compile(r"\d+ \d+(?:;\d+ \d+)+")
_LINE_ENDS = re.compile(r"[ \t]*[\r\n]\s*(?:>\s*)*")  # what may part the fragments of one mention
_STANDOFF = (".a1", ".a2")
_KINDS = {"R": "relation", "E": "event", "A": "attribute", "M": "modification",
          "N": "normalisation", "#": "note", "*": "equivalence"}  # fmt: skip
_REFERENCE = re.compile(r"(?<![\w-])[TREAMN]\d+\b")

ASIDE = "brat_aside"
"""The key in a document's ``meta`` that holds the lines kept aside."""


def read(
    path: Path,
    root: Path | None = None,
    text_dir: str | Path | None = None,
    account: Account | None = None,
) -> Iterator[tuple[str, Document]]:
    """Yield one document of an ``.ann`` file, or of an ``.a1`` with its ``.a2``.

    Its id is the path below ``root`` without the ending, so that folders within a folder
    cannot clash. ``text_dir`` is where the ``.txt`` files are, when not beside.

    Raises:
        InputError: a file is missing or not UTF-8, or a ``T`` line is malformed.
    """
    path, *more = annotation_files(path)
    name = path.relative_to(root) if root is not None else Path(path.name)
    if text_dir and not Path(text_dir).is_dir():
        raise InputError(f"text_dir {text_dir}: no such folder")
    text_path = (Path(text_dir) / name if text_dir else path).with_suffix(".txt")
    if not text_path.exists():
        raise InputError(
            f"{path}: its text {text_path} is missing; name the folder of the texts with text_dir"
        )
    text = read_text(text_path)
    entities: dict[str, Entity] = {}
    scores: dict[str, float] = {}
    fragments: dict[str, tuple[list[tuple[int, int]], str, str]] = {}
    aside: list[str] = []
    lines = ((file, n, line) for file in (path, *more) for n, line in read_lines(file))
    for file, number, line in lines:
        if not line.strip():
            continue
        where = f"{file}:{number}"
        if line[0] == "T":
            key, entity, parts = _read_span(line, where)
            if key in entities:
                raise InputError(f"{where}: {key} is defined twice")
            entities[key] = entity
            if len(parts) > 1:
                fragments[key] = (parts, line, where)
                aside.append(line)
        elif (score := _read_score(line)) is not None:
            scores[score[0]] = score[1]
        else:
            aside.append(line)
            if account is not None:
                kind = _KINDS.get(line[0], "line of no known kind")
                account.set_aside(f"{kind} (kept aside)", where)
    for key in scores.keys() & entities.keys():
        entities[key] = replace(entities[key], score=scores[key])
    unit, settled = settle_entities(text, list(entities.values()))
    if unit != CODE_POINTS:
        log.info("%s: offsets count %s; converted", path, unit)
    kept = dict(zip(entities, settled, strict=True))
    for key, (parts, line, where) in fragments.items():
        if _parted_by_lines(text, convert_spans(text, parts, unit)):
            aside.remove(line)
        else:
            del kept[key]
            if account is not None:
                account.set_aside("mention in fragments with words between them", where)
    meta = {ASIDE: aside} if aside else {}
    yield str(path), Document(text, tuple(kept.values()), name.with_suffix("").as_posix(), meta)


def annotation_files(path: Path) -> list[Path]:
    """The files that annotate the text of a ``.txt``, ``.ann``, ``.a1`` or ``.a2`` file."""
    ann = path if path.suffix.lower() == ".ann" else path.with_suffix(".ann")
    if ann == path or (path.suffix not in _STANDOFF and ann.exists()):
        return [ann]
    return [f for f in map(path.with_suffix, _STANDOFF) if f.exists()] or [ann]


def write(documents: Iterable[Document], path: Path, text_dir: str | Path | None = None) -> None:
    """Write ``ID.ann`` and ``ID.txt`` into the folder ``path``, a ``/`` in an id being a folder.

    With ``text_dir`` the texts are expected there already and only ``.ann`` is written.

    Raises:
        InputError: an id is no file name or comes twice, a label holds white space, a text in
            ``text_dir`` is not the document's, or the folder is not empty.
    """
    with new_folder(path) as folder:
        for ann_path, document in document_files(documents, folder, ".ann"):
            lines = list(annotation_lines(document))
            if text_dir is None:
                with text_file(ann_path.with_suffix(".txt")) as file:
                    file.write(document.text)
            else:
                _compare(Path(text_dir) / ann_path.relative_to(folder), document)
            with text_file(ann_path) as file:
                file.writelines(line + "\n" for line in lines)


def _compare(path: Path, document: Document) -> None:
    text_path = path.with_suffix(".txt")
    if read_text(text_path) != document.text:
        raise InputError(
            f"{text_path}: not the text of document {document.id!r}; its offsets would be wrong"
        )


def _read_span(line: str, where: str) -> tuple[str, Entity, list[tuple[int, int]]]:
    """The key, the entity from its first to its last character, and its fragments."""
    fields = line.split("\t", 2)
    if len(fields) < 2:
        raise InputError(f"{where}: expected ID<TAB>LABEL START END<TAB>TEXT, found {line!r}")
    label, _, offsets = fields[1].partition(" ")
    numbers = offsets.split()
    surface = fields[2] if len(fields) == 3 else ""
    if ";" in offsets and _FRAGMENTS.fullmatch(offsets):
        pairs = [part.split() for part in offsets.split(";")]
        parts = [(int(start), int(end)) for start, end in pairs]
    elif label and len(numbers) == 2 and all(n.lstrip("-").isdecimal() for n in numbers):
        parts = [(int(numbers[0]), int(numbers[1]))]
    else:
        raise InputError(f"{where}: expected LABEL START END, found {fields[1]!r}")
    meta = {"brat_id": fields[0]}
    entity = Entity(parts[0][0], parts[-1][1], label, None, surface, meta)
    return fields[0], entity, parts


def _parted_by_lines(text: str, parts: list[tuple[int, int]]) -> bool:
    """Whether nothing, or line ends with white space about them, lies between fragments."""
    return all(
        end == start or (end < start and _LINE_ENDS.fullmatch(text[end:start]))
        for (_, end), (start, _) in pairwise(parts)
    )


def _read_score(line: str) -> tuple[str, float] | None:
    fields = line.split("\t")
    if not line.startswith("#") or len(fields) != 3 or not fields[1].startswith("Score "):
        return None
    try:
        return fields[1].removeprefix("Score "), float(fields[2])
    except ValueError:
        return None


def annotation_lines(document: Document) -> Iterator[str]:
    """The lines of a document's ``.ann`` file, without line ends.

    Raises:
        InputError: a label holds white space, which the format cannot express.
    """
    aside, _ = still_meant(document.meta.get(ASIDE, ()), document)
    taken = {line.split("\t")[0] for line in aside}
    taken |= {str(e.meta["brat_id"]) for e in document.entities if "brat_id" in e.meta}
    spans, notes = _free_ids("T", taken), _free_ids("#", taken)
    used: set[str] = set()
    for entity in document.entities:
        if any(c.isspace() for c in entity.label):
            raise InputError(
                f"document {document.id!r}: label {entity.label!r} holds white space, which brat "
                f"cannot express; map it (--map '{entity.label}=NAME')"
            )
        key = str(entity.meta.get("brat_id", ""))
        if not key or key in used:
            key = next(spans)
        used.add(key)
        mention = entity.text or document.text[max(entity.start, 0) : max(entity.end, 0)]
        places = _fragments(document.text, entity.start, entity.end)
        yield f"{key}\t{entity.label} {places}\t{_one_line(mention)}"
        if entity.score is not None:
            yield f"{next(notes)}\tScore {key}\t{round(entity.score, 6)}"
    yield from aside


def _fragments(text: str, start: int, end: int) -> str:
    """The offsets of a span, in a fragment a line: brat shows no span over a line end."""
    if misplaced(start, end, len(text)):
        return f"{start} {end}"
    inside = text[start:end].strip()
    if inside != text[start:end] or not inside:
        return f"{start} {end}"
    parts, position = [], start
    for gap in _LINE_ENDS.finditer(text, start, end):
        parts.append(f"{position} {gap.start()}")
        position = gap.end()
    return ";".join([*parts, f"{position} {end}"])


def still_meant(aside: Iterable[object], document: Document) -> tuple[list[str], int]:
    """The lines kept aside but for those of entities that are not there, and how many those are."""
    lines = [str(line) for line in aside]
    spans = {str(e.meta["brat_id"]) for e in document.entities if "brat_id" in e.meta}
    kept = lines
    while True:
        known = spans | {line.split("\t")[0] for line in kept}
        rest = [
            line
            for line in kept
            if line[:1] == "T" or known.issuperset(_REFERENCE.findall(_second_column(line)))
        ]
        if len(rest) == len(kept):
            return rest, len(lines) - len(rest)
        kept = rest


def _second_column(line: str) -> str:
    return "".join(line.split("\t")[1:2])


def _free_ids(prefix: str, taken: set[str]) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        if (key := f"{prefix}{number}") not in taken:
            yield key


def _one_line(mention: str) -> str:
    """As brat writes it: a blank between the fragments."""
    return _LINE_ENDS.sub(" ", mention).replace("\t", " ")
