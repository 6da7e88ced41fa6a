"""What was tried and what was survived, printed when the suite is through."""

from __future__ import annotations

from collections import Counter

tried: Counter[str] = Counter()
survived: Counter[str] = Counter()


def survive(kind: str, count: int = 1) -> None:
    """Faults of this kind went by without harm: call it behind the checks."""
    survived[kind] += count


def attempt(kind: str, count: int = 1) -> None:
    """Faults of this kind are about to be tried."""
    tried[kind] += count


def lines() -> list[str]:
    """The table, a line for each kind."""
    width = max(map(len, tried), default=0)
    return [
        f"{kind:<{width}}  {tried[kind]:>6} tried  {survived[kind]:>6} survived" for kind in tried
    ]


def told() -> list[dict[str, int]]:
    """The table in plain values, for :func:`hear`."""
    return [dict(tried), dict(survived)]


def hear(more: list[dict[str, int]]) -> None:
    """Add the table of another process to this one's."""
    tried.update(more[0])
    survived.update(more[1])
