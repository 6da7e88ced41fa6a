"""The normalised value, name or reason of an entity in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def shown_value(meta: Mapping[str, Any]) -> str:
    """``start 2017-05-03, end 2017-05-03``, ``name Iraq``, ``unresolved: no number is said``;
    empty where an entity has none of them."""
    value = meta.get("value")
    if isinstance(value, Mapping):
        said = ((k, v) for k, v in value.items() if v is not None and v is not False)
        return ", ".join(k if v is True else f"{k} {_plain(v)}" for k, v in said)
    if meta.get("unresolved"):
        return f"unresolved: {meta['unresolved']}"
    return f"name {meta['name']}" if meta.get("name") else ""


def _plain(value: Any) -> str:
    """Numbers as people write them: ``28000``, not ``28000.0``."""
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
