"""Commands that come to an end by themselves, with what they read and write."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
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
    "tune": ("tune config.yaml space.yaml --trials 2 -o tuned.yaml --table tuned.json", True),
    "compare": ("compare cv cv -o c.json", True),
    "report": ("report cv -o r.html", True),
    "suspects": ("suspects cv -o s.json", True),
    "calibrate": ("calibrate cv model --keep-all -o cal.json", True),
    "score": ("score model gold.jsonl -o out.jsonl --engine torch --workers 0 --threads 1", False),
    "score to a folder": ("score model gold.jsonl -o parts/ --engine torch --workers 0", False),
    "aggregate": ("aggregate gold.jsonl -o names.csv -o names.html -o names.parquet", False),
    "export": ("export model --engine onnx --precision fp32 --force", True),
    "bench": ("bench model gold.jsonl --engine torch --precision fp32 --batch-tokens 64 --rounds 1 "
              "--limit 2 --threads 1 --no-baseline --plan -o b.json", True),
    "package": ("package model -o dist --name news", True),
    "push": ("push model org/news --license mit", True),
    "next": ("next model gold.jsonl -n 2 -o tasks.jsonl --engine torch", True),
    "serve": ("serve model --engine torch --threads 1 --port {port}", False),
    "annotate": ("annotate gold.jsonl -o marked.jsonl --port {port}", False),
    "annotations check": ("annotations check gold.jsonl -o check.html", False),
    "annotations stats": ("annotations stats gold.jsonl -o stats.json", False),
    "annotations convert": ("annotations convert gold.jsonl brat --to brat", False),
    "annotations split": ("annotations split gold.jsonl a.jsonl b.jsonl", False),
    "annotations agree": ("annotations agree gold.jsonl gold2.jsonl -o agree.html", False),
    "annotations show": ("annotations show gold.jsonl -o show.html", False),
    "backbones list": ("backbones list", True),
    "backbones verify": ("backbones verify --cache-dir cache", True),
}  # fmt: skip
"""The command line of each, and whether it says something on standard output beside its files.

A server is told to end (SIGTERM) as soon as somebody has been let in.
"""

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
    found = [
        dataclasses.replace(document, meta={"date": "2024-02-29"})
        for document in read_documents(folder / "sentences.txt", "markup")
    ]
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
    (folder / "space.yaml").write_text("training.learning_rate: {choices: [1e-3, 1e-4]}\n")
    cross_validate(load_config("config.yaml"), "cv", folds=2, seeds=(0,))
    return 0


def run(line: str, streams: str, mask: int | None) -> int:
    """Run a command line of ``ie-model`` in this process, and give back its exit code."""
    from ie_model.cli import main

    with contextlib.ExitStack() as around:
        if "{port}" in line:
            port = _free_port()
            line = line.format(port=port)
            threading.Thread(target=_visit, args=(port,), daemon=True).start()
        if line.startswith("push "):
            around.enter_context(_hub())
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def _visit(port: int) -> None:
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
                page.read()
        except urllib.error.HTTPError:  # an answer as well
            pass
        except OSError:
            time.sleep(0.05)
            continue
        os.kill(os.getpid(), signal.SIGTERM)
        return


@contextlib.contextmanager
def _hub() -> Iterator[None]:
    from huggingface_hub import constants

    from tests.models.hub import local_hub

    os.environ["HF_TOKEN"] = "hf_local"
    with local_hub() as hub:
        constants.HF_HUB_OFFLINE, constants.ENDPOINT = False, hub.url
        yield
