"""Other packages and ours: F1, cost of training and speed, from one encoder and the same data.

    python scripts/benchmark_peers.py GOLD TEXTS --output DIR --updates 250 --threads 1
    python scripts/benchmark_peers.py GOLD TEXTS --output DIR --stages speed table --threads 2

Each peer gets an environment of its own, with pinned versions, under ``--environments``. All
learn from the same paragraphs of the default config's corpora, drawn once, each of them read once
in ``--updates`` updates of ``--batch`` paragraphs, and converted by ``annotations convert`` into
what the peer reads. Workers are in ``scripts/peers``. GOLD is cut into the paragraphs that our
package reads, and answers are moved back, so nobody has to deal with long texts; our own package
gets GOLD as it is. All are scored by exact character spans. Speed is measured on paragraphs of
TEXTS.

What is in DIR is not done again. What fails is told in the table; its whole output is in DIR.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peer_environments import ENVIRONMENTS, last_line

from ie_model import Document, Entity, load_config
from ie_model.annotation import convert
from ie_model.config.schema import Config
from ie_model.corpus import load_gold, read_documents, write_documents
from ie_model.encoding.lines import LINE_END, sequences
from ie_model.metrics import score_documents
from ie_model.models.backbones import resolve
from ie_model.models.cache import user_cache
from ie_model.models.hardware import available_cpus
from ie_model.training.inputs import read_sources

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("environments", "train", "score", "speed", "table")
COLUMNS = ("", "rate", "F1", "training, CPU s", "training, s", "texts/s", "texts per CPU s")

Answers = Sequence[Sequence[tuple[int, int, str]]]


@dataclass(frozen=True)
class Contender:
    """One training: a worker, the environment it runs in (none: this one), and its rate."""

    title: str
    worker: str
    environment: str | None
    rate: float
    settings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """A name for its folder."""
        return "_".join((self.worker.removeprefix("with_"), f"{self.rate:g}", *self.settings))


# Each peer at the rate of its own documentation, and the encoders at that of our recipe too.
CONTENDERS = [
    Contender("ie_model, default recipe", "with_ie_model", None, 3e-4),
    Contender(
        "ie_model without changed copies", "with_ie_model", None, 3e-4, ("data.augment.copies=0",)
    ),
    *(
        Contender(title, worker, environment, rate, settings)
        for rate in (5e-5, 3e-4)
        for title, worker, environment, settings in (
            ("Trainer recipe (`run_ner`), pipeline", "with_trainer", "trainer", ()),
            ("flair", "with_flair", "flair", ()),
            ("spaCy, transformer", "with_spacy", "spacy_transformer", ("transformer",)),
            ("SpanMarker", "with_span_marker", "span_marker", ()),
        )
    ),
    Contender("spaCy, tok2vec from scratch", "with_spacy", "spacy", 1e-3),
]


def drawn(config: Config, count: int, seed: int) -> list[Document]:
    """Paragraphs of the training corpora in random order, those of weight 2 twice.

    Where there are fewer than ``count``, they come again in another order.
    """
    pool = [
        paragraph
        for weight, document in read_sources(config.data.train, config.labels)
        for paragraph in paragraphs(document, config.encoding.lines)
        for _ in range(round(weight))
    ]
    rng, found = random.Random(seed), list[Document]()
    while len(found) < count:
        rng.shuffle(pool)
        found += pool[: count - len(found)]
    return [replace(d, id=f"{i}:{d.id}") for i, d in enumerate(found)]


def paragraphs(document: Document, lines: str) -> list[Document]:
    """What the package reads on its own; entities across the ends are left out."""
    return [
        Document(
            LINE_END.sub(" ", document.text[start:end]),
            tuple(
                Entity(e.start - start, e.end - start, e.label)
                for e in document.entities
                if start <= e.start and e.end <= end
            ),
            f"{document.id}:{start}",
        )
        for start, end in sequences(document.text, lines)
    ]


def moved_back(gold: Sequence[Document], lines: str, answers: Answers) -> list[Document]:
    """The documents with the answers to their paragraphs, in order, as entities.

    Raises:
        ValueError: there are more or fewer answers than paragraphs.
    """
    remaining = iter(answers)
    found = []
    for document in gold:
        spans = sequences(document.text, lines)
        entities = [
            Entity(start + s, start + e, label)
            for start, _ in spans
            for s, e, label in next(remaining)
        ]
        found.append(replace(document, entities=tuple(sorted(entities, key=lambda e: e.key))))
    if next(remaining, None) is not None:
        raise ValueError("more answers than paragraphs")
    return found


def table(rows: Iterable[dict[str, Any]]) -> str:
    """The results as Markdown; what failed says so, and where its output is."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for row in rows:
        train, speed = row.get("train", {}), row.get("speed", {})
        cells = [
            row["title"],
            f"{row['rate']:g}",
            f"{100 * row['f1']:.1f}" if "f1" in row else "",
            f"{train['cpu_seconds']:,.0f}" if "cpu_seconds" in train else "",
            f"{train['seconds']:,.0f}" if "seconds" in train else "",
            f"{speed['texts'] / speed['seconds']:,.1f}" if speed else "",
            f"{speed['texts'] / speed['cpu_seconds']:,.1f}" if speed else "",
        ]
        if not train:
            cells[2] = "not trained"
        if "error" in row:
            cells[-1] = f"failed ({row['error']['stage']}): {row['error']['said']}".replace(
                "|", "\\|"
            )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


class Bench:
    """The folder of results, and what is done for each contender."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder: Path = options.output.resolve()
        self.config = load_config(ROOT / "configs" / "default.yaml")
        self.gold = load_gold(options.gold)

    def prepare(self) -> None:
        """Write the training data in every format, and the texts to answer."""
        data, options = self.folder / "data", self.options
        settings = {
            name: getattr(options, name) for name in ("updates", "batch", "seed", "paragraphs")
        }
        if (data / "told.json").is_file():
            if json.loads((data / "told.json").read_text()) != settings:
                sys.exit(f"{self.folder}: holds results of other options; choose another --output")
            return
        data.mkdir(parents=True, exist_ok=True)
        wanted = options.updates * options.batch
        write_documents(drawn(self.config, wanted, options.seed), data / "train.jsonl")
        for name, form in (("train.conll", "conll"), ("train.spacy", "docbin")):
            (data / name).unlink(missing_ok=True)
            convert(data / "train.jsonl", data / name, target_format=form)
        lines = self.config.encoding.lines
        cut = [p.text for d in self.gold for p in paragraphs(d, lines)]
        news = (
            line
            for document in read_documents(options.texts)
            for line in document.text.splitlines()
            if len(line.split()) >= 10
        )
        speed = [line for line, _ in zip(news, range(options.paragraphs), strict=False)]
        for name, texts in (
            ("whole", [d.text for d in self.gold]), ("cut", cut), ("speed", speed),
        ):  # fmt: skip
            (data / f"{name}.json").write_text(json.dumps(texts), encoding="utf-8")
        (data / "told.json").write_text(json.dumps(settings))

    def python(self, contender: Contender) -> Path:
        """The interpreter a contender runs in."""
        if contender.environment is None:
            return Path(sys.executable)
        return self.options.environments / contender.environment / "bin" / "python"

    def work(self, contender: Contender, stage: str) -> None:
        """Let a worker do a stage, unless it is done or what it needs is not there."""
        home = self.folder / contender.key
        home.mkdir(exist_ok=True)
        needs = home / "train.json"
        if (home / f"{stage}.json").is_file() or (stage != "train" and not needs.is_file()):
            return
        data, options = self.folder / "data", self.options
        answered = "speed" if stage == "speed" else "cut" if contender.environment else "whole"
        job = home / f"{stage}_job.json"
        values = {
            "data": str(data), "model": str(home / "model"), "labels": self.config.labels,
            "backbone": str(Path(resolve(self.config.model.backbone)).resolve()),
            "updates": options.updates, "batch": options.batch, "rate": contender.rate,
            "threads": options.threads, "seed": options.seed,
            "texts": str(data / f"{answered}.json"), "seconds": options.seconds,
            "settings": contender.settings,
        }  # fmt: skip
        job.write_text(json.dumps(values, indent=1))
        variables = os.environ | {
            "OMP_NUM_THREADS": str(options.threads), "OMP_WAIT_POLICY": "passive",
            "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
        }  # fmt: skip
        if contender.environment:
            variables.pop("PYTHONPATH", None)  # a peer sees its own environment alone
        script = ROOT / "scripts" / "peers" / f"{contender.worker}.py"
        print(f"{contender.key}: {stage}", flush=True)
        try:
            done = subprocess.run(
                [self.python(contender), script, stage, job], env=variables, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                timeout=options.timeout, cwd=home,
            )  # fmt: skip
            output, failed = done.stdout, done.returncode != 0
        except FileNotFoundError as error:
            output, failed = f"no environment: {error}", True
        except subprocess.TimeoutExpired as error:
            output = error.stdout.decode(errors="replace") if error.stdout else ""
            output, failed = f"{output}\nnot done in {options.timeout:g} s", True
        (home / f"{stage}.log").write_text(output, encoding="utf-8")
        trouble = home / f"{stage}.error"
        if failed:
            trouble.write_text(last_line(output), encoding="utf-8")
            print(f"{contender.key}: {stage} failed: {last_line(output)}", flush=True)
        else:
            trouble.unlink(missing_ok=True)

    def row(self, contender: Contender) -> dict[str, Any]:
        """All that is known of a contender."""
        home = self.folder / contender.key
        row: dict[str, Any] = {"title": contender.title, "rate": contender.rate}
        for stage in ("train", "score", "speed"):
            if (home / f"{stage}.json").is_file():
                row[stage] = json.loads((home / f"{stage}.json").read_text(encoding="utf-8"))
            elif (home / f"{stage}.error").is_file():
                row["error"] = {"stage": stage, "said": (home / f"{stage}.error").read_text()}
                break
        if "score" in row:
            lines = self.config.encoding.lines if contender.environment else "document"
            found = moved_back(self.gold, lines, row.pop("score")["answers"])
            row["span"] = score_documents(self.gold, found, self.config.labels)["span"]
            row["f1"] = row["span"]["micro"]["f1"]
        return row


def install(bench: Bench, chosen: list[Contender]) -> list[Contender]:
    """Make the environments; the contenders that have theirs. For the others, why it failed."""
    ready = chosen
    for name in dict.fromkeys(c.environment for c in chosen if c.environment):
        print(f"environment {name}", flush=True)
        trouble = ENVIRONMENTS[name].install(bench.options.environments / name)
        if trouble is None:
            continue
        print(f"environment {name} failed: {trouble}", flush=True)
        for contender in chosen:
            if contender.environment == name:
                home = bench.folder / contender.key
                home.mkdir(exist_ok=True)
                (home / "train.error").write_text(f"not installed: {trouble}")
        ready = [c for c in ready if c.environment != name]
    return ready


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("gold", type=Path, help="annotated documents to report F1 on")
    parser.add_argument("texts", type=Path, help="documents whose paragraphs speed is measured on")
    parser.add_argument("--output", type=Path, required=True, help="folder of models and results")
    parser.add_argument("--environments", type=Path, default=user_cache() / "peers")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--only", nargs="+", help="keys of contenders", metavar="KEY")
    parser.add_argument("--updates", type=int, default=250)
    parser.add_argument("--batch", type=int, default=8, help="paragraphs of an update")
    parser.add_argument("--threads", type=int, default=available_cpus())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--paragraphs", type=int, default=400, help="most of them for speed")
    parser.add_argument("--seconds", type=float, default=30, help="of measuring each speed")
    parser.add_argument("--timeout", type=float, default=7200, help="seconds for one worker")
    options = parser.parse_args()
    options.environments = options.environments.resolve()
    chosen = [c for c in CONTENDERS if options.only is None or c.key in options.only]
    unknown = set(options.only or ()) - {c.key for c in CONTENDERS}
    if unknown:
        parser.error(f"no {', '.join(unknown)}; there are {', '.join(c.key for c in CONTENDERS)}")

    bench = Bench(options)
    bench.prepare()
    if "environments" in options.stages:
        chosen = install(bench, chosen)
    for stage in ("train", "score", "speed"):
        if stage in options.stages:
            for contender in chosen:
                bench.work(contender, stage)
    if "table" in options.stages:
        rows = [bench.row(c) for c in CONTENDERS if (bench.folder / c.key).is_dir()]
        freezes = {n: options.environments / n / "freeze.txt" for n in ENVIRONMENTS}
        report = {
            "updates": options.updates, "batch": options.batch, "seed": options.seed, "rows": rows,
            "installed": {n: f.read_text().split("\n") for n, f in freezes.items() if f.is_file()},
        }  # fmt: skip
        (bench.folder / "peers.json").write_text(json.dumps(report) + "\n", encoding="utf-8")
        (bench.folder / "peers.md").write_text(table(rows))
        print(table(rows), end="")


if __name__ == "__main__":
    main()
