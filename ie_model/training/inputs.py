"""The documents of a run: what it trains on, stops by and is tested on."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Real
from typing import TYPE_CHECKING

from ie_model.config.schema import DataConfig, SourceConfig
from ie_model.corpus import reading as corpus
from ie_model.corpus.augmentation import numbered_copies
from ie_model.corpus.changes import Changes
from ie_model.corpus.formats.hf_dataset import from_dataset
from ie_model.corpus.leakage import repeated
from ie_model.corpus.splits import split_documents
from ie_model.documents import Document, sound_document
from ie_model.errors import InputError
from ie_model.given import several
from ie_model.inference.gold import check_annotated
from ie_model.training.processes import is_first_process

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)

WeightedDocuments = Iterable[tuple[float, Document]]
GivenDocuments = Iterable[Document | tuple[float, Document]]
"""What a caller may train on: documents, each with a weight or without; or a ``Dataset``."""


@dataclass(frozen=True)
class Corpora:
    """The documents of a run.

    ``train`` is ``None`` where the corpora of ``data.train`` can be streamed as they are;
    otherwise it holds what is trained on: given documents, what a split left, copies.
    """

    train: WeightedDocuments | None
    dev: list[Document]
    test: list[Document]


def read_corpora(
    data: DataConfig,
    unlabelled: Sequence[SourceConfig],
    labels: Sequence[str],
    seed: int,
    documents: GivenDocuments | Dataset | None = None,
    dev: Iterable[Document] | Dataset | None = None,
) -> Corpora:
    """Read and check the corpora, hold dev documents out, add changed copies.

    Args:
        data: the corpora.
        unlabelled: texts for teachers, looked through for held-out documents.
        labels: the declared labels.
        seed: of a ``dev_fraction`` and of augmentation.
        documents: instead of ``data.train``; see :func:`weighted`.
        dev: documents instead of ``data.dev``.

    Raises:
        InputError: nothing to read, a faulty document, or held-out documents without gold.
    """
    test = [d for _, d in read_sources(data.test, labels)]
    dev_pairs = read_sources(data.dev, labels) if dev is None else weighted(dev, labels)
    dev = [d for _, d in dev_pairs]
    train = None if documents is None else weighted(documents, labels)
    held_out = {"data.dev": dev, "data.test": test}
    for name, some in held_out.items():
        if some:
            check_annotated(some, name)
    if is_first_process() and (train is None or isinstance(train, Sequence)):
        pairs = read_texts(data.train) if train is None else train
        _warn_of_leakage(held_out, chain(pairs, read_texts(unlabelled)))
    if data.dev_fraction and not dev:
        everything = list(read_sources(data.train, labels) if train is None else train)
        train, dev = _split(everything, data.dev_fraction, seed)
    if data.augment.copies:
        everything = list(read_sources(data.train, labels) if train is None else train)
        copies = numbered_copies([d for _, d in everything], data.augment, seed)
        train = everything + [(everything[number][0], copy) for number, copy in copies]
    return Corpora(train, dev, test)


def weighted(given: GivenDocuments | Dataset, labels: Iterable[str]) -> WeightedDocuments:
    """A caller's documents, or the rows of a ``datasets.Dataset``, as checked pairs.

    What can be read only once is streamed.

    Raises:
        InputError: several data sets; columns that are neither text and entities nor tokens and
            tags; or, when it is read, an item that is no document, or the first problem in one.
    """
    if hasattr(given, "column_names"):
        if isinstance(given, Mapping):
            raise InputError(
                f"the documents given are several data sets ({', '.join(map(str, given))}); "
                f"give one of them: {type(given).__name__}[{next(iter(given), None)!r}]"
            )
        given = list(from_dataset(given))
    pairs = _checked(given, labels)
    return list(pairs) if isinstance(given, Sequence) else pairs


def _checked(given: GivenDocuments, labels: Iterable[str]) -> Iterator[tuple[float, Document]]:
    allowed, name = set(labels), "the documents given"
    for number, item in enumerate(several(given, name)):
        pair = isinstance(item, tuple | list) and len(item) == 2
        weight, document = item if pair else (1.0, item)
        if not (isinstance(weight, Real) and 0 <= float(weight) < math.inf):
            raise InputError(
                f"{name}, item {number}: expected (weight, document), the weight a number of at "
                f"least 0, found {weight!r:.60}"
            )
        document = sound_document(document, f"{name}, item {number}")
        if problems := document.check(allowed):
            raise InputError(f"document {document.id!r}: {problems[0].message}")
        yield float(weight), document


def _warn_of_leakage(held_out: Mapping[str, Sequence[Document]], pairs: WeightedDocuments) -> None:
    """Warn of dev or test documents that are trained on."""
    given = [(name, document) for name, some in held_out.items() for document in some]
    if not given:
        return
    found = repeated([d for _, d in given], (d for _, d in pairs))
    for name, count in Counter(given[i][0] for i in found).items():
        log.warning(
            "%s: %d of %d documents are (nearly) the same as training documents; scores on them "
            "are too good",
            name, count, len(held_out[name]),
        )  # fmt: skip


def _split(
    everything: list[tuple[float, Document]], fraction: float, seed: int
) -> tuple[list[tuple[float, Document]], list[Document]]:
    _, dev = split_documents([d for _, d in everything], fraction, seed)
    held_out = {id(d) for d in dev}
    return [(w, d) for w, d in everything if id(d) not in held_out], dev


def read_sources(
    sources: Sequence[SourceConfig], labels: Iterable[str]
) -> Iterator[tuple[float, Document]]:
    """Stream ``(weight, document)`` of the configured corpora, each document checked.

    Raises:
        InputError: nothing to read, or the first problem in a document, with its file,
            line, id and offset.
    """
    allowed = set(labels)
    for source in sources:
        changes = Changes(
            labels=source.labels,
            min_confidence=source.min_confidence,
            flatten=None if source.flatten == "error" else source.flatten,
            fix=source.fix,
        )
        count, counts, seen = 0, Counter[str](), set[str]()
        located = corpus.read_located(source.path, source.format, **source.options)
        for where, document in located:
            seen.update(e.label for e in document.entities)
            document = changes.apply(document, counts)
            document = document.with_entities(document.entities)
            problems = document.check(allowed)
            if problems:
                more = f" (and {len(problems) - 1} more in it)" if len(problems) > 1 else ""
                raise InputError(
                    f"{where}: document {document.id!r}: {problems[0].message}{more}; list every "
                    f"problem with: ie-model annotations check {source.path}"
                )
            count += 1
            yield source.weight, document
        if count == 0:
            raise InputError(f"{source.path}: no documents in it")
        for unused in changes.unused(seen):
            log.warning("%s: %s", source.path, unused)
        if set(counts) - {"kept"}:
            log.info("%s: %s", source.path, ", ".join(f"{v} {k}" for k, v in counts.items()))


def read_texts(sources: Sequence[SourceConfig]) -> Iterator[tuple[float, Document]]:
    """Stream ``(weight, document)`` of texts without annotations; those there are left out.

    Raises:
        InputError: nothing to read, or a file that is not what its format says.
    """
    for source in sources:
        count = 0
        for _, document in corpus.read_located(source.path, source.format, **source.options):
            count += 1
            yield source.weight, document.with_entities(())
        if count == 0:
            raise InputError(f"{source.path}: no documents in it")
