"""Train variants of a recipe with several seeds and score them on held-out documents.

    python scripts/measure_arms.py gold.jsonl --seeds 5 --arms default bioes --out runs/arms
    python scripts/measure_arms.py gold.jsonl --seeds 5 --arms default bioes --hold-out

The variants ("arms") are named in `scripts/arms.yaml`: a config and the settings changed
in it. Every trained model's answers are kept under --out, so an interrupted measurement
goes on, and another arm costs only its own runs; answers of another config or other data
are measured again. Run it in the repository's folder. Prints each arm's mean F1 and range over
the seeds, its 95 % interval over documents and seeds, and the paired interval of its
difference from the first arm. With `--hold-out` each seed leaves out a part of its own of the
documents that are for training only (the authored text), and is scored on that too: far more
spans than a gold file has, of the kind it learned from. With `--documents 500` every arm learns
from that many of these documents, the same ones, in a sixth of the time, and `--hold-out` scores
every seed on as many others. With `--workers 2` two models train at a
time, each on half of the CPUs: on two cores that takes 235 s for two default models, and 320 s one
after the other (a row's seconds are then those of half the machine); with `--device cuda` they
share the GPU.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ie_model import Extractor, load_config, read_documents, train, write_documents
from ie_model.config.schema import Config
from ie_model.corpus import load_gold, source_files
from ie_model.documents import Document
from ie_model.metrics.bootstrap import intervals, paired_differences, seed_spread, unit_counts
from ie_model.models.directory import weights_fingerprint
from ie_model.models.hardware import available_cpus
from ie_model.scoring.placement import place
from ie_model.scoring.worker import pin
from ie_model.training.backbone import trained_backbone


@dataclass(frozen=True)
class Division:
    """Which of the documents that are for training only are trained on and which are held out.

    The digest of its text decides where a document is, so every arm has the same ones: ``part``
    holds out one part of so many; ``documents`` takes the first so many and holds out as many
    that follow.
    """

    part: tuple[int, int] | None = None
    documents: int | None = None
    hold_out: bool = False

    def apply(self, config: Config) -> tuple[list[tuple[float, Document]], list[Document]]:
        """What to train on, with weights, and what is held out."""
        kept: list[tuple[float, Document]] = []
        only: list[tuple[int, float, Document]] = []
        for source in config.data.train:
            for document in read_documents(source.path, source.format, **source.options):
                if source.train_only:
                    number = int(hashlib.sha256(document.text.encode()).hexdigest(), 16)
                    only.append((number, source.weight, document))
                else:
                    kept.append((source.weight, document))
        if self.part is not None:
            index, parts = self.part
            trained = [x for x in only if x[0] % parts != index]
            held = [x for x in only if x[0] % parts == index]
        else:
            only.sort(key=lambda x: x[0])
            trained = only[: self.documents]
            held = only[len(trained) : 2 * len(trained)] if self.hold_out else []
        return kept + [(w, d) for _, w, d in trained], [d for _, _, d in held]


Run = tuple[Config, str, list[Document], Path, bool, Division | None]
"""What :func:`measure` is called with."""

Counts = np.ndarray[Any, Any]
"""Of every seed and document, as :mod:`ie_model.metrics.bootstrap` resamples them."""


def key(config: Config, gold: Path, division: Division | None = None) -> str:
    """What an answer depends on: the settings, all that is learned from, the gold documents."""
    digest = hashlib.sha256(
        config.to_yaml().encode() + (str(division).encode() if division else b"")
    )
    files = []
    for source in (*config.data.train, *config.data.dev, *config.distillation.unlabelled):
        files += source_files(source.path, source.format, source.options.get("text_dir"))
    for file in (*files, *source_files(gold)):
        digest.update(file.read_bytes())
    for model in (*config.distillation.teachers, trained_backbone(config.model.backbone)):
        digest.update(weights_fingerprint(model).encode() if model else b"")
    return digest.hexdigest()


def configured(arm: dict[str, Any], seed: int, folder: Path) -> Config:
    """An arm's config with a seed, writing its model into a folder."""
    changes = [f"training.seed={seed}", f"output_dir={folder}/model", *arm.get("settings", [])]
    return load_config(arm["config"], changes)


def measure(
    config: Config,
    identity: str,
    gold: list[Document],
    folder: Path,
    keep: bool,
    division: Division | None,
) -> None:
    """Train one model and leave its answers and its time in a folder, unless they are there."""
    file = folder / "facts.json"
    if file.is_file() and json.loads(file.read_text())["key"] == identity:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept, held = division.apply(config) if division else (None, [])
    result = train(config, documents=kept)
    device = config.training.device
    extractor = Extractor.from_pretrained(result.model_dir, "torch", device=device)
    write_documents(extractor.predict(gold), folder / "predicted.jsonl", "jsonl")
    if held:
        write_documents(held, folder / "held-out.jsonl", "jsonl")
        write_documents(extractor.predict(held), folder / "held-out-predicted.jsonl", "jsonl")
    facts = {"key": identity, "seconds": round(result.seconds, 1), "steps": result.steps}
    file.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    if not keep:
        shutil.rmtree(result.model_dir)


def measure_side_by_side(runs: list[Run], workers: int) -> None:
    """Several trainings at a time, in processes with CPUs of their own."""
    context = multiprocessing.get_context("spawn")
    places = context.SimpleQueue()
    for placement in place(workers, device="cpu"):
        places.put(placement)
    with ProcessPoolExecutor(workers, context, take_place, (places,)) as pool:
        for future in [pool.submit(measure, *run) for run in runs]:
            future.result()


def take_place(places: Any) -> None:
    """Start of a worker: from here on it has its share of the CPUs and no more."""
    pin(places.get())


def held_out_counts(folders: list[Path], labels: list[str], same: bool) -> Counts:
    """Of an arm's seeds: each of its own where they held out the same documents, else together,
    as if one model had answered for every held-out document."""
    parts = []
    for folder in folders:
        gold = list(read_documents(folder / "held-out.jsonl", "jsonl"))
        predicted = list(read_documents(folder / "held-out-predicted.jsonl", "jsonl"))
        parts.append(unit_counts(gold, predicted, labels)[0])
    return np.stack(parts) if same else np.concatenate(parts)[None]


def difference(first: Counts, other: Counts, labels: list[str]) -> dict[str, Any]:
    """Points of F1 that an arm gains over the first one, with their paired interval."""
    pair = paired_differences(first, other, labels)["micro"]
    interval = [100 * x for x in pair["interval"]]
    return {"difference": 100 * pair["difference"], "difference_interval": interval}


def difference_in_words(row: dict[str, Any]) -> str:
    """The end of an arm's line: what :func:`difference` found; empty for the first arm."""
    if "difference" not in row:
        return ""
    low, high = row["difference_interval"]
    return f"  difference {row['difference']:+.1f} ({low:+.1f} to {high:+.1f})"


def asked() -> tuple[argparse.Namespace, dict[str, Any]]:
    """The options, and the arms of the file they name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gold", type=Path)
    parser.add_argument("--arms", nargs="+", default=["default"])
    parser.add_argument("--file", type=Path, default=Path(__file__).with_name("arms.yaml"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/arms"))
    parser.add_argument("--workers", type=int, default=1, help="models trained at a time")
    parser.add_argument("--hold-out", action="store_true", help="and score on authored text")
    parser.add_argument("--documents", type=int, help="authored documents to learn from")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda, which workers share")
    parser.add_argument("--keep-models", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    arms = yaml.safe_load(options.file.read_text(encoding="utf-8"))
    unknown = sorted(set(options.arms) - set(arms))
    if unknown:
        parser.error(f"{options.file} has no arm {unknown[0]!r}; it has {', '.join(arms)}")
    if not 1 <= options.workers <= available_cpus():
        parser.error(f"--workers: from 1 to {available_cpus()}, the CPUs there are")
    for name in ("seeds", "documents"):
        if (number := getattr(options, name)) is not None and number < 1:
            parser.error(f"--{name}: at least 1")
    return options, arms


def planned(
    options: argparse.Namespace, arm: dict[str, Any], name: str, gold: list[Document]
) -> list[Run]:
    """The runs of an arm, one a seed."""
    runs: list[Run] = []
    for seed in range(options.seeds):
        folder = options.out / name / str(seed)
        settings = [*arm.get("settings", []), f"training.device={options.device}"]
        config = configured({**arm, "settings": settings}, seed, folder)
        division = None
        if options.documents is not None:
            division = Division(documents=options.documents, hold_out=options.hold_out)
        elif options.hold_out:
            division = Division(part=(seed, options.seeds))
        identity = key(config, options.gold, division)
        runs.append((config, identity, gold, folder, options.keep_models, division))
    return runs


def answered(runs: list[Run]) -> tuple[Counts, float, list[str]]:
    """Counts of an arm's seeds, the median of their seconds, and its labels."""
    counts, seconds = [], []
    for run in runs:
        measure(*run)
        config, _, gold, folder, _, _ = run
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        predicted = list(read_documents(folder / "predicted.jsonl", "jsonl"))
        counts.append(unit_counts(gold, predicted, config.labels)[0])
        seconds.append(facts["seconds"])
    return np.stack(counts), float(np.median(seconds)), config.labels


def summary(counts: Counts, seconds: float, labels: list[str]) -> dict[str, Any]:
    """The figures of an arm by itself, in points of F1."""
    spread, sure = seed_spread(counts, labels), intervals(counts, labels)
    return {
        "f1": 100 * spread["micro"]["mean"],
        "range": [100 * spread["micro"][k] for k in ("low", "high")],
        "interval": [100 * x for x in sure["micro"]["f1"]],
        "seconds": seconds,
        "labels": {label: 100 * spread["labels"][label]["mean"] for label in labels},
    }


def described(name: str, row: dict[str, Any]) -> str:
    """An arm's figures in two lines, or three where authored text was held out."""
    low, high = row["range"]
    lines = [
        f"{name:16} F1 {row['f1']:.1f}  seeds {low:.1f} to {high:.1f}  "
        f"interval {row['interval'][0]:.1f} to {row['interval'][1]:.1f}  {row['seconds']:.0f} s"
        f"{difference_in_words(row)}"
    ]
    if held := row.get("held_out"):
        lines.append(f"{'':16} held out {held['f1']:.1f}{difference_in_words(held)}")
    lines.append(" " * 17 + "  ".join(f"{k} {v:.1f}" for k, v in row["labels"].items()))
    return "\n".join(lines)


def main() -> None:
    options, arms = asked()
    gold = load_gold(options.gold)
    runs = {name: planned(options, arms[name], name, gold) for name in options.arms}
    if options.workers > 1:
        measure_side_by_side([run for some in runs.values() for run in some], options.workers)
    first: Counts | None = None
    first_held: Counts | None = None
    report = {}
    for name in options.arms:
        counts, seconds, labels = answered(runs[name])
        row = report[name] = summary(counts, seconds, labels)
        if first is not None:
            row |= difference(first, counts, labels)
        first = counts if first is None else first
        if options.hold_out:
            folders = [folder for _, _, _, folder, _, _ in runs[name]]
            held = held_out_counts(folders, labels, options.documents is not None)
            row["held_out"] = {"f1": 100 * seed_spread(held, labels)["micro"]["mean"]}
            if first_held is not None:
                row["held_out"] |= difference(first_held, held, labels)
            first_held = held if first_held is None else first_held
        print(described(name, row), flush=True)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
