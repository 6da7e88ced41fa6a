"""Whether the files of a model directory can be what they say, and belong together."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ie_model.errors import InputError

ADAPTER_FILE = "adapter_config.json"
WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"


def strict_json(text: str) -> Any:
    """JSON without the ``NaN`` and ``Infinity`` that Python reads besides.

    Raises:
        ValueError: it is not JSON, or holds a number that is none.
    """
    return json.loads(text, parse_constant=_no_constant, parse_float=_finite)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a number")
    return number


def check_settings(values: Mapping[str, Any]) -> None:
    """Raise :class:`ValueError` if a value of ``ie_model.json`` is none that it may have."""
    for name in ("labels", "tags"):
        if not values[name] or not all(isinstance(v, str) for v in values[name]):
            raise ValueError(f"{name} must be a list of strings")
    temperature = values.get("temperature", 1.0)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float):
        raise ValueError(f"temperature is {temperature!r}, no number")
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature is {temperature}, must be above 0")
    window, overlap = values["window"], values["overlap"]
    if not all(type(v) is int for v in (window, overlap)) or not 0 <= overlap < window:
        raise ValueError(f"window {window!r} and overlap {overlap!r}: 0 <= overlap < window")
    sure = values.get("sure_score", 0.0)
    if isinstance(sure, bool) or not isinstance(sure, int | float) or not 0 <= sure <= 1:
        raise ValueError(f"sure_score is {sure!r}, no number from 0 to 1")
    context = values.get("context", 0)
    if type(context) is not int or not 0 <= context <= window:
        raise ValueError(f"context {context!r}: a number from 0 to the window, {window}")


def check_weights(folder: Path) -> None:
    """Refuse a directory without the weights that are loaded: safetensors, never a pickle.

    Raises:
        InputError: there are none under the names that are read, or an adapter beside them,
            which would be laid over weights from elsewhere.
    """
    if not (folder / WEIGHTS).is_file() and not (folder / WEIGHTS_INDEX).is_file():
        others = sorted(p.name for p in folder.glob("*") if p.suffix in (".safetensors", ".bin"))
        said = f", and {', '.join(others)} is not read" if others else ""
        raise InputError(f"{folder}: no {WEIGHTS} in it{said}; the model directory is incomplete")
    if (folder / ADAPTER_FILE).is_file():
        raise InputError(
            f"{folder / ADAPTER_FILE}: adapters are not loaded; merge it into the model first"
        )


def check_tags(folder: Path, config: Mapping[str, Any], tags: Sequence[str]) -> None:
    """Raise :class:`InputError` if ``config.json`` names other tags than ``ie_model.json``."""
    named = config.get("id2label")
    if not isinstance(named, Mapping) or not named:
        return
    if len(named) != len(tags):
        raise InputError(
            f"{folder}: ie_model.json names {len(tags)} tags, config.json {len(named)}; the files "
            "belong to different models"
        )
    for number, tag in enumerate(tags):
        if named.get(str(number)) != tag:
            raise InputError(
                f"{folder}: tag {number} is {tag!r} in ie_model.json and "
                f"{named.get(str(number))!r} in config.json; the files belong to different models"
            )


def check_vocabulary(folder: Path, config: Mapping[str, Any], ids: Sequence[int]) -> None:
    """Raise :class:`InputError` if the tokenizer gives ids that the model has no row for."""
    size = config.get("vocab_size")
    if type(size) is int and ids and max(ids) >= size:
        raise InputError(
            f"{folder}: the tokenizer gives ids up to {max(ids)}, the model knows {size} tokens; "
            "the files belong to different models"
        )
