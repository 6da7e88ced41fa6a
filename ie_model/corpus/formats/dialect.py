"""What parts the fields of a table: told from its header, as spreadsheets write many dialects."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable

from ie_model.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
_SEP = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # Excel's own first line


def named_delimiter(given: str) -> str:
    """The character that an option names: itself, or ``tab``.

    Raises:
        InputError: more than one character, a quote or a line break.
    """
    found = _NAMES.get(given, given)
    if len(found) != 1 or found in '"\r\n' or ord(found) > 0x7F:
        raise InputError(
            f"delimiter {given!r}: give one ASCII character that is neither a quote nor a line "
            "break, or tab"
        )
    return found


def excel_separator(line: str) -> str | None:
    """The delimiter of a line ``sep=;``, which Excel writes before the header."""
    match = _SEP.fullmatch(line)
    return match[1] if match else None


def header_cells(header: str, delimiter: str) -> list[str]:
    """The names of the columns; of a header that is none, one."""
    try:
        return [cell.strip() for cell in next(csv.reader([header], delimiter=delimiter), [])]
    except csv.Error:
        return [header]


def header_delimiter(header: str, wanted: Iterable[str], usual: str) -> str:
    """The delimiter under which a header has the columns wanted; ``usual`` where none does."""
    names = set(wanted)
    for delimiter in (usual, *DELIMITERS):
        if names <= set(header_cells(header, delimiter)):
            return delimiter
    return usual


def other_delimiter(header: str, delimiter: str) -> str | None:
    """The character that parts a header which ``delimiter`` does not part at all."""
    if len(header_cells(header, delimiter)) > 1:
        return None
    counts = {other: len(header_cells(header, other)) for other in DELIMITERS}
    best = max(counts, key=lambda other: counts[other])
    return best if counts[best] > 1 else None
