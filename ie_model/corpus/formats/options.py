"""The options of a format are the parameters of its reader or writer, checked by their types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ie_model.errors import InputError

_OWN = ("path", "root", "account", "documents", "return")


def accepted_options(
    function: Callable[..., Any], name: str, given: dict[str, Any]
) -> dict[str, Any]:
    """The options given, as the types that the function declares."""
    known = {p: kind for p, kind in get_type_hints(function).items() if p not in _OWN}
    for key in given:
        if key not in known:
            allowed = ", ".join(known) if known else "none"
            raise InputError(f"format {name} has no option {key!r}; its options: {allowed}")
    return {
        key: _typed(value, known[key], f"format {name}, option {key}")
        for key, value in given.items()
    }


def _typed(value: Any, kind: Any, what: str) -> Any:
    kinds = get_args(kind) or (kind,)  # str | None, or int
    if type(value) in kinds or isinstance(value, Path):
        return value
    if str in kinds and type(value) in (int, float):  # annotator=3
        return str(value)
    words = {int: "a whole number", bool: "true or false", str: "a word"}
    expected = next(word for known, word in words.items() if known in kinds)
    raise InputError(f"{what}: expected {expected}, found {value!r}")
