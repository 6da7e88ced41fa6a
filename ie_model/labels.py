"""The declared label set: its tags, their ids, and which tag may follow which.

Two schemes: ``BIO`` (IOB2) and ``BIOES``. Labels are declared in the config, never
inferred from data, so a label without a training example still has its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ie_model.errors import InputError
from ie_model.given import strings

Scheme = Literal["BIO", "BIOES"]


def split_tag(tag: str) -> tuple[str, str]:
    """``"B-ACTOR"`` to ``("B", "ACTOR")``; ``"O"`` to ``("O", "")``."""
    prefix, _, label = tag.partition("-")
    return prefix, label


@dataclass(frozen=True)
class LabelSet:
    """Labels and the tags that a token classifier predicts for them.

    ``tags[i]`` is the meaning of column ``i`` of the logits. ``touching`` says whether two
    spans of one label may stand side by side with nothing between them.
    """

    labels: tuple[str, ...]
    tags: tuple[str, ...]
    touching: bool = True

    @classmethod
    def declare(cls, labels: Iterable[str], scheme: Scheme = "BIO") -> LabelSet:
        """The label set of a config: ``O`` first, then the tags label by label.

        Raises:
            InputError: no labels, a repeated one, one that could not be told from a tag, or another
                scheme.
        """
        names = strings(labels, "labels")
        if not names:
            raise InputError("labels: at least one label is needed")
        for name in names:
            if not name or name != name.strip() or any(c.isspace() for c in name):
                raise InputError(f"labels: {name!r} is empty or holds white space")
            if names.count(name) > 1:
                raise InputError(f"labels: {name!r} is declared twice")
        if scheme not in get_args(Scheme):
            raise InputError(f"scheme is {scheme!r:.60}: use {' or '.join(get_args(Scheme))}")
        prefixes = "BI" if scheme == "BIO" else "BIES"
        return cls(names, ("O", *(f"{p}-{name}" for name in names for p in prefixes)))

    @classmethod
    def from_id2label(cls, id2label: Mapping[int, str] | Mapping[str, str]) -> LabelSet:
        """The label set of a Hugging Face model, in the order of its logits.

        Raises:
            InputError: the names are not BIO or BIOES tags.
        """
        by_id = {int(k): v for k, v in id2label.items()}
        tags = tuple(by_id[i] for i in sorted(by_id))
        labels: list[str] = []
        for tag in tags:
            prefix, label = split_tag(tag)
            if tag != "O" and (prefix not in ("B", "I", "E", "S") or not label):
                raise InputError(
                    f"the model's label {tag!r} is not a BIO or BIOES tag; "
                    "this model was not trained for span extraction with this package"
                )
            if label and label not in labels:
                labels.append(label)
        if "O" not in tags or not labels:
            raise InputError(f"the model's labels {list(tags)} are not BIO or BIOES tags")
        return cls(tuple(labels), tags)

    @cached_property
    def scheme(self) -> Scheme:
        """``BIOES`` when the tags have an ``E`` or ``S``, else ``BIO``."""
        return "BIOES" if any(t[:2] in ("E-", "S-") for t in self.tags) else "BIO"

    @cached_property
    def tag_ids(self) -> dict[str, int]:
        """Tag to its column in the logits."""
        return {tag: i for i, tag in enumerate(self.tags)}

    @cached_property
    def label_ids(self) -> NDArray[np.int64]:
        """For each tag the index of its label, -1 for ``O``; shape ``[tags]``."""
        index = {label: i for i, label in enumerate(self.labels)}
        return np.array([index.get(split_tag(t)[1], -1) for t in self.tags])

    @cached_property
    def opens(self) -> NDArray[np.bool_]:
        """Tags that may follow anything complete: ``O``, ``B-*``, ``S-*``; shape ``[tags]``."""
        return np.array([t[0] in "OBS" for t in self.tags])

    @cached_property
    def closes(self) -> NDArray[np.bool_]:
        """Tags after which a text may end: all in BIO; ``O``, ``E-*``, ``S-*`` in BIOES."""
        if self.scheme == "BIO":
            return np.ones(len(self.tags), dtype=bool)
        return np.array([t[0] in "OES" for t in self.tags])

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """``allowed[a, b]``: may tag ``b`` follow tag ``a``; shape ``[tags, tags]``."""
        table = np.zeros((len(self.tags), len(self.tags)), dtype=bool)
        for i, before in enumerate(self.tags):
            for j, after in enumerate(self.tags):
                same = before != "O" and split_tag(before)[1] == split_tag(after)[1]
                if self.opens[j]:
                    table[i, j] = self.closes[i] and (self.touching or not same)
                else:
                    table[i, j] = same and before[0] in "BI"
        return table

    def tags_of(self, length: int, label: str) -> Sequence[str]:
        """The tags of one span over ``length`` consecutive units."""
        if self.scheme == "BIO":
            return [f"B-{label}"] + [f"I-{label}"] * (length - 1)
        if length == 1:
            return [f"S-{label}"]
        return [f"B-{label}"] + [f"I-{label}"] * (length - 2) + [f"E-{label}"]
