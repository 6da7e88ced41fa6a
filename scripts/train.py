"""Train from a configuration and look at the result: copy and change.

python scripts/train.py configs/default.yaml training.epochs=5
"""

from __future__ import annotations

import logging
import sys

from ie_model import Extractor, load_config, train

TEXT = "Iraqi federal police cleared Hawija on Tuesday."


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    path, *overrides = sys.argv[1:] or ["configs/default.yaml"]
    config = load_config(path, overrides)
    result = train(config)
    print(f"{result.steps} updates in {result.seconds:.0f} s: {result.model_dir}")

    extractor = Extractor.from_pretrained(result.model_dir)
    for entity in extractor.predict(TEXT).entities:
        print(f"{entity.start:4} {entity.end:4} {entity.label:10} {entity.score:.2f} {entity.text}")


if __name__ == "__main__":
    main()
