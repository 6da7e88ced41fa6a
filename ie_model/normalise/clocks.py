"""Clock times and ranges of them, with their day and zone: ``Monday 9 p.m. to 3 a.m.``.

The day is read by a function that is handed in, for it may be any date expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ie_model.normalise import calendar as cal
from ie_model.normalise.calendar import Interval
from ie_model.normalise.zones import ZONE, offset

CLOCK = (
    r"(?:(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5][0-9]))?\s*(?P<half>[ap])\.?\s?m\b\.?"
    r"|(?P<hour24>[01]?[0-9]|2[0-3]):(?P<minute24>[0-5][0-9])(?::[0-5][0-9])?"
    r"|(?P<noon>(?:12 )?noon|midday)\b)"
)
HHMM = r"(?P<hour24>[01][0-9]|2[0-3])(?P<minute24>[0-5][0-9])"
_MILITARY = rf"{HHMM}{ZONE}(?:\s?(?:hours|hrs))?"
_BOUND = (  # an end of a range: also a bare hour, four digits, midnight
    r"(?:(?:1[0-2]|0?[1-9])(?:[:.][0-5][0-9])?\s*[ap]\.?\s?m\b\.?|(?:[01]?[0-9]|2[0-4]):[0-5][0-9]"
    r"|(?:12 )?noon\b|midday\b|midnight\b|(?:[01][0-9]|2[0-4])[0-5][0-9](?!\s?[0-9])"
    r"|(?:1[0-2]|[1-9])(?![0-9:.]))"
)
_ENDS = re.compile(
    rf"(?:(?:from|between)\s+)?(?:(?P<before>.+?),?\s+(?:at\s+|from\s+|between\s+)?)??"
    rf"(?P<left>{_BOUND}){ZONE.replace('zone', 'zone1')}(?:\s?(?:hours|hrs))?"
    r"(?:,?\s+(?:on\s+)?(?P<middle>(?!noon|mid(?:day|night)|from|between)[a-z].*?))??(?:\s*-\s*|\s+(?:to|until|till|through|and)\s+)"
    rf"(?P<right>{_BOUND}){ZONE.replace('zone', 'zone2')}(?:\s?(?:hours|hrs))?"
    r"(?:,?\s+(?:on\s+)?(?P<behind>(?:the\s+)?[a-z0-9].*))?"
)
_SURE = re.compile(r"[ap]\.?\s?m\b|:|noon|midday|midnight")
_LATER_DAY = re.compile(r"(?:the\s+)?(?:next|following) (?:day|morning|night)")
Reader = Callable[[str, date | None], Interval | None]


@dataclass(frozen=True, slots=True)
class _Time:
    minutes: int
    """From the midnight before; 1440 is the midnight behind."""

    def on(self, day: datetime) -> datetime:
        return day + timedelta(minutes=self.minutes)


def read_clock(text: str, today: date | None, read: Reader) -> Interval | None:
    """``9 p.m.``, ``21:00 GMT Thursday``, ``Oct. 7, 2023, at 6:30 a.m.``, ``0600Z``."""
    match = (
        re.fullmatch(rf"{CLOCK}{ZONE}(?:,?\s+(?:on\s+)?(?P<day>.+))?", text)
        or re.fullmatch(rf"(?P<day>.+?),?\s+(?:at\s+)?{CLOCK}{ZONE}", text)
        or re.fullmatch(rf"{_MILITARY}(?:,?\s+(?:on\s+)?(?P<day>.+))?", text)
        or re.fullmatch(rf"(?P<day>.+?),?\s+at\s+{_MILITARY}", text)
        or re.fullmatch(
            rf"(?P<day>.+?),?\s+{HHMM}(?:{ZONE.removesuffix('?')}|\s?(?:hours|hrs))", text
        )
    )
    if not match:
        return None
    said = match.groupdict()
    if said.get("half"):
        minutes = _minutes(said["hour"], said["minute"], said["half"])
    else:
        minutes = _minutes(said["hour24"] or "12", said["minute24"])
    day = read(said["day"], today) if said["day"] else cal.days(today) if today else None
    if day is None or not day.is_day() or day.start is None:
        return None
    start = _Time(minutes).on(day.start)
    zone = offset(said["zone"], start)
    return Interval(start, start + timedelta(minutes=1), clock=True, zone=zone)


def read_clock_range(text: str, today: date | None, read: Reader) -> Interval | None:
    """Two clock times with one day before, between or behind them, or with one each.

    Over midnight the end is on the day after: one day that is said is that of the beginning.
    """
    match = _ENDS.fullmatch(text)
    if not match:
        return None
    left, right = match["left"], match["right"]
    if not (_SURE.search(left) or _SURE.search(right) or len(left) == len(right) == 4):
        return None
    start, end = _bound(left, right, match["middle"]), _bound(right, None, None)
    days = {name: match[name] for name in ("before", "middle", "behind") if match[name]}
    if start is None or end is None or ("before" in days and len(days) > 1):
        return None
    if len(left) == len(right) == 4 and not days and not _SURE.search(left + right):
        return None  # two years, or a time that is read elsewhere
    if right == "midnight":
        end = _Time(1440)
    over = end.minutes <= start.minutes
    first = days.get("before") or days.get("middle")
    last = days.get("behind")
    if last and _LATER_DAY.fullmatch(last):
        last, over = None, True
    elif over and not first:
        first, last = last, None  # "10 p.m. to 4 a.m. on 12 May" begins that day
    day = read(first or last or "today", today)
    if day is None or not day.is_day() or day.start is None:
        return None
    final = day.start + over * cal.DAY
    if first and last:
        other = read(last, today)
        if other is None or not other.is_day() or other.start is None:
            return None
        final = other.start
        if final < day.start and re.search("[0-9]", last):
            return None
        while final < day.start:  # both were seen from the same day
            final += 7 * cal.DAY
    begin, finish = start.on(day.start), end.on(final)
    if begin > finish:
        return None
    zone = offset(match["zone2"] or match["zone1"], begin)
    return Interval(begin, finish + timedelta(minutes=1), clock=True, zone=zone)


def _bound(said: str, other: str | None, day: str | None) -> _Time | None:
    """An end; a bare hour takes ``a.m.`` or ``p.m.`` from the other end."""
    if said == "midnight":
        return _Time(0)
    match = re.fullmatch(CLOCK, said) or re.fullmatch(HHMM, said)
    if match:
        parts = match.groupdict()
        if parts.get("half"):
            return _Time(_minutes(parts["hour"], parts["minute"], parts["half"]))
        plain = other and (half := re.search(r"([ap])\.?\s?m\b", other))
        if plain and parts["hour24"] and half and 1 <= int(parts["hour24"]) <= 12:
            return _Time(_minutes(parts["hour24"], parts["minute24"], half[1]))
        return _Time(_minutes(parts["hour24"] or "12", parts["minute24"]))
    if said in ("24:00", "2400"):
        return _Time(1440)
    half = re.search(r"([ap])\.?\s?m\b", other or "")
    if half and not day and re.fullmatch("1[0-2]|[1-9]", said):
        hours = _minutes(said, None, half[1])
        final = re.fullmatch(CLOCK, other or "")
        if final and hours > _minutes(final["hour"], final["minute"], final["half"]):
            hours = (hours + 720) % 1440  # "11-1 p.m." begins in the morning
        return _Time(hours)
    return None


def _minutes(hour: str, minute: str | None, half: str | None = None) -> int:
    hours = int(hour) % 12 + (12 if half == "p" else 0) if half else int(hour)
    return hours * 60 + int(minute or 0)
