"""Measure how fast a model is here, and save the fastest plan that keeps its answers.

    python scripts/benchmark.py runs/default
    python scripts/benchmark.py runs/default my_texts.jsonl

The same as `ie-model bench runs/default --plan`, as a program to copy and change.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from ie_model import Extractor, read_documents
from ie_model.errors import RunError
from ie_model.export.benchmark.measuring import bench, best_plan, sample_texts
from ie_model.export.benchmark.report import format_table, write_plot
from ie_model.export.exporting import export
from ie_model.inference.engines import artifacts, installed
from ie_model.models.plan import save_plan


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path, help="model directory")
    parser.add_argument(
        "texts", type=Path, nargs="?", help="documents; the authored sample if absent"
    )
    parser.add_argument("--documents", type=int, default=600, help="use at most so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--output", type=Path, default=Path("bench"), help="bench.json and bench.png"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    if arguments.texts is None:
        texts = sample_texts()
    else:
        texts = [document.text for document in read_documents(arguments.texts)]

    # int8 is only measured where it exists, and it only exists where it passed the quality gate.
    if installed("nncf") and artifacts.locate(arguments.model, "openvino", "int8") is None:
        try:
            export(arguments.model, "openvino", "int8")
        except RunError as refused:
            print(f"measured without int8: {refused}")

    report = bench(arguments.model, texts[: arguments.documents], rounds=arguments.rounds)
    print(format_table(report))

    arguments.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    write_plot(report, arguments.output.with_suffix(".png"))

    plan, figures = best_plan(report)
    save_plan(arguments.model, plan, figures)

    # From here on `auto` means this plan.
    extractor = Extractor.from_pretrained(arguments.model)
    document = extractor.predict("Iraqi federal police cleared Hawija on Tuesday.")
    print(f"plan: {plan.name}")
    for entity in document.entities:
        print(f"{entity.start:3} {entity.end:3} {entity.label:10} {entity.score:.3f} {entity.text}")


if __name__ == "__main__":
    main()
