"""spaCy: the configuration that ``spacy init config`` writes, trained by ``spacy train``.

With the setting ``transformer`` its transformer component on the encoder, otherwise tok2vec from
scratch.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import spacy
from job import Job, Predict, main
from spacy.cli.init_config import init_config
from spacy.cli.train import train as spacy_train


def train(job: Job) -> None:
    transformer = "transformer" in job.settings
    _set_threads(job)
    config = init_config(
        lang="en", pipeline=["ner"], optimize="accuracy" if transformer else "efficiency",
        gpu=transformer,
    )  # fmt: skip
    changes: dict[str, Any] = {
        "paths.train": str(job.data / "train.spacy"),
        "paths.dev": str(job.data / "train.spacy"),  # looked at once, a little of it
        "corpora.dev.limit": 8,
        "training.seed": job.seed,
        "training.max_steps": job.updates - 1,  # spaCy makes one more
        "training.max_epochs": 0,
        "training.patience": 0,
        "training.eval_frequency": job.updates,
        "training.accumulate_gradient": 1,
    }
    if transformer:
        changes |= {
            "components.transformer.model.name": job.backbone,
            "training.optimizer.learn_rate": {
                "@schedules": "warmup_linear.v1", "warmup_steps": job.updates // 10,
                "total_steps": job.updates, "initial_rate": job.rate,
            },
        }  # fmt: skip
    else:
        changes["training.optimizer.learn_rate"] = job.rate
    for key, value in changes.items():
        *path, last = key.split(".")
        section = config
        for name in path:
            section = section[name]
        section[last] = value
    config["training"]["batcher"] = {
        "@batchers": "spacy.batch_by_sequence.v1", "size": job.batch, "get_length": None,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        config.to_disk(Path(folder) / "config.cfg")
        spacy_train(Path(folder) / "config.cfg", Path(folder) / "out")
        (Path(folder) / "out" / "model-last").rename(job.model)


def load(job: Job) -> Predict:
    _set_threads(job)
    nlp = spacy.load(job.model)

    def predict(texts: list[str]) -> list[list[tuple[int, int, str]]]:
        return [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in nlp.pipe(texts)]

    return predict


def _set_threads(job: Job) -> None:
    os.environ["OMP_NUM_THREADS"] = str(job.threads)
    if "transformer" in job.settings:
        import torch

        torch.set_num_threads(job.threads)


if __name__ == "__main__":
    main(train, load)
