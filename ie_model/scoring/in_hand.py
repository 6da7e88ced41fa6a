"""Notes of what a process without workers is scoring, for the run after one that was killed."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

from ie_model.files import read_json
from ie_model.scoring.shards import Shard

IN_HAND = "in-hand.json"

log = logging.getLogger(__name__)


class InHand:
    """Notes which shard is being scored, in a file that a killed process leaves behind.

    A text that kills this very process cannot be set aside by it. But the run after such a death
    scores the shard text by text, and the run after that names the row. The note is not synced: it
    has to survive the process, not the machine.

    Args:
        work: the job's folder.
    """

    def __init__(self, work: Path) -> None:
        self._file = work / IN_HAND
        self._before: str | None = None
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            note = read_json(self._file)
            self._before = str(note["shard"])
            log.warning(
                "the run before this one ended while it scored %s; if a text there kills the "
                "process each time, --workers 1 finds it and sets it aside",
                note["row"] or note["place"],
            )

    def take(self, shard: Shard) -> tuple[Shard, Callable[[int | None], None]]:
        """The shard, to be scored text by text if a process died of it, and a function that notes
        the row being scored (None: the whole shard)."""

        def tell(row: int | None) -> None:
            where = None
            if row is not None:
                raw = shard.rows[row]
                where = f"{raw.origin.name} line {raw.line}"
            note = {"shard": str(shard.key), "place": shard.place, "row": where}
            with contextlib.suppress(OSError):  # a full disk fails where it matters
                self._file.write_text(json.dumps(note), encoding="utf-8")

        tell(None)
        return shard.tried_alone({}) if str(shard.key) == self._before else shard, tell

    def done(self) -> None:
        """Remove the note: the shard is finished."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
