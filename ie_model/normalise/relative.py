"""Date expressions seen from the document's date: ``last Friday``, ``next week``, ``two days ago``.

Readings as in :mod:`ie_model.normalise.readings`, ``None`` without a document's date.
"""

from __future__ import annotations

import re
from datetime import date

from ie_model.normalise import calendar as cal
from ie_model.normalise.calendar import Interval
from ie_model.normalise.durations import ONE, read_length, unit_of

WEEKDAY = r"(mon|tue(?:s)?|wed(?:nes)?|thu(?:r|rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?"
WHICH = r"(?:(this coming|this past|last|past|this|next|coming)\s+)?"


def direction(which: str | None) -> str | None:
    """``last``, ``this`` or ``next``, of any word that says one of them."""
    if which is None:
        return None
    return {"past": "last", "this past": "last", "coming": "next", "this coming": "next"}.get(
        which, which
    )


def read_weekday(text: str, today: date | None) -> Interval | None:
    """``Friday``, ``last Friday``, ``Friday of next week``."""
    match = re.fullmatch(rf"{WHICH}{WEEKDAY}", text)
    of_week = re.fullmatch(rf"{WEEKDAY}\s+(?:of\s+)?(last|this|next)\s+week", text)
    if today is None or not (match or of_week):
        return None
    which, name = (match[1], match[2]) if match else (None, of_week[1] if of_week else "")
    at = cal.WEEKDAYS.index(name[:3])
    if of_week or which == "this":
        weeks = {"last": -1, "next": 1}.get(of_week[2], 0) if of_week else 0
        return cal.days(today + (at - today.weekday() + 7 * weeks) * cal.DAY)
    back = (today.weekday() - at) % 7
    side = direction(which)
    if side == "last":
        return cal.days(today - (back or 7) * cal.DAY)
    if side == "next":
        return cal.days(today + (7 - back) * cal.DAY)
    return cal.days(today - back * cal.DAY)


def read_deictic(text: str, today: date | None) -> Interval | None:
    """``yesterday``, ``next weekend``, ``the week before last``, ``this month``."""
    if today is None:
        return None
    offsets = {"today": 0, "yesterday": -1, "tomorrow": 1, "day before yesterday": -2}
    offsets["day after tomorrow"] = 2
    if text in offsets:
        return cal.days(today + offsets[text] * cal.DAY)
    before_last = re.fullmatch(r"(week|month|quarter|year) before last", text)
    if before_last:
        now = cal.containing(before_last[1], today)
        assert now is not None
        assert now.start is not None
        return cal.containing(before_last[1], cal.shift(now.start, before_last[1], -2).date())
    weekend = re.fullmatch(rf"{WHICH}weekend", text)
    if weekend:
        saturday = today + (5 - today.weekday()) * cal.DAY
        side = direction(weekend[1])
        if side == "next" and weekend[1] == "next":
            saturday += 7 * cal.DAY
        elif (side is None and saturday > today) or side == "last":
            saturday -= 7 * cal.DAY
        return cal.days(saturday, 2)
    match = re.fullmatch(rf"(last|this|current|next)\s+{ONE}", text)
    if not match:
        return None
    unit = unit_of(match[2])
    now = cal.containing(unit, today)
    if now is None or now.start is None or match[1] in ("this", "current"):
        return now
    if unit == "day":
        return None  # "next day" follows something told before, not the document's date
    return cal.containing(unit, cal.shift(now.start, unit, 1 if match[1] == "next" else -1).date())


def read_anchored(text: str, today: date | None) -> Interval | None:
    """``past 24 hours``, ``last three months``, ``past week``, ``next two weeks``."""
    match = re.fullmatch(r"(past|last|next|coming)\s+(.+)", text)
    if not match or today is None:
        return None
    bare = re.fullmatch(rf"{ONE}(\s+and\s+a\s+half)?", match[2])
    article = "a " if bare and (match[1] == "past" or bare[2]) else ""
    length = read_length(article + match[2])
    whole = length.whole() if length else None
    if length is None or whole is None:
        return None
    count, unit = whole
    now = cal.days(today)
    assert now.start is not None
    assert now.end is not None
    if unit in _PER_DAY:  # whole days: the hour of writing is not known
        count, unit = -(-count // _PER_DAY[unit]), "day"
    if match[1] in ("past", "last"):
        start, end = cal.shift(now.start, unit, -count), now.end
    else:
        start, end = now.start, cal.shift(now.end, unit, count)
    return Interval(start, end, duration=length.iso(), approximate=length.approximate)


_PER_DAY = {"second": 86400, "minute": 1440, "hour": 24}


def read_ago(text: str, today: date | None) -> Interval | None:
    """``two weeks ago``, ``more than a year ago``."""
    match = re.fullmatch(r"(?:(over|more than|at least)\s+|(less than|under)\s+)?(.+)\s+ago", text)
    if not match:
        return None
    bare = re.fullmatch(ONE, match[3])  # "a week ago", its article left out of the span
    length = read_length(f"one {match[3]}" if bare else match[3])
    if not length or length.count.denominator != 1 or today is None:
        return None
    now = cal.days(today)
    assert now.start is not None
    assert now.end is not None
    count, unit = int(length.count), length.unit
    if unit == "fortnight":
        count, unit = 2 * count, "week"
    if unit in _PER_DAY:
        return None  # from the hour of writing, which is not known
    then = cal.shift(now.start, unit, -count)
    if match[1]:
        return Interval(None, then + cal.DAY)
    if match[2]:
        return Interval(then, now.end)
    found = cal.containing(unit, then.date())
    return found.roughly() if found and length.approximate else found
