"""How long `ie-model annotate` takes to put one change on disk, in an output of many documents.

    python scripts/benchmark_annotating_saves.py --documents 10000

The output holds all documents annotated, news of 2,500 characters with 30 entities each. Each save
changes one document, and the time runs until the answer that the page would get: on disk, synced,
checked and counted. `whole` is how long the program took to start on that output and to end.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from ie_model.annotating import Session, open_storage
from ie_model.annotating.work import Work
from ie_model.corpus import write_documents
from ie_model.documents import Document, Entity

LABELS = ("ACTOR", "LOCATION", "QUANTITY", "OPERATION", "DATE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--saves", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between two saves")
    parser.add_argument("--folder", type=Path, help="where the output lies; a disk, not memory")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "out.jsonl"
        write_documents((make_document(i) for i in range(arguments.documents)), path)
        began = time.perf_counter()
        storage, lock = open_storage(path)
        session = Session([], storage, LABELS)
        whole = {"start": time.perf_counter() - began}
        times = []
        rng = random.Random(0)
        for _ in range(arguments.saves):
            number = rng.randrange(arguments.documents)
            state = session.state(number)
            entities = list(session.document(number).entities)
            entities.pop(rng.randrange(len(entities)))
            time.sleep(arguments.pause)
            began = time.perf_counter()
            session.save(number, state["revision"], Work(tuple(entities), done=True))
            times.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        if hasattr(storage, "close"):
            storage.close()
        whole["end"] = time.perf_counter() - began
        lock.release()
        times.sort()
        found = {
            "documents": arguments.documents,
            "megabytes": round(path.stat().st_size / 1e6, 1),
            "save_ms": {
                "p50": round(statistics.median(times), 1),
                "p95": round(times[int(0.95 * (len(times) - 1))], 1),
                "max": round(times[-1], 1),
            },
            "whole_s": {name: round(seconds, 2) for name, seconds in whole.items()},
        }
        print(json.dumps(found, indent=2))


def make_document(number: int) -> Document:
    rng = random.Random(number)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(312)]
    entities = tuple(Entity(80 * k, 80 * k + 7, LABELS[k % 5]) for k in range(30))
    return Document(" ".join(words), entities, f"news/{number:05}").with_entities(entities)


if __name__ == "__main__":
    main()
