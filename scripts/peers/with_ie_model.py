"""This package: the default config in as many updates; ``settings`` are overrides of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from job import Job, Predict, main

from ie_model import Extractor, load_config, train as train_model
from ie_model.corpus import read_documents


def train(job: Job) -> dict[str, Any]:
    config = load_config(
        Path(__file__).resolve().parents[2] / "configs" / "default.yaml",
        [
            f"output_dir={job.model}", f"training.max_steps={job.updates}",
            f"training.batch_windows={job.batch}", f"training.threads={job.threads}",
            f"training.seed={job.seed}", f"training.learning_rate={job.rate}",
            f"model.backbone={job.backbone}", *job.settings,
        ],
    )  # fmt: skip
    result = train_model(config, documents=list(read_documents(job.data / "train.jsonl")))
    return {"updates": result.steps, "tokens_per_second": result.tokens_per_second}


def load(job: Job) -> Predict:
    extractor = Extractor.from_pretrained(job.model, threads=job.threads)

    def predict(texts: list[str]) -> list[list[tuple[int, int, str]]]:
        return [
            [(e.start, e.end, e.label) for e in document.entities]
            for document in extractor.predict(texts)
        ]

    return predict


if __name__ == "__main__":
    main(train, load)
