"""The out-of-fold artefact: what models predicted for documents they had not been trained on.

Intervals, calibration, suspects, learning curve and report are all made from this one
folder, which ``ie-model crossval`` writes part by part:

.. code-block:: text

    RUN/crossval.json         how it was made: see :class:`Protocol`
    RUN/folds.json            [{"fold": 0, "test": [document ids], "train": 12}, ...]
    RUN/metrics.json          pooled metrics with intervals, once every part is there
    RUN/parts/seed0-fold1-100/    one trained model: seed, fold, percent of the training data
        oof.jsonl             native documents (gold) with one more key, "predicted": a list
                              of the entities the model keeps (see min_score), with their
                              scores; an entity's meta has "seen": was this surface
                              annotated with this label in training?
        units.safetensors     the model's raw answers for these documents, end to end:
                              starts, ends int32 [units]; logits float32 [units, tags];
                              sequences int32 (first unit of each, counted per document);
                              unit_counts, sequence_counts int64 [documents]
        metrics.json          this part's scores, training seconds, training documents

A part appears whole or not at all, so an interrupted run is continued where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from ie_model.documents import Document
from ie_model.encoding.windows import EncodedText
from ie_model.errors import InputError
from ie_model.files import read_json, write_json
from ie_model.labels import LabelSet
from ie_model.metrics.bootstrap import unit_counts
from ie_model.models.replacement import new_directory

PROTOCOL_FILE = "crossval.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Prediction:
    """One document predicted out of fold.

    ``units`` has no windows; ``logits`` is float32 ``[units, tags]``, before any temperature.
    """

    gold: Document
    predicted: Document
    units: EncodedText
    logits: NDArray[np.float32]


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One trained model of a run: ``fraction`` (0 to 1) is the share of training data it saw."""

    seed: int
    fold: int
    fraction: float = 1.0

    @property
    def name(self) -> str:
        """Its folder under ``parts/``."""
        return f"seed{self.seed}-fold{self.fold}-{100 * self.fraction:g}"


@dataclass(frozen=True)
class Protocol:
    """How a run is made; two calls with equal protocols continue one another.

    ``config`` is the resolved training config, ``data`` describes the documents
    (``fingerprint``, counts per corpus), ``folds`` holds the ids each fold tests on.
    """

    labels: tuple[str, ...]
    tags: tuple[str, ...]
    seeds: tuple[int, ...]
    folds: tuple[tuple[str, ...], ...]
    fractions: tuple[float, ...] = (1.0,)
    config: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    format_version: int = FORMAT_VERSION

    @property
    def parts(self) -> list[Part]:
        """Every part of the run, whole training data first."""
        return [
            Part(seed, fold, fraction)
            for fraction in sorted(self.fractions, reverse=True)
            for seed in self.seeds
            for fold in range(len(self.folds))
        ]


class OofRun:
    """A run folder, opened for reading; parts are read when asked for, and once.

    Raises:
        InputError: no such folder, not a run, or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.protocol = read_protocol(self.path)
        self._read: dict[Part, list[Prediction]] = {}

    @property
    def labels(self) -> tuple[str, ...]:
        """The declared labels."""
        return self.protocol.labels

    @cached_property
    def label_set(self) -> LabelSet:
        """Labels and tags, in the order of the logits."""
        touching = self.protocol.config.get("touching")
        return LabelSet(self.protocol.labels, self.protocol.tags, touching is not False)

    @property
    def missing(self) -> list[Part]:
        """Parts not computed yet."""
        return [p for p in self.protocol.parts if not self.part_folder(p).is_dir()]

    def part_folder(self, part: Part) -> Path:
        """Where a part is kept."""
        return self.path / "parts" / part.name

    def part_metrics(self, part: Part) -> dict[str, Any]:
        """The part's ``metrics.json``."""
        return _read_json(self.part_folder(part) / "metrics.json")

    def predictions(self, seed: int | None = None, fraction: float = 1.0) -> list[Prediction]:
        """Every test document once, predicted by the models of one seed (default: the first).

        Raises:
            InputError: a part of it has not been computed, or the run has no such parts.
        """
        seed = self.protocol.seeds[0] if seed is None else seed
        parts = [p for p in self.protocol.parts if (p.seed, p.fraction) == (seed, fraction)]
        if not parts:
            raise InputError(f"{self.path}: no parts with seed {seed} and fraction {fraction:g}")
        absent = [p.name for p in parts if not self.part_folder(p).is_dir()]
        if absent:
            raise InputError(
                f"{self.path}: incomplete, {', '.join(absent)} not computed; "
                "finish it with the ie-model crossval command that began it"
            )
        for part in parts:
            if part not in self._read:
                self._read[part] = read_part(self.part_folder(part), self.label_set)
        return [p for part in parts for p in self._read[part]]

    def pairs(
        self, seed: int | None = None, fraction: float = 1.0
    ) -> tuple[list[Document], list[Document]]:
        """Gold and predicted documents of :meth:`predictions`."""
        found = self.predictions(seed, fraction)
        return [p.gold for p in found], [p.predicted for p in found]

    def counts(self, fraction: float = 1.0) -> tuple[NDArray[np.int64], str]:
        """Counts over all seeds for :func:`ie_model.metrics.bootstrap.intervals`, and their unit.

        Returns:
            int64 ``[seeds, units, labels, 3]`` and ``"document"`` or ``"paragraph"``.
        """
        tables = [unit_counts(*self.pairs(s, fraction), self.labels) for s in self.protocol.seeds]
        return np.stack([table for table, _ in tables]), tables[0][1]


def write_protocol(path: Path, protocol: Protocol) -> None:
    """Write ``crossval.json`` and ``folds.json`` of a run folder."""
    total = sum(map(len, protocol.folds))
    folds = [
        {"fold": i, "test": list(ids), "train": total - len(ids)}
        for i, ids in enumerate(protocol.folds)
    ]
    write_json(path / "folds.json", folds, indent=1)
    write_json(path / PROTOCOL_FILE, asdict(protocol), indent=1)


def read_protocol(path: Path) -> Protocol:
    """Read ``crossval.json`` of a run folder.

    Raises:
        InputError: no such folder, not a run, or damaged.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such run folder; make one with: ie-model crossval CONFIG")
    file = path / PROTOCOL_FILE
    if not file.is_file():
        raise InputError(
            f"{path}: not a cross-validation run (no {PROTOCOL_FILE} in it); "
            "make one with: ie-model crossval CONFIG"
        )
    values = _read_json(file)
    try:
        if values["format_version"] > FORMAT_VERSION:
            raise InputError(f"{file}: written by a newer version of ie_model; upgrade to read it")
        values["folds"] = tuple(tuple(ids) for ids in values["folds"])
        for name in ("labels", "tags", "seeds", "fractions"):
            values[name] = tuple(values[name])
        Protocol(**values)  # no name that is none
        protocol = TypeAdapter(Protocol).validate_python(values)
        schemes = (LabelSet.declare(protocol.labels, scheme).tags for scheme in ("BIO", "BIOES"))
        if sorted(protocol.tags) not in map(sorted, schemes):
            raise ValueError("its tags are not those of its labels")
        if not (protocol.seeds and protocol.folds and protocol.fractions):
            raise ValueError("it has no parts")
        return protocol
    except (KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file}: damaged ({reason:.300}); run ie-model crossval again") from None


def write_part(
    folder: Path, predictions: Sequence[Prediction], metrics: Mapping[str, Any], tags: int
) -> None:
    """Write one part, whole or not at all; ``tags`` is the number of columns of the logits.

    Raises:
        RunError: the disk is full or not writable.
    """
    from safetensors.numpy import save_file

    def joined(arrays: Iterable[NDArray[Any]], kind: type, *shape: int) -> NDArray[Any]:
        empty: NDArray[Any] = np.empty((0, *shape), kind)
        return np.ascontiguousarray(np.concatenate([empty, *arrays]), dtype=kind)

    tensors = {
        "starts": joined((p.units.starts for p in predictions), np.int32),
        "ends": joined((p.units.ends for p in predictions), np.int32),
        "sequences": joined((p.units.sequences for p in predictions), np.int32),
        "logits": joined((p.logits for p in predictions), np.float32, tags),
        "unit_counts": np.array([len(p.units.starts) for p in predictions], np.int64),
        "sequence_counts": np.array([len(p.units.sequences) for p in predictions], np.int64),
    }
    rows = []
    for p in predictions:
        row = p.gold.to_dict()
        row["predicted"] = [e.to_dict() for e in p.predicted.entities]
        rows.append(json.dumps(row, ensure_ascii=False) + "\n")
    with new_directory(folder) as scratch:
        (scratch / "oof.jsonl").write_text("".join(rows), encoding="utf-8", newline="\n")
        save_file(tensors, scratch / "units.safetensors")
        text = json.dumps(metrics, indent=1, ensure_ascii=False)
        (scratch / "metrics.json").write_text(text + "\n", encoding="utf-8")


def read_part(folder: Path, labels: LabelSet) -> list[Prediction]:
    """Read one part.

    Raises:
        InputError: a file is missing, damaged, or does not fit the labels.
    """
    from safetensors.numpy import load_file

    rows = []
    file = folder / "oof.jsonl"
    try:
        if not file.is_file() or not (folder / "units.safetensors").is_file():
            raise ValueError("a file is gone, or no ordinary one")
        # Not splitlines(): U+2028 and its like may stand inside a JSON string.
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
            if line:
                row = json.loads(line)
                gold = Document.from_dict(row, f"{file}:{number}")
                guess = Document.from_dict(
                    {**row, "entities": row["predicted"]}, f"{file}:{number}"
                )
                rows.append((gold, guess))
                for entity in (*gold.entities, *guess.entities):
                    if entity.label not in labels.labels:
                        raise ValueError(f"line {number} has a label {entity.label!r:.60}")
        tensors = load_file(folder / "units.safetensors")
        units = np.cumsum(tensors["unit_counts"])[:-1]
        sequences = np.cumsum(tensors["sequence_counts"])[:-1]
        split = (
            np.split(tensors["starts"], units),
            np.split(tensors["ends"], units),
            np.split(tensors["sequences"], sequences),
            np.split(tensors["logits"], units),
        )
        if tensors["logits"].shape[1] != len(labels.tags) or len(rows) != len(
            tensors["unit_counts"]
        ):
            raise ValueError("tensors and documents do not fit each other")
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{folder}: damaged part ({error}); delete it and run again") from None
    return [
        Prediction(gold, guess, EncodedText(a, b, c, ()), logits)
        for (gold, guess), a, b, c, logits in zip(rows, *split, strict=True)
    ]


def _read_json(file: Path) -> dict[str, Any]:
    try:
        values = read_json(file)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; the run is damaged") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: damaged ({error})") from None
    if not isinstance(values, dict):
        raise InputError(f"{file}: damaged (expected a JSON object)")
    return values
