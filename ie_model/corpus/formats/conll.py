"""CoNLL columns: a token and its tag a line, a blank line between sentences.

IOB1, IOB2, BIOES and BILOU are read alike (the rules of the ``conlleval`` script: a chunk
begins at ``B``, ``S`` or ``U``, or where the label changes); name a ``scheme`` to have
malformed sequences refused. Columns are separated by tabs or blanks. With ``-DOCSTART-``
lines a document runs to the next one and its sentences become lines of its text; without
them every sentence is a document. Token files do not say where spaces stood, so the text
is rebuilt by rule and offsets are exact in that text.

Written is IOB2. ``comments=True`` adds ``# id`` and ``# text`` lines, from which this
reader restores the very document; other tools may take such lines for tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ie_model.corpus.account import Account
from ie_model.corpus.formats.files import has_line, read_lines
from ie_model.corpus.formats.spacing import (
    BRACKETS,
    LINE_END,
    align_tokens,
    join_tokens,
    split_tokens,
)
from ie_model.documents import Document, Entity, misplaced
from ie_model.errors import InputError
from ie_model.files import whole_text

TAG = re.compile(r"O|[BIESLU]-\S+")
_COMMENT = re.compile(r"# (id|text) = (.*)")
_BLANKS = re.compile(r"[ \t]+")
_EXTRA = re.compile(r"\d+[-.]\d+")  # CoNLL-U: words joined in writing (3-4), empty nodes (3.1)
_DOCSTART = "-DOCSTART-"
# What each scheme lets stand first in a chunk, inside it, and last in it.
_SCHEMES = {"IOB1": "BI/I/BI", "IOB2": "B/I/BI", "BIOES": "BS/IE/ES", "BILOU": "BU/IL/LU"}


@dataclass
class _Pending:
    """A document being collected: sentences of ``(token, tag)`` and what comments said."""

    line: int
    sentences: list[list[tuple[str, str]]] = field(default_factory=lambda: [[]])
    id: str = ""
    text: str | None = None

    @property
    def empty(self) -> bool:
        return self.text is None and not any(self.sentences)


def read(
    path: Path,
    token_column: int | None = None,
    tag_column: int = -1,
    separator: str | None = None,
    scheme: str | None = None,
    account: Account | None = None,
) -> Iterator[tuple[str, Document]]:
    """Stream ``(file:line, document)``; ids are ``stem:line of the first token``.

    ``separator=None`` takes the tab where a line has one, else blanks. ``token_column=None``
    takes the first column, or the second where the first numbers the words of every sentence
    (CoNLL-U, GermEval). A line that begins with ``#`` and a blank or tab and has no tag is a
    comment. ``account`` takes comments, and the columns that are not read.

    Raises:
        InputError: the file is missing or not UTF-8, a column is absent or empty, rows separated
            by blanks differ in their number of columns, a tag is none, or a sequence breaks the
            named ``scheme``.
    """
    if scheme is not None and scheme.upper() not in _SCHEMES:
        raise InputError(f"unknown tag scheme {scheme!r}; one of: {', '.join(_SCHEMES)}")
    whole_documents = has_line(path, _DOCSTART.encode())
    numbered = token_column is None and _is_numbered(path, separator)
    token_column = int(numbered) if token_column is None else token_column
    pending, width, warned, source = _Pending(0), 0, False, str(path)
    aside, seconds = Account() if account is None else account, tag_column == -1
    for number, line in read_lines(path):
        where = f"{source}:{number}"
        comment = _COMMENT.fullmatch(line) if line[:1] == "#" else None
        if line.startswith(_DOCSTART):
            if not pending.empty:
                yield _finish(pending, path, scheme)
            pending = _Pending(0)
        elif comment is not None and pending.empty:
            pending.line = pending.line or number
            _take_comment(pending, comment.group(1), comment.group(2), where)
        elif line.strip():
            columns = _split(line, separator)
            if line[0] == "#" and _is_comment(line, columns, tag_column):
                aside.set_aside("comment line", where)
                continue
            if numbered and not columns[0].isdecimal():
                continue  # words that CoNLL-U counts twice (3-4) or that nobody wrote (3.1)
            if not warned:
                kind = "column beside token and tag, not read"
                aside.set_aside(kind, where, len(columns) - 2 - numbered)
                warned = True
            if seconds and len(columns) > 2 and _is_second_tag(columns[-2].strip()):
                kind = "tag in the column before the last, which is read (option tag_column=-2)"
                aside.set_aside(kind, where)
            if separator is None and "\t" not in line:
                width = width or len(columns)
                if len(columns) != width:
                    raise InputError(
                        f"{where}: {len(columns)} columns separated by blanks where the rows "
                        f"above have {width}; does a token hold a blank? Separate the columns by "
                        "tabs"
                    )
            pending.line = pending.line or number
            pending.sentences[-1].append(_cell(columns, token_column, tag_column, where))
        elif pending.sentences[-1]:
            if whole_documents:
                pending.sentences.append([])
            else:
                yield _finish(pending, path, scheme)
                pending = _Pending(0)
    if not pending.empty:
        yield _finish(pending, path, scheme)


def write(documents: Iterable[Document], path: Path, comments: bool = False) -> None:
    """Write IOB2, tab-separated, a ``-DOCSTART-`` before each document, its lines as sentences.

    Words are cut where an entity cuts them. An entity is written without white space at
    its edges. Ids and exact spacing are kept only with ``comments``.

    Raises:
        InputError: entities overlap, stand outside their text, or a label holds white space.
    """
    with whole_text(path) as file:
        for document in documents:
            file.write(f"{_DOCSTART}\tO\n")
            if comments:
                file.write(f"# id = {json.dumps(document.id)}\n")
                file.write(f"# text = {json.dumps(document.text)}\n")
            file.write("\n")
            for sentence in _sentences(document):
                file.writelines(f"{token}\t{tag}\n" for token, tag in sentence)
                file.write("\n")


def tags_to_spans(
    tags: Sequence[str], scheme: str | None = None, where: str = "tags"
) -> list[tuple[int, int, str]]:
    """Chunks ``[first, last)`` with their label, by the rules of ``conlleval``.

    Raises:
        InputError: with a ``scheme``, the sequence is malformed in it.
    """
    spans: list[tuple[int, int, str]] = []
    first, open_label = -1, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, label = tag.partition("-")
        closed_before = i > 0 and tags[i - 1][0] in "ESLUO"
        begins = tag != "O" and (prefix in "BSU" or closed_before or label != open_label)
        if open_label and (tag == "O" or begins):
            spans.append((first, i, open_label))
            open_label = ""
        if begins:
            first, open_label = i, label
    if scheme is not None:
        _refuse_malformed(tags, spans, scheme.upper(), where)
    return spans


def _refuse_malformed(
    tags: Sequence[str], spans: list[tuple[int, int, str]], scheme: str, where: str
) -> None:
    opening, inside, closing = _SCHEMES[scheme].split("/")
    ends = {(last, label) for _, last, label in spans}
    for first, last, label in spans:
        if scheme == "IOB1" and tags[first][0] == "B" and (first, label) not in ends:
            raise InputError(
                f"{where}: {tags[first]} begins a chunk that follows none of its label, where "
                "IOB1 has I-; leave the scheme out to read it leniently"
            )
        prefixes = "".join(tag[0] for tag in tags[first:last])
        lone = last - first == 1 and scheme in ("BIOES", "BILOU")
        good = (
            prefixes in ("S", "U") and prefixes in opening
            if lone
            else prefixes[0] in opening
            and all(p in inside for p in prefixes[1:])
            and prefixes[-1] in closing
        )
        if not good:
            raise InputError(
                f"{where}: the tags of {label} ({', '.join(tags[first:last])}) are malformed "
                f"in {scheme}; leave the scheme out to read them leniently"
            )


def _is_second_tag(cell: str) -> bool:
    return cell[1:2] == "-" and TAG.fullmatch(cell) is not None


def _is_comment(line: str, columns: list[str], tag_column: int) -> bool:
    """Whether a line is a comment: ``#`` and a blank or tab, and no tag where tags stand."""
    if line[1:2] not in (" ", "\t"):
        return False
    try:
        return TAG.fullmatch(columns[tag_column].strip()) is None
    except IndexError:
        return True


def _is_numbered(path: Path, separator: str | None) -> bool:
    """Whether the first of three or more columns counts the words of every sentence."""
    at, sentences = -1, 0
    for _, line in read_lines(path):
        if not line.strip():
            at = -1
        elif not line.startswith((_DOCSTART, "# ", "#\t")):
            columns = _split(line, separator)
            if _EXTRA.fullmatch(columns[0]):
                continue
            if len(columns) < 3 or not columns[0].isdecimal():
                return False
            number = int(columns[0])
            if number != at + 1 and not (at < 0 and number < 2):
                return False
            sentences += at < 0
            at = number
    return sentences > 0


def _split(line: str, separator: str | None) -> list[str]:
    if separator is not None:
        return line.split(separator)
    # An editor may have left a tab at the end of every line.
    return line.rstrip("\t").split("\t") if "\t" in line else _BLANKS.split(line.strip(" "))


def _cell(columns: list[str], token_column: int, tag_column: int, where: str) -> tuple[str, str]:
    try:
        token, tag = columns[token_column].strip(), columns[tag_column].strip()
    except IndexError:
        token = tag = ""
    else:
        if len(columns) > 1 and not (token and tag):
            empty, column = ("tag", tag_column) if token else ("token", token_column)
            raise InputError(
                f"{where}: the {empty} in column {column} is empty; take the line out, or write "
                "what stood there"
            )
    if len(columns) < 2 or not token or not tag:
        raise InputError(
            f"{where}: {len(columns)} columns; expected a token in column {token_column} "
            f"and a tag in column {tag_column}"
        )
    if tag != "O" and not TAG.fullmatch(tag):
        raise InputError(
            f"{where}: {tag!r} is no tag (O, B-LABEL, I-LABEL, E-, S-, L-, U-); "
            "is the tag in another column (tag_column)?"
        )
    return BRACKETS.get(token, token), tag


def _take_comment(pending: _Pending, key: str, value: str, where: str) -> None:
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        read = value
    if not isinstance(read, str):
        raise InputError(f"{where}: '# {key} =' must be followed by a string")
    if key == "id":
        pending.id = read
    else:
        pending.text = read


def _finish(pending: _Pending, path: Path, scheme: str | None) -> tuple[str, Document]:
    where = f"{path}:{pending.line}"
    sentences = [s for s in pending.sentences if s]
    tokens = [token for sentence in sentences for token, _ in sentence]
    if pending.text is not None:
        text = pending.text
        aligned = align_tokens(text, tokens)
        if aligned is None:
            raise InputError(f"{where}: the tokens do not spell the '# text' above them")
        offsets = aligned
    else:
        text, offsets = "", []
        for sentence in sentences:
            line, starts = join_tokens([token for token, _ in sentence])
            base = len(text) + 1 if text else 0
            text = f"{text}\n{line}" if text else line
            offsets.extend(base + start for start in starts)
    entities: list[Entity] = []
    base = 0
    for sentence in sentences:
        for first, last, label in tags_to_spans([tag for _, tag in sentence], scheme, where):
            start = offsets[base + first]
            end = offsets[base + last - 1] + len(tokens[base + last - 1])
            entities.append(Entity(start, end, label, text=text[start:end]))
        base += len(sentence)
    return where, Document(text, tuple(entities), pending.id or f"{path.stem}:{pending.line}")


def _sentences(document: Document) -> Iterator[list[tuple[str, str]]]:
    text = document.text
    entities = sorted(document.entities, key=lambda e: e.key)
    position = 0
    for entity in entities:
        place = f"document {document.id!r}: {entity.label} [{entity.start}, {entity.end})"
        if fault := misplaced(entity.start, entity.end, len(text)):
            raise InputError(f"{place}: {fault}; see ie-model annotations check")
        if entity.start < position:
            raise InputError(
                f"{place} overlaps the entity before it, which one tag a token cannot express; "
                "flatten the entities first (ie-model annotations convert --flatten longest)"
            )
        if any(c.isspace() for c in entity.label):
            raise InputError(f"{place}: a tag cannot hold white space; map the label (--map)")
        position = entity.end
    cuts = [offset for e in entities for offset in (e.start, e.end)]
    sentence: list[tuple[str, str]] = []
    k, begun, before = 0, False, 0
    for start, end in split_tokens(text, cuts):
        while k < len(entities) and entities[k].end <= start:
            k, begun = k + 1, False
        inside = k < len(entities) and entities[k].start <= start
        if sentence and not begun and LINE_END.search(text, before, start):
            yield sentence
            sentence = []
        tag = "O" if not inside else f"{'I' if begun else 'B'}-{entities[k].label}"
        sentence.append((text[start:end], tag))
        begun, before = inside, end
    if sentence:
        yield sentence
