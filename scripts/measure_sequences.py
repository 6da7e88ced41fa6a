"""What the order of tags is worth: plain readings, the constrained path, a linear-chain CRF.

    python scripts/measure_arms.py gold.jsonl --arms plain --seeds 5 --keep-models
    python scripts/measure_sequences.py gold.jsonl --seeds 5

Reads the models that the first command kept in three ways: every unit's best tag, where an
inside tag after another label either opens a span of its own (`lenient`, as seqeval reads
tags) or counts as outside (`strict`), and the best well-formed path, as this package does
(`path`). Then trains the same with the loss of a linear-chain CRF over the units (Lafferty,
McCallum and Pereira 2001), whose transitions between tags are learned beside the model, and
reads it with the best path under them (`crf`). Prints each arm's F1 with every span, its range
over the seeds, and its paired difference from `path`. A CRF's answers are kept under --out.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from measure_arms import Counts, configured, difference, difference_in_words
from numpy.typing import NDArray
from torch import nn

from ie_model import Extractor, load_config, read_documents, train, write_documents
from ie_model.corpus.reading import load_gold
from ie_model.documents import Document
from ie_model.encoding.alignment import IGNORED
from ie_model.inference.decoding import best_path
from ie_model.labels import LabelSet
from ie_model.metrics.bootstrap import seed_spread, unit_counts
from ie_model.training.loss import SpanLoss
from ie_model.training.trainer import parameter_groups

RECIPE = "scripts/plain.yaml"

Reading = Callable[[NDArray[Any], NDArray[np.bool_], LabelSet], NDArray[np.int64]]

_FORBIDDEN = -1e4  # no sum of logits comes near it; minus infinity would have no gradient
_RATE = 5e-3  # of the transitions, which start from nothing


def lenient(logits: NDArray[Any], heads: NDArray[np.bool_], labels: LabelSet) -> NDArray[Any]:
    """Each unit's best tag; an inside tag that continues nothing opens a span."""
    path = logits.argmax(axis=1)
    label = labels.label_ids[path]
    stray = ~labels.opens[path] & (heads | (label != np.concatenate([[-1], label[:-1]])))
    opening = np.array([labels.tag_ids[f"B-{name}"] for name in labels.labels])
    path[stray] = opening[label[stray]]
    return path


def strict(logits: NDArray[Any], heads: NDArray[np.bool_], labels: LabelSet) -> NDArray[Any]:
    """Each unit's best tag; an inside tag that continues nothing is outside."""
    path = logits.argmax(axis=1)
    before = -1
    for unit, tag in enumerate(path):
        label = labels.label_ids[tag]
        if not labels.opens[tag] and (heads[unit] or label != before):
            path[unit], label = labels.tag_ids["O"], -1
        before = label
    return path


class Chain(nn.Module):
    """Log-potentials of a tag after another, of the first and of the last tag of a row."""

    def __init__(self, labels: LabelSet) -> None:
        super().__init__()
        step, first, last = (
            torch.where(torch.as_tensor(allowed), 0.0, _FORBIDDEN)
            for allowed in (labels.allowed, labels.opens, labels.closes)
        )
        # What is forbidden has no probability, hence no gradient, and stays so.
        self.step, self.first, self.last = (nn.Parameter(x) for x in (step, first, last))

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Summed negative log-likelihood of the gold paths.

        Args:
            logits: ``[rows, tokens, tags]``.
            targets: int64 ``[rows, tokens]``; tokens that are no unit are left out of the path.
        """
        units = targets != IGNORED
        lengths = units.sum(dim=1)
        longest = int(lengths.max())
        if longest == 0:
            return logits.sum() * 0
        moved = torch.argsort((~units).to(torch.uint8), dim=1, stable=True)[:, :longest]
        logits = logits.gather(1, moved[..., None].expand(-1, -1, logits.shape[-1]))
        gold = targets.gather(1, moved).clamp(min=0)
        live = torch.arange(longest, device=targets.device) < lengths[:, None]

        before = torch.cat([self.first[gold[:, :1]], self.step[gold[:, :-1], gold[:, 1:]]], dim=1)
        total = ((logits.gather(2, gold[..., None])[..., 0] + before) * live).sum(dim=1)
        total += self.last[gold.gather(1, (lengths - 1).clamp(min=0)[:, None])[:, 0]]
        reached = self.first + logits[:, 0]  # log of the sum over all paths up to here, by tag
        for at in range(1, longest):
            grown = torch.logsumexp(reached[:, :, None] + self.step, dim=1) + logits[:, at]
            reached = torch.where(live[:, at, None], grown, reached)
        return ((torch.logsumexp(reached + self.last, dim=1) - total) * (lengths > 0)).sum()

    def reading(self) -> Reading:
        """The best path under these potentials, by Viterbi."""
        step, first, last = (
            x.detach().double().numpy() for x in (self.step, self.first, self.last)
        )

        def read(
            logits: NDArray[Any], heads: NDArray[np.bool_], labels: LabelSet
        ) -> NDArray[np.int64]:
            path = np.zeros(len(logits), np.int64)
            edges = [*np.flatnonzero(heads).tolist(), len(logits)]
            for begin, stop in itertools.pairwise(edges):
                score, pointers = first + logits[begin], []
                for unit in range(begin + 1, stop):
                    reached = score[:, None] + step
                    pointers.append(reached.argmax(axis=0))
                    score = reached.max(axis=0) + logits[unit]
                path[stop - 1] = (score + last).argmax()
                for unit in range(stop - 1, begin, -1):
                    path[unit - 1] = pointers[unit - begin - 1][path[unit]]
            return path

        return read


def train_chain(seed: int, gold: list[Document], folder: Path) -> None:
    """Train the plain recipe with a chain's loss; leave its answers in a folder."""
    file = folder / "predicted.jsonl"
    if file.is_file():
        return
    config = configured({"config": RECIPE}, seed, folder)
    chain = Chain(LabelSet.declare(config.labels, config.scheme))

    class ChainLoss(SpanLoss):
        def __call__(self, outputs: Any, targets: Any, num_items_in_batch: Any = None) -> Any:
            return chain(outputs["logits"].float(), targets) / num_items_in_batch

    def groups(*args: Any) -> list[dict[str, Any]]:
        own = {"params": list(chain.parameters()), "lr": _RATE, "weight_decay": 0.0}
        return [*parameter_groups(*args), own]

    with (
        patch("ie_model.training.trainer.SpanLoss", ChainLoss),
        patch("ie_model.training.trainer.parameter_groups", groups),
    ):
        model = train(config).model_dir
    write_documents(read_with(chain.reading(), model, gold), file, "jsonl")


def read_with(reading: Reading, model: Path, gold: list[Document]) -> list[Document]:
    """A model's documents, every span kept, its logits read in another way."""
    with patch("ie_model.inference.decoding.best_path", reading):
        return Extractor.from_pretrained(model, "torch", min_score=0).predict(gold)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gold", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/arms"), help="of measure_arms.py")
    options = parser.parse_args()

    gold = load_gold(options.gold)
    labels = load_config(RECIPE).labels
    first: Counts | None = None
    for name, reading in (
        ("path", best_path), ("lenient", lenient), ("strict", strict), ("crf", None),
    ):  # fmt: skip
        counts = []
        for seed in range(options.seeds):
            folder = options.out / "crf" / str(seed)
            if reading is None:
                train_chain(seed, gold, folder)
                predicted = list(read_documents(folder / "predicted.jsonl", "jsonl"))
            else:
                model = options.out / "plain" / str(seed) / "model"
                predicted = read_with(reading, model, gold)
            counts.append(unit_counts(gold, predicted, labels)[0])
        stacked = np.stack(counts)
        spread = seed_spread(stacked, labels)["micro"]
        mean, low, high = (100 * spread[k] for k in ("mean", "low", "high"))
        line = f"{name:8} F1 {mean:.1f}  seeds {low:.1f} to {high:.1f}"
        if first is None:
            first = stacked
        else:
            line += difference_in_words(difference(first, stacked, labels))
        print(line, flush=True)


if __name__ == "__main__":
    main()
