"""Score a model on annotated documents and print its errors: copy and change.

python scripts/evaluate.py runs/default annotations/demo
"""

from __future__ import annotations

import sys

from ie_model import Extractor, evaluate, read_documents
from ie_model.metrics import format_table
from ie_model.metrics.matching import match_spans


def main() -> None:
    model_dir, gold_path = sys.argv[1:]
    extractor = Extractor.from_pretrained(model_dir)
    gold = list(read_documents(gold_path))
    print(format_table(evaluate(extractor, gold)))

    for document, predicted in zip(gold, extractor.pipe(gold), strict=True):
        for expected, found in match_spans(document.entities, predicted.entities):
            if expected is None or found is None or expected.key != found.key:
                print(f"{document.id}: gold {_show(expected)}, predicted {_show(found)}")


def _show(entity: object) -> str:
    return "nothing" if entity is None else f"{entity.label} {entity.text!r}"  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
