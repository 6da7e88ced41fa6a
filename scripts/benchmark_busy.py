"""How long commands take on a busy machine and an idle one, by how OpenMP threads wait.

    python scripts/benchmark_busy.py runs/default ../shared/data/news_unlabelled/news.jsonl

Training, predict, bench and score run in processes of their own, in turns: with threads that
wait as torch has them wait (torch is imported first, so the package comes too late to change it),
and passively (as the command line sets it); beside as many endless loops as there are CPUs, and
beside none. The torch engine is used; OpenVINO's threads are not those of OpenMP.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ie_model import read_documents, write_documents
from ie_model.models.hardware import available_cpus

STARTS = {
    "as torch waits": "import torch; from ie_model.cli.main import main; main()",
    "passively": "from ie_model.cli.main import main; main()",
}
TOLD = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


@contextlib.contextmanager
def loops(count: int) -> Iterator[None]:
    """Processes that compute without end while the block runs."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def seconds(program: str, arguments: list[str], limit: float) -> float:
    """How long one command takes; infinity where it takes longer than the limit.

    Raises:
        SystemExit: the command failed.
    """
    environment = {k: v for k, v in os.environ.items() if k not in TOLD}
    command = [sys.executable, "-c", program, *arguments]
    began = time.perf_counter()
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return float("inf")
    if done.returncode:
        raise SystemExit(f"{arguments[0]}: {done.stderr[-500:]}")
    return time.perf_counter() - began


def commands(model: Path, texts: Path, folder: Path, options: argparse.Namespace) -> dict:
    """The arguments of each command that is timed."""
    engine = ["--engine", "torch"]
    return {
        "train": [
            "train", str(options.config), f"output_dir={folder / 'trained'}",
            f"training.max_steps={options.updates}", "training.device=cpu", *options.overrides,
        ],
        "predict": ["predict", str(model), str(texts), "-o", str(folder / "found.jsonl"), *engine],
        "score": [
            "score", str(model), str(texts), "-o", str(folder / "scored.jsonl"), "--overwrite",
            *engine,
        ],
        "bench": [
            "bench", str(model), str(texts), *engine, "--rounds", "1", "--precision", "fp32",
            "--batch-tokens", "1024", "--no-baseline",
        ],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("overrides", nargs="*", help="for training: model.backbone=mpnet")
    parser.add_argument("--config", type=Path, default=Path("configs/default.yaml"))
    parser.add_argument("--documents", type=int, default=60)
    parser.add_argument("--updates", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("idle", "busy"), help="leave the other out")
    parser.add_argument("--commands", nargs="+", help="of train, predict, score, bench")
    parser.add_argument("--limit", type=float, default=300, help="seconds a command may take")
    options = parser.parse_args()

    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    states = {"idle": 0, "busy": available_cpus()}
    if options.only:
        states = {options.only: states[options.only]}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        texts = folder / "texts.jsonl"
        some = itertools.islice(read_documents(options.texts), options.documents)
        write_documents(some, texts)
        each = commands(options.model, texts, folder, options)
        if options.commands:
            each = {name: each[name] for name in options.commands}
        for arguments in each.values():  # what is made once, such as encoded windows
            seconds(STARTS["passively"], arguments, options.limit)
        for number in range(options.rounds):
            turns = list(STARTS.items())[:: 1 if number % 2 else -1]
            for state, count in states.items():
                for name, arguments in each.items():
                    for how, program in turns:
                        with loops(count):
                            took = seconds(program, arguments, options.limit)
                        times[name, state, how].append(took)
                        print(f"{name:8} {state} {how:14} {took:7.2f} s", flush=True)
    print("median seconds, and of the ratios within rounds")
    for (name, state), how in itertools.product(itertools.product(each, states), ["passively"]):
        before, after = times[name, state, "as torch waits"], times[name, state, how]
        ratio = statistics.median(b / a for b, a in zip(before, after, strict=True))
        print(
            f"{name:8} {state}: {statistics.median(before):7.2f} as torch waits, "
            f"{statistics.median(after):7.2f} passively, {ratio:5.2f} times"
        )


if __name__ == "__main__":
    main()
