"""Days with a name: fixed ones, those that move with Easter, and those of other calendars."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from ie_model.normalise import calendar as cal
from ie_model.normalise.calendar import Interval
from ie_model.normalise.lunar import islamic_feast, nowruz

_FIXED = {
    "christmas": (12, 25),
    "christmas day": (12, 25),
    "christmas eve": (12, 24),
    "orthodox christmas": (1, 7),
    "boxing day": (12, 26),
    "new year's": (1, 1),
    "new year's day": (1, 1),
    "new year's eve": (12, 31),
    "epiphany": (1, 6),
    "valentine's day": (2, 14),
    "st patrick's day": (3, 17),
    "st. patrick's day": (3, 17),
    "international women's day": (3, 8),
    "may day": (5, 1),
    "halloween": (10, 31),
    "all saints' day": (11, 1),
    "all souls' day": (11, 2),
    "armistice day": (11, 11),
    "remembrance day": (11, 11),
    "veterans day": (11, 11),
    "bastille day": (7, 14),
    "fourth of july": (7, 4),
}
_AROUND_EASTER = {
    "ash wednesday": -46, "shrove tuesday": -47, "palm sunday": -7, "maundy thursday": -3,
    "holy thursday": -3, "good friday": -2, "holy saturday": -1, "easter": 0,
    "easter sunday": 0, "easter day": 0, "easter monday": 1, "ascension day": 39,
    "pentecost": 49, "whit sunday": 49, "whit monday": 50, "corpus christi": 60,
}  # fmt: skip


_NTH_WEEKDAYS = {
    # of the United States: month, weekday (Monday is 0), which one
    "thanksgiving": (11, 3, 4), "thanksgiving day": (11, 3, 4), "memorial day": (5, 0, -1),
    "labor day": (9, 0, 1), "presidents' day": (2, 0, 3), "presidents day": (2, 0, 3),
    "columbus day": (10, 0, 2), "martin luther king day": (1, 0, 3),
    "martin luther king jr. day": (1, 0, 3), "mlk day": (1, 0, 3), "mother's day": (5, 6, 2),
}  # fmt: skip


def named_day(name: str) -> Callable[[int], Interval | None] | None:
    """Which days carry a folded name, as a function of the year; ``None`` for other words."""
    if name in _FIXED:
        month, day = _FIXED[name]
        return lambda year: cal.days(date(year, month, day))
    eastern = re.fullmatch(r"(?:orthodox|greek orthodox|coptic)\s+(.+)", name)
    if (eastern[1] if eastern else name) in _AROUND_EASTER:
        return _around_easter(eastern[1] if eastern else name, eastern is not None)
    week = re.fullmatch(r"(?:(holy week)|(?:easter|holy) weekend|easter holidays)", name)
    if week:
        return lambda year: _easter_span(year, -7 if week[1] else -2, 7 if week[1] else 4)
    if name in _NTH_WEEKDAYS:
        month, weekday, which = _NTH_WEEKDAYS[name]
        return lambda year: nth_weekday(year, month, weekday, which)
    if re.fullmatch(
        r"(?:nowruz|nowrouz|norouz|noruz|navroz|newroz|persian new year)(?: day)?", name
    ):
        return nowruz
    return islamic_feast(name.replace("-", " "))


def _around_easter(name: str, orthodox: bool) -> Callable[[int], Interval | None]:
    from dateutil.easter import EASTER_ORTHODOX, EASTER_WESTERN, easter

    method = EASTER_ORTHODOX if orthodox else EASTER_WESTERN
    return lambda year: cal.days(easter(year, method) + _AROUND_EASTER[name] * cal.DAY)


def _easter_span(year: int, first: int, count: int) -> Interval:
    from dateutil.easter import easter

    return cal.days(easter(year) + first * cal.DAY, count)


def nth_weekday(year: int, month: int, weekday: int, which: int) -> Interval | None:
    """The first (1), second .. or last (-1) Monday (0) .. Sunday (6) of a month, if it has it."""
    whole = cal.months(year, month)
    assert whole.start is not None
    assert whole.end is not None
    if which > 0:
        first = whole.start.date()
        found = first + ((weekday - first.weekday()) % 7 + 7 * (which - 1)) * cal.DAY
    else:
        last = (whole.end - cal.DAY).date()
        found = last - ((last.weekday() - weekday) % 7) * cal.DAY
    return cal.days(found) if found.month == month else None
