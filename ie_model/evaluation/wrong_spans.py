"""Where predictions and gold differ: each wrong span with its kind, gold over prediction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ie_model.display.excerpts import excerpt
from ie_model.display.highlight import environment
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.files import write_text
from ie_model.metrics.matching import ERROR_KINDS, Kind, kind_of, match_spans
from ie_model.metrics.spans import judged_spans

ENDINGS = (".html", ".jsonl")
"""What :func:`write_errors` can write."""


@dataclass(frozen=True, slots=True)
class WrongSpan:
    """One error: ``gold`` or ``predicted`` is ``None`` where that side has nothing.

    ``kind`` is that of :func:`ie_model.metrics.matching.kind_of`; ``start`` and ``end`` hold both.
    """

    kind: Kind
    gold: Entity | None
    predicted: Entity | None

    @property
    def start(self) -> int:
        """Where the first of the two begins."""
        return min(e.start for e in (self.gold, self.predicted) if e is not None)

    @property
    def end(self) -> int:
        """Where the last of the two ends."""
        return max(e.end for e in (self.gold, self.predicted) if e is not None)


def wrong_spans(gold: Document, predicted: Document) -> list[WrongSpan]:
    """The errors in one document, in the order of the text.

    Predictions where nobody annotated are no errors: see
    :func:`ie_model.metrics.spans.judged_spans`.
    """
    pairs = match_spans(gold.entities, judged_spans(predicted, gold))
    found = [WrongSpan(kind_of(g, p), g, p) for g, p in pairs]
    return sorted((e for e in found if e.kind != "correct"), key=lambda e: (e.start, e.end))


def wrong_lines(gold: Document, predicted: Document) -> list[dict[str, Any]]:
    """The lines with an error, their text cut into pieces once for each side.

    Returns:
        For each such line ``start`` and ``end`` (offsets), and ``gold`` and ``predicted``, lists of
        pieces: ``text``, ``label`` (``None`` between the spans) and ``right``.
    """
    judged = replace(predicted, entities=judged_spans(predicted, gold))
    right = {e.key for e in gold.entities} & {e.key for e in judged.entities}
    lines, start = [], 0
    for line in gold.text.split("\n"):
        end = start + len(line)
        sides = [
            [e for e in side.entities if e.start < end and e.end > start] for side in (gold, judged)
        ]
        if any(e.key not in right for side in sides for e in side):
            lines.append(
                {
                    "start": start,
                    "end": end,
                    "gold": _pieces(gold.text, start, end, sides[0], right),
                    "predicted": _pieces(gold.text, start, end, sides[1], right),
                }
            )
        start = end + 1
    return lines


def check_ending(path: Path) -> None:
    """Refuse a file that :func:`write_errors` would not know how to write.

    Raises:
        InputError: it ends in nothing of :data:`ENDINGS`.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(
            f"{path}: errors are written as a page or as JSON lines; name a file that ends in "
            f"{' or '.join(ENDINGS)}"
        )


def write_errors(path: Path, gold: Sequence[Document], predicted: Sequence[Document]) -> int:
    """Write the errors, document by document, in the form the file's ending names.

    JSON lines have a row an error: ``document``, ``kind``, ``start``, ``end``, ``gold`` and
    ``predicted`` (entities or null), and ``before``, ``mention``, ``after``, the text around it.

    Returns:
        How many errors there are.

    Raises:
        InputError: see :func:`check_ending`.
        RunError: the file cannot be written.
    """
    check_ending(path)
    errors = [wrong_spans(g, p) for g, p in zip(gold, predicted, strict=True)]
    if path.suffix.lower() == ".jsonl":
        write_text(path, "".join(_rows(gold, errors)))
    else:
        write_text(path, _page(gold, predicted, errors))
    return sum(map(len, errors))


def _rows(gold: Sequence[Document], errors: Sequence[Sequence[WrongSpan]]) -> Iterator[str]:
    for document, wrong in zip(gold, errors, strict=True):
        for e in wrong:
            around = excerpt(document.text, e.start, e.end)
            row = {
                "document": document.id, "kind": e.kind, "start": e.start, "end": e.end,
                "gold": e.gold and e.gold.to_dict(),
                "predicted": e.predicted and e.predicted.to_dict(),
                "before": around.before, "mention": around.mention, "after": around.after,
            }  # fmt: skip
            yield json.dumps(row, ensure_ascii=False) + "\n"


def _page(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    errors: Sequence[Sequence[WrongSpan]],
) -> str:
    shown = []
    for number, (g, p, wrong) in enumerate(zip(gold, predicted, errors, strict=True), 1):
        lines = wrong_lines(g, p) if wrong else []
        for line in lines:  # an error stands under the line in which it begins
            line["errors"] = [e for e in wrong if line["start"] <= e.start <= line["end"]]
        if lines:
            shown.append({"id": g.id or f"document {number}", "count": len(wrong), "lines": lines})
    counts = Counter(e.kind for wrong in errors for e in wrong)
    return (
        environment()
        .get_template("errors.html.j2")
        .render(
            title="Errors, gold over prediction",
            kinds=[(kind, counts[kind]) for kind in ERROR_KINDS],
            total=counts.total(),
            number=len(gold),
            documents=shown,
        )
    )


def _pieces(
    text: str,
    start: int,
    end: int,
    entities: Sequence[Entity],
    right: set[tuple[int, int, str]],
) -> list[dict[str, Any]]:
    pieces: list[dict[str, Any]] = []
    at = start
    for e in sorted(entities, key=lambda e: e.key):
        first, last = max(e.start, at), min(e.end, end)
        pieces.append({"text": text[at:first], "label": None, "right": True})
        pieces.append({"text": text[first:last], "label": e.label, "right": e.key in right})
        at = last
    pieces.append({"text": text[at:end], "label": None, "right": True})
    return [p for p in pieces if p["text"]]
