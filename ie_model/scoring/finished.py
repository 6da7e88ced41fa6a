"""The output of a finished job: whether it is what the same job would write again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.scoring.files import file_facts
from ie_model.scoring.manifest import changes, refusal, rows_digest, touched_digest
from ie_model.scoring.options import CutOptions, ReadOptions, Target
from ie_model.scoring.shards import UnitEnd, read_unit
from ie_model.scoring.sources import Source, units
from ie_model.scoring.summary import load_summary


def check_finished(
    target: Target,
    sources: Sequence[Source],
    read: ReadOptions,
    cut: CutOptions,
    identity: Mapping[str, Any],
) -> dict[str, Any]:
    """The summary of the job that wrote ``target``, with ``already_complete``.

    Args:
        target: what is there.
        sources: the input of the job that is to write it, which can be read again.
        read, cut: how its rows are read, and cut into shards.
        identity: its ``inputs``, ``model`` and ``settings``.

    Raises:
        InputError: it was another job, or the output or the input is not what it was.
    """
    summary = load_summary(target.summary)
    before = summary["job"]
    found = [] if before["inputs"] == identity["inputs"] else ["the input has changed"]
    for what in ("model", "settings"):
        found += changes(before[what], identity[what], what.removesuffix("s"))
    if found:
        raise refusal(found, target.work)
    _check_written(target, summary["files"])
    if before["touched"] != touched_digest(sources):  # all its rows are compared
        ends = [
            item
            for number, unit in enumerate(units(sources))
            for item in read_unit(number, unit, read, cut, {})
            if isinstance(item, UnitEnd)
        ]
        if rows_digest(ends) != before["rows"]:
            raise refusal(["the input has changed"], target.work)
    return summary | {"already_complete": True}


def _check_written(target: Target, files: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` if what the job wrote is not there as it was written."""
    for path, name in ((Path(target.path), "output"), (target.rejected, "rejected")):
        before, now = files[name], file_facts(path)
        if before != now:
            change = f"had {before['bytes']} bytes" if before else "was not there"
            change += f", has {now['bytes']}" if now else ", is gone"
            raise InputError(
                f"{path}: is not what the finished job wrote there ({change}); put it back, give "
                "another output, or make it anew with --overwrite"
            )
