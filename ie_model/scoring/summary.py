"""What a job did, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.files import read_json
from ie_model.models.hardware import peak_memory
from ie_model.scoring.shards import ShardRecord


def totals(records: Sequence[ShardRecord], run: Mapping[str, Any]) -> dict[str, Any]:
    """The summary of all shards of a job.

    ``rows`` = ``documents`` + ``rejected``. ``tokens`` went through the model (equal texts
    of a shard once), ``padding_waste`` is the share of computed token places that held
    padding. ``longest_row`` says how many lines of its file the row spans that spans most,
    where any spans several. ``scoring_seconds`` adds up what all workers spent in all runs
    of the job; ``run`` is about the last one alone. Memory is in MiB, the largest of any
    process.
    """
    entities: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for record in records:
        entities.update(record.entities)
        kinds.update(record.kinds)

    def total(name: str) -> int:
        return sum(getattr(record, name) for record in records)

    tokens, places = total("tokens"), total("places")
    longest = max(records, key=lambda r: r.lines, default=None)
    rows, documents, rejected = total("rows"), total("written"), total("rejected")
    assert rows == documents + rejected
    return {
        "rows": rows,
        "documents": documents,
        "rejected": rejected,
        "rejected_by_kind": dict(sorted(kinds.items())),
        "first_rejected": next((r.first_rejected for r in records if r.rejected), None),
        "longest_row": {"lines": longest.lines, "row": longest.longest}
        if longest and longest.lines > 1
        else None,
        "duplicates": total("duplicates"),
        "entities": sum(entities.values()),
        "entities_by_label": dict(sorted(entities.items())),
        "characters": total("characters"),
        "tokens": tokens,
        "padding_waste": round(1 - tokens / places, 4) if places else None,
        "shards": len(records),
        "scoring_seconds": round(total("seconds"), 1),
        "peak_memory_mib": {
            "reader": round(peak_memory() / 2**20),
            "worker": round(max((r.peak_memory for r in records), default=0) / 2**20),
        },
        "run": dict(run),
    }


def load_summary(path: Path) -> dict[str, Any]:
    """Read a summary that an earlier job wrote.

    Raises:
        InputError: it is not one.
    """
    try:
        summary = read_json(path)
        summary["job"]["inputs"], summary["job"]["rows"], summary["rows"], summary["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the summary of a scoring job; use --overwrite") from error
    return dict(summary)
