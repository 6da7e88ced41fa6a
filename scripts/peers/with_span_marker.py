"""SpanMarker: every span of a few words is a candidate, with markers behind the text.

A sentence becomes several samples of 512 places each, and a batch counts samples, not sentences.
"""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from datasets import ClassLabel, Dataset, Features, Sequence, Value
from job import Job, Predict, main, sentences, tags_of
from span_marker import SpanMarkerModel, Trainer
from transformers import TrainingArguments


def train(job: Job) -> dict[str, Any]:
    torch.set_num_threads(job.threads)
    tags = tags_of(job.labels)
    ids = {tag: i for i, tag in enumerate(tags)}
    read = list(sentences(job.data / "train.conll"))
    rows = {
        "tokens": [words for words, _ in read],
        "ner_tags": [[ids[tag] for tag in word_tags] for _, word_tags in read],
    }
    features = Features(
        {"tokens": Sequence(Value("string")), "ner_tags": Sequence(ClassLabel(names=tags))}
    )
    # Lengths as in its documentation.
    model = SpanMarkerModel.from_pretrained(
        job.backbone, labels=tags, model_max_length=256, marker_max_length=128, entity_max_length=8
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=job.batch, max_steps=job.updates,
            learning_rate=job.rate, warmup_steps=job.updates // 10, seed=job.seed, use_cpu=True,
            save_strategy="no", report_to="none", logging_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        trainer = Trainer(
            model=model, args=arguments, train_dataset=Dataset.from_dict(rows, features=features)
        )
        trainer.train()
        # Of the samples that training made of the sentences, those that were seen.
        seen = job.updates * job.batch / len(trainer.train_dataset)
    model.save_pretrained(job.model)
    return {"updates": trainer.state.global_step, "share_of_samples_seen": seen}


def load(job: Job) -> Predict:
    torch.set_num_threads(job.threads)
    model = SpanMarkerModel.from_pretrained(job.model)

    def predict(texts: list[str]) -> list[list[tuple[int, int, str]]]:
        return [
            [(e["char_start_index"], e["char_end_index"], e["label"]) for e in found]
            for found in model.predict(texts)
        ]

    return predict


if __name__ == "__main__":
    main(train, load)
