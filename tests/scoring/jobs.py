"""Small jobs for the tests of scoring."""

from __future__ import annotations

import json
from pathlib import Path

from ie_model.scoring import CutOptions, score
from tests.scoring.fakes import FakeFactory

SMALL = CutOptions(rows=3)


def write_rows(path: Path, rows) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(row if isinstance(row, str) else json.dumps(row))
            file.write("\n")
    return path


def corpus(path: Path, count: int = 20) -> Path:
    return write_rows(
        path,
        (
            {"id": f"d{i}", "text": f"Alpha saw {'Bravo ' * (i % 4)}in Paris {i // 2}", "day": i}
            for i in range(count)
        ),
    )


def run(inputs, output, **options):
    options.setdefault("cut", SMALL)
    options.setdefault("workers", 0)
    options.setdefault("extractor_factory", FakeFactory())
    return score(inputs, output, **options)


def refused_rows(output: Path) -> bytes:
    """The rejected rows of a job; there is no file where there are none."""
    file = output.with_name(f"{output.name}.rejected.jsonl")
    return file.read_bytes() if file.exists() else b""


def files_beside(output: Path) -> list[str]:
    return sorted(p.name for p in output.parent.iterdir() if p.name.startswith(output.name))
