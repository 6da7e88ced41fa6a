"""What a reader set aside, by kind: nothing is left out without a word."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of thing that was set aside: how often, and where first (file, and line)."""

    kind: str
    number: int
    first: str


class Account:
    """Counts what is set aside while files are read, and where that first happened.

    ``kind`` is a noun phrase in the singular, such as ``skipped task``, the same for every
    file; where something may be done about it, it says what in brackets (``option annotator``).
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def set_aside(self, kind: str, where: str, number: int = 1) -> None:
        """Count ``number`` more of a kind, met at ``where`` (file, and line or item)."""
        if number > 0:
            self.counts[kind] += number
            self._first.setdefault(kind, where)

    def __iter__(self) -> Iterator[Entry]:
        """The entries, in the order in which their kinds were met."""
        for kind, first in self._first.items():
            yield Entry(kind, self.counts[kind], first)

    def tell(self) -> None:
        """One warning a kind: how many, and the first place."""
        for entry in self:
            log.warning("set aside, %s: %d, first at %s", entry.kind, entry.number, entry.first)
