"""Where the CPU time of many texts goes: encoding, padding, the engine, decoding, the rest.

    python scripts/profile_stations.py runs/default ../shared/data/news_unlabelled/news.jsonl
    python scripts/profile_stations.py runs/new texts.jsonl --precision int8 --against runs/old

One thread works through the stations one after the other, and its CPU time is read, which other
processes hardly change. Paragraphs are taken evenly from all lines of five words or more. With
--against, two models work in turns in this process; then their entities are compared with fp32's.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ie_model import Document, Extractor, read_documents
from ie_model.export.acceptance import entity_agreement
from ie_model.export.benchmark.matrix_peak import measured_peaks, model_operations
from ie_model.inference.batching import padded_tokens
from ie_model.inference.pipeline import Job, Pipeline

CPU = time.process_time
say = functools.partial(print, flush=True)


def paragraphs(file: Path, count: int) -> list[str]:
    """So many different lines, taken evenly."""
    lines = {
        line.strip(): None
        for document in read_documents(file)
        for line in document.text.splitlines()
        if len(line.split()) >= 5
    }
    some = list(lines)
    return [some[k * len(some) // count] for k in range(min(count, len(some)))]


def seconds(work: Callable[[], object]) -> float:
    begun = CPU()
    work()
    return CPU() - begun


def stations(extractor: Extractor, texts: list[str]) -> tuple[dict[str, float], Job]:
    """CPU seconds of each station, and the job with its lengths and batches."""
    engine, job = extractor.engine, Job([Document(text) for text in texts])
    pipeline = Pipeline(extractor.encoder, engine, 0, extractor.batch_tokens, engine.multiple)
    spent = {"all, as predict": seconds(lambda: extractor.predict(texts))}
    spent["encoding"] = seconds(lambda: job.encode(extractor.encoder))
    spent["batches"] = seconds(lambda: job.cut(pipeline.batches(job.lengths)))
    arrays: list[Any] = []
    spent["padding"] = seconds(
        lambda: arrays.extend(pipeline.padded(job, batch) for batch in job.batches)
    )

    def compute() -> None:
        for batch, (ids, mask) in zip(job.batches, arrays, strict=True):
            job.take(batch, engine.submit(ids, mask))

    spent["engine"] = seconds(compute)
    tags = len(extractor.label_set.tags)
    spent["joining logits"] = seconds(lambda: job.logits(tags))
    return spent, job


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--paragraphs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, help="another model directory")
    options = parser.parse_args()

    texts = paragraphs(options.texts, options.paragraphs)
    folders = [options.model, *([options.against] if options.against else [])]
    extractors = {
        folder: Extractor.from_pretrained(
            folder, options.engine, precision=options.precision, threads=1
        )
        for folder in folders
    }
    for folder, extractor in extractors.items():
        extractor.predict(texts[0])
        first = seconds(functools.partial(extractor.predict, texts))
        say(f"{folder}: {first:.2f} CPU s the first time")
    found: dict[Path, dict[str, list[float]]] = {f: defaultdict(list) for f in folders}
    peaks: list[float] = []
    for number in range(options.rounds):
        for folder in folders if number % 2 else folders[::-1]:
            spent, job = stations(extractors[folder], texts)
            for name, value in spent.items():
                found[folder][name].append(value)
        peaks.append(measured_peaks(1, clock=CPU)[options.precision])
    peak, lengths = max(peaks), job.lengths
    operations = model_operations(options.model, lengths)
    places = padded_tokens(lengths, job.batches)
    say(
        f"{len(texts):,} paragraphs, {sum(lengths):,} tokens in {places:,} places "
        f"({1 - sum(lengths) / places:.1%} padding), {len(job.batches)} batches; "
        f"{options.precision} peak {peak / 1e9:.0f} (by round: "
        f"{', '.join(f'{p / 1e9:.0f}' for p in peaks)}) x 10^9 operations a CPU second"
    )
    for folder, times in found.items():
        medians = {name: statistics.median(values) for name, values in times.items()}
        whole = medians.pop("all, as predict")
        medians["decoding and the rest"] = whole - sum(medians.values())
        say(
            f"{folder}: {whole:.2f} CPU s, {sum(lengths) / whole:,.0f} tokens a CPU second, "
            f"{operations / whole / peak:.1%} of the peak; the engine alone "
            f"{operations / medians['engine'] / peak:.1%}"
        )
        for name, value in medians.items():
            say(f"  {name:22} {value:7.3f} s {value / whole:6.1%}")
    if options.against:
        one, other = (found[f]["all, as predict"] for f in folders)
        ratios = [b / a for a, b in zip(one, other, strict=True)]
        say(f"times as fast as the other: {statistics.median(ratios):.3f} (by round: "
              f"{', '.join(f'{r:.3f}' for r in ratios)})")  # fmt: skip
    exact = Extractor.from_pretrained(options.model, options.engine, precision="fp32", threads=1)
    expected = exact.predict(texts)
    for folder, extractor in extractors.items():
        agreement = entity_agreement(expected, extractor.predict(texts))
        count = sum(len(d.entities) for d in expected)
        say(f"{folder}: {agreement:.2%} of {count:,} entities as in fp32")


if __name__ == "__main__":
    main()
