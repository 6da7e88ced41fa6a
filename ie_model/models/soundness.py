"""Checks that the files of a model directory are valid, safe to load and of one model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ie_model.errors import InputError
from ie_model.files import check_ordinary

ADAPTER_FILE = "adapter_config.json"
CONFIG, WEIGHTS, WEIGHTS_INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_TEMPERATURES = (1e-3, 1e3)
_MOST_LAYERS = 1000


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
    """Raise :class:`ValueError` if ``ie_model.json`` holds a value that it may not have."""
    for name in ("labels", "tags"):
        named = values[name]
        if not named or not all(isinstance(v, str) for v in named):
            raise ValueError(f"{name} must be a list of strings")
        if len(set(named)) < len(named):
            raise ValueError(f"{name} names one twice")
    _check_number(values, "temperature", 1.0, *_TEMPERATURES)
    _check_number(values, "sure_score", 0.0, 0, 1)
    window, overlap = values["window"], values["overlap"]
    if not all(type(v) is int for v in (window, overlap)) or not 0 <= overlap < window:
        raise ValueError(f"window {window!r} and overlap {overlap!r}: 0 <= overlap < window")
    context = values.get("context", 0)
    if type(context) is not int or not 0 <= context <= window:
        raise ValueError(f"context {context!r}: a number from 0 to the window, {window}")
    for name in ("touching", "whole_words", "letter_case"):
        if not isinstance(values.get(name, False), bool):
            raise ValueError(f"{name} is {values[name]!r:.60}, must be true or false")
    for name in ("calibration", "thresholds", "origin"):
        if not isinstance(values.get(name, {}), Mapping):
            raise ValueError(f"{name} is {values[name]!r:.60}, must be an object")
    thresholds = values.get("thresholds", {})
    for label in thresholds:
        _check_number(thresholds, label, 0.0, 0, 1)
    _check_calibration(values.get("calibration", {}))


def _check_number(
    values: Mapping[str, Any], name: str, default: float, least: float, most: float
) -> None:
    number = values.get(name, default)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"{name} is {number!r:.60}, no number")
    if not least <= number <= most:
        raise ValueError(f"{name} is {number!r:.60}, must be from {least:g} to {most:g}")


def _check_calibration(calibration: Mapping[str, Any]) -> None:
    """Raise ValueError unless the knots map scores to probabilities and bands are pairs."""
    knots, review = calibration.get("knots") or {}, calibration.get("review") or {}
    if not isinstance(knots, Mapping) or not isinstance(review, Mapping):
        raise ValueError("calibration: knots and review must be objects")
    lists = [knots.get("scores"), knots.get("probabilities")] if knots else []
    lengths = {len(numbers) if isinstance(numbers, list) else 0 for numbers in lists}
    if len(lengths) > 1 or 0 in lengths:
        raise ValueError("calibration: knots has no scores with as many probabilities")
    if not all(isinstance(band, list) and len(band) == 2 for band in review.values()):
        raise ValueError("calibration: review has a band that is no pair of numbers")
    for name, numbers in (*zip(("scores", "probabilities"), lists, strict=False), *review.items()):
        for number in numbers:
            _check_number({name: number}, name, 0.0, 0, 1)


def check_loadable(folder: Path) -> None:
    """Refuse a folder that makes transformers load more than safetensors and a known encoder.

    transformers loads whatever an index of weights names, pickles too; fetches the code of the
    attention that a config names; and builds as many layers as ``config.json`` says.

    Raises:
        InputError: the folder is such a one, or its ``config.json`` or index cannot be read.
    """
    check_ordinary(folder)
    file = folder / WEIGHTS_INDEX
    index = read_object(file) if file.is_file() else {}
    named = index.get("weight_map", {})
    for name in named.values() if isinstance(named, Mapping) else [named]:
        plain = isinstance(name, str) and Path(name).name == name
        if not plain or not name.endswith(".safetensors"):
            raise InputError(
                f"{file}: names {name!r:.60}, which is no safetensors file of this folder"
            )
    file = folder / CONFIG
    waiting: list[Any] = [read_object(file)] if file.is_file() else []
    while waiting:
        for key, value in waiting.pop().items():
            if isinstance(value, Mapping):
                waiting.append(value)
            if key == "quantization_config" and value:
                raise InputError(f"{file}: quantised weights are not loaded")
            if "attn_implementation" in key and value not in (None, "eager", "sdpa"):
                raise InputError(f"{file}: {key} is {value!r:.60}, must be eager or sdpa")
            if "layers" in key and type(value) is int and value > _MOST_LAYERS:
                raise InputError(f"{file}: {key} is {value!r:.60}: no encoder has so many")


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        InputError: there is none that can be read.
    """
    try:
        found = strict_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"{file}: cannot be read: it holds no object")
    return found


def check_weights(folder: Path) -> None:
    """Refuse a directory without the weights that are loaded: safetensors, never a pickle.

    Raises:
        InputError: there are none under the names that are read, or an adapter beside them,
            which would be laid over weights from elsewhere.
    """
    if not (folder / WEIGHTS).is_file() and not (folder / WEIGHTS_INDEX).is_file():
        others = sorted(p.name for p in folder.glob("*") if p.suffix in (".safetensors", ".bin"))
        unread = f", and {', '.join(others)} is not read" if others else ""
        raise InputError(f"{folder}: no {WEIGHTS} in it{unread}; the model directory is incomplete")
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


def check_letter_case(folder: Path, config: Mapping[str, Any], wanted: bool) -> None:
    """Raise :class:`InputError` if the windows carry the case of words to a model without it."""
    if wanted and config.get("letter_case") is not True:
        raise InputError(
            f"{folder}: ie_model.json says letter_case, config.json does not; the files belong to "
            "different models"
        )


def check_sizes(folder: Path, config: Mapping[str, Any], ids: Sequence[int], window: int) -> None:
    """Raise :class:`InputError` if the tokenizer gives ids that the model has no row for, or
    windows are longer than it has places."""
    places = config.get("max_position_embeddings")
    biased = config.get("position_biased_input", True)
    if type(places) is int and window > places > 0 and biased:
        raise InputError(
            f"{folder}: ie_model.json says windows of {window} tokens, config.json has {places} "
            "places; the files belong to different models"
        )
    size = config.get("vocab_size")
    if type(size) is int and ids and max(ids) >= size:
        raise InputError(
            f"{folder}: the tokenizer gives ids up to {max(ids)}, the model knows {size} tokens; "
            "the files belong to different models"
        )
