"""The quality gate: a faster model must give the same entities, or it is not exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.metrics.spans import score_documents


@dataclass(frozen=True)
class Limits:
    """What an export may lose against the fp32 model, as fractions of 1."""

    f1_drop: float = 0.005
    agreement: float = 0.985


@dataclass(frozen=True)
class Verdict:
    """What was measured; ``failures`` says what was not good enough, empty when it passed.

    ``f1`` and ``f1_reference`` are span F1 (exact, micro) against gold, None where the
    documents have no gold entities; ``agreement`` is :func:`entity_agreement`.
    """

    documents: int
    entities: int
    agreement: float
    f1: float | None
    f1_reference: float | None
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was below its limit."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """The figures in plain values, rounded to six places."""
        values = {**asdict(self), "failures": list(self.failures), "passed": self.passed}
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}

    def __str__(self) -> str:
        """One line of figures."""
        parts = [f"entity agreement with fp32 {self.agreement:.2%}"]
        if self.f1 is not None and self.f1_reference is not None:
            parts.append(f"span F1 {self.f1:.2%} (fp32 {self.f1_reference:.2%})")
        parts.append(f"{self.entities} entities in {self.documents} documents")
        return ", ".join(parts)


def entity_agreement(reference: Sequence[Document], candidate: Sequence[Document]) -> float:
    """How far two models give the same entities: F1 of one against the other, 0 to 1.

    ``2 * common / (reference + candidate)`` over (document, start, end, label), which is
    1.0 exactly when every document has the same entities, also when none has any.
    """
    if len(reference) != len(candidate):
        raise InputError(f"{len(reference)} documents cannot be compared with {len(candidate)}")
    common = total = 0
    for one, other in zip(reference, candidate, strict=True):
        ours, theirs = {e.key for e in one.entities}, {e.key for e in other.entities}
        common += len(ours & theirs)
        total += len(ours) + len(theirs)
    return 2 * common / total if total else 1.0


def judge(
    gold: Sequence[Document],
    reference: Sequence[Document],
    candidate: Sequence[Document],
    labels: Sequence[str],
    limits: Limits | None = None,
) -> Verdict:
    """Compare two models' answers to the same documents.

    Args:
        gold: the documents with their gold entities (or none, then only agreement counts).
        reference: what the fp32 model answered.
        candidate: what the faster model answered.
        labels: the labels to score.
        limits: what may be lost.

    Raises:
        InputError: no documents, or no entities to compare.
    """
    limits = limits or Limits()
    entities = sum(len(d.entities) for d in reference)
    if not entities:
        raise InputError(
            f"the fp32 model finds no entity in the {len(gold)} documents of the quality gate; "
            "give it documents like those it will see"
        )
    agreement = entity_agreement(reference, candidate)
    f1 = before = None
    if any(d.entities for d in gold):
        before = float(score_documents(gold, reference, labels)["span"]["micro"]["f1"])
        f1 = float(score_documents(gold, candidate, labels)["span"]["micro"]["f1"])
    failures = []
    if agreement < limits.agreement:
        failures.append(f"entity agreement {agreement:.2%} is below {limits.agreement:.2%}")
    if f1 is not None and before is not None and before - f1 > limits.f1_drop:
        failures.append(f"span F1 falls by {before - f1:.2%}, allowed {limits.f1_drop:.2%}")
    return Verdict(len(gold), entities, agreement, f1, before, tuple(failures))
