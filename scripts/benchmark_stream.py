"""Memory over a long stream, and how cost grows with the length of a document.

    python scripts/benchmark_stream.py runs/default --paragraphs 200000

The resident set of this process is read after 2,000 paragraphs of `Extractor.pipe` and at
the end; every paragraph is another text, so nothing is saved by computing equal ones once.
Then one document of 1,000 words is timed against one of 100,000, in turns.
"""

from __future__ import annotations

import argparse
import itertools
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--paragraphs", type=int, default=200_000, help=f"more than {EARLY}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()

    extractor = Extractor.from_pretrained(
        options.model, options.engine, precision=options.precision
    )
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
