"""A model and gold documents to metrics."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ie_model.corpus.reading import load_gold
from ie_model.documents import Document, given_documents
from ie_model.encoding.alignment import Ledger, align
from ie_model.encoding.lines import parts_joined
from ie_model.errors import InputError
from ie_model.inference.extractor import Extractor
from ie_model.metrics.bootstrap import intervals, unit_counts
from ie_model.metrics.spans import score_documents


def evaluate(
    model: str | os.PathLike[str] | Extractor,
    documents: str | os.PathLike[str] | Iterable[Document],
    *,
    format: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Predict gold documents and score the predictions against their raw offsets.

    Args:
        model: a model directory, loaded with the ``auto`` engine, or a loaded extractor.
        documents: gold documents, or where to read them (a file, a folder, a glob).
        format: format of the files; by content if empty.
        options: options of the format's reader, such as ``text_dir`` of brat.

    Returns:
        What :func:`ie_model.score_documents` returns, with ``intervals`` by bootstrap over the
        documents (see :func:`ie_model.metrics.bootstrap.intervals`), and ``ledger``: the encoding's
        counts, with ``lost_entities`` for gold that the model's tokens cannot express (it
        is scored all the same, as missed). Where gold marks mentions in parts at soft line
        breaks and the model reads across them, ``whole_mentions`` has ``joined``, how many
        parts those are, and ``micro``, the scores against the mentions made whole.

    Raises:
        InputError: not a model directory, no documents, faulty gold, gold without a single
            entity, or labels the model does not have.
    """
    return evaluate_in_full(model, documents, format=format, **options).metrics


class Evaluation(NamedTuple):
    """What was asked, what the model answered, and the scores of :func:`evaluate`."""

    gold: Sequence[Document]
    predicted: Sequence[Document]
    metrics: dict[str, Any]


def evaluate_in_full(
    model: str | os.PathLike[str] | Extractor,
    documents: str | os.PathLike[str] | Iterable[Document],
    *,
    format: str | None = None,
    **options: Any,
) -> Evaluation:
    """As :func:`evaluate`, with the documents that were scored."""
    extractor = model if isinstance(model, Extractor) else Extractor.from_pretrained(model)
    if isinstance(documents, str | os.PathLike):
        gold: Sequence[Document] = load_gold(Path(documents), format, **options)
        check_annotated(gold, str(documents))
    else:
        gold = list(given_documents(documents, "the gold documents"))
        check_annotated(gold, "the gold documents")
    _check_labels(gold, extractor)
    predicted = extractor.predict(gold)
    metrics = score_documents(gold, predicted, extractor.labels)
    counts, unit = unit_counts(gold, predicted, extractor.labels)
    metrics["intervals"] = intervals(counts, extractor.labels, unit=unit)
    ledger, gold_total = _ledger(gold, extractor), sum(len(d.entities) for d in gold)
    # Trap: gold that is lost on the way to the score makes the score too good.
    assert ledger.gold == gold_total == metrics["span"]["micro"]["support"]
    metrics["ledger"] = {
        **ledger.to_dict(),
        "lost_entities": [
            {"document": id_, "start": e.start, "end": e.end, "label": e.label, "text": e.text}
            for id_, e in ledger.lost
        ],
    }
    whole = [parts_joined(document, extractor.encoder.lines) for document in gold]
    if joined := sum(count for _, count in whole):
        scores = score_documents([d for d, _ in whole], predicted, extractor.labels)
        metrics["whole_mentions"] = {"joined": joined, "micro": scores["span"]["micro"]}
    return Evaluation(gold, predicted, metrics)


def check_annotated(documents: Sequence[Document], name: str) -> None:
    """Refuse gold in which nothing is annotated: every figure would be 0.0.

    Raises:
        InputError: there is no entity in any of the documents.
    """
    if not any(document.entities for document in documents):
        raise InputError(
            f"{name}: no entity is annotated in these {len(documents)} documents, so there is "
            "nothing to score; give annotated ones (brat: the folder of the .ann files, with "
            "--text-dir or the option text_dir where the texts are elsewhere)"
        )


def _check_labels(gold: Sequence[Document], extractor: Extractor) -> None:
    known = set(extractor.labels)
    for document in gold:
        for entity in document.entities:
            if entity.label not in known:
                raise InputError(
                    f"document {document.id!r}, offset {entity.start}: label {entity.label!r} is "
                    f"not one of the model's ({', '.join(extractor.labels)}); map it with "
                    "ie-model annotations convert --map, or use a model trained on it"
                )


def _ledger(gold: Sequence[Document], extractor: Extractor) -> Ledger:
    ledger = Ledger()
    encoded = extractor.encoder.encode([d.text for d in gold])
    for document, text in zip(gold, encoded, strict=True):
        _, lost = align(text, document.entities, extractor.label_set)
        ledger.add(document, text, lost, extractor.encoder.lines)
    return ledger
