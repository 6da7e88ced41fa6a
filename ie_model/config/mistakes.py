"""What is wrong with the values of a config, in one line that names the key and what it takes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ie_model.config.schema import Config

_TAKES = {
    "path_type": "a path",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "dict_type": "a section (KEY: VALUE)",
    "model_type": "a section (KEY: VALUE)",
    "list_type": "a list",
    "greater_than": "more than {gt:.10g}",
    "greater_than_equal": "at least {ge:.10g}",
    "less_than": "less than {lt:.10g}",
    "less_than_equal": "at most {le:.10g}",
    "literal_error": "{expected}",
}


def explain(error: ValidationError, values: Mapping[str, Any], source: str) -> str:
    """The first problem in one line: where, what, and what is valid there.

    Args:
        error: what validation found.
        values: the plain values that were validated.
        source: leads the line, as the name of the file does.
    """
    found: dict[str, list[ErrorDetails]] = {}
    for problem in error.errors():
        found.setdefault(_key(problem, values), []).append(problem)
    # An unknown key is the likelier cause of whatever else is reported with it.
    unknown = [key for key, (first, *_) in found.items() if first["type"] == "extra_forbidden"]
    key = (unknown or list(found))[0]
    more = len(found) - 1
    message = f"{source}: {key}: {_message(found[key])}"
    return message + (f" (and {more} more problem{'s' if more > 1 else ''})" if more else "")


def _key(problem: ErrorDetails, values: Any) -> str:
    """The dotted key as the file has it, without the names of the types that were tried."""
    parts: list[str] = []
    for part in problem["loc"]:
        inside = (isinstance(values, Mapping) and part in values) or (
            isinstance(values, list | tuple) and isinstance(part, int)
        )
        if inside:
            values = values[part]
        elif problem["type"] != "missing":
            continue
        parts.append(str(part))
    return ".".join(parts)


def _message(problems: list[ErrorDetails]) -> str:
    """What is wrong at one key; where it takes one type or another, there is a problem for each."""
    first, given = problems[0], problems[0]["input"]
    if first["type"] == "extra_forbidden":
        valid = _keys_beside(first["loc"])
        near = difflib.get_close_matches(str(first["loc"][-1]), valid, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(valid)}"
        return f"unknown key; {hint}"
    if first["type"] == "missing":
        return "required and not given"
    choices = dict.fromkeys(takes(problem) for problem in problems)
    default = given in (None, "") and first["loc"][-1] in _keys_beside(first["loc"])
    way_out = "; leave the key out for its default" if default else ""
    if None in choices:  # a rule of our own, which names what it found
        return first["msg"].removeprefix("Value error, ") + way_out
    message = f"must be {' or '.join(str(choice) for choice in choices)}, found {_written(given)}"
    if first["type"] == "string_type" and isinstance(given, bool | int | float | date):
        return f"{message}; quote it, YAML reads NO, ON, 12 or 2018-12-03 as no text"
    if first["type"] == "list_type" and isinstance(given, str):
        return f"{message}; write [{given}]"
    return message + way_out


def takes(problem: ErrorDetails) -> str | None:
    """What belongs where validation found another thing: ``a whole number``, ``at least 1``."""
    form = _TAKES.get(problem["type"])
    return form and form.format(**problem.get("ctx", {}))


def _written(value: Any) -> str:
    """A value as its file has it: nothing, true and false are not what Python calls them."""
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The valid keys of the section that holds the key at ``location``."""
    section: type[BaseModel] = Config
    for part in location[:-1]:
        if isinstance(part, str) and part in section.model_fields:
            annotation = section.model_fields[part].annotation
            inner = getattr(annotation, "__args__", (annotation,))[0]
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                section = inner
    return list(section.model_fields)
