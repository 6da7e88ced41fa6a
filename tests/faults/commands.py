"""Commands that come to an end by themselves, with what they read and write."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.jobs import _old_model

COMMANDS: dict[str, tuple[str, bool]] = {
    "init": ("init news", True),
    "train": ("train config.yaml output_dir=trained", True),
    "distill": ("distill --teacher model --student config.yaml output_dir=small", True),
    "evaluate": ("evaluate model gold.jsonl -o m.json --errors e.html --engine torch", True),
    "predict": ("predict model gold.jsonl -o p.html --engine torch", False),
    "crossval": ("crossval config.yaml --folds 2 -o cv2 --keep-models", True),
    "compare": ("compare cv cv -o c.json", True),
    "report": ("report cv -o r.html", True),
    "suspects": ("suspects cv -o s.json", True),
    "calibrate": ("calibrate cv model --keep-all -o cal.json", True),
    "score": ("score model gold.jsonl -o out.jsonl --engine torch --workers 0 --threads 1", False),
    "score to a folder": ("score model gold.jsonl -o parts/ --engine torch --workers 1", False),
    "package": ("package model -o dist --name news", True),
    "next": ("next model gold.jsonl -n 2 -o tasks.jsonl --engine torch", True),
    "annotations check": ("annotations check gold.jsonl -o check.html", False),
    "annotations stats": ("annotations stats gold.jsonl -o stats.json", False),
    "annotations convert": ("annotations convert gold.jsonl brat --to brat", False),
    "annotations split": ("annotations split gold.jsonl a.jsonl b.jsonl", False),
    "annotations agree": ("annotations agree gold.jsonl gold2.jsonl -o agree.html", False),
    "annotations show": ("annotations show gold.jsonl -o show.html", False),
    "backbones list": ("backbones list", True),
    "backbones verify": ("backbones verify --cache-dir cache", True),
}  # fmt: skip
"""The command line of each, and whether it says something on standard output beside its files."""

STREAMS: dict[str, Callable[[], None]] = {}
"""What is done to the standard streams before a command, by how a shell writes it."""


def _stream(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def entered(function: Callable[[], None]) -> Callable[[], None]:
        STREAMS[name] = function
        return function

    return entered


@_stream("<&-")
def _no_input() -> None:
    os.close(0)
    sys.stdin = None  # type: ignore[assignment]


@_stream(">&-")
def _no_output() -> None:
    os.close(1)
    sys.stdout = None  # type: ignore[assignment]


@_stream("2>&-")
def _no_errors() -> None:
    os.close(2)
    sys.stderr = None  # type: ignore[assignment]


@_stream("<&- >&- 2>&-")
def _nothing() -> None:
    _no_input()
    _no_output()
    _no_errors()


@_stream("| true")
def _nobody_reads() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    os.dup2(theirs, 1)


def prepare(folder: Path) -> int:
    """What the commands read: a model, gold, a config, a run of cross-validation."""
    from ie_model.config import load_config
    from ie_model.corpus import read_documents, write_documents
    from ie_model.evaluation import cross_validate

    _old_model(folder)
    found = list(read_documents(folder / "sentences.txt", "markup"))
    for name in ("gold", "gold2"):
        write_documents(found, folder / f"{name}.jsonl")
    config: dict[str, Any] = {
        "output_dir": "none",
        "data": {"train": [{"path": "gold.jsonl"}], "cache_dir": "cache", "dev_fraction": 0.3},
        "model": {"backbone": "./backbone"},
        "encoding": {"window": 96, "overlap": 16},
        "training": {"epochs": 1, "threads": 1, "precision": "fp32", "device": "cpu"},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    cross_validate(load_config("config.yaml"), "cv", folds=2, seeds=(0,))
    return 0


def run(line: str, streams: str, mask: int | None) -> int:
    """Run a command line of ``ie-model`` in this process, and give back its exit code."""
    from ie_model.cli import main

    if streams:
        STREAMS[streams]()
    if mask is not None:
        os.umask(mask)
    sys.argv = ["ie-model", *line.split()]
    try:
        main.main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    return 0
