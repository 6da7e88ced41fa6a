"""Single date expressions, each read whole: days, months, years, weekdays, ``two weeks ago``.

Every reading takes a folded text and the document's date (or ``None``) and returns an
interval, or ``None`` where it is not its kind. What is made of other expressions (ranges,
``early``, ``morning of``) is in :mod:`ie_model.normalise.dates`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from ie_model.normalise import calendar as cal
from ie_model.normalise.calendar import Interval
from ie_model.normalise.durations import UNIT, read_length, unit_of

MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(mon|tue(?:s)?|wed(?:nes)?|thu(?:r|rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?"
MDAY = r"(?:the\s+)?([0-9]{1,2})(?:st|nd|rd|th)?"
YEAR = r"(1[0-9]{3}|20[0-9]{2})"
_OF_YEAR = rf"(?:,?\s+(?:of\s+|in\s+)?(?:the\s+)?{YEAR}|,?\s+(?:of\s+)?(this|last|next)\s+year)?"
_WHICH = r"(?:(this coming|this past|last|past|this|next|coming)\s+)?"
_NAMED_DAYS = {
    "christmas": (12, 25),
    "christmas day": (12, 25),
    "christmas eve": (12, 24),
    "boxing day": (12, 26),
    "new year's": (1, 1),
    "new year's day": (1, 1),
    "new year's eve": (12, 31),
    "valentine's day": (2, 14),
    "may day": (5, 1),
    "halloween": (10, 31),
    "all saints' day": (11, 1),
    "all souls' day": (11, 2),
    "armistice day": (11, 11),
    "veterans day": (11, 11),
    "fourth of july": (7, 4),
}
_AROUND_EASTER = {"palm sunday": -7, "good friday": -2, "easter": 0, "easter sunday": 0}
_AROUND_EASTER |= {"ash wednesday": -46, "easter monday": 1}


def read_iso(text: str) -> Interval | None:
    """``2018-12-03``, ``2018/12/03``, ``2018-03``."""
    whole = re.fullmatch(rf"{YEAR}[-/.]([01]?[0-9])[-/.]([0-3]?[0-9])", text)
    if whole:
        return cal.days(date(int(whole[1]), int(whole[2]), int(whole[3])))
    month = re.fullmatch(rf"{YEAR}-(0[1-9]|1[0-2])", text)
    if month and int(month[2]) <= int(month[1][2:]):  # "2011-12" may be two years
        return cal.months(int(month[1]), int(month[2]))
    return None


def one_winter(text: str) -> str:
    """``winter of 2022-23`` as ``winter of 2022``: it is named after its December."""
    match = re.search(rf"\bwinter\s+(?:of\s+)?{YEAR}[-/](?:20|19)?([0-9]{{2}})$", text)
    if match and int(match[2]) == (int(match[1]) + 1) % 100:
        return text[: match.end(1)]
    return text


def _numeric(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})", text)
    if not match:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if year < 100:
        year += 1900 if year >= 69 else 2000  # the POSIX pivot
    if first > 12 or first == second:
        return cal.days(date(year, second, first))
    if second > 12:
        return cal.days(date(year, first, second))
    return None  # day first or month first: cannot be known


def _calendar_day(text: str, today: date | None) -> Interval | None:
    weekday = rf"(?:{_WEEKDAY},?\s+)?"
    match = re.fullmatch(rf"{weekday}{MONTH}\s+{MDAY}{_OF_YEAR}", text)
    if match:
        _, name, number, year, which = match.groups()
    else:
        match = re.fullmatch(rf"{weekday}{MDAY}\s+(?:of\s+)?{MONTH}{_OF_YEAR}", text)
        if not match:
            return None
        _, number, name, year, which = match.groups()
    month, day = cal.MONTHS.index(name[:3]) + 1, int(number)
    return _in_year(lambda y: _day_or_none(y, month, day), year, which, None, today)


def _day_or_none(year: int, month: int, day: int) -> Interval | None:
    try:
        return cal.days(date(year, month, day))
    except ValueError:
        return None


def _in_year(
    instance: Callable[[int], Interval | None],
    year: str | None,
    year_word: str | None,
    which: str | None,
    today: date | None,
    ahead: timedelta = cal.LOOK_AHEAD,
) -> Interval | None:
    """``instance`` of the year that was said, or of the one that is meant."""
    if year:
        return instance(int(year))
    if today is None:
        return None
    if year_word:
        return instance(today.year + {"last": -1, "this": 0, "next": 1}[year_word])
    return cal.recurring(instance, _side(which), today, ahead)


def _side(which: str | None) -> str | None:
    if which is None:
        return None
    return {"past": "last", "this past": "last", "coming": "next", "this coming": "next"}.get(
        which, which
    )


def _month_or_season(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(rf"(?:month of\s+)?{_WHICH}{MONTH}{_OF_YEAR}", text)
    if match:
        which, name, year, word = match.groups()
        month = cal.MONTHS.index(name[:3]) + 1
        count = 1
    else:
        match = re.fullmatch(rf"{_WHICH}(spring|summer|autumn|fall|winter){_OF_YEAR}", text)
        if not match:
            return None
        which, name, year, word = match.groups()
        month, count = cal.SEASONS[name], 3
    nothing = timedelta(0)
    return _in_year(lambda y: cal.months(y, month, count), year, word, which, today, nothing)


def _quarter(text: str, today: date | None) -> Interval | None:
    last = r"(?:last|final)(?=\s+quarter\s+of\s)"  # "last quarter" alone is the one before
    match = re.fullmatch(
        rf"(?:(first|second|third|fourth|{last})\s+quarter|q([1-4])){_OF_YEAR}", text
    )
    if not match:
        return None
    name, digit, year, word = match.groups()
    n = int(digit) if digit else {"first": 1, "second": 2, "third": 3}.get(name, 4)
    nothing = timedelta(0)
    return _in_year(lambda y: cal.months(y, 3 * n - 2, 3), year, word, None, today, nothing)


def _years(text: str, today: date | None) -> Interval | None:
    year = re.fullmatch(rf"((?:calendar )?year\s+)?{YEAR}", text)
    if year and (year[1] or year[2] >= "1800" or year[2][2:] > "59"):  # "1540" is a time of day
        return cal.years(int(year[2]))
    decade = re.fullmatch(r"(1[0-9]|20)([0-9])0'?s", text) or re.fullmatch(r"()'?([2-9])0s", text)
    if decade:
        return cal.years(int(f"{decade[1] or '19'}{decade[2]}0"), 10)
    century = re.fullmatch(r"([0-9]{1,2})(?:st|nd|rd|th)\s+century", text)
    return cal.years(100 * int(century[1]) - 99, 100) if century else None


def _named_day(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(rf"{_WHICH}([a-z' ]+?){_OF_YEAR}", text)
    if not match:
        return None
    which, name, year, word = match.groups()
    instance: Callable[[int], Interval | None]
    if name in _NAMED_DAYS:
        month, day = _NAMED_DAYS[name]
        instance = lambda y: cal.days(date(y, month, day))  # noqa: E731
    elif name in _AROUND_EASTER:
        from dateutil.easter import easter

        instance = lambda y: cal.days(easter(y) + _AROUND_EASTER[name] * cal.DAY)  # noqa: E731
    elif name in ("thanksgiving", "thanksgiving day"):
        instance = _thanksgiving
    else:
        return None
    return _in_year(instance, year, word, which, today)


def _thanksgiving(year: int) -> Interval:
    first = date(year, 11, 1)
    return cal.days(first + ((3 - first.weekday()) % 7 + 21) * cal.DAY)  # fourth Thursday


def _weekday(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(rf"{_WHICH}{_WEEKDAY}", text)
    of_week = re.fullmatch(rf"{_WEEKDAY}\s+(?:of\s+)?(last|this|next)\s+week", text)
    if today is None or not (match or of_week):
        return None
    which, name = (match[1], match[2]) if match else (None, of_week[1] if of_week else "")
    at = cal.WEEKDAYS.index(name[:3])
    if of_week or which == "this":
        weeks = {"last": -1, "next": 1}.get(of_week[2], 0) if of_week else 0
        return cal.days(today + (at - today.weekday() + 7 * weeks) * cal.DAY)
    back = (today.weekday() - at) % 7
    side = _side(which)
    if side == "last":
        return cal.days(today - (back or 7) * cal.DAY)
    if side == "next":
        return cal.days(today + (7 - back) * cal.DAY)
    return cal.days(today - back * cal.DAY)


def _deictic(text: str, today: date | None) -> Interval | None:
    if today is None:
        return None
    offsets = {"today": 0, "yesterday": -1, "tomorrow": 1, "day before yesterday": -2}
    if text in offsets:
        return cal.days(today + offsets[text] * cal.DAY)
    weekend = re.fullmatch(rf"{_WHICH}weekend", text)
    if weekend:
        saturday = today + (5 - today.weekday()) * cal.DAY
        side = _side(weekend[1])
        if side == "next" and weekend[1] == "next":
            saturday += 7 * cal.DAY
        elif (side is None and saturday > today) or side == "last":
            saturday -= 7 * cal.DAY
        return cal.days(saturday, 2)
    match = re.fullmatch(rf"(last|this|current|next)\s+{UNIT}", text)
    if not match:
        return None
    unit = unit_of(match[2])
    now = cal.containing(unit, today)
    if now is None or now.start is None or match[1] in ("this", "current"):
        return now
    if unit == "day":
        return None  # "next day" follows something told before, not the document's date
    return cal.containing(unit, cal.shift(now.start, unit, 1 if match[1] == "next" else -1).date())


def _anchored(text: str, today: date | None) -> Interval | None:
    """``past 24 hours``, ``last three months``, ``past week``, ``next two weeks``."""
    match = re.fullmatch(r"(past|last|next|coming)\s+(.+)", text)
    if not match or today is None:
        return None
    bare = re.fullmatch(rf"{UNIT}(\s+and\s+a\s+half)?", match[2])
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


def _ago(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(r"(?:(over|more than|at least)\s+|(less than|under)\s+)?(.+)\s+ago", text)
    if not match:
        return None
    bare = re.fullmatch(UNIT, match[3])  # "a week ago", its article left out of the span
    length = read_length(f"one {match[3]}" if bare else match[3])
    if not length or length.count.denominator != 1 or today is None:
        return None
    now = cal.days(today)
    assert now.start is not None
    assert now.end is not None
    count, unit = int(length.count), length.unit
    if unit in _PER_DAY:
        return None  # from the hour of writing, which is not known
    then = cal.shift(now.start, unit, -count)
    if match[1]:
        return Interval(None, then + cal.DAY)
    if match[2]:
        return Interval(then, now.end)
    found = cal.containing(unit, then.date())
    return found.roughly() if found and length.approximate else found


READINGS: tuple[Callable[[str, date | None], Interval | None], ...] = (
    _numeric,
    _calendar_day,
    _month_or_season,
    _years,
    _quarter,
    _weekday,
    _deictic,
    _anchored,
    _ago,
    _named_day,
)
