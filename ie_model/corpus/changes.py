"""Changing what a corpus says: labels renamed or dropped, doubtful entities left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ie_model.corpus.mending import fix_document
from ie_model.corpus.overlaps import Rule, confidence_of, flatten
from ie_model.corpus.references import settle_references
from ie_model.documents import Document
from ie_model.errors import InputError


@dataclass(frozen=True)
class Changes:
    """What to change in every document.

    ``labels`` renames, and drops where the new name is ``None``; ``keep`` drops every label
    outside it (new names, none: keep all). Entities that carry a confidence (score or
    ``meta["confidence"]``) below ``min_confidence`` are dropped, those without one stay.
    Overlaps left after that are resolved by ``flatten``, if given. With ``fix``, every
    document is first mended as by :func:`ie_model.corpus.mending.fix_document`. What a tool
    said of entities that are dropped (relations, notes) goes with them.
    """

    labels: Mapping[str, str | None] = field(default_factory=dict)
    keep: frozenset[str] = frozenset()
    min_confidence: float = 0.0
    flatten: Rule | None = None
    fix: bool = False

    def apply(self, document: Document, counts: Counter[str] | None = None) -> Document:
        """The changed document; ``counts`` gains ``kept`` and the reasons for dropping."""
        tally: Counter[str] = Counter()
        if self.fix:
            document, mended = fix_document(document)
            tally.update({f"mended: {kind}": count for kind, count in mended.items()})
        kept = []
        for entity in document.entities:
            label = self.labels.get(entity.label, entity.label)
            confidence = confidence_of(entity)
            if label is None or (self.keep and label not in self.keep):
                tally["dropped by label"] += 1
            elif confidence is not None and confidence < self.min_confidence:
                tally["dropped by confidence"] += 1
            else:
                kept.append(entity if label == entity.label else replace(entity, label=label))
        changed = replace(document, entities=tuple(kept))
        if self.flatten is not None:
            changed, dropped = flatten(changed, self.flatten)
            tally["dropped by overlap"] += len(dropped)
        changed, gone = settle_references(changed)
        tally.update({f"dropped with their entities: {kind}": n for kind, n in gone.items()})
        if counts is not None:
            counts.update({**tally, "kept": len(changed.entities)})
        return changed

    def unused(self, seen: Iterable[str]) -> list[str]:
        """A sentence for each label with a rule that no entity had, most likely a slip.

        ``seen`` are the labels of the documents before any change.
        """
        before = set(seen)
        after = {self.labels.get(label, label) for label in before}
        idle = {old: "dropped" if new is None else "renamed" for old, new in self.labels.items()}
        idle = {label: fate for label, fate in idle.items() if label not in before}
        idle |= dict.fromkeys(sorted(self.keep - after), "kept")
        there = ", ".join(sorted(before)) or "none"
        return [
            f"no entity is labelled {label!r}, which was to be {fate}; labels there: {there}"
            for label, fate in idle.items()
        ]


def parse_mapping(
    pairs: Sequence[str], drop: Sequence[str] = (), keep: Sequence[str] = ()
) -> dict[str, str | None]:
    """``["Organisation=ACTOR"]`` and labels to drop, as the mapping of :class:`Changes`.

    Raises:
        InputError: a pair without ``=``, or a label given two fates, ``keep`` being one.
    """
    mapping: dict[str, str | None] = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not equals or not old or not new:
            raise InputError(f"--map {pair!r}: expected OLD=NEW")
        if mapping.setdefault(old, new) != new:
            raise InputError(f"--map: {old!r} is mapped to {mapping[old]!r} and to {new!r}")
    for label in drop:
        if mapping.setdefault(label, None) is not None:
            raise InputError(f"{label!r} is both mapped and dropped")
        if label in keep and label not in mapping.values():
            raise InputError(f"{label!r} is both kept and dropped")
    return mapping
