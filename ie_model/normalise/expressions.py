"""Date expressions made of other ones: ranges, ``early``, ``morning of``, ``first week of``.

The grammar is our own: general date parsers answer with one moment (``last week`` is the
day a week ago) and guess where nothing is known.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

from ie_model.normalise import calendar as cal
from ie_model.normalise.calendar import Interval
from ie_model.normalise.clocks import CLOCK, HHMM, read_clock, read_clock_range
from ie_model.normalise.durations import read_length
from ie_model.normalise.feasts import nth_weekday
from ie_model.normalise.readings import MDAY, MONTH, READINGS, YEAR, read_iso
from ie_model.normalise.relative import WEEKDAY

_LINK = re.compile(
    r"\s*-\s*(?:to[\s-]+)?|\s+(?:to|through|until|till|into|and)\s+"
    r"|(?<=[0-9])/(?=[0-9]{1,2}\s+[a-z])"  # "12/13 May"
)
_ABOUT = re.compile(r"(?:about|around|roughly|approximately|circa|c\.|nearly|almost|some)\s+")
_DEICTIC = re.compile(r"\b(?:today|yesterday|tomorrow|last|this|next|past|ago)\b")


@lru_cache(maxsize=4096)  # mentions repeat; and no text can make the recursion explode
def read_interval(text: str, today: date | None) -> Interval | None:
    """The interval of a folded expression, seen from ``today``: the first reading that covers
    the whole text, ``None`` where there is none.

    Raises:
        ValueError: there is no such day.
        OverflowError: the year is out of reach.
    """
    whole = read_iso(text) or read_clock_range(text, today, read_interval) or _range(text, today)
    if whole:
        return whole
    about = _ABOUT.match(text)
    if about:
        inner = read_interval(text[about.end() :], today)
        return inner.roughly() if inner else None
    # "Friday-night", "24-hour", "mid-2016"
    text = re.sub(r"(?<=[a-z0-9.])-(?=[a-z])|(?<=^mid)-(?=[0-9])", " ", text)
    text = re.sub(r"^the\s+", "", text).rstrip(",;")
    for reading in (*READINGS, *_COMPOSED):
        found = reading(text, today)
        if found:
            return found
    return None


def _range(text: str, today: date | None) -> Interval | None:
    between = re.match(r"(?:between|from)\s+", text)
    body = text[between.end() :] if between else text
    for link in _LINK.finditer(body):
        left, right = body[: link.start()], body[link.end() :]
        found = _from_to(left, right, today)
        adjoining = link[0].strip() not in ("and", "/") or bool(between)
        if found and (adjoining or _touch(left, right, today)):
            return found
    return None


def _touch(left: str, right: str, today: date | None) -> bool:
    """``Monday and Tuesday`` is an interval; ``1992 and 1998`` is two."""
    left, right = _share_words(left, right)
    end = read_interval(right, today)
    start = read_interval(left, end.start.date()) if end and end.start else None
    return bool(start and end and start.end == end.start)


def _from_to(left: str, right: str, today: date | None) -> Interval | None:
    left, right = _share_words(left, right)
    if re.search(YEAR, left) and not re.search(YEAR, right):
        start = read_interval(left, today)
        if start is None or start.start is None:
            return None
        end = read_interval(right, (start.start + timedelta(days=305)).date())
    else:  # the left end is seen from the right one: "Monday to Friday", "Dec. 28-Jan. 3"
        end = read_interval(right, today)
        if end is None or end.start is None:
            return None
        start = read_interval(left, today if _DEICTIC.search(left) else end.start.date())
    if not start or not end or start.start is None or end.end is None:
        return None
    if start.clock != end.clock:
        return None
    last = end.end
    if last <= start.start:
        if not (re.fullmatch(CLOCK, left) and re.fullmatch(CLOCK, right)):
            return None
        last += cal.DAY  # "11 p.m. to 6 a.m."
    rough = start.approximate or end.approximate
    return Interval(start.start, last, start.clock, start.zone or end.zone, rough)


def _share_words(left: str, right: str) -> tuple[str, str]:
    """Complete ``11`` in ``11-13 Dec.``, ``2`` in ``Oct. 1-2``, ``22`` in ``2021-22``."""
    part = re.match(r"(?:mid|late)[\s-]+(.+)", right)
    if part and re.fullmatch("early|mid", left):
        return f"{left} {part[1]}", right  # "mid- to late September"
    later = re.fullmatch(rf"([0-9]{{1,2}})(?:,?\s+{YEAR})?", right)
    month = re.match(rf"{MONTH}\s+", left)
    if re.fullmatch(YEAR, left) and re.fullmatch("[0-9]{2}", right):
        return left, left[:2] + right
    hours = [re.fullmatch(HHMM, end) for end in (left, right)]
    if all(hours) and not (re.fullmatch(YEAR, left) and re.fullmatch(YEAR, right)):
        return f"{left[:2]}:{left[2:]}", f"{right[:2]}:{right[2:]}"  # "2000-0500"
    if later and month:
        return left, f"{month[0]}{later[1]}" + (f", {later[2]}" if later[2] else "")
    if re.fullmatch("[0-9]{1,2}", left):
        behind = re.fullmatch(rf"{MDAY}(\s+{MONTH}.*)", right)
        if behind:
            return left + behind[2], right
    if re.fullmatch("[0-9]{1,2}(?:[:.][0-9]{2})?", left):
        clock = re.match(CLOCK, right)
        if clock and clock["half"]:
            return f"{left} {clock['half']}.m.", right
    return left, right


def _part(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(
        r"(?:(early|mid|late)(?:\s+(?:in|on))?|(beginning|start|middle|end) of)\s+(?:the\s+)?(.+)",
        text,
    )
    if not match:
        return None
    names = {"beginning": "early", "start": "early", "middle": "mid", "end": "late"}
    whole = read_interval(match[3], today)
    if whole and whole.clock and match[1]:
        return whole  # "early Friday morning"
    return cal.third(whole, match[1] or names[match[2]]) if whole else None


def _before_dawn(text: str, today: date | None) -> Interval | None:
    """``early Friday morning`` and ``small hours of Friday`` are ``early Friday``."""
    match = re.fullmatch(
        r"(?:early|small|wee)\s+(?:morning\s+)?hours\s+(?:of|on)\s+(.+)", text
    ) or re.fullmatch(r"early\s+(?:on\s+|in\s+the\s+)?(.+\s+morning|morning\s+of\s+.+)", text)
    if not match:
        return None
    day = "today" if match[1] == "this morning" else match[1]
    found = read_interval(re.sub(r"\s+morning$|^morning\s+of\s+", "", day), today)
    return cal.part_of_day(found, "early") if found and found.is_day() else None


def _beside_now(text: str, today: date | None) -> Interval | None:
    """``earlier this month``, ``later this year``: until the reference day, or from it on."""
    match = re.fullmatch(r"(earlier|later)\s+(?:on\s+)?(.+)", text)
    whole = read_interval(match[2], today) if match else None
    if not match or not whole or whole.clock or whole.is_day():
        return whole  # "earlier Tuesday"
    if today is None or whole.start is None or whole.end is None:
        return None
    now = cal.days(today)
    assert now.start is not None
    if not match[2].startswith("this ") or not whole.start <= now.start < whole.end:
        return None  # "later in 2018" follows something told before
    start, end = (whole.start, now.end) if match[1] == "earlier" else (now.start, whole.end)
    return Interval(start, end).roughly()


def _piece(text: str, today: date | None) -> Interval | None:
    """``first half of 2025``, ``first ten days of September``, ``second week of June``."""
    match = re.fullmatch(
        r"(first|second|third|fourth|last)\s+(.+?)\s+of\s+(.+)", re.sub(r"\s+the\s+", " ", text)
    )
    this = "this " if match and match[3] in ("week", "month", "quarter", "year", "decade") else ""
    whole = read_interval(this + match[3], today) if match else None
    if not match or not whole or whole.start is None or whole.end is None or whole.clock:
        return None
    which, what = match[1], match[2]
    weekday = re.fullmatch(WEEKDAY, what)
    if weekday:
        end = whole.end - cal.DAY
        if (whole.start.year, whole.start.month) != (end.year, end.month):
            return None
        n = ("first", "second", "third", "fourth").index(which) + 1 if which != "last" else -1
        at = cal.WEEKDAYS.index(weekday[1][:3])
        return nth_weekday(whole.start.year, whole.start.month, at, n)
    if what == "half":
        return cal.half(whole, second=which == "second") if which in ("first", "second") else None
    quarters = re.fullmatch("(two|three) quarters", what)  # not the share of a year
    if quarters:
        what = "6 months" if quarters[1] == "two" else "9 months"
    length = read_length(f"one {what}" if what in ("day", "week", "fortnight", "month") else what)
    if length is None or length.unit not in (
        "day", "week", "fortnight", "month", "quarter", "year",
    ):  # fmt: skip
        return None
    if length.count.denominator != 1:
        return None
    count, unit = int(length.count), length.unit
    if which == "last":
        start = cal.shift(whole.end, unit, -count)
        return Interval(start, whole.end) if whole.start <= start else None
    skip = ("first", "second", "third", "fourth").index(which) * count
    start = cal.shift(whole.start, unit, skip)
    end = cal.shift(start, unit, count)
    rough = whole.approximate  # a feast by the moon
    return Interval(start, end, approximate=rough) if end <= whole.end else None


def _since(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(r"(?:ever\s+)?since\s+(.+)", text)
    found = read_interval(match[1], today) if match else None
    return replace(found, end=None, duration=None) if found and found.start else None


def _until(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(r"(?:until|till|up (?:to|until))\s+(.+)", text)
    found = read_interval(match[1], today) if match else None
    return replace(found, start=None, duration=None) if found and found.end else None


def _twice(text: str, today: date | None) -> Interval | None:
    """``Sunday (Oct. 7)``, ``22 Bahman 1397 (11 February 2019)``, ``9 a.m. (0600 GMT) Sunday``."""
    match = re.fullmatch(r"(.+?)\s*\(([^()]+)\)(?:,?\s+(.+))?", text)
    if not match:
        return None
    outer = read_interval(" ".join(part for part in (match[1], match[3]) if part), today)
    inner = read_interval(match[2], today)
    if outer is None or inner is None or outer.clock or inner.clock:
        return inner if outer is None and match[3] is None else outer
    if (outer.start, outer.end) == (inner.start, inner.end):
        return inner if outer.approximate else outer
    if not (outer.start and inner.start and abs(outer.start - inner.start) <= cal.DAY):
        # "Sunday (Oct. 7)" of another year than the latest Sunday
        weekday = re.fullmatch(WEEKDAY, match[1])
        at = cal.WEEKDAYS.index(weekday[1][:3]) if weekday else -1
        if inner.is_day() and inner.start and inner.start.weekday() == at:
            return inner
        return None  # they disagree
    return inner if outer.approximate else outer if inner.approximate else None


def _week_of(text: str, today: date | None) -> Interval | None:
    span = re.fullmatch(r"(?:week|weekend) of\s+(.+)", text)
    found = _range(span[1], today) if span else None
    if found and not found.clock:
        return found  # "week of June 5-11"
    match = re.fullmatch(r"(week of|week to|week ending|year to|year ending)\s+(.+)", text)
    day = read_interval(match[2], today) if match else None
    if not match or not day or not day.is_day() or day.start is None or day.end is None:
        return None
    if match[1] == "week of":
        return cal.week(day.start.date())
    if match[1] == "week ending":
        return Interval(day.end - 7 * cal.DAY, day.end)
    unit = match[1].split()[0]
    return Interval(cal.shift(day.end, unit, -1), day.end, duration=f"P1{unit[0].upper()}")


def _part_of_day(text: str, today: date | None) -> Interval | None:
    nights = {"overnight": -1, "last night": -1, "tonight": 0}
    if text in nights and today is not None:
        return cal.part_of_day(cal.days(today + nights[text] * cal.DAY), "night")
    if text in ("last evening", "this morning", "this afternoon", "this evening") and today:
        day = cal.days(today - cal.DAY if text == "last evening" else today)
        return cal.part_of_day(day, text.split()[1])
    match = re.fullmatch(r"(.+?)\s+(morning|afternoon|evening|night)", text)
    day_text, part = (match[1], match[2]) if match else ("", "")
    if not match:
        match = re.fullmatch(r"(morning|afternoon|evening|night) of\s+(?:the\s+)?(.+)", text)
        if not match:
            return None
        part, day_text = match[1], match[2]
    found = read_interval(re.sub(r"^(?:early|late)\s+", "", day_text), today)
    return cal.part_of_day(found, part) if found and found.is_day() else None


def _night_of(text: str, today: date | None) -> Interval | None:
    """``night of 14-15 March``, ``overnight Sunday into Monday``; ``and`` may be two nights."""
    match = re.fullmatch(
        r"(?:night(?:\s+of)?|overnight)\s+(?:the\s+)?(between .+|(?!.* and ).+)", text
    )
    both = _range(match[1], today) if match else None
    if not both or both.clock or both.start is None or both.end != both.start + 2 * cal.DAY:
        return None
    return cal.part_of_day(cal.days(both.start.date()), "night")


def _clock(text: str, today: date | None) -> Interval | None:
    return read_clock(text, today, read_interval)


_COMPOSED = (
    _since,
    _until,
    _twice,
    _before_dawn,
    _part_of_day,
    _night_of,
    _part,
    _beside_now,
    _piece,
    _week_of,
    _clock,
)
