"""What stands before the first update: corpora read, windows encoded, batches planned."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ie_model.config.schema import Config
from ie_model.documents import Document
from ie_model.encoding.alignment import Ledger
from ie_model.encoding.windows import Encoder
from ie_model.errors import InputError
from ie_model.labels import LabelSet
from ie_model.models.backbones import default_cache_dir
from ie_model.training.backbone import backbone_folder, carries_letter_case
from ie_model.training.encoded import TrainingWindows, encode
from ie_model.training.inputs import GivenDocuments, read_corpora
from ie_model.training.plan import Plan, plan_batches
from ie_model.training.processes import is_first_process
from ie_model.training.refusals import refuse
from ie_model.training.teachers import soft_targets
from ie_model.training.vocabulary import Vocabulary, load_vocabulary

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preparation:
    """Everything that stands before the first update; also what a dry run shows."""

    backbone: str
    labels: LabelSet
    vocabulary: Vocabulary
    encoder: Encoder
    windows: TrainingWindows
    plan: Plan
    dev: list[Document]
    test: list[Document]
    scratch: TemporaryDirectory[str] | None = field(default=None, repr=False)
    """Holds windows encoded for a dry run; removed with the last reference to it."""

    def describe(self) -> dict[str, Any]:
        """The run in plain values: data ledger, batches, steps."""
        ledger = self.windows.ledger
        return {
            "backbone": self.backbone,
            "labels": list(self.labels.labels),
            "tags": len(self.labels.tags),
            "ledger": ledger.to_dict(),
            "entities": {label: ledger.entities[label] for label in self.labels.labels},
            "dev_documents": len(self.dev),
            "test_documents": len(self.test),
            **self.plan.describe(),
        }

    def overview(self) -> str:
        """What matters of the run in three lines: data, entities, updates."""
        ledger, plan = self.windows.ledger, self.plan
        entities = (f"{label} {ledger.entities[label]:,}" for label in self.labels.labels)
        return (
            f"data: {ledger.documents:,} documents, {ledger.windows:,} windows, "
            f"{ledger.tokens:,} tokens; {len(self.dev):,} dev and {len(self.test):,} test "
            f"documents\nentities: {', '.join(entities)}; {len(ledger.lost):,} of "
            f"{ledger.gold:,} cannot be learned\nupdates: {plan.steps:,} of at most "
            f"{plan.update_tokens:,} tokens, {plan.updates_per_epoch:,} an epoch"
        )

    def summary(self) -> str:
        """The data in a few lines, with the first entities that cannot be learned."""
        ledger = self.windows.ledger
        lines = [
            "data: " + ", ".join(f"{k} {v:,}" for k, v in ledger.to_dict().items()),
            "entities: " + ", ".join(f"{k} {ledger.entities[k]:,}" for k in self.labels.labels),
        ]
        for id_, e in ledger.lost[:10]:
            lines.append(f"  masked: {id_} [{e.start}, {e.end}) {e.label} {e.text!r}")
        return "\n".join(lines)


def prepare(
    config: Config,
    documents: GivenDocuments | Dataset | None = None,
    dev: Sequence[Document] | Dataset | None = None,
) -> Preparation:
    """Refuse, read, encode and plan as :func:`ie_model.train` does; writes nothing beside the
    model."""
    refuse(config, dev, given=documents is not None)
    scratch = TemporaryDirectory(prefix="ie-model-")
    ready = read_and_plan(config, documents, dev, Path(scratch.name))
    return replace(ready, scratch=scratch)


def read_and_plan(
    config: Config,
    documents: GivenDocuments | Dataset | None,
    dev: Sequence[Document] | Dataset | None,
    scratch: Path,
) -> Preparation:
    """Read corpora, encode them, plan batches.

    Args:
        config: the run; it was not refused.
        documents: instead of ``data.train``.
        dev: instead of ``data.dev``.
        scratch: a folder for windows that no later run can use.

    Raises:
        InputError: faulty documents, or none that can be learned from.
    """
    given = documents is not None or dev is not None
    with contextlib.nullcontext() if given else config.named():  # the caller's own are in no file
        return _read_and_plan(config, documents, dev, scratch)


def _read_and_plan(
    config: Config,
    documents: GivenDocuments | Dataset | None,
    dev: Sequence[Document] | Dataset | None,
    scratch: Path,
) -> Preparation:
    data, encoding, training = config.data, config.encoding, config.training
    labels = LabelSet.declare(config.labels, config.scheme)
    unlabelled = config.distillation.unlabelled
    corpora = read_corpora(data, unlabelled, config.labels, training.seed, documents, dev)

    vocabulary = load_vocabulary(config.model)
    encoder = Encoder(
        vocabulary.tokenizer, encoding.window, encoding.overlap, encoding.lines,
        whole_words=encoding.whole_words, context=encoding.context,
        letter_case=carries_letter_case(
            config.model, encoding.letter_case, vocabulary.tokenizer
        ),
    )  # fmt: skip
    cache = data.cache_dir or default_cache_dir()
    soft = soft_targets(config.distillation, labels, cache, training.device, training.threads)
    windows = encode(corpora.train, data.train, encoder, labels, cache, scratch, soft)
    _check_learnable(windows.ledger, labels, taught=soft is not None)
    touching = windows.ledger.spans_touch if config.touching is None else config.touching
    labels = replace(labels, touching=touching)

    plan = plan_batches(windows, training)
    return Preparation(
        backbone_folder(config.model), labels, vocabulary, encoder, windows, plan,
        corpora.dev, corpora.test,
    )  # fmt: skip


def _check_learnable(ledger: Ledger, labels: LabelSet, *, taught: bool) -> None:
    """Refuse documents that teach nothing; warn of labels of which they teach nothing."""
    if ledger.representable == 0:
        raise InputError(
            "the training documents hold no entity that can be learned; check data.train and labels"
        )
    absent = ledger.without_examples(labels.labels)
    if absent and not taught and is_first_process():
        log.warning(
            "the training documents hold no example of %s; they teach nothing of it",
            ", ".join(absent),
        )
