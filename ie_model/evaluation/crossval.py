"""Cross-validation: train on some folds, predict the others, keep everything that was said.

The result is a folder, see :mod:`ie_model.evaluation.out_of_fold`; intervals, calibration,
suspects, learning curve and report are made from it without training again. A run that was
interrupted goes on with the first part that is not there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ie_model import __version__
from ie_model.config.schema import Config, describe_differences, differences, without_places
from ie_model.corpus.splits import fingerprint, split_documents
from ie_model.documents import Document, Entity, in_one_line
from ie_model.encoding.alignment import Ledger, touching_pairs
from ie_model.errors import InputError
from ie_model.evaluation.folds import Fold, make_folds, take_fraction
from ie_model.evaluation.out_of_fold import (
    PROTOCOL_FILE,
    OofRun,
    Part,
    Prediction,
    Protocol,
    read_protocol,
    write_part,
    write_protocol,
)
from ie_model.evaluation.summary import summarise
from ie_model.files import scratch_folder, write_json
from ie_model.inference.decoding import decode
from ie_model.inference.extractor import Extractor
from ie_model.inference.thresholds import apply_calibration
from ie_model.labels import LabelSet
from ie_model.metrics.spans import Metrics, score_documents
from ie_model.models.directory import weights_fingerprint
from ie_model.training.backbone import trained_backbone
from ie_model.training.inputs import read_sources
from ie_model.training.refusals import check_cross_validation
from ie_model.training.run import TrainResult, train
from ie_model.training.trackers import with_lasting_events

log = logging.getLogger(__name__)

Weighted = list[tuple[float, Document]]


@dataclass(frozen=True)
class Data:
    """Documents of a config with their weights, and how they were divided."""

    testable: Weighted
    train_only: Weighted
    folds: list[Fold]


def cross_validate(
    config: Config,
    run_dir: str | Path,
    *,
    seeds: Sequence[int] = (0,),
    folds: int | None = None,
    fractions: Sequence[float] = (1.0,),
    keep_models: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Metrics:
    """Train and test every fold with every seed, and score all of it.

    Documents of corpora marked ``train_only`` are trained on in every fold and never
    tested; ``data.test`` is not touched. With ``data.dev_fraction``, dev documents come out
    of each fold's training documents.

    Args:
        config: what to train; ``output_dir`` is not used.
        run_dir: the run folder. One that is there already is continued if it was begun
            with the same arguments on the same data; seeds and fractions may be added.
        seeds: seeds of training. The folds are the same for all.
        folds: see :func:`ie_model.evaluation.folds.make_folds`; by default one article is
            left out at a time.
        fractions: shares of the training documents to train with, beside all of the
            ``train_only`` ones, for the learning curve; 1.0 is always among them.
        keep_models: keep each part's model directory under ``RUN/models``.
        progress: called with (parts done, parts in all, what comes next).

    Returns:
        What ``RUN/metrics.json`` holds: see :func:`ie_model.evaluation.summary.summarise`.

    Raises:
        InputError: too few documents, a bad argument, teachers, several processes, or a run
            folder of something else.
        RunError: training failed, or a part could not be written.
    """
    check_cross_validation(config)
    target = Path(run_dir)
    with config.named():
        data = read_data(config, folds)
    if config.touching is None:  # one answer for every fold, so that they can be pooled
        ledger = Ledger()
        for _, document in (*data.testable, *data.train_only):
            ledger.gold += len(document.entities)
            ledger.touching += touching_pairs(document, config.encoding.lines)
        config = config.model_copy(update={"touching": ledger.spans_touch})
    protocol = _protocol(config, data, seeds, fractions)
    _begin(target, protocol)
    run = OofRun(target)
    todo = run.missing
    total = len(protocol.parts)
    for number, part in enumerate(todo):
        if progress:
            progress(total - len(todo) + number, total, part.name)
        _run_part(config, data, part, run, keep_models)
    if progress:
        progress(total, total, "")
    metrics = summarise(run)
    write_json(target / "metrics.json", metrics, indent=1)
    return metrics


def read_data(config: Config, folds: int | None = None) -> Data:
    """Read the documents of a config and divide them.

    Raises:
        InputError: faulty data, or too few documents for the folds.
    """
    testable: Weighted = []
    train_only: Weighted = []
    for source in config.data.train:
        side = train_only if source.train_only else testable
        side.extend(read_sources([source], config.labels))
    if not testable:
        raise InputError(
            "cross-validation: every corpus in data.train is train_only; "
            "at least one must hold documents to test on"
        )
    divided = make_folds([d for _, d in testable], [d for _, d in train_only], folds)
    return Data(testable, train_only, divided)


def _protocol(
    config: Config, data: Data, seeds: Sequence[int], fractions: Sequence[float]
) -> Protocol:
    given: tuple[tuple[str, Sequence[float]], ...] = (("seeds", seeds), ("fractions", fractions))
    for name, numbers in given:
        if not numbers or len(set(numbers)) < len(numbers):
            raise InputError(f"cross-validation: {name} must be given and differ, found {numbers}")
    if any(not 0 <= seed < 1 << 32 for seed in seeds):
        raise InputError(f"cross-validation: seeds are whole numbers from 0, found {seeds}")
    if any(not 0 < f <= 1 for f in fractions):
        raise InputError(f"cross-validation: fractions lie between 0 and 1, found {fractions}")
    documents = [d for _, d in data.testable]
    labels = LabelSet.declare(config.labels, config.scheme)
    values = config.model_dump(mode="json", exclude={"output_dir": True, "training": {"seed"}})
    return Protocol(
        labels.labels,
        labels.tags,
        tuple(seeds),
        tuple(tuple(documents[i].id for i in fold.test) for fold in data.folds),
        tuple(sorted({1.0, *fractions})),
        values,
        {
            "fingerprint": fingerprint([d for _, d in (*data.testable, *data.train_only)]),
            **_other_fingerprints(config),
            "documents": len(documents),
            "characters": sum(len(d.text) for d in documents),
            "entities": {
                label: sum(e.label == label for d in documents for e in d.entities)
                for label in labels.labels
            },
            "train_only_documents": len(data.train_only),
            "train_only_characters": sum(len(d.text) for _, d in data.train_only),
        },
        __version__,
    )


def _other_fingerprints(config: Config) -> dict[str, str]:
    """Of dev documents, and of a backbone that may be trained anew in the same place."""
    found = {}
    if dev := [d for _, d in read_sources(config.data.dev, config.labels)]:
        found["dev_fingerprint"] = fingerprint(dev)
    if backbone := trained_backbone(config.model.backbone):
        found["backbone_fingerprint"] = weights_fingerprint(backbone)
    return found


def _begin(target: Path, protocol: Protocol) -> None:
    """Write the protocol, or check that the one there is the same, or has fewer parts of it."""
    if not (target / PROTOCOL_FILE).is_file():
        # folds.json alone: a run that was killed as it began.
        if target.is_dir() and any(f.name != "folds.json" for f in target.iterdir()):
            raise InputError(f"{target}: exists and is not a cross-validation run; choose another")
        target.mkdir(parents=True, exist_ok=True)
        write_protocol(target, protocol)
        return
    begun = grown = read_protocol(target)
    if set(begun.seeds) < set(protocol.seeds):
        grown = replace(grown, seeds=protocol.seeds)
    if set(begun.fractions) < set(protocol.fractions):
        grown = replace(grown, fractions=protocol.fractions)
    found = differences(_essence(grown), _essence(protocol))
    if found:
        raise InputError(
            f"{target}: was begun with something else: {describe_differences(found)}. Undo the "
            "change to go on, give another folder, or delete this one to start again"
        )
    if grown != begun:
        (target / "metrics.json").unlink(missing_ok=True)  # of the smaller run
        write_protocol(target, grown)


def _essence(protocol: Protocol) -> dict[str, Any]:
    """What must agree for a run to be continued, in plain JSON values.

    Not where the files are: the fingerprint says that they hold the same documents.
    """
    values: dict[str, Any] = json.loads(json.dumps(asdict(protocol)))
    del values["version"]
    values["config"] = without_places(values["config"])
    folds = json.dumps(values["folds"]).encode()
    values["folds"] = {
        "documents": hashlib.sha256(folds).hexdigest(),
        "number": len(protocol.folds),
    }
    return values


def _run_part(config: Config, data: Data, part: Part, run: OofRun, keep_models: bool) -> None:
    fold = data.folds[part.fold]
    weights = {d.id: w for w, d in data.testable}
    chosen = take_fraction([data.testable[i][1] for i in fold.train], part.fraction, part.seed)
    held_out: list[Document] = []
    if config.data.dev_fraction and not config.data.dev:
        chosen, held_out = split_documents(chosen, config.data.dev_fraction, part.seed)
    documents = [(weights[d.id], d) for d in chosen] + [data.train_only[i] for i in fold.extra]
    test = [data.testable[i][1] for i in fold.test]
    began = time.monotonic()
    if keep_models:
        (run.path / "models").mkdir(exist_ok=True)
    with scratch_folder(run.path) as scratch:
        model_dir = (run.path / "models" if keep_models else scratch) / part.name
        result = train(
            with_lasting_events(_part_config(config, part, model_dir), run.path),
            documents=documents,
            dev=held_out if held_out else None,
        )
        training = config.training
        extractor = Extractor.from_pretrained(
            model_dir, "torch", threads=training.threads, device=training.device
        )
        predictions = predict_part(extractor, test, [d for _, d in documents])
    metrics = score_documents(test, [p.predicted for p in predictions], run.labels)
    metrics["training"] = _training_facts(result, [d for _, d in documents], began)
    write_part(run.part_folder(part), predictions, metrics, len(run.label_set.tags))
    log.info("%s: F1 %.1f", part.name, 100 * metrics["span"]["micro"]["f1"])


def _part_config(config: Config, part: Part, model_dir: Path) -> Config:
    return config.model_copy(
        update={
            "output_dir": model_dir,
            "data": config.data.model_copy(update={"test": [], "dev_fraction": 0.0}),
            "training": config.training.model_copy(update={"seed": part.seed}),
        }
    )


def _training_facts(
    result: TrainResult, documents: Sequence[Document], began: float
) -> dict[str, Any]:
    return {
        "documents": len(documents),
        "characters": sum(len(d.text) for d in documents),
        "entities": sum(len(d.entities) for d in documents),
        "steps": result.steps,
        "seconds": round(time.monotonic() - began, 2),
    }


def _surface(document: Document, entity: Entity) -> str:
    return in_one_line(document.text[entity.start : entity.end]).casefold()


def predict_part(
    extractor: Extractor, test: Sequence[Document], training: Sequence[Document]
) -> list[Prediction]:
    """Predict test documents and keep the logits; marks every span as seen or unseen.

    A span is *seen* when the training documents annotate its surface, case folded, with
    the same label.
    """
    surfaces = {(e.label, _surface(d, e)) for d in training for e in d.entities}

    def marked(document: Document, entities: Sequence[Entity]) -> Document:
        return document.with_entities(
            replace(
                e,
                meta={
                    **e.meta,
                    "seen": (e.label, _surface(document, e)) in surfaces,
                },
            )
            for e in entities
        )

    answers = extractor.logits([d.text for d in test])
    decoded = decode(
        [logits for _, logits in answers],
        [units for units, _ in answers],
        [d.text for d in test],
        extractor.label_set,
    )
    settings = extractor.settings
    kept = apply_calibration(
        decoded, settings.calibration, settings.thresholds, sure_score=settings.sure_score
    )
    return [
        Prediction(
            gold=marked(document, document.entities),
            predicted=marked(document, found),
            units=replace(units, windows=()),
            logits=logits,
        )
        for document, found, (units, logits) in zip(test, kept, answers, strict=True)
    ]
