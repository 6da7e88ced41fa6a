"""The recipe of the public ``run_ner`` example: Trainer, labels at first tokens, no tricks.

Answers come from transformers' pipeline with ``aggregation_strategy="first"``.
"""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from job import Job, Predict, main, sentences, tags_of
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
    pipeline,
)


def train(job: Job) -> dict[str, Any]:
    torch.set_num_threads(job.threads)
    tags = tags_of(job.labels)
    ids = {tag: i for i, tag in enumerate(tags)}
    tokenizer = AutoTokenizer.from_pretrained(job.backbone)
    rows = []
    for words, word_tags in sentences(job.data / "train.conll"):
        encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=512)
        labels, previous = [], None
        for word in encoded.word_ids():
            labels.append(-100 if word in (None, previous) else ids[word_tags[word]])
            previous = word
        rows.append({**encoded, "labels": labels})
    model = AutoModelForTokenClassification.from_pretrained(
        job.backbone, id2label=dict(enumerate(tags)), label2id=ids
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=job.batch, max_steps=job.updates,
            learning_rate=job.rate, seed=job.seed, use_cpu=True, save_strategy="no",
            report_to="none", logging_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        collator = DataCollatorForTokenClassification(tokenizer)
        trainer = Trainer(model, arguments, data_collator=collator, train_dataset=rows)  # type: ignore[arg-type]
        trainer.train()
    model.save_pretrained(job.model)
    tokenizer.save_pretrained(job.model)
    return {"updates": trainer.state.global_step}


def load(job: Job) -> Predict:
    torch.set_num_threads(job.threads)
    tag: Any = pipeline(
        "token-classification", model=str(job.model), aggregation_strategy="first", device="cpu"
    )

    def predict(texts: list[str]) -> list[list[tuple[int, int, str]]]:
        return [
            [(int(e["start"]), int(e["end"]), e["entity_group"]) for e in found]
            for found in tag(texts)
        ]

    return predict


if __name__ == "__main__":
    main(train, load)
