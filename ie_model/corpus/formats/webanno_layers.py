"""The header of a WebAnno TSV file: its layers, and the columns that hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ie_model.errors import InputError

ROW = re.compile(r"\d+-\d+(\.\d+)?")
"""The number of a token, which a row of the body begins with."""

_HEADER = re.compile(r"#T_(SP|RL|CH)=")


@dataclass(frozen=True)
class Layer:
    """A line of the header: a layer, its features, and the column of the first of them."""

    kind: str  # SP: spans, RL: relations, CH: chains
    name: str
    features: tuple[str, ...]
    column: int

    @property
    def short_name(self) -> str:
        """The last part of the name."""
        return self.name.rsplit(".", 1)[-1]

    def is_called(self, name: str | None) -> bool:
        """Whether this is the span layer of that name, full or short."""
        return self.kind == "SP" and name in (self.name, self.short_name)

    def label_column(self, feature: str | None, path: Path) -> int | None:
        """The column of the label; ``None`` where no feature could be one, so the name is."""
        if feature is not None and feature not in self.features:
            held = ", ".join(self.features) or "none"
            raise InputError(f"{path}: layer {self.name} has no feature {feature!r}; it has {held}")
        plain = [
            f
            for f in self.features
            if not f.startswith("ROLE_") and "." not in f and f != "identifier"
        ]
        label = feature or ("value" if "value" in plain else plain[0] if plain else None)
        return None if label is None else self.column + self.features.index(label)


def layers_of(lines: Iterable[str]) -> list[Layer]:
    """The layers that the lines of a file name, in the order of their columns."""
    found: list[Layer] = []
    column = 3
    for line in lines:
        if ROW.match(line):
            break  # the header is over
        if head := _HEADER.match(line):
            name, *fields = line.split("=", 1)[1].split("|")
            features = tuple(f for f in fields if f)
            found.append(Layer(head.group(1), name, features, column))
            column += max(1, len(features))
    return found
