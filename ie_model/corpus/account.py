"""What a reader set aside, by kind: nothing is left out without a word."""

from __future__ import annotations

import logging
from collections import Counter

log = logging.getLogger(__name__)


class Account:
    """Counts what is set aside while a file is read, and where that first happened.

    ``kind`` is a noun phrase in the singular, such as ``skipped task``.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def set_aside(self, kind: str, where: str, number: int = 1) -> None:
        """Count ``number`` more of a kind, met at ``where`` (file, and line or item)."""
        self.counts[kind] += number
        self._first.setdefault(kind, where)

    def tell(self, advice: str = "") -> None:
        """One warning a kind: how many, the first place, and what may be done."""
        for kind, count in self.counts.items():
            more = f"; {advice}" if advice else ""
            log.warning("left out, %s: %d, first at %s%s", kind, count, self._first[kind], more)
