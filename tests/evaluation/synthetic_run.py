"""A cross-validation run made up without any model: known truth, known noise, planted slips."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np

from ie_model.documents import Document, Entity
from ie_model.encoding.alignment import align
from ie_model.encoding.windows import EncodedText
from ie_model.evaluation.folds import make_folds
from ie_model.evaluation.out_of_fold import Prediction, Protocol, write_part, write_protocol
from ie_model.inference.decoding import decode
from ie_model.labels import LabelSet
from ie_model.metrics.spans import score_documents

LABELS = ("ACTOR", "LOCATION", "QUANTITY", "OPERATION", "DATE")
SURFACES = {
    "ACTOR": ["Iraqi federal police", "SDF", "U.S.-backed forces", "Pentagon", "IS fighters"],
    "LOCATION": ["Hawija", "Kirkuk province", "Deir el-Zour", "Hajin", "western Anbar"],
    "QUANTITY": ["more than 80 percent", "75 attacks", "14 tanks", "about 1,400 civilians"],
    "OPERATION": ["airstrike", "clearance operations", "routine patrols", "Operation Roundup"],
    "DATE": ["Tuesday", "Dec. 3, 2018", "past 24 hours", "early last month"],
}
FILLER = "the of and in was reported after near with officials said a that on from to".split()
_UNIT = re.compile(r"\w+|[^\w\s]")


def article(rng: random.Random, number: int, lines: int = 8) -> Document:
    text, entities = "", []
    for _ in range(lines):
        for _ in range(rng.randint(2, 5)):
            text += " ".join(rng.choices(FILLER, k=rng.randint(1, 6))) + " "
            label = rng.choice(LABELS)
            surface = rng.choice(SURFACES[label])
            entities.append(Entity(len(text), len(text) + len(surface), label, text=surface))
            text += surface + " "
        text = text[:-1] + ".\n"
    return Document(text, tuple(entities), f"article-{number}")


def units_of(text: str) -> EncodedText:
    matches = list(_UNIT.finditer(text))
    starts = np.array([m.start() for m in matches], np.int32)
    lines = np.array([text.count("\n", 0, m.start()) for m in matches])
    heads = np.flatnonzero(np.diff(lines, prepend=-1)).astype(np.int32)
    return EncodedText(starts, np.array([m.end() for m in matches], np.int32), heads, ())


def make_run(
    folder: Path,
    *,
    articles: int = 12,
    seeds: tuple[int, ...] = (0, 1),
    fractions: tuple[float, ...] = (1.0,),
    noise: float = 1.6,
    sharpness: float = 2.0,
    planted: int = 0,
    documents: list[Document] | None = None,
) -> list[Entity]:
    """Write a complete run; returns gold entities that were made wrong on purpose.

    Models know the true tags but for Gaussian noise on their logits, which grows as their
    share of the training data falls. ``sharpness`` multiplies the logits: above 1 the
    models are surer than they should be. A planted slip swaps the gold label of a span
    that the models see as it truly is.
    """
    rng = random.Random(5)
    numbers = np.random.default_rng(5)
    truth = documents or [article(rng, i) for i in range(articles)]
    labels = LabelSet.declare(LABELS)
    gold, slips = [], []
    for document in truth:
        entities = list(document.entities)
        if len(slips) < planted:
            i = rng.randrange(len(entities))
            wrong = rng.choice([x for x in LABELS if x != entities[i].label])
            entities[i] = Entity(entities[i].start, entities[i].end, wrong)
            slips.append(entities[i])
        gold.append(document.with_entities(entities))
    folds = make_folds(gold, folds=min(4, len(gold)))
    protocol = Protocol(
        labels.labels,
        labels.tags,
        seeds,
        tuple(tuple(gold[i].id for i in fold.test) for fold in folds),
        tuple(sorted({1.0, *fractions})),
        {"labels": list(LABELS), "training": {"epochs": 3, "learning_rate": 1e-4}},
        {
            "fingerprint": "0" * 64,
            "documents": len(gold),
            "characters": sum(len(d.text) for d in gold),
            "entities": {x: sum(e.label == x for d in gold for e in d.entities) for x in LABELS},
            "train_only_documents": 0,
            "train_only_characters": 0,
        },
        "0.1.0",
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_protocol(folder, protocol)
    for part in protocol.parts:
        fold = folds[part.fold]
        predictions = [
            predict(truth[i], gold[i], labels, numbers, noise / part.fraction**0.35, sharpness)
            for i in fold.test
        ]
        size = int(part.fraction * sum(len(gold[i].text) for i in fold.train))
        metrics = score_documents(
            [p.gold for p in predictions], [p.predicted for p in predictions], LABELS
        )
        metrics["training"] = {
            "documents": len(fold.train), "characters": size, "entities": 10, "steps": 3,
            "seconds": 1.5,
        }  # fmt: skip
        write_part(folder / "parts" / part.name, predictions, metrics, len(labels.tags))
    return slips


def predict(truth, gold, labels, numbers, noise, sharpness) -> Prediction:
    units = units_of(truth.text)
    tags, _ = align(units, truth.entities, labels)
    logits = numbers.normal(0, noise, (len(tags), len(labels.tags)))
    logits[np.arange(len(tags)), tags] += 5.0
    logits = (sharpness * logits).astype(np.float32)
    (entities,) = decode([logits], [units], [truth.text], labels)

    def marked(found):
        return [
            Entity(e.start, e.end, e.label, e.score, meta={"seen": e.start % 3 > 0}) for e in found
        ]

    return Prediction(
        gold.with_entities(marked(gold.entities)), gold.with_entities(marked(entities)), units,
        logits,
    )  # fmt: skip
