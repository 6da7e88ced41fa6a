"""Measure batch scoring on this machine: speed, memory, bad rows, workers, Ray.

    python scripts/benchmark_scoring.py runs/default --documents 100000
    python scripts/benchmark_scoring.py runs/default --documents 3000 --only speed workers

Each comparison runs its sides in turn, several times over, and takes the fastest of each:
whatever else the machine does slows runs down, and nothing speeds them up.
"""

import argparse
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ie_model.scoring import CutOptions, score, score_on_ray

WORDS = 100
SENTENCES = (
    "Iraqi federal police cleared {n} villages near {place} on {day} , officials said .",
    "Coalition aircraft carried out {n} strikes in {place} against militants on {day} .",
    "The army said {n} fighters were killed in an operation north of {place} .",
    "Residents of {place} returned to their homes after months of fighting in the area .",
    "A spokesman declined to say how many troops had been sent to {place} since {day} .",
)
PLACES = ("Hawija", "Kirkuk", "Raqqa", "Mosul", "Deir al-Zour", "Tal Afar", "Kabul", "Kunduz")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
BAD_ROWS = (
    b"{broken\n",
    b'{"id": "x"}\n',
    b'{"text": 5}\n',
    b'{"text": "\xff\xfe"}\n',
    b'{"text": "\\ud800"}\n',
    b'{"text": "' + b"x" * 20_000 + b'"}\n',
)


def text(rng: random.Random) -> str:
    """A hundred words of made-up news, no two alike."""
    words: list[str] = []
    while len(words) < WORDS:
        sentence = rng.choice(SENTENCES)
        filled = sentence.format(
            n=rng.randint(2, 9999), place=rng.choice(PLACES), day=rng.choice(DAYS)
        )
        words += filled.split()
    return " ".join(words[:WORDS])


def write_corpus(path: Path, documents: int, bad_every: int = 0) -> Path:
    """JSON lines; with ``bad_every``, a bad row after each that many good ones."""
    rng = random.Random(documents)
    with path.open("wb") as file:
        for i in range(documents):
            file.write(json.dumps({"id": f"d{i}", "text": text(rng)}).encode() + b"\n")
            if bad_every and i % bad_every == bad_every - 1:
                file.write(BAD_ROWS[(i // bad_every) % len(BAD_ROWS)])
    return path


def pipe_alone(model: str, documents: int, threads: int | None, queue: Any) -> None:
    """``Extractor.pipe`` over the same texts, nothing read and nothing written."""
    from ie_model.inference.extractor import Extractor

    extractor = Extractor.from_pretrained(model, threads=threads)
    rng = random.Random(documents)
    texts = [text(rng) for _ in range(documents)]
    list(extractor.pipe(texts[:50]))
    started = time.perf_counter()
    for _ in extractor.pipe(texts):
        pass
    queue.put(documents / (time.perf_counter() - started))


def pipe_speed(model: str, documents: int, threads: int | None = None) -> float:
    """Documents a second of ``Extractor.pipe`` in a process of its own."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=pipe_alone, args=(model, documents, threads, queue))
    process.start()
    speed = float(queue.get())
    process.join()
    return speed


def steady(summary: dict[str, Any]) -> float:
    """Rows a second after the model was loaded."""
    run = summary["run"]
    return float(run["rows"] / (run["seconds"] - run["load_seconds"]))


def in_turn(rounds: int, **sides: Callable[[], float]) -> dict[str, float]:
    """The best of several rounds for each side."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            found[name].append(side())
            print(f"    {name}: {found[name][-1]:,.1f}/s", file=sys.stderr, flush=True)
    spread = {n: statistics.pstdev(v) / statistics.mean(v) for n, v in found.items()}
    print(f"    relative spread: {spread}", file=sys.stderr)
    return {name: round(max(values), 1) for name, values in found.items()}


class Bench:
    """The measurements, each a method that returns a JSON object."""

    def __init__(self, model: str, documents: int, rounds: int, folder: Path) -> None:
        self.model, self.documents, self.rounds = model, documents, rounds
        self.folder = folder
        self.corpus = write_corpus(folder / "corpus.jsonl", documents)
        # The first job with a model may convert it for the engine, which takes memory and time.
        self._score(write_corpus(folder / "few.jsonl", 10))

    def _score(self, source: Path, **options: Any) -> dict[str, Any]:
        return score(source, self.folder / "out.jsonl", self.model, overwrite=True, **options)

    def speed(self) -> dict[str, Any]:
        """``score`` against ``Extractor.pipe`` on the same texts and threads."""
        found = in_turn(
            self.rounds,
            pipe=lambda: pipe_speed(self.model, self.documents),
            score=lambda: steady(self._score(self.corpus)),
        )
        return found | {"share_of_pipe": round(found["score"] / found["pipe"], 3)}

    def workers(self) -> dict[str, Any]:
        """How to share out the CPUs: the measurement behind the default."""
        from ie_model.models.hardware import available_cpus

        cpus = available_cpus()
        counts = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= cpus]
        return in_turn(
            self.rounds,
            **{
                f"{n} x {cpus // n} threads": lambda n=n: steady(
                    self._score(self.corpus, workers=n)
                )
                for n in counts
            },
        )

    def shards(self) -> dict[str, Any]:
        """What small shards cost."""
        return in_turn(
            self.rounds,
            **{
                f"{rows} rows": lambda rows=rows: steady(
                    self._score(self.corpus, cut=CutOptions(rows=rows))
                )
                for rows in (50, 500, 2_000)
            },
        )

    def memory(self) -> dict[str, Any]:
        """Peak memory of reader and worker over a tenth of the documents, and over all."""
        tenth = write_corpus(self.folder / "tenth.jsonl", self.documents // 10)
        found = {}
        for name, source in (("tenth", tenth), ("all", self.corpus)):
            queue: Any = multiprocessing.get_context("spawn").Queue()
            arguments = (self.model, source, self.folder / "m.jsonl", queue)
            process = multiprocessing.get_context("spawn").Process(
                target=peak_of_score, args=arguments
            )
            process.start()
            found[name] = queue.get()
            process.join()
        grown = {k: found["all"][k] - found["tenth"][k] for k in found["all"]}
        return found | {"grown_mib": grown}

    def bad_rows(self) -> dict[str, Any]:
        """One row in a hundred is bad: all found, none lost, and what it costs."""
        mixed = write_corpus(self.folder / "mixed.jsonl", self.documents, bad_every=100)
        kinds: dict[str, int] = {}

        def with_bad() -> float:
            summary = self._score(mixed, read=read_options())
            assert summary["rejected"] == self.documents // 100
            assert summary["documents"] == self.documents
            kinds.update(summary["rejected_by_kind"])
            return steady(summary) * self.documents / summary["rows"]

        found = in_turn(
            self.rounds,
            clean=lambda: steady(self._score(self.corpus, read=read_options())),
            with_bad=with_bad,
        )
        return found | {"cost": round(1 - found["with_bad"] / found["clean"], 4), "kinds": kinds}

    def ray(self) -> dict[str, Any]:
        """Two local Ray nodes with an actor each, against two worker processes."""
        import ray
        from ray.cluster_utils import Cluster

        store = 150 << 20
        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": store}
        )
        cluster.add_node(num_cpus=2, object_store_memory=store)
        ray.init(address=cluster.address, log_to_driver=False)

        def on_ray() -> float:
            output = self.folder / "ray.jsonl"
            summary = score_on_ray(self.corpus, output, self.model, actors=2, overwrite=True)
            return steady(summary)

        try:
            found = in_turn(
                self.rounds,
                two_workers=lambda: steady(self._score(self.corpus, workers=2, threads=1)),
                ray=on_ray,
            )
        finally:
            ray.shutdown()
            cluster.shutdown()
        same = (self.folder / "ray.jsonl").read_bytes() == (self.folder / "out.jsonl").read_bytes()
        share = round(found["ray"] / found["two_workers"], 3)
        return found | {"share_of_two_workers": share, "same_output": same}


def read_options() -> Any:
    """Texts of more than 10,000 characters are too large: one of the kinds of bad rows."""
    from ie_model.scoring import ReadOptions

    return ReadOptions(max_chars=10_000)


def peak_of_score(model: str, source: Path, output: Path, queue: Any) -> None:
    """Peak memory of a job in a process that has done nothing else."""
    summary = score(source, output, model, overwrite=True)
    queue.put(summary["peak_memory_mib"])


def main() -> None:
    """Run what was asked for and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    names = ["speed", "workers", "shards", "memory", "bad_rows", "ray"]
    parser.add_argument("model", help="model directory")
    parser.add_argument("--documents", type=int, default=10_000, help="of 100 words each")
    parser.add_argument("--rounds", type=int, default=3, help="of each comparison")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    arguments = parser.parse_args()
    results: dict[str, Any] = {"documents": arguments.documents}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.model, arguments.documents, arguments.rounds, Path(folder))
        for name in arguments.only:
            print(f"{name}:", file=sys.stderr)
            results[name] = getattr(bench, name)()
            print(f"  {json.dumps(results[name])}", file=sys.stderr)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
