"""Plots of the report as inline SVG: no script, no network, colours from the page's own CSS.

Everything that comes from data is escaped by ``Markup.format``. The drawings are small on
purpose: at a phone's width their text is still read without zooming.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

FEW_SPANS = 10
WIDTH, HEIGHT = 340, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 12, 12, 36


def reliability_plot(before: Mapping[str, Any], after: Mapping[str, Any]) -> Markup:
    """Share of right spans over score, for two results of ``calibration.reliability``.

    The area of a dot is the number of spans in its bin; the line leaves out bins with fewer
    than ``FEW_SPANS``, whose share is mostly chance.
    """
    x, y = _scale(0, 1, _LEFT, WIDTH - _RIGHT), _scale(0, 1, HEIGHT - _BOTTOM, _TOP)
    parts = [_axes([0, 0.25, 0.5, 0.75, 1], [0, 0.25, 0.5, 0.75, 1], x, y, "score", "share right")]
    parts.append(_line([(x(0), y(0)), (x(1), y(1))], "diagonal"))
    for found, style, name in ((before, "raw", "raw"), (after, "fitted", "calibrated")):
        most = max((b["spans"] for b in found["bins"]), default=1)
        steady = [b for b in found["bins"] if b["spans"] >= FEW_SPANS]
        parts.append(_line([(x(b["score"]), y(b["rate"])) for b in steady], style))
        for b in found["bins"]:
            title = f"{name}: {b['spans']} spans scored {b['score']:.2f}, {100 * b['rate']:.0f} %"
            title += " right"
            radius = 3 + 5 * (b["spans"] / most) ** 0.5
            parts.append(_dot(x(b["score"]), y(b["rate"]), radius, style, title))
    label = (
        f"Reliability: expected calibration error {before['ece']:.3f} before and "
        f"{after['ece']:.3f} after calibration"
    )
    return _svg(parts, label)


def curve_plot(points: Sequence[Mapping[str, Any]]) -> Markup:
    """Micro F1 with its interval over the characters of training text."""
    sizes = [p["characters"] for p in points]
    bounds = [edge for p in points for edge in p["micro"]["interval"]]
    low = max(0.0, int(20 * min(bounds)) / 20 - 0.05)
    high = min(1.0, int(20 * max(bounds)) / 20 + 0.1)
    widest = max(sizes) * 1.04
    x, y = _scale(0, widest, _LEFT, WIDTH - _RIGHT), _scale(low, high, HEIGHT - _BOTTOM, _TOP)
    step = 0.1 if high - low > 0.25 else 0.05
    marks = [round(low + i * step, 4) for i in range(int((high - low) / step + 1e-6) + 1)]
    parts = [_axes(_round_steps(widest), marks, x, y, "characters of training text", "F1")]
    top = [(x(s), y(p["micro"]["interval"][1])) for s, p in zip(sizes, points, strict=True)]
    bottom = [(x(s), y(p["micro"]["interval"][0])) for s, p in zip(sizes, points, strict=True)]
    band = " ".join(f"{a:.1f},{b:.1f}" for a, b in [*top, *reversed(bottom)])
    parts.append(Markup('<polygon class="band" points="{}"/>').format(band))
    parts.append(
        _line([(x(s), y(p["micro"]["f1"])) for s, p in zip(sizes, points, strict=True)], "fitted")
    )
    for size, p in zip(sizes, points, strict=True):
        title = f"{100 * p['fraction']:g} % of the training documents: F1 {percent(p['micro'])}"
        parts.append(_dot(x(size), y(p["micro"]["f1"]), 4, "fitted", title))
    return _svg(parts, f"Learning curve: F1 over training text, {len(points)} points")


def percent(row: Mapping[str, Any]) -> str:
    """``{"f1": 0.81, "interval": [0.7, 0.9]}`` as ``81.0 (70.0 to 90.0)``."""
    low, high = row["interval"]
    return f"{100 * row['f1']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _scale(low: float, high: float, first: float, last: float) -> Any:
    span = (high - low) or 1.0
    return lambda value: first + (value - low) / span * (last - first)


def _round_steps(widest: float) -> list[float]:
    """A few round numbers from 0 to ``widest``."""
    power = 10 ** (len(str(int(max(widest, 1)))) - 1)
    for step in (power / 2, power, 2 * power, 5 * power):
        if widest / step <= 5:
            break
    return [step * i for i in range(int(widest / step) + 1)]


def _axes(
    across: Sequence[float], up: Sequence[float], x: Any, y: Any, name_x: str, name_y: str
) -> Markup:
    parts = []
    for value in up:
        parts.append(_line([(_LEFT, y(value)), (WIDTH - _RIGHT, y(value))], "grid"))
        text = f"{100 * value:.0f}"
        parts.append(_text(_LEFT - 6, y(value) + 4, text, "end"))
    for value in across:
        text = f"{value:g}" if value < 1000 else f"{value / 1000:g}k"
        parts.append(_text(x(value), HEIGHT - _BOTTOM + 16, text, "middle"))
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 4, name_x, "middle"))
    parts.append(_text(_LEFT + 4, _TOP + 10, f"{name_y}, %", "start"))
    return Markup("").join(parts)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, text
    )


def _line(points: Sequence[tuple[float, float]], style: str) -> Markup:
    places = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    return Markup('<polyline class="{}" points="{}"/>').format(style, places)


def _dot(x: float, y: float, radius: float, style: str, title: str) -> Markup:
    return Markup(
        '<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>'
    ).format(style, x, y, radius, title)


def _svg(parts: Sequence[Markup], label: str) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(parts)
    )
