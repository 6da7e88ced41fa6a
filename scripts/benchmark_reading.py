"""Throughput of reading JSONL, brat and CoNLL, in MB of files a second of CPU time, at best.

    python scripts/benchmark_reading.py --documents 2000

The documents are made by rule from a seed, so that two versions of the package read the same
bytes. MB are 10^6 bytes of the files, the texts of brat among them.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

from ie_model import read_documents

_WORDS = (
    "Iraqi federal police cleared the town of Hawija on Tuesday after a long fight and troops "
    "said 1,400 fighters had left Mosul for Qaim near the border with Syria"
).split()


def main() -> None:
    """Write the three corpora into a temporary folder, read each, print a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--passes", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpora = _write(Path(folder), arguments.documents)
        for name, path in corpora.items():
            files = [path] if path.is_file() else [p for p in path.iterdir() if p.is_file()]
            size = sum(file.stat().st_size for file in files) / 1e6
            seconds = min(_seconds(path, name) for _ in range(arguments.passes))
            print(f"{name:6} {size:6.2f} MB {size / seconds:7.1f} MB/s")


def _seconds(path: Path, name: str) -> float:
    begin = time.process_time()
    count = sum(1 for _ in read_documents(path, name))
    assert count > 0
    return time.process_time() - begin


def _write(folder: Path, count: int) -> dict[str, Path]:
    """The same documents in three formats, written here so that every version gets one input."""
    draw = random.Random(0)
    brat = folder / "brat"
    brat.mkdir()
    rows, columns = [], []
    for number in range(count):
        words = draw.choices(_WORDS, k=200)
        text, starts = " ".join(words), []
        position = 0
        for word in words:
            starts.append(position)
            position += len(word) + 1
        spans = [(starts[i], starts[i] + len(words[i])) for i in range(0, len(words), 10)]
        entities = [
            {"start": start, "end": end, "label": "ACTOR", "text": text[start:end]}
            for start, end in spans
        ]
        rows.append(json.dumps({"id": f"d{number}", "text": text, "entities": entities}))
        (brat / f"d{number}.txt").write_text(text, encoding="utf-8")
        (brat / f"d{number}.ann").write_text(
            "".join(
                f"T{i}\tACTOR {start} {end}\t{text[start:end]}\n"
                for i, (start, end) in enumerate(spans, 1)
            ),
            encoding="utf-8",
        )
        columns += [f"{word}\t{'O' if i % 10 else 'B-ACTOR'}" for i, word in enumerate(words)]
        columns.append("")
    (folder / "x.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "x.conll").write_text("\n".join(columns) + "\n", encoding="utf-8")
    return {"jsonl": folder / "x.jsonl", "brat": brat, "conll": folder / "x.conll"}


if __name__ == "__main__":
    main()
