"""The loss of training: against the annotations and, with teachers, against what they say."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from ie_model.config.schema import TrainingConfig
from ie_model.encoding.alignment import IGNORED
from ie_model.labels import LabelSet, split_tag


class SpanLoss:
    """Summed over trained tokens and divided by their number in the whole update.

    A token's loss is ``(1 - share) * cross-entropy + share * T^2 * KL(teachers || student)``,
    the divergence at temperature ``T``; the square keeps its gradients as large as they are
    at 1 (Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network").

    Args:
        config: label smoothing and class weights; both act on the annotations alone.
        labels: what the columns of the logits mean.
        device: where the logits are.
        temperature: divides the student's logits; the soft targets come at it already.
    """

    def __init__(
        self,
        config: TrainingConfig,
        labels: LabelSet,
        device: torch.device,
        temperature: float = 1.0,
    ) -> None:
        self.tags = len(labels.tags)
        self.soft: torch.Tensor | None = None  # of the batch in hand: [rows, tokens, tags]
        self.share: torch.Tensor | None = None  # and [rows]
        self._smoothing, self._temperature = config.label_smoothing, temperature
        self._weights = None
        if config.class_weights:
            names = [split_tag(tag)[1] or "O" for tag in labels.tags]
            values = [config.class_weights.get(name, 1.0) for name in names]
            self._weights = torch.tensor(values, device=device)

    def __call__(
        self, outputs: Any, targets: torch.Tensor, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """The loss of one batch; ``targets`` int64 ``[rows, tokens]`` (the Trainer's signature)."""
        logits = outputs["logits"].float()
        if self.soft is None:
            total = self._annotated(logits.view(-1, self.tags), targets.view(-1)).sum()
        else:
            total = self._distilled(logits, targets)
        count = num_items_in_batch if num_items_in_batch is not None else (targets != IGNORED).sum()
        return total / torch.as_tensor(count, device=total.device).clamp(min=1)

    def _annotated(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(
            logits, targets, weight=self._weights, ignore_index=IGNORED,
            label_smoothing=self._smoothing, reduction="none",
        )  # fmt: skip

    def _distilled(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        assert self.soft is not None
        assert self.share is not None
        units = targets != IGNORED
        share = self.share[:, None].expand_as(targets)[units]
        chosen = logits[units]
        student = log_softmax(chosen / self._temperature, dim=-1)
        divergence = kl_div(student, self.soft[units], reduction="none").sum(dim=-1)
        hard = self._annotated(chosen, targets[units])
        return ((1 - share) * hard + share * self._temperature**2 * divergence).sum()
