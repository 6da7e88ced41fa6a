"""Agreement beyond chance on categories: Cohen, Fleiss, Krippendorff.

Each takes int64 ``[annotators, items]``, any numbers standing for the categories, and gives
``None`` where the coefficient is not defined: nothing to compare, or one category throughout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ratings = NDArray[np.int64]


def cohen_kappa(ratings: Ratings) -> float | None:
    """Cohen's kappa of two annotators: ``(p_o - p_e) / (1 - p_e)``.

    Chance agreement ``p_e`` from each annotator's own shares of the categories (Cohen, "A
    Coefficient of Agreement for Nominal Scales", 1960).
    """
    if len(ratings) != 2:
        raise ValueError(f"Cohen's kappa compares two annotators, not {len(ratings)}")
    counts = _counts_by_annotator(ratings)
    items = ratings.shape[1]
    if items == 0:
        return None
    observed = float((ratings[0] == ratings[1]).mean())
    expected = float((counts[0] * counts[1]).sum()) / items**2
    return _beyond(observed, expected)


def fleiss_kappa(ratings: Ratings) -> float | None:
    """Fleiss' kappa: mean pairwise agreement per item, chance from the pooled shares.

    Fleiss, "Measuring Nominal Scale Agreement Among Many Raters" (1971).
    """
    annotators, items = ratings.shape
    if items == 0 or annotators < 2:
        return None
    table = _counts_by_item(ratings)
    agreeing = (table * (table - 1)).sum() / (items * annotators * (annotators - 1))
    shares = table.sum(axis=0) / table.sum()
    return _beyond(float(agreeing), float((shares**2).sum()))


def krippendorff_alpha(ratings: Ratings) -> float | None:
    """Krippendorff's alpha for nominal categories and complete ratings: ``1 - D_o / D_e``.

    Like Fleiss' kappa, but with chance drawn without replacement, which matters when there
    are few items (Krippendorff, *Content Analysis*, chapter 11).
    """
    annotators, items = ratings.shape
    if items == 0 or annotators < 2:
        return None
    table = _counts_by_item(ratings).astype(np.float64)
    total = float(table.sum())
    observed = (total * annotators - (table**2).sum()) / (annotators - 1)
    expected = (total**2 - (table.sum(axis=0) ** 2).sum()) / (total - 1)
    return None if expected == 0 else float(1 - observed / expected)


def _beyond(observed: float, expected: float) -> float | None:
    return None if np.isclose(expected, 1.0, atol=1e-12) else (observed - expected) / (1 - expected)


def _counts_by_annotator(ratings: Ratings) -> NDArray[np.int64]:
    _, codes = np.unique(ratings, return_inverse=True)
    codes = codes.reshape(ratings.shape)
    size = int(codes.max(initial=-1)) + 1
    return np.stack([np.bincount(row, minlength=size) for row in codes])


def _counts_by_item(ratings: Ratings) -> NDArray[np.int64]:
    """How many annotators put each item into each category; int64 ``[items, categories]``."""
    _, codes = np.unique(ratings, return_inverse=True)
    codes = codes.reshape(ratings.shape)
    table = np.zeros((ratings.shape[1], int(codes.max()) + 1), dtype=np.int64)
    for row in codes:
        table[np.arange(len(row)), row] += 1
    return table
