"""Our training against the plain Trainer recipe, on WNUT-17: test F1 and wall time.

    python scripts/benchmark_training.py --data ../shared/data/wnut17 [--repeat 2] [--json OUT]
    python scripts/benchmark_training.py --data ../shared/data/wnut17 --device cuda --batch 32

The baseline is the recipe of the public `run_ner` example, written with the Trainer's own
API: fp32 (and bf16, where --recipe names it), batches of 8 in random order, 3 epochs, learning
rate 5e-5 falling linearly, the
label at a word's first token. Both sides take the same number of steps with the same
hyperparameters from the same encoder; runs alternate, and the time is that of `train()`.
Tokens are counted without padding.
The recipe's F1 is seqeval's own reading over the words of the test file, as in `run_ner`; ours is
that of exact character spans.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ie_model import evaluate, train
from ie_model.config.loading import parse_config
from ie_model.models.backbones import resolve
from ie_model.models.hardware import available_cpus

LABELS = ["corporation", "creative-work", "group", "location", "person", "product"]
EPOCHS, RATE = 3, 5e-5

Sentence = tuple[list[str], list[str]]
Outcome = dict[str, float]
"""``f1``, ``seconds``, ``steps`` and ``tokens`` (trained on in a second) of one training."""


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


def baseline(options: argparse.Namespace, precision: str, folder: Path, seed: int) -> Outcome:
    """Train by the recipe, in ``fp32`` or ``bf16``."""
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
    backbone = resolve(options.backbone)
    tokenizer = AutoTokenizer.from_pretrained(backbone)

    def rows(name: str) -> list[dict[str, Any]]:
        result = []
        for words, word_tags in sentences(options.data / f"{name}.conll"):
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
        str(folder), per_device_train_batch_size=options.batch, num_train_epochs=EPOCHS,
        learning_rate=RATE, seed=seed, use_cpu=options.device == "cpu", bf16=precision == "bf16",
        save_strategy="no", report_to="none", disable_tqdm=True, logging_strategy="no",
        per_device_eval_batch_size=options.batch,
    )  # fmt: skip
    collator = DataCollatorForTokenClassification(tokenizer)
    train_rows = rows("train")
    trainer = Trainer(model, arguments, data_collator=collator, train_dataset=train_rows)  # type: ignore[arg-type]
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    tokens = EPOCHS * sum(len(row["input_ids"]) for row in train_rows)

    test = list(sentences(options.data / "test.conll"))
    output: Any = trainer.predict(rows("test"))  # type: ignore[arg-type]
    found = [
        [tags[t] for t, wanted in zip(best, labels, strict=True) if wanted != -100]
        for best, labels in zip(output.predictions.argmax(-1), output.label_ids, strict=True)
    ]
    # A word of which the tokenizer leaves nothing has no answer: it counts as O.
    gold = [tags_ for _, tags_ in test]
    found = [f + ["O"] * (len(g) - len(f)) for f, g in zip(found, gold, strict=True)]
    return {
        "f1": f1_score(gold, found), "seconds": seconds, "steps": trainer.state.global_step,
        "tokens": tokens / seconds,
    }  # fmt: skip


def ours(options: argparse.Namespace, folder: Path, seed: int) -> Outcome:
    """The same steps and hyperparameters through :func:`ie_model.train`."""
    config = parse_config(
        {
            "output_dir": str(folder / "model"),
            "labels": LABELS,
            "model": {"backbone": options.backbone},
            "data": {
                "train": [{"path": str(options.data / "train.conll"), "format": "conll"}],
                "cache_dir": str(folder / "cache"),
            },
            # The recipe labels whole words; so do we.
            "encoding": {"window": 256, "lines": "document", "whole_words": True},
            "training": {
                "epochs": EPOCHS, "batch_windows": options.batch, "batch_tokens": 100_000,
                "learning_rate": RATE, "warmup": 0.0, "weight_decay": 0.0, "seed": seed,
                "precision": "auto", "threads": torch.get_num_threads(), "device": options.device,
            },
        }
    )  # fmt: skip
    result = train(config)
    metrics = evaluate(result.model_dir, options.data / "test.conll", format="conll")
    return {
        "f1": metrics["span"]["micro"]["f1"], "seconds": result.seconds, "steps": result.steps,
        "tokens": result.tokens_per_second,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--threads", type=int, default=available_cpus())
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--backbone", default="minilm")
    parser.add_argument("--batch", type=int, default=8, help="sentences of a batch")
    parser.add_argument("--recipe", nargs="+", choices=["fp32", "bf16"], default=["fp32"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    contenders: dict[str, Callable[[Path, int], Outcome]] = {
        f"recipe, {precision}": partial(baseline, options, precision)
        for precision in options.recipe
    }
    contenders["ie_model"] = partial(ours, options)
    runs: dict[str, list[Outcome]] = {name: [] for name in contenders}
    for seed in range(options.repeat):
        for name, run in contenders.items():
            with tempfile.TemporaryDirectory() as folder:
                outcome = run(Path(folder), seed)
            runs[name].append(outcome)
            print(
                f"seed {seed} {name:13} F1 {100 * outcome['f1']:5.1f}  "
                f"{outcome['seconds']:6.1f} s  {outcome['steps']} steps  "
                f"{outcome['tokens']:,.0f} tokens/s",
                flush=True,
            )
    times = {n: statistics.median(r["seconds"] for r in rows) for n, rows in runs.items()}
    scores = {n: statistics.mean(r["f1"] for r in rows) for n, rows in runs.items()}
    for name in runs:
        ratio = times["ie_model"] / times[name]
        print(
            f"{name:13} mean F1 {100 * scores[name]:.1f}, median {times[name]:.1f} s; "
            f"ie_model takes {ratio:.2f} of its time"
        )
    if options.json:
        options.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
