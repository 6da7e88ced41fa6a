"""What a search may change: a YAML file of dotted config keys with ranges or choices.

.. code-block:: yaml

    training.learning_rate: {low: 1e-5, high: 1e-3, log: true}
    training.epochs: {low: 2, high: 20, integer: true}
    training.weight_decay: {low: 0, high: 0.1, step: 0.01}
    training.schedule: [linear, cosine]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ie_model.config.loading import Loader, parse_config
from ie_model.config.mistakes import takes
from ie_model.config.schema import Config
from ie_model.errors import InputError

Values = dict[str, Any]
"""A setting for each key."""

_FIXED = {
    "labels": "with other labels it is another task",
    "output_dir": "every trial has its own",
    "training.seed": "a seed that fits the dev documents is luck; see --fresh-seeds",
    "training.evaluate_every": "more looks at the dev documents are no better recipe",
    "training.threads": "it changes no result",
    "training.device": "it changes no result",
    "training.checkpoint_every": "it changes no result",
    "training.loggers": "it changes no result",
    "training.log_dir": "it changes no result",
    "data.dev": "trials must be judged on the same documents",
    "data.dev_fraction": "trials must be judged on the same documents",
    "data.test": "test documents choose nothing",
    "data.cache_dir": "it changes no result",
}


class _Range(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: float
    high: float
    log: bool = False
    integer: bool = False
    step: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _sound(self) -> _Range:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("log needs a low above 0")
        if self.step and self.step > self.high - self.low:
            raise ValueError("step is larger than the range, so low would be the only value")
        if self.log and self.step:
            raise ValueError("log and step exclude each other")
        ends = [x for x in (self.low, self.high, self.step) if x is not None]
        if self.integer and any(x % 1 for x in ends):
            raise ValueError("integer needs whole numbers")
        return self


@dataclass(frozen=True)
class Parameter:
    """One key of the space: a range, or choices."""

    key: str
    range: _Range | None
    choices: tuple[Any, ...] = ()

    def suggest(self, trial: Any) -> Any:
        """A value from an Optuna trial."""
        r = self.range
        if r is None:
            return self.choices[trial.suggest_categorical(self.key, range(len(self.choices)))]
        if r.integer:
            low, high, step = int(r.low), int(r.high), int(r.step or 1)
            return trial.suggest_int(self.key, low, high, step=step, log=r.log)
        return trial.suggest_float(self.key, r.low, r.high, step=r.step, log=r.log)

    def stored(self, value: Any) -> Any:
        """What Optuna keeps for a value of the config; ``None`` where it is not in the space."""
        r = self.range
        if r is None:
            return self.choices.index(value) if value in self.choices else None
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not r.low <= value <= r.high:
            return None
        if (step := r.step or (1 if r.integer else None)) and (value - r.low) % step:
            return None
        return int(value) if r.integer else float(value)

    def examples(self) -> list[Any]:
        """Values that show whether the config takes all of them."""
        r = self.range
        if r is None:
            return list(self.choices)
        if r.integer:
            return [int(r.low), int(r.high)]
        return [r.low, r.high, *([] if r.step else [r.low + 0.381966 * (r.high - r.low)])]


@dataclass(frozen=True)
class Space:
    """The parameters of a search."""

    parameters: tuple[Parameter, ...]

    def suggest(self, trial: Any) -> Values:
        """A value for every key."""
        return {p.key: p.suggest(trial) for p in self.parameters}

    def stored(self, config: Config) -> Values | None:
        """The config's own values as Optuna keeps them; ``None`` where one is not in the space."""
        values = config.model_dump(mode="json")
        found = {p.key: p.stored(_at(values, p.key)) for p in self.parameters}
        return None if None in found.values() else found

    def describe(self) -> dict[str, Any]:
        """The space in plain values, to be compared with another."""
        return {
            p.key: list(p.choices) or (p.range and p.range.model_dump()) for p in self.parameters
        }


def read_space(path: str | Path, config: Config) -> Space:
    """Read a space and try it on the config it is for.

    Raises:
        InputError: no such file, not YAML, an unknown or a fixed key, a range that is none, or a
            value that the config does not take; with the file and the key.
    """
    path = Path(path)
    try:
        given = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read the space: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "cannot be parsed"
        raise InputError(f"{path}{line}: not valid YAML: {reason}") from None
    if not isinstance(given, dict) or not given:
        raise InputError(
            f"{path}: a space is a YAML mapping of dotted keys, such as "
            "training.learning_rate: {low: 1e-5, high: 1e-3, log: true}"
        )
    parameters = []
    for key, values in given.items():
        where = f"{path}: {key}"
        _refuse_fixed(where, str(key))
        parameter = _parameter(where, str(key), values)
        for value in parameter.examples():
            try:
                with_values(config, {parameter.key: value})
            except InputError as error:
                whole = parameter.range is not None and "a whole number" in str(error)
                hint = "; say integer: true" if whole else ""
                problem = str(error).removeprefix("config: ").removeprefix(f"{parameter.key}: ")
                raise InputError(f"{where}: {problem}{hint}") from None
        parameters.append(parameter)
    for one, other in permutations((str(key) for key in given), 2):
        if other.startswith(one + "."):
            raise InputError(f"{path}: {one}: holds {other}, which has a line of its own")
    return Space(tuple(parameters))


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """The config with other values for dotted keys.

    Raises:
        InputError: a key that is none, or a value that the config does not take.
    """
    plain = config.model_dump(mode="json")
    for key, value in values.items():
        *parents, last = key.split(".")
        at: Any = plain
        for part in parents:
            at = _inside(at, part, key)
        if isinstance(at, list):
            _inside(at, last, key)
            at[int(last)] = value
        elif isinstance(at, dict):
            at[last] = value
        else:
            raise InputError(f"{key}: there is no {last!r} in the config")
    return parse_config(plain, "config")


def _refuse_fixed(where: str, key: str) -> None:
    for fixed, reason in _FIXED.items():
        if key == fixed or key.startswith(fixed + "."):
            raise InputError(f"{where}: is not searched: {reason}")
        if fixed.startswith(key + "."):
            raise InputError(
                f"{where}: is a section, and not all of it is searched ({fixed}: {reason}); name "
                f"the keys in it"
            )
    if key.startswith("data.train") and not key.endswith(".weight"):
        raise InputError(f"{where}: of corpora only the weight is searched (data.train.0.weight)")


def _parameter(where: str, key: str, values: Any) -> Parameter:
    if isinstance(values, dict) and set(values) == {"choices"}:
        values = values["choices"]
    if isinstance(values, list):
        if len(values) < 2 or any(values.count(x) > 1 for x in values):
            raise InputError(f"{where}: choices are a list of two or more that differ")
        return Parameter(key, None, tuple(values))
    if not isinstance(values, dict):
        raise InputError(f"{where}: expected {{low: ..., high: ...}} or a list, found {values!r}")
    try:
        return Parameter(key, _Range.model_validate(values))
    except ValidationError as error:
        # A name that is none tells more than the one that is then missing.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        name = ".".join(map(str, first["loc"]))
        known = "a range has low, high, log, integer and step; choices are a list"
        must = takes(first)
        if first["type"] == "extra_forbidden":
            message = f"unknown key; {known}"
        elif first["type"] == "missing":
            message = f"is missing; {known}"
        elif must:
            message = f"must be {must}, found {first['input']!r}"
        else:
            message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where}{f'.{name}' if name else ''}: {message}") from None


def _inside(at: Any, part: str, key: str) -> Any:
    if isinstance(at, list) and part.isdecimal() and int(part) < len(at):
        return at[int(part)]
    if isinstance(at, dict) and part in at:
        return at[part]
    raise InputError(f"{key}: there is no {part!r} in the config")


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values[int(part)] if isinstance(values, list) else values[part]
    return values
