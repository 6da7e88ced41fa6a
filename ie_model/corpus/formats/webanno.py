"""WebAnno TSV 3 (3.0 to 3.3), which INCEpTION and WebAnno read and write; a document a file.

Sources: the format's specification in INCEpTION's user guide. Offsets in the file count
UTF-16 units and are brought to code points; spans are stacked (``A[1]|B[2]``), run over
several tokens (one number, many rows) or lie within one (rows ``1-2.1``).

One layer and feature become entities: the named-entity layer where any document of the corpus
has it, else the one custom span layer there is. A document without that layer has no entities.
Other layers, features and relations are counted at reading. Text between
sentences is not in the file; as in INCEpTION it becomes a line break, then blanks.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ie_model.corpus.account import Account
from ie_model.corpus.formats.files import document_files, read_lines
from ie_model.corpus.formats.offsets import UTF16, convert_spans
from ie_model.corpus.formats.spacing import split_tokens
from ie_model.corpus.formats.webanno_layers import ROW, Layer, layers_of
from ie_model.documents import Document, Entity, misplaced
from ie_model.errors import InputError
from ie_model.files import new_folder, text_file

_NAMED_ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
_ESCAPED = re.compile(r"\\(->|.)", re.DOTALL)
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "b": "\b"}
_RESERVED = re.compile(r"->|[\\\[\]|_;*\t\n]")
_TEXT_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\r": "\\r", "\f": "\\f", "\b": "\\b"}
_BAR = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_NUMBER = re.compile(r"(?<!\\)((?:\\\\)*)\[(\d+)\]\Z")
_HEADER_LINES = 200  # layers stand at the very beginning of a file


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
    path: Path,
    root: Path | None = None,
    layer: str | None = None,
    feature: str | None = None,
    account: Account | None = None,
) -> Iterator[tuple[str, Document]]:
    """Yield the file as one document; its id is the path below ``root`` without the ending.

    Args:
        path: the file.
        root: the folder that ids are relative to.
        layer: the span layer that holds the entities, by full name or its last part; by default
            what :func:`settle` says of this file.
        feature: the feature of it that is the label; default ``value``, else the first that is
            no ``identifier``. A span without it takes the layer's name.
        account: takes the annotations of other layers and features, by name.

    Raises:
        InputError: the file is missing or not UTF-8, not WebAnno TSV 3, malformed, the
            corpus has several custom layers and none is named, or the layer lacks the feature.
    """
    lines = list(read_lines(path))
    if not lines or not lines[0][1].startswith("#FORMAT=WebAnno TSV 3"):
        raise InputError(f"{path}:1: not WebAnno TSV 3 (its first line says #FORMAT=...)")
    layers = layers_of(line for _, line in lines)
    wanted = layer or settle([path])["layer"]
    chosen = next((found for found in layers if found.is_called(wanted)), None)
    column = None if chosen is None else chosen.label_column(feature, path)
    if chosen is None:
        rows = _read_rows(lines, None, "", path)
    elif column is None:
        rows = _read_rows(lines, chosen.column, chosen.short_name, path, named=False)
    else:
        rows = _read_rows(lines, column, chosen.short_name, path)
    _verify_tokens(rows, path)
    places = convert_spans(rows.text, rows.spans, UTF16)
    entities = tuple(
        Entity(start, end, label, text=rows.text[start:end])
        for (start, end), label in zip(places, rows.labels, strict=True)
    )
    if account is not None:
        for kind, (number, line) in _not_read(lines, layers, chosen, column).items():
            account.set_aside(kind, f"{path}:{line}", number)
    name = path.relative_to(root) if root is not None else Path(path.name)
    yield str(path), Document(rows.text, entities, name.with_suffix("").as_posix())


def settle(files: Iterable[Path], wanted: str | None = None) -> dict[str, str | None]:
    """The option ``layer`` for all files of a corpus: one layer, never a mixture.

    Raises:
        InputError: there are several layers that may hold the entities, or none is ``wanted``.
    """
    first: dict[str, Path] = {}
    several = list(files)
    for file in several:
        header = itertools.takewhile(lambda row: not ROW.match(row[1]), read_lines(file))
        lines = [line for _, line in itertools.islice(header, _HEADER_LINES)]
        if lines and lines[0].startswith("#FORMAT=WebAnno TSV 3"):
            for found in layers_of(lines):
                if found.kind == "SP":
                    first.setdefault(found.name, file)
    if wanted is not None:
        named = {*first, *(name.rsplit(".", 1)[-1] for name in first)}
        if first and len(several) > 1 and wanted not in named:  # one alone may be without it
            there = ", ".join(first)
            raise InputError(f"no file has the layer {wanted!r}; span layers there: {there}")
        return {"layer": wanted}
    if _NAMED_ENTITY in first:
        return {"layer": _NAMED_ENTITY}
    custom = [name for name in first if not name.startswith("de.tudarmstadt.")]
    if len(custom) > 1:
        layers = ", ".join(f"{name} ({first[name]})" for name in custom)
        raise InputError(f"several layers may hold the entities: {layers}; name one with layer")
    return {"layer": custom[0] if custom else None}


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


def _not_read(
    lines: list[tuple[int, str]], layers: list[Layer], chosen: Layer | None, column: int | None
) -> dict[str, tuple[int, int]]:
    """What no entity holds, by kind: how many annotations, and the first line."""
    kinds = {"SP": "annotation of layer", "RL": "relation of layer", "CH": "chain link of layer"}
    columns: dict[int, str] = {}
    for layer in layers:
        if layer is not chosen:
            columns[layer.column] = f"{kinds[layer.kind]} {layer.name}"
            continue
        for at, feature in enumerate(layer.features, layer.column):
            if at != column:
                columns[at] = f"feature {feature} of layer {layer.name}"
    counts: dict[str, tuple[int, int]] = {}
    seen: set[tuple[int, str]] = set()  # an annotation has one number on all its rows
    for number, line in lines if columns else ():
        cells = line.split("\t")
        if not ROW.fullmatch(cells[0]):
            continue
        for at, kind in columns.items():
            if at >= len(cells) or cells[at] in ("", "_"):
                continue
            values = _BAR.sub("\\1\0", cells[at]).split("\0")
            for value in values:
                numbered = _NUMBER.search(value)
                if numbered is not None:
                    if (at, numbered.group(2)) in seen:
                        continue
                    seen.add((at, numbered.group(2)))
                    value = value[: numbered.end(1)]
                if kind.startswith("feature") and value == "*":
                    continue  # a feature that was not filled in
                before, place = counts.get(kind, (0, number))
                counts[kind] = (before + 1, place)
    return counts


def _read_rows(
    lines: list[tuple[int, str]],
    column: int | None,
    fallback: str,
    path: Path,
    named: bool = True,
) -> _Rows:
    rows = _Rows()
    units = 0  # UTF-16 units of the text so far
    pending: list[str] = []
    for number, line in lines:
        if line.startswith("#Text="):
            pending.append(_unescape(line.removeprefix("#Text=")))
            continue
        cells = line.split("\t")
        if not ROW.fullmatch(cells[0]):
            continue
        where = f"{path}:{number}"
        span = _offsets(cells, 2 if column is None else column, where)
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
        if column is not None:
            _take_labels(rows, cells, column, span, fallback, named)
    if pending:
        raise InputError(f"{path}: the sentence {pending[0]!r:.60} has no rows of tokens")
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
    rows: _Rows,
    cells: list[str],
    column: int,
    span: tuple[int, int],
    fallback: str,
    named: bool,
) -> None:
    if cells[column] in ("", "_"):
        return
    for value in _BAR.sub("\\1\0", cells[column]).split("\0"):
        number = _NUMBER.search(value)
        label = value[: number.end(1)] if number else value
        label = fallback if not named or label in ("*", "") else _unescape(label)
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
