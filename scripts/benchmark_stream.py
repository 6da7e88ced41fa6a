"""Streams: first answers, throughput against another checkout, memory, cost by length.

    python scripts/benchmark_stream.py runs/default --paragraphs 200000
    python scripts/benchmark_stream.py runs/default --live 5
    python scripts/benchmark_stream.py runs/default --paragraphs 3000 --against ../other-checkout

Without more, the resident set of this process is read after 2,000 paragraphs of `Extractor.pipe`
and at the end; every paragraph is another text, so nothing is saved by computing equal ones once.
Then one document of 1,000 words is timed against one of 100,000, in turns.

`--live` sends so many paragraphs a second, and says how long each waited for its answer.
`--against` runs the same stream in turns in this checkout and in another one, each in a process
of its own that has its model loaded, and compares wall-clock time and CPU time.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ie_model import Extractor
from ie_model.export.benchmark.measuring import sample_texts

EARLY = 2_000
SHORT, LONG = 1_000, 100_000


def resident_mib() -> float:
    """This process's resident set, MiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmRSS:\s*(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else float("nan")


def paragraphs(count: int) -> Iterator[str]:
    """Sample paragraphs, each with a number of its own in it."""
    for number, text in enumerate(itertools.islice(itertools.cycle(sample_texts()), count)):
        yield f"{text} Report {number}."


def document(words: int) -> str:
    """A document of so many words, a paragraph a line."""
    lines: list[str] = []
    left = words
    for text in itertools.cycle(sample_texts()):
        # Each line another text: equal windows would be computed once.
        some = [f"{len(lines)}:", *text.split()][:left]
        lines.append(" ".join(some))
        left -= len(some)
        if not left:
            return "\n".join(lines)
    raise AssertionError


def seconds(extractor: Extractor, text: str) -> float:
    began = time.perf_counter()
    extractor.predict(text)
    return time.perf_counter() - began


def live(extractor: Extractor, rate: float, count: int, max_wait: float | None) -> None:
    """How long each of ``count`` paragraphs waits for its answer, ``rate`` of them a second."""
    sent: list[float] = []

    def source() -> Iterator[str]:
        begun = time.perf_counter()
        for number, text in enumerate(paragraphs(count), start=1):
            time.sleep(max(begun + number / rate - time.perf_counter(), 0))
            sent.append(time.perf_counter())
            yield text

    extractor.predict("The engine is compiled before the clock runs.")
    extra: dict[str, Any] = {} if max_wait is None else {"max_wait": max_wait}
    answered = [time.perf_counter() for _ in extractor.pipe(source(), **extra)]
    waits = sorted(1000 * (there - here) for here, there in zip(sent, answered, strict=True))
    first = 1000 * (answered[0] - sent[0])
    print(
        f"{rate:g} a second, max_wait={max_wait}: first answer {first:.0f} ms after its text, "
        f"median {statistics.median(waits):.0f} ms, longest {waits[-1]:.0f} ms"
    )


def work(extractor: Extractor, count: int, max_wait: float | None) -> None:
    """For each line on standard input, stream once; print wall-clock and CPU seconds.

    Behind them, the entities found and the token places computed so far.
    """
    extra: dict[str, Any] = {} if max_wait is None else {"max_wait": max_wait}
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        entities = sum(len(d.entities) for d in extractor.pipe(paragraphs(count), **extra))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(wall, cpu, entities, extractor.computed[1], flush=True)


def against(other: Path, options: argparse.Namespace) -> None:
    """This checkout and another, in turns."""
    here = Path(__file__).resolve().parents[1]
    command = [
        sys.executable, __file__, str(options.model), "--worker", "--engine", options.engine,
        "--precision", options.precision, "--paragraphs", str(options.paragraphs),
    ]  # fmt: skip
    own = [] if options.max_wait is None else ["--max-wait", str(options.max_wait)]
    workers = [
        subprocess.Popen(
            command + more, env={**os.environ, "PYTHONPATH": str(tree)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for tree, more in ((here, own), (other.resolve(), []))
    ]  # fmt: skip
    rows = []
    for turn in range(options.rounds + 1):  # in the first one the engine meets every size of batch
        row = {}
        for k in (0, 1) if turn % 2 else (1, 0):
            stdin, stdout = workers[k].stdin, workers[k].stdout
            assert stdin is not None
            assert stdout is not None
            print("go", file=stdin, flush=True)
            row[k] = [float(number) for number in stdout.readline().split()]
        when = f"turn {turn}" if turn else "the first time"
        print(f"{when} {row[0][1]:.2f} CPU s, the other {row[1][1]:.2f}", flush=True)
        if turn:
            rows.append(row)
    for worker in workers:
        worker.communicate()
    for k, what in enumerate(("wall-clock time", "CPU time")):
        ratios = sorted(row[0][k] / row[1][k] for row in rows)
        sums = sum(row[0][k] for row in rows) / sum(row[1][k] for row in rows)
        print(
            f"{what}: {sums:.3f} of the other's in all; by turn {statistics.median(ratios):.3f} "
            f"(from {ratios[0]:.3f} to {ratios[-1]:.3f}), {len(rows)} turns"
        )
    print(f"entities: {rows[0][0][2]:,.0f} and {rows[0][1][2]:,.0f}")
    print(f"places computed: {rows[-1][0][3] / rows[-1][1][3]:.3f} of the other's")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--paragraphs", type=int, default=200_000, help=f"more than {EARLY}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--live", type=float, metavar="RATE", help="texts a second")
    parser.add_argument("--max-wait", type=float, help="of pipe, in this checkout")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()

    if options.against:
        against(options.against, options)
        return
    extractor = Extractor.from_pretrained(
        options.model, options.engine, precision=options.precision
    )
    if options.worker:
        work(extractor, options.paragraphs, options.max_wait)
        return
    if options.live:
        live(extractor, options.live, int(10 * options.live), options.max_wait)
        return
    began = time.perf_counter()
    early, entities = 0.0, 0
    for number, found in enumerate(extractor.pipe(paragraphs(options.paragraphs)), start=1):
        entities += len(found.entities)
        if number == EARLY:
            early = resident_mib()
    rate = options.paragraphs / (time.perf_counter() - began)
    print(
        f"resident set: {early:.0f} MiB after {EARLY:,} paragraphs, {resident_mib():.0f} MiB "
        f"after {options.paragraphs:,} ({resident_mib() - early:+.0f}); {rate:,.0f} paragraphs/s, "
        f"{entities:,} entities"
    )

    short, long = document(SHORT), document(LONG)
    seconds(extractor, short)
    ratios = []
    for _ in range(options.rounds):
        # A hundred short ones, so that both sides are long enough to time.
        several = sum(seconds(extractor, f"{n}\n{short}") for n in range(LONG // SHORT // 4)) * 4
        ratios.append(seconds(extractor, long) / several)
    print(
        f"a document of {LONG:,} words costs {100 * statistics.median(ratios):.0f} times one of "
        f"{SHORT:,} (rounds: {', '.join(f'{100 * r:.0f}' for r in ratios)})"
    )


if __name__ == "__main__":
    main()
