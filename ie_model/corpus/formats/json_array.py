"""One long JSON array read and written element by element, without holding the file."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from ie_model.corpus.formats.files import read_chunks
from ie_model.errors import InputError
from ie_model.files import whole_text

_SPACE = re.compile(r"[ \t\r\n]*")


def read_array(path: Path) -> Iterator[tuple[str, Any]]:
    """Stream ``("file, item 1", element)`` of a file that holds one JSON array.

    Raises:
        InputError: the file is missing or not UTF-8, or holds something else.
    """
    source = _Buffer(path)
    if source.next_character() != "[":
        raise InputError(f"{path}: expected a JSON array, found {source.excerpt()!r}")
    source.position += 1
    number = 0
    if source.next_character() == "]":
        source.position += 1
    else:
        while True:
            number += 1
            where = f"{path}, item {number}"
            source.next_character()
            yield where, source.element(where)
            mark = source.next_character()
            source.position += 1
            if mark == "]":
                break
            if mark != ",":
                raise InputError(
                    f"{path}: expected ',' or ']' after item {number}, found "
                    f"{mark!r}; was the file cut short?"
                )
    if source.next_character():
        raise InputError(f"{path}: text after the end of the array: {source.excerpt()!r}")


def read_tasks(path: Path) -> Iterator[tuple[str, Any]]:
    """Stream ``("file, item n", element)`` of an array, or of objects one after the other.

    The second is one object, pretty-printed or not, and JSON lines.

    Raises:
        InputError: the file is missing or not UTF-8, or holds something else.
    """
    source = _Buffer(path)
    if source.next_character() != "{":
        yield from read_array(path)
        return
    number = 0
    while source.next_character():
        number += 1
        where = f"{path}, item {number}"
        yield where, source.element(where)


def write_array(elements: Iterable[dict[str, Any]], path: Path) -> None:
    """Write a JSON array, one element a line, the whole file or nothing."""
    with whole_text(path) as file:
        file.write("[")
        for i, element in enumerate(elements):
            file.write(",\n" if i else "\n")
            file.write(json.dumps(element, ensure_ascii=False))
        file.write("\n]\n")


def no_constant(name: str) -> NoReturn:
    """Raise :class:`ValueError` at the NaN and Infinity that Python reads and no JSON holds."""
    raise ValueError(f"{name} is no JSON; write null there")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of these keys and values; :class:`ValueError` at a key that is there twice.

    JSON leaves open which value such a key has, and Python takes the last without a word.
    """
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object; leave one of them out")
    return made


STRICT = json.JSONDecoder(parse_constant=no_constant, object_pairs_hook=unique_keys)
"""Reads JSON in which no number is NaN and no object has a key twice."""


def refuse_surrogates(row: Any, where: str) -> None:
    """Reject half a surrogate pair, which no tokenizer and no UTF-8 file can take.

    Raises:
        InputError: a string in ``row`` holds one.
    """
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        found = error.object[error.start]
        raise InputError(
            f"{where}: the escape {found!r} is half of a surrogate pair and not a character; "
            "mend the program that wrote it"
        ) from None


class _Buffer:
    """The part of the file that is not parsed yet, refilled as needed."""

    def __init__(self, path: Path) -> None:
        self.chunks = read_chunks(path)
        self.text = ""
        self.position = 0

    def next_character(self) -> str:
        """Skip white space; the character there, or ``""`` at the end of the file."""
        while True:
            match = _SPACE.match(self.text, self.position)
            assert match is not None
            self.position = match.end()
            if self.position < len(self.text) or not self.fill():
                return self.text[self.position : self.position + 1]

    def element(self, where: str) -> Any:
        while True:
            try:
                element, stop = STRICT.raw_decode(self.text, self.position)
            except json.JSONDecodeError as error:
                if not self.fill():
                    raise InputError(f"{where}: not JSON: {error.msg}") from None
            except RecursionError:
                raise InputError(f"{where}: JSON nested too deeply") from None
            except ValueError as error:  # a number of thousands of digits
                raise InputError(f"{where}: not readable JSON: {error}") from None
            else:
                # A number at the end of the buffer might go on in the next chunk.
                if stop < len(self.text) or not self.fill():
                    if self.text.find("\\u", self.position, stop) >= 0:
                        refuse_surrogates(element, where)
                    self.position = stop
                    return element

    def fill(self) -> bool:
        """Append the next chunk, and as much again as is waiting, so that growth is linear."""
        waiting = self.text[self.position :]
        parts, size = [waiting], 0
        for chunk in self.chunks:
            parts.append(chunk)
            size += len(chunk)
            if size >= len(waiting):
                break
        self.text, self.position = "".join(parts), 0
        return size > 0

    def excerpt(self) -> str:
        return self.text[self.position : self.position + 30]
