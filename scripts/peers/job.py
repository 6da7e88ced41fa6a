"""What every worker does: read its job, train or answer, and write down what came and how long.

    python with_NAME.py {train,score,speed} JOB.json

Workers run in environments of their own, so nothing of ie_model is imported here. A worker gives
two functions: ``train(job)`` leaves a model in ``job.model``, and ``load(job)`` returns its predict
call, from texts to ``(start, end, label)`` in characters.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Span = tuple[int, int, str]
Predict = Callable[[list[str]], list[list[Span]]]

_TEXTS_A_CALL = 100


@dataclass(frozen=True)
class Job:
    """One training, and what is asked of its model.

    ``data`` holds ``train.jsonl``, ``train.conll`` and ``train.spacy``: the same paragraphs,
    ``updates`` times ``batch`` of them. ``texts`` is a JSON list, ``seconds`` about how long the
    speed is measured.
    """

    data: Path
    model: Path
    backbone: str
    labels: list[str]
    updates: int
    batch: int
    rate: float
    threads: int
    seed: int
    texts: Path
    seconds: float
    settings: list[str]

    @classmethod
    def read(cls, path: Path) -> Job:
        """The job in a JSON file."""
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name in ("data", "model", "texts"):
            values[name] = Path(values[name])
        return cls(**values)


def sentences(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Words and tags of each sentence of a CoNLL file."""
    words: list[str] = []
    tags: list[str] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("-DOCSTART-"):
            continue
        if line:
            word, tag = line.split("\t")
            words.append(word)
            tags.append(tag)
        elif words:
            yield words, tags
            words, tags = [], []


def tags_of(labels: list[str]) -> list[str]:
    """Every IOB2 tag, ``O`` first."""
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def main(train: Callable[[Job], dict[str, Any] | None], load: Callable[[Job], Predict]) -> None:
    """Do what the command line asks; the result goes into a file beside the job's model.

    ``train`` may return what else there is to tell of the training.
    """
    command, path = sys.argv[1], Path(sys.argv[2])
    job = Job.read(path)
    if command == "train":
        began, cpu = time.perf_counter(), time.process_time()
        training = train(job) or {}
        result: dict[str, Any] = {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu,
            **training,
        }
    else:
        texts = json.loads(job.texts.read_text(encoding="utf-8"))
        predict = load(job)
        result = {"answers": predict(texts)} if command == "score" else speed(predict, texts, job)
    result["threads"] = job.threads
    path.with_name(f"{command}.json").write_text(json.dumps(result) + "\n", encoding="utf-8")


def speed(predict: Predict, texts: list[str], job: Job) -> dict[str, Any]:
    """Texts a second of calls with a hundred texts each, until ``job.seconds`` are over."""
    predict(texts[:10])
    done = found = 0
    began, cpu = time.perf_counter(), time.process_time()
    while done < len(texts) and time.perf_counter() - began < job.seconds:
        some = texts[done : done + _TEXTS_A_CALL]
        found += sum(map(len, predict(some)))
        done += len(some)
    seconds = time.perf_counter() - began
    return {
        "texts": done, "seconds": seconds, "cpu_seconds": time.process_time() - cpu,
        "entities": found,
    }  # fmt: skip
