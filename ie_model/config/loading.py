"""Configs from YAML files with ``extends:`` and dotted overrides, and errors that name the key.

Paths to data are relative to the file that states them; models (``output_dir``, teachers, a
backbone's folder) and overrides are relative to the working directory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ie_model.config.mistakes import explain
from ie_model.config.schema import SOURCES, Config
from ie_model.config.shipped import find_config, shipped_names
from ie_model.errors import InputError
from ie_model.given import strings


class _DoubleKeyError(yaml.MarkedYAMLError):
    """A key that stands twice in one mapping."""


class Loader(yaml.SafeLoader):
    """YAML in which a key stands once: of two, the last would win in silence."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The mapping, its keys looked at before their values are made."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in seen:
                problem = f"the key {name!r} is given twice"
                raise _DoubleKeyError(problem=problem, problem_mark=key.start_mark)
            seen.add(name)
        return node


def load_config(path: str | Path, overrides: Sequence[str] | Mapping[str, object] = ()) -> Config:
    """Read a YAML file, what it extends, and apply overrides.

    Args:
        path: the file, or the name of a shipped config (``default``). Its ``extends:`` names
            another, relative to it, whose values it replaces key by key; lists are replaced
            whole.
        overrides: ``["training.epochs=3"]`` (values are read as YAML) or a mapping of
            dotted keys to values.

    Raises:
        InputError: a missing file, YAML that is not a mapping, a key that stands twice, a
            circle of ``extends``, an unknown key or a wrong type, each in one line with the
            file and the key.
    """
    found = find_config(path)
    values = _read(found, ())
    for key, value in _overrides(overrides):
        _assign(values, key, value)
    config = parse_config(values, str(found))
    if found != Path(path):
        _check_shipped_corpora(str(path), config)
    return config.of_file(str(found))


def overridden(overrides: Sequence[str] | Mapping[str, object]) -> dict[str, object]:
    """Overrides as ``{"training.epochs": 3}``; see :func:`load_config`."""
    return dict(_overrides(overrides))


def parse_config(values: Mapping[str, Any], source: str = "config") -> Config:
    """Validate plain values; ``source`` leads the error message. See :func:`load_config`."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(explain(error, values, source)) from None


def _check_shipped_corpora(name: str, config: Config) -> None:
    """Refuse a shipped config whose corpus the user must bring, with the setting to name it by."""
    for section, part in SOURCES:
        for i, source in enumerate(getattr(getattr(config, section), part)):
            if ".." in source.path.parts and not source.path.exists():
                raise InputError(
                    f"{name}: its corpus {source.path.name} does not travel with the package; "
                    f"name yours: {section}.{part}.{i}.path=FILE"
                )


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in seen:
        chain = " -> ".join(str(p) for p in (*seen, path.resolve()))
        raise InputError(f"{path}: 'extends' goes in a circle: {chain}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read the config: {error}") from None
    try:
        values = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(
            f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}"
        ) from None
    if not isinstance(values, dict):
        found = "nothing" if values is None else f"a {type(values).__name__}"
        raise InputError(f"{path}: the config must be a YAML mapping (key: value), found {found}")
    _anchor_paths(values, path.parent)
    base = values.pop("extends", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise InputError(f"{path}: 'extends' must be one file name, found {base!r}")
    beside = path.parent / base
    by_name = not beside.exists() and base.removesuffix(".yaml") in shipped_names()
    return _merge(_read(find_config(base if by_name else beside), (*seen, path.resolve())), values)


def _anchor_paths(values: dict[str, Any], folder: Path) -> None:
    """Make the data paths of one file independent of the working directory."""
    for section, part in SOURCES:
        inside = values.get(section)
        given = inside.get(part) if isinstance(inside, dict) else None
        sources = given if isinstance(given, list) else []
        for i, source in enumerate(sources):
            if isinstance(source, str):
                source = sources[i] = {"path": source}  # so that an override may add to it
            if isinstance(source, dict):
                _anchor(source, "path", folder)
                options = source.get("options")
                if isinstance(options, dict):
                    _anchor(options, "text_dir", folder)


def _anchor(values: dict[str, Any], key: str, folder: Path) -> None:
    if isinstance(values.get(key), str) and values[key]:
        values[key] = str(folder / values[key])


def _merge(base: dict[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        # An empty mapping clears what the base has; there is no other way to say so.
        if isinstance(value, Mapping) and value and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _overrides(overrides: Sequence[str] | Mapping[str, object]) -> Iterator[tuple[str, object]]:
    if isinstance(overrides, Mapping):
        strings(list(overrides), "overrides")
        yield from overrides.items()
        return
    for item in strings(overrides, "overrides"):
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise InputError(f"override {item!r}: expected KEY=VALUE, as in training.epochs=3")
        try:
            yield key, yaml.load(value, Loader)
        except _DoubleKeyError as error:
            raise InputError(f"override {key}: {error.problem}") from None
        except yaml.YAMLError:
            yield key, value


def _assign(values: dict[str, Any], key: str, value: object) -> None:
    *parents, last = key.split(".")
    at: Any = values
    for parent in parents:
        at = _element(at, parent, key) if isinstance(at, list) else at.setdefault(parent, {})
        if not isinstance(at, dict | list):
            raise InputError(f"override {key}: {parent!r} is a value, not a section")
    if isinstance(at, list):
        _element(at, last, key)
        at[int(last)] = value
    else:
        at[last] = value


def _element(items: list[Any], index: str, key: str) -> Any:
    if not index.isdecimal() or int(index) >= len(items):
        raise InputError(f"override {key}: {index!r} is not an index into {len(items)} entries")
    return items[int(index)]
