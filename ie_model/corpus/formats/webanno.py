"""WebAnno TSV 3 (3.0 to 3.3), which INCEpTION and WebAnno read and write; a document a file.

Sources: the format's specification in INCEpTION's user guide. Offsets in the file count
UTF-16 units and are brought to code points; spans are stacked (``A[1]|B[2]``), run over
several tokens (one number, many rows) or lie within one (rows ``1-2.1``).

One layer and feature become entities: the named-entity layer where there is one, else the
first custom span layer. Other layers are named in ``meta["webanno_aside"]``. Text between
sentences is not in the file; as in INCEpTION it becomes a line break, then blanks.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ie_model.corpus.formats.files import document_files, read_lines
from ie_model.corpus.formats.offsets import UTF16, convert_spans
from ie_model.corpus.formats.spacing import split_tokens
from ie_model.documents import Document, Entity, misplaced
from ie_model.errors import InputError
from ie_model.files import new_folder, text_file

ASIDE = "webanno_aside"
_NAMED_ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
_ESCAPED = re.compile(r"\\(->|.)", re.DOTALL)
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "b": "\b"}
_RESERVED = re.compile(r"->|[\\\[\]|_;*\t\n]")
_TEXT_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\r": "\\r", "\f": "\\f", "\b": "\\b"}
_BAR = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_NUMBER = re.compile(r"(?<!\\)((?:\\\\)*)\[(\d+)\]\Z")
_ROW = re.compile(r"\d+-\d+(\.\d+)?")


@dataclass
class _Rows:
    """What the body of a file says, before offsets are settled."""

    text: str = ""
    tokens: list[tuple[int, int]] = field(default_factory=list)
    surfaces: list[tuple[str, int]] = field(default_factory=list)  # with the line
    spans: list[tuple[int, int]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    named: dict[tuple[str, str], int] = field(default_factory=dict)


def read(
    path: Path, root: Path | None = None, layer: str | None = None, feature: str | None = None
) -> Iterator[tuple[str, Document]]:
    """Yield the file as one document; its id is the path below ``root`` without the ending.

    Args:
        path: the file.
        root: the folder that ids are relative to.
        layer: the span layer that holds the entities, by full name or its last part.
        feature: the feature of it that is the label; default ``value``, else the first.

    Raises:
        InputError: the file is missing or not UTF-8, not WebAnno TSV 3, malformed, or the
            layer or feature is not in it.
    """
    lines = list(read_lines(path))
    if not lines or not lines[0][1].startswith("#FORMAT=WebAnno TSV 3"):
        raise InputError(f"{path}:1: not WebAnno TSV 3 (its first line says #FORMAT=...)")
    layers = [(n, line) for n, line in lines if re.match(r"#T_(SP|RL|CH)=", line)]
    column, fallback, others = _choose(layers, layer, feature, path)
    rows = _read_rows(lines, column, fallback, path)
    _verify_tokens(rows, path)
    places = convert_spans(rows.text, rows.spans, UTF16)
    entities = tuple(
        Entity(start, end, label, text=rows.text[start:end])
        for (start, end), label in zip(places, rows.labels, strict=True)
    )
    name = path.relative_to(root) if root is not None else Path(path.name)
    meta = {ASIDE: others} if others else {}
    yield str(path), Document(rows.text, entities, name.with_suffix("").as_posix(), meta)


def write(documents: Iterable[Document], path: Path) -> None:
    """Write ``ID.tsv`` into the folder ``path``, on INCEpTION's built-in named-entity layer.

    Lines are sentences, and words are cut where an entity cuts them. White space at an
    entity's edges, scores and ``meta`` have no place in this format, nor has white space
    other than blanks before a document's first word.

    Raises:
        InputError: an id is no file name or comes twice, an entity is outside its text, or
            the folder is not empty.
    """
    with new_folder(path) as folder:
        for file_path, document in document_files(documents, folder, ".tsv"):
            with text_file(file_path) as file:
                file.write(f"#FORMAT=WebAnno TSV 3.3\n#T_SP={_NAMED_ENTITY}|value\n\n")
                for sentence in _sentences(document):
                    file.write("\n" + sentence)


def _choose(
    layers: list[tuple[int, str]], layer: str | None, feature: str | None, path: Path
) -> tuple[int, str, list[str]]:
    """The column of the label, the label of spans without one, and the other layers."""
    spans: list[tuple[str, list[str], int]] = []
    column = 3
    for _, line in layers:
        name, *fields = line.split("=", 1)[1].split("|")
        fields = [f for f in fields if f]
        if line.startswith("#T_SP="):
            spans.append((name, fields, column))
        column += max(1, len(fields))
    names = [name for name, _, _ in spans]
    if layer is not None:
        wanted = [s for s in spans if s[0] == layer or s[0].rsplit(".", 1)[-1] == layer]
    else:
        wanted = [s for s in spans if s[0] == _NAMED_ENTITY] or [
            s for s in spans if not s[0].startswith("de.tudarmstadt.")
        ]
    if not wanted:
        raise InputError(
            f"{path}: no span layer {layer or 'for entities'}; it has "
            f"{', '.join(names) or 'none'}; name one with layer"
        )
    name, fields, column = wanted[0]
    plain = [f for f in fields if not f.startswith("ROLE_") and "." not in f]
    chosen = feature or ("value" if "value" in plain else plain[0] if plain else None)
    if chosen is not None and chosen not in fields:
        raise InputError(f"{path}: layer {name} has no feature {chosen!r}; it has {fields}")
    others = [line for _, line in layers if line.split("=", 1)[1].split("|")[0] != name]
    offset = fields.index(chosen) if chosen is not None else 0
    return column + offset, name.rsplit(".", 1)[-1], others


def _read_rows(lines: list[tuple[int, str]], column: int, fallback: str, path: Path) -> _Rows:
    rows = _Rows()
    units = 0  # UTF-16 units of the text so far
    pending: list[str] = []
    for number, line in lines:
        if line.startswith("#Text="):
            pending.append(_unescape(line.removeprefix("#Text=")))
            continue
        cells = line.split("\t")
        if not _ROW.fullmatch(cells[0]):
            continue
        where = f"{path}:{number}"
        span = _offsets(cells, column, where)
        if pending:
            if units > span[0] and rows.text.endswith("\n"):  # the sentences touch
                rows.text, units = rows.text[:-1], units - 1
            if units > span[0]:
                raise InputError(f"{where}: the sentence begins inside the one before it")
            sentence = "\n".join(pending) + "\n"
            rows.text += " " * (span[0] - units) + sentence
            units = span[0] + len(sentence.encode("utf-16-le")) // 2
            pending = []
        if "." not in cells[0]:
            rows.tokens.append(span)
            rows.surfaces.append((cells[2], number))
        _take_labels(rows, cells, column, span, fallback)
    rows.text = rows.text[:-1]
    return rows


def _verify_tokens(rows: _Rows, path: Path) -> None:
    places = convert_spans(rows.text, rows.tokens, UTF16)
    for (start, end), (surface, number) in zip(places, rows.surfaces, strict=True):
        held = rows.text[start:end]
        if held not in (surface, _unescape(surface)):
            raise InputError(
                f"{path}:{number}: the token is {surface!r} but its offsets hold {held!r}"
            )


def _offsets(cells: list[str], column: int, where: str) -> tuple[int, int]:
    if len(cells) <= column:
        raise InputError(f"{where}: {len(cells)} columns, expected at least {column + 1}")
    start, _, end = cells[1].partition("-")
    if not (start.isdecimal() and end.isdecimal()):
        raise InputError(f"{where}: expected START-END, found {cells[1]!r}")
    return int(start), int(end)


def _take_labels(
    rows: _Rows, cells: list[str], column: int, span: tuple[int, int], fallback: str
) -> None:
    if cells[column] in ("", "_"):
        return
    for value in _BAR.sub("\\1\0", cells[column]).split("\0"):
        number = _NUMBER.search(value)
        label = value[: number.end(1)] if number else value
        label = fallback if label in ("*", "") else _unescape(label)
        key = (label, number.group(2)) if number else None
        if key is not None and key in rows.named:
            at = rows.named[key]
            rows.spans[at] = (min(rows.spans[at][0], span[0]), max(rows.spans[at][1], span[1]))
            continue
        if key is not None:
            rows.named[key] = len(rows.spans)
        rows.spans.append(span)
        rows.labels.append(label)


def _unescape(value: str) -> str:
    return _ESCAPED.sub(lambda m: _LETTERS.get(m.group(1), m.group(1)), value)


def _escape_value(value: str) -> str:
    return _RESERVED.sub(
        lambda m: {"\t": "\\t", "\n": "\\n"}.get(m.group(), "\\" + m.group()), value
    )


def _sentences(document: Document) -> Iterator[str]:
    """One block of ``#Text`` and token rows a line of the text, exact up to the next one."""
    text = document.text
    for e in document.entities:
        if fault := misplaced(e.start, e.end, len(text)):
            place = f"document {document.id!r}: {e.label} [{e.start}, {e.end})"
            raise InputError(f"{place}: {fault}; see ie-model annotations check")
    tokens = split_tokens(text, [offset for e in document.entities for offset in (e.start, e.end)])
    firsts = [
        i for i, (start, _) in enumerate(tokens) if i == 0 or "\n" in text[tokens[i - 1][1] : start]
    ]
    lasts = [*firsts[1:], len(tokens)]
    counted = dict(zip(range(len(text) + 1), _utf16_counts(text), strict=True))
    values = _token_values(document, tokens)
    for sentence, (first, last) in enumerate(zip(firsts, lasts, strict=False)):
        stop = tokens[last][0] if last < len(tokens) else len(text)
        body = text[tokens[first][0] : stop]
        if last < len(tokens):
            # A reader supplies one line break between sentences, and only one.
            body = body.removesuffix("\n")
        lines = [f"#Text={_escape_text(line)}\n" for line in body.split("\n")]
        for i in range(first, last):
            start, end = tokens[i]
            lines.append(
                f"{sentence + 1}-{i - first + 1}\t{counted[start]}-{counted[end]}\t"
                f"{text[start:end]}\t{values[i]}\t\n"
            )
        yield "".join(lines)


def _escape_text(line: str) -> str:
    return "".join(_TEXT_ESCAPES.get(c, c) for c in line)


def _utf16_counts(text: str) -> Iterator[int]:
    count = 0
    for character in text:
        yield count
        count += 2 if character > "\uffff" else 1
    yield count


def _token_values(document: Document, tokens: list[tuple[int, int]]) -> list[str]:
    cells: list[list[str]] = [[] for _ in tokens]
    for number, e in enumerate(sorted(document.entities, key=lambda e: e.key), 1):
        i = bisect.bisect_left(tokens, (e.start, 0))  # a token begins here: entities cut words
        while i < len(tokens) and tokens[i][1] <= e.end:
            cells[i].append(f"{_escape_value(e.label)}[{number}]")
            i += 1
    return ["|".join(cell) or "_" for cell in cells]
