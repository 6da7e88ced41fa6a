"""Our training against the plain Trainer recipe, on WNUT-17: test F1 and wall time.

    python scripts/benchmark_training.py --data ../shared/data/wnut17 [--repeat 2] [--json OUT]

The baseline is the recipe of the public `run_ner` example, written with the Trainer's own
API: fp32, batches of 8 in random order, 3 epochs, learning rate 5e-5 falling linearly, the
label at a word's first token. Both sides take the same number of steps with the same
hyperparameters from the same encoder; runs alternate, and the time is that of `train()`.
The recipe's F1 is seqeval's own reading over the words of the test file, as in `run_ner`; ours is
that of exact character spans.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ie_model import evaluate, train
from ie_model.config.loading import parse_config
from ie_model.models.backbones import resolve
from ie_model.models.hardware import available_cpus

LABELS = ["corporation", "creative-work", "group", "location", "person", "product"]
EPOCHS, BATCH, RATE = 3, 8, 5e-5

Sentence = tuple[list[str], list[str]]


def sentences(path: Path) -> Iterator[Sentence]:
    """Words and tags of each sentence of a tab-separated CoNLL file."""
    words: list[str] = []
    tags: list[str] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.strip():
            word, tag = line.split("\t")
            words.append(word)
            tags.append(tag)
        elif words:
            yield words, tags
            words, tags = [], []


def baseline(data: Path, folder: Path, seed: int) -> tuple[float, float, int]:
    """Train by the recipe; returns test F1, seconds and steps."""
    from seqeval.metrics import f1_score
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
    )

    tags = ["O", *(f"{p}-{label}" for label in LABELS for p in "BI")]
    ids = {tag: i for i, tag in enumerate(tags)}
    backbone = resolve("minilm")
    tokenizer = AutoTokenizer.from_pretrained(backbone)

    def rows(name: str) -> list[dict[str, Any]]:
        result = []
        for words, word_tags in sentences(data / f"{name}.conll"):
            encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=512)
            labels, previous = [], None
            for word in encoded.word_ids():
                labels.append(-100 if word in (None, previous) else ids[word_tags[word]])
                previous = word
            result.append({**encoded, "labels": labels})
        return result

    model = AutoModelForTokenClassification.from_pretrained(
        backbone, id2label=dict(enumerate(tags)), label2id=ids
    )
    arguments = TrainingArguments(
        str(folder), per_device_train_batch_size=BATCH, num_train_epochs=EPOCHS,
        learning_rate=RATE, seed=seed, use_cpu=True, save_strategy="no", report_to="none",
        disable_tqdm=True, logging_strategy="no", per_device_eval_batch_size=BATCH,
    )  # fmt: skip
    collator = DataCollatorForTokenClassification(tokenizer)
    trainer = Trainer(model, arguments, data_collator=collator, train_dataset=rows("train"))  # type: ignore[arg-type]
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began

    test = list(sentences(data / "test.conll"))
    output: Any = trainer.predict(rows("test"))  # type: ignore[arg-type]
    found = [
        [tags[t] for t, wanted in zip(best, labels, strict=True) if wanted != -100]
        for best, labels in zip(output.predictions.argmax(-1), output.label_ids, strict=True)
    ]
    # A word of which the tokenizer leaves nothing has no answer: it counts as O.
    gold = [tags_ for _, tags_ in test]
    found = [f + ["O"] * (len(g) - len(f)) for f, g in zip(found, gold, strict=True)]
    return f1_score(gold, found), seconds, trainer.state.global_step


def ours(data: Path, folder: Path, seed: int) -> tuple[float, float, int]:
    """The same steps and hyperparameters through :func:`ie_model.train`."""
    config = parse_config(
        {
            "output_dir": str(folder / "model"),
            "labels": LABELS,
            "data": {
                "train": [{"path": str(data / "train.conll"), "format": "conll"}],
                "cache_dir": str(folder / "cache"),
            },
            # The recipe labels whole words; so do we.
            "encoding": {"window": 256, "lines": "document", "whole_words": True},
            "training": {
                "epochs": EPOCHS, "batch_windows": BATCH, "batch_tokens": 100_000,
                "learning_rate": RATE, "warmup": 0.0, "weight_decay": 0.0, "seed": seed,
                "precision": "auto", "threads": torch.get_num_threads(),
            },
        }
    )  # fmt: skip
    result = train(config)
    metrics = evaluate(result.model_dir, data / "test.conll", format="conll")
    return metrics["span"]["micro"]["f1"], result.seconds, result.steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--threads", type=int, default=available_cpus())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    runs: dict[str, list[dict[str, float]]] = {"trainer recipe": [], "ie_model": []}
    for seed in range(options.repeat):
        for name, function in (("trainer recipe", baseline), ("ie_model", ours)):
            with tempfile.TemporaryDirectory() as folder:
                f1, seconds, steps = function(options.data, Path(folder), seed)
            runs[name].append({"f1": f1, "seconds": seconds, "steps": steps})
            print(
                f"seed {seed} {name:15} F1 {100 * f1:5.1f}  {seconds:6.1f} s  {steps} steps",
                flush=True,
            )
    times = {n: statistics.median(r["seconds"] for r in rows) for n, rows in runs.items()}
    scores = {n: statistics.mean(r["f1"] for r in rows) for n, rows in runs.items()}
    for name in runs:
        print(f"{name:15} mean F1 {100 * scores[name]:.1f}, median {times[name]:.1f} s")
    print(f"time ratio {times['ie_model'] / times['trainer recipe']:.2f}")
    if options.json:
        options.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
