"""Single date expressions, each read whole: days, months, years, seasons, feasts.

Every reading takes a folded text and the document's date (or ``None``) and returns an
interval, or ``None`` where it is not its kind. What is made of other expressions (ranges,
``early``, ``morning of``) is in :mod:`ie_model.normalise.dates`; ``two weeks ago`` and others that
the document's date alone gives are in :mod:`ie_model.normalise.relative`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from ie_model.normalise import calendar as cal
from ie_model.normalise.calendar import Interval
from ie_model.normalise.feasts import named_day
from ie_model.normalise.lunar import either_eid, read_other_calendar
from ie_model.normalise.relative import (
    WEEKDAY,
    WHICH,
    direction,
    read_ago,
    read_anchored,
    read_deictic,
    read_weekday,
)
from ie_model.normalise.zones import offset

MONTH = rf"({cal.MONTH})\.?"
MDAY = r"(?:the\s+)?([0-9]{1,2})(?:st|nd|rd|th)?"
YEAR = rf"({cal.YEAR})"
_OF_YEAR = rf"(?:,?\s+(?:of\s+|in\s+)?(?:the\s+)?{YEAR}|,?\s+(?:of\s+)?(this|last|next)\s+year)?"
_WORD_DECADES = {
    "noughties": 2000, "aughts": 2000, "thirties": 1930, "forties": 1940, "fifties": 1950,
    "sixties": 1960, "seventies": 1970, "eighties": 1980, "nineties": 1990,
}  # fmt: skip
_CENTURIES = "seventeenth eighteenth nineteenth twentieth twenty-first".split()
_SEASON = r"(spring|summer|autumn|fall|winter)"
_SOUTH = r"(?:(austral|southern(?: hemisphere)?(?:'s)?)\s+)?"
_NORTH = r"(?:(?:boreal|northern(?: hemisphere)?(?:'s)?)\s+)?"
FISCAL = r"(?:u\.?s\.?\s+)?(?:fiscal(?:\s+year)?|fy|financial\s+year)"


def read_iso(text: str) -> Interval | None:
    """``2018-12-03``, ``2018/12/03``, ``2018-03``."""
    whole = re.fullmatch(rf"{YEAR}[-/.]([01]?[0-9])[-/.]([0-3]?[0-9])", text)
    if whole:
        return cal.days(date(int(whole[1]), int(whole[2]), int(whole[3])))
    moment = re.fullmatch(
        rf"{YEAR}-([01][0-9])-([0-3][0-9])(?:t|\s)([01][0-9]|2[0-3]):([0-5][0-9])(?::[0-5][0-9](?:\.[0-9]+)?)?"
        r"(z|[+-][01][0-9]:?[0-5][0-9])?",
        text,
    )
    if moment:
        start = datetime.fromisoformat(
            "-".join(moment.group(1, 2, 3)) + f" {moment[4]}:{moment[5]}"
        )
        zone = offset(moment[6], start)
        return Interval(start, start + timedelta(minutes=1), clock=True, zone=zone)
    compact = re.fullmatch(r"((?:19|20)[0-9]{2})([01][0-9])([0-3][0-9])", text)
    if compact:
        return cal.days(date(int(compact[1]), int(compact[2]), int(compact[3])))
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
    """A day of a month; beside its weekday, of the year in which it was that weekday."""
    weekday = rf"(?:{WEEKDAY},?\s+)?"
    match = re.fullmatch(rf"{weekday}{MONTH}\s+{MDAY}{_OF_YEAR}", text)
    if match:
        on, name, number, year, which = match.groups()
    else:
        match = re.fullmatch(rf"{weekday}{MDAY}\s+(?:of\s+)?{MONTH}{_OF_YEAR}", text)
        if not match:
            return None
        on, number, name, year, which = match.groups()
    month, day = cal.MONTHS.index(name[:3]) + 1, int(number)
    if on and today and not year and not which:
        at = cal.WEEKDAYS.index(on[:3])
        days = [_day_or_none(y, month, day) for y in range(today.year - 11, today.year + 12)]
        then = [d for found in days if found and found.start for d in [found.start.date()]]
        on_it = [d for d in then if d.weekday() == at]
        return cal.days(min(on_it, key=lambda d: abs(d - today))) if on_it else None
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
    return cal.recurring(instance, direction(which), today, ahead)


def _month_or_season(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(rf"(?:month of\s+)?{WHICH}{MONTH}{_OF_YEAR}", text)
    if match:
        which, name, year, word = match.groups()
        month = cal.MONTHS.index(name[:3]) + 1
        count = 1
    else:
        match = re.fullmatch(rf"{WHICH}{_NORTH}{_SOUTH}{_SEASON}{_OF_YEAR}", text)
        if not match:
            return None
        which, south, name, year, word = match.groups()
        month, count = (cal.AUSTRAL_SEASONS if south else cal.SEASONS)[name], 3
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
    words = re.fullmatch(r"(?:(?:nineteen|twenty)[\s-])?([a-z]+)", text)
    if words and words[1] in _WORD_DECADES:
        return cal.years(_WORD_DECADES[words[1]], 10)
    if re.fullmatch(r"(?:nineteen[\s-])twenties", text):
        return cal.years(1920, 10)
    century = re.fullmatch(r"([0-9]{1,2})(?:st|nd|rd|th)\s+century", text)
    if century:
        return cal.years(100 * int(century[1]) - 99, 100)
    spelled = re.fullmatch(r"([a-z]+(?:[- ]first)?)\s+century", text)
    name = spelled[1].replace(" ", "-") if spelled else ""
    return cal.years(1601 + 100 * _CENTURIES.index(name), 100) if name in _CENTURIES else None


def _fiscal(text: str, today: date | None) -> Interval | None:
    """``fiscal 2018``, ``FY18``, ``Q3 FY2018``: of the United States, from October on."""
    short = r"(?:(?P<year>(?:19|20)[0-9]{2})|'?(?P<two>[0-9]{2}))"
    quarter = r"(?:q(?P<q>[1-4])|(?P<name>first|second|third|fourth|last|final)\s+quarter)"
    match = (
        re.fullmatch(rf"(?:{quarter}\s+(?:of\s+)?(?:the\s+)?)?{FISCAL}[\s-]*{short}", text)
        or re.fullmatch(
            rf"(?P<year>(?:19|20)[0-9]{{2}})(?P<two>)\s+{FISCAL}(?P<q>)(?P<name>)", text
        )
        or re.fullmatch(
            rf"{quarter}\s+of\s+(?P<year>(?:19|20)[0-9]{{2}})(?P<two>)\s+{FISCAL}", text
        )
        or re.fullmatch(
            r"(?:fiscal\s+q(?P<q>[1-4])|(?P<name>first|second|third|fourth|last|final)\s+fiscal\s+quarter"
            rf"|fiscal\s+(?P<name2>first|second|third|fourth)\s+quarter)\s+(?:of\s+)?(?:{FISCAL}\s+)?{short}",
            text,
        )
    )
    said: dict[str, str | None] = match.groupdict() if match else {}
    if not match:
        which = re.fullmatch(rf"(this|current|last|next)\s+{FISCAL}", text)
        if not which or today is None:
            return None
        year = today.year + (today.month >= 10)
        year += {"last": -1, "next": 1}.get(which[1], 0)
    else:
        year = int(said["year"] or 2000 + int(said["two"] or 0))
    order = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": 4, "final": 4}
    name = said.get("name") or said.get("name2")
    q = int(said.get("q") or 0) or order.get(name or "", 0)
    if not q:
        return cal.months(year - 1, 10, 12).roughly()
    start = cal.add_months(datetime(year - 1, 10, 1), 3 * (q - 1))
    return cal.months(start.year, start.month, 3).roughly()


def _day_of_this_month(text: str, today: date | None) -> Interval | None:
    """``14th inst.``, ``3rd ult.``, ``14th of last month``."""
    match = re.fullmatch(
        r"([0-9]{1,2})(?:st|nd|rd|th)?\s+(?:(inst|ult|prox)(?:ant|imo)?\.?"
        r"|(?:day\s+)?of\s+(this|last|next|the current)\s+month)",
        text,
    )
    if not match or today is None:
        return None
    months = {"ult": -1, "last": -1, "prox": 1, "next": 1}.get(match[2] or match[3], 0)
    month = cal.add_months(datetime(today.year, today.month, 1), months)
    return _day_or_none(month.year, month.month, int(match[1]))


def _named_day(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(rf"{WHICH}([a-z' .-]+?){_OF_YEAR}", text)
    if not match:
        return None
    which, name, year, word = match.groups()
    instance = named_day(name)
    if instance:
        return _in_year(instance, year, word, which, today)
    bare = which is None and year is None and word is None and today is not None
    return either_eid(name, today) if bare and today else None


def _other_calendar(text: str, today: date | None) -> Interval | None:
    return read_other_calendar(text)


READINGS: tuple[Callable[[str, date | None], Interval | None], ...] = (
    _numeric,
    _calendar_day,
    _month_or_season,
    _years,
    _quarter,
    _fiscal,
    _day_of_this_month,
    _other_calendar,
    read_weekday,
    read_deictic,
    read_anchored,
    read_ago,
    _named_day,
)
