"""Gold spans to one tag a unit, and the account of what encoding saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ie_model.documents import Document, Entity
from ie_model.encoding.lines import LINE_END
from ie_model.encoding.windows import SEPARATOR, EncodedText
from ie_model.labels import LabelSet

Longs = NDArray[np.int64]

IGNORED = -100
"""The label of tokens that are not trained on (the loss function's own convention)."""

TOUCHING_SHARE = 0.002
"""When fewer entities than this touch one of their own label, a model never lets them."""


@dataclass(slots=True)
class Ledger:
    """What encoding saw, printed by every run: nothing is dropped in silence.

    ``lost`` lists the gold entities that no tag path can express (they cut a token or
    overlap another), as ``(document id, entity)``; their tokens are masked in training
    and they count as missed in every evaluation. ``unlabelled`` documents are those that
    only teachers mark; ``unannotated`` stretches of text are those that nobody looked at, which
    training leaves out. ``entities`` counts the gold of each label.
    """

    documents: int = 0
    characters: int = 0
    units: int = 0
    tokens: int = 0
    windows: int = 0
    gold: int = 0
    touching: int = 0
    lost: list[tuple[str, Entity]] = field(default_factory=list)
    unlabelled: int = 0
    unannotated: int = 0
    entities: Counter[str] = field(default_factory=Counter)

    @property
    def spans_touch(self) -> bool:
        """Whether spans of one label stand side by side often enough to be expected."""
        return self.touching > TOUCHING_SHARE * self.gold

    @property
    def representable(self) -> int:
        """Gold entities that the tags can express."""
        return self.gold - len(self.lost)

    def without_examples(self, labels: Iterable[str]) -> list[str]:
        """Those of the labels of which no entity was seen that the tags can express."""
        lost = Counter(entity.label for _, entity in self.lost)
        return [label for label in labels if self.entities[label] <= lost[label]]

    def to_dict(self) -> dict[str, int]:
        """Counts only; ``truncated`` is zero by construction and stated for the reader."""
        return {
            "documents": self.documents,
            "unlabelled": self.unlabelled,
            "characters": self.characters,
            "units": self.units,
            "tokens": self.tokens,
            "windows": self.windows,
            "gold_seen": self.gold,
            "gold_representable": self.representable,
            "gold_lost": len(self.lost),
            "gold_touching": self.touching,
            "unannotated": self.unannotated,
            "truncated": 0,
        }

    def add(self, document: Document, encoded: EncodedText, lost: list[Entity], lines: str) -> None:
        """Count one document."""
        self.documents += 1
        self.characters += len(document.text)
        self.units += len(encoded.starts)
        self.tokens += encoded.tokens
        self.windows += len(encoded.windows)
        self.gold += len(document.entities)
        self.entities.update(entity.label for entity in document.entities)
        self.touching += touching_pairs(document, lines)
        self.lost.extend((document.id, e) for e in lost)
        self.unannotated += len(document.unannotated)


def touching_pairs(document: Document, lines: str) -> int:
    """Neighbouring entities of one label with nothing or one blank between them.

    Those of two lines do not touch, unless the document is one sequence, and neither do those
    that :data:`ie_model.encoding.windows.SEPARATOR` parts: decoding never joins them.
    """
    text = document.text
    ordered = sorted(document.entities, key=lambda e: e.start)
    return sum(
        a.label == b.label
        and a.end <= b.start
        and not (between := text[a.end : b.start]).strip()
        and not SEPARATOR.search(text, a.end, b.start + 1)  # which looks at what is around blanks
        and (lines == "document" or not LINE_END.search(between))
        for a, b in pairwise(ordered)
    )


def align(
    encoded: EncodedText,
    entities: Sequence[Entity],
    labels: LabelSet,
    unannotated: Sequence[Sequence[int]] = (),
) -> tuple[Longs, list[Entity]]:
    """Character spans to unit tags.

    Args:
        encoded: the text's units.
        entities: its gold.
        labels: the tags.
        unannotated: stretches ``[start, end)`` of the text that nobody looked at
            (:attr:`Document.unannotated`): their units are :data:`IGNORED`, not outside.

    Returns:
        Tag ids int64 ``[units]`` and the entities that cannot be expressed. Units touched
        by such an entity are :data:`IGNORED`: whether they belong to a mention is known
        only in part, so the model learns nothing there rather than something wrong.
    """
    tags = np.zeros(len(encoded.starts), np.int64) + labels.tag_ids["O"]
    taken = np.zeros(len(encoded.starts), dtype=bool)
    lost: list[Entity] = []
    for entity in entities:
        first = int(np.searchsorted(encoded.starts, entity.start))
        stop = int(np.searchsorted(encoded.ends, entity.end)) + 1
        fits = (
            first < stop <= len(tags)
            and encoded.starts[first] == entity.start
            and encoded.ends[stop - 1] == entity.end
            and not taken[first:stop].any()
            and not ((encoded.sequences > first) & (encoded.sequences < stop)).any()
        )
        if fits:
            taken[first:stop] = True
            tags[first:stop] = [
                labels.tag_ids[t] for t in labels.tags_of(stop - first, entity.label)
            ]
        else:
            lost.append(entity)
    for entity in lost:
        touched = (encoded.ends > entity.start) & (encoded.starts < entity.end) & ~taken
        tags[touched] = IGNORED
    for start, end in unannotated:
        tags[(encoded.ends > start) & (encoded.starts < end) & ~taken] = IGNORED
    return tags, lost
