"""Batch scoring: any number of documents through a model, each exactly once.

    from ie_model.scoring import score

    summary = score("corpus/*.jsonl.gz", "entities.jsonl.gz", "runs/model")

The same call after any interruption goes on where it stopped. :func:`score_on_ray` does
the same job on a Ray cluster, :func:`arrow_scorer` is for Spark's ``mapInArrow``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "CutOptions": "options",
    "Interrupted": "runner",
    "ReadOptions": "options",
    "WriteOptions": "options",
    "arrow_scorer": "arrow",
    "score": "local",
    "score_on_ray": "cluster",
}

__all__ = [
    "CutOptions",
    "Interrupted",
    "ReadOptions",
    "WriteOptions",
    "arrow_scorer",
    "score",
    "score_on_ray",
]

if TYPE_CHECKING:
    from ie_model.scoring.arrow import arrow_scorer
    from ie_model.scoring.cluster import score_on_ray
    from ie_model.scoring.local import score
    from ie_model.scoring.options import CutOptions, ReadOptions, WriteOptions
    from ie_model.scoring.runner import Interrupted


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ie_model.scoring' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ie_model.scoring.{home}"), name)
