"""F1 for other values of `sure_score` and `min_score`, of models that are trained already.

    ie-model predict runs/accurate news.jsonl -o judged.jsonl     # or documents marked by people
    python scripts/measure_thresholds.py judged.jsonl runs/seed0 runs/seed1 runs/seed2

The models are seeds of one recipe, the documents none of those they learned from. `sure_score`
works among the mentions of one document, so documents of a single line say nothing about it.
A row is one `sure_score`, a column one `min_score`; behind the F1 stands the difference from the
first row, paired over documents and seeds, with its 95 % interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ie_model import Document, Extractor
from ie_model.corpus import load_gold
from ie_model.documents import Entity
from ie_model.inference.decoding import decode
from ie_model.inference.thresholds import apply_calibration
from ie_model.metrics.bootstrap import paired_differences, unit_counts

Found = list[tuple[Entity, ...]]


def every_span(extractor: Extractor, documents: Sequence[Document]) -> Found:
    """What the model finds before any threshold, with raw scores."""
    found: Found = []
    for document in documents:
        encoded, rows = zip(*extractor.logits([document.text]), strict=True)
        found += decode(
            rows, encoded, [document.text], extractor.label_set, extractor.settings.temperature
        )
    return found


def counts_of(
    gold: Sequence[Document], models: Sequence[tuple[Extractor, Found]], sure: float, lowest: float
) -> NDArray[np.int64]:
    """Counts `[seeds, documents, labels, 3]` of what is left with these thresholds."""

    def seeds() -> Iterator[NDArray[np.int64]]:
        for extractor, found in models:
            kept = apply_calibration(
                found, extractor.settings.calibration, {}, lowest, sure_score=sure
            )
            answers = [
                Document(g.text, id=g.id, entities=e) for g, e in zip(gold, kept, strict=True)
            ]
            yield unit_counts(gold, answers, extractor.settings.labels)[0]

    return np.stack(list(seeds()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("gold", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument(
        "--sure-scores", type=float, nargs="+", default=[0, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98]
    )
    parser.add_argument("--min-scores", type=float, nargs="+", default=[0, 0.5, 0.65, 0.8])
    options = parser.parse_args()
    gold = load_gold(options.gold)
    models = [
        (extractor, every_span(extractor, gold))
        for extractor in (Extractor.from_pretrained(m, "torch") for m in options.models)
    ]
    labels = models[0][0].settings.labels
    print("sure_score | " + " | ".join(f"min_score {lowest}" for lowest in options.min_scores))
    before = {m: counts_of(gold, models, options.sure_scores[0], m) for m in options.min_scores}
    for sure in options.sure_scores:
        cells = []
        for lowest in options.min_scores:
            now = counts_of(gold, models, sure, lowest)
            row = paired_differences(before[lowest], now, labels)["micro"]
            low, high = row["interval"]
            cells.append(
                f"{100 * row['after']:.2f} {100 * row['difference']:+.2f} "
                f"({100 * low:+.2f} to {100 * high:+.2f})"
            )
        print(f"{sure} | " + " | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
