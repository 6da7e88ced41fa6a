"""Calendar arithmetic for :mod:`ie_model.normalise.dates`: intervals and their parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

DAY = timedelta(days=1)
LOOK_AHEAD = timedelta(days=60)
"""A day without a year is its latest occurrence up to this far after the reference: news
of December says ``Jan. 22`` for the coming one, and gives the year for older dates."""

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
YEAR = "(?:1[0-9]{3}|20[0-9]{2})"
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "mon tue wed thu fri sat sun".split()
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
"""First month of the northern meteorological seasons, three months each."""

AUSTRAL_SEASONS = {"spring": 9, "summer": 12, "autumn": 3, "fall": 3, "winter": 6}
"""The southern ones; summer is named after its December."""

DAY_PARTS = {
    "morning": (6, 12),
    "afternoon": (12, 18),
    "evening": (18, 22),
    "night": (20, 30),
    "early": (0, 6),
    "late": (18, 24),
}
"""Hours from midnight, by convention; intervals made of them are approximate."""


@dataclass(frozen=True, slots=True)
class Interval:
    """``[start, end)``; ``None`` where open. Days when not ``clock``, else minutes."""

    start: datetime | None
    end: datetime | None
    clock: bool = False
    zone: str = ""
    approximate: bool = False
    duration: str | None = None

    def bounds(self) -> tuple[str | None, str | None]:
        """ISO 8601, both ends included: the last day, or the last minute, is the end."""
        step = timedelta(minutes=1) if self.clock else DAY
        last = None if self.end is None else self.end - step
        return self._iso(self.start), self._iso(last)

    def _iso(self, moment: datetime | None) -> str | None:
        if moment is None:
            return None
        if self.clock:
            return moment.isoformat(timespec="minutes") + self.zone
        return moment.date().isoformat()

    def roughly(self) -> Interval:
        """The same, approximate."""
        return replace(self, approximate=True)

    def is_day(self) -> bool:
        """One whole calendar day."""
        return not self.clock and self.start is not None and self.end == self.start + DAY


def days(first: date, count: int = 1) -> Interval:
    """``count`` days from ``first``."""
    start = datetime.combine(first, time())
    return Interval(start, start + count * DAY)


def months(year: int, month: int, count: int = 1) -> Interval:
    """``count`` whole months; ``ValueError`` outside the years 1 to 9999."""
    start = datetime(year, month, 1)
    return Interval(start, add_months(start, count))


def years(year: int, count: int = 1) -> Interval:
    """``count`` whole years."""
    return months(year, 1, 12 * count)


def week(day: date) -> Interval:
    """The week, Monday to Sunday, that holds ``day``."""
    return days(day - day.weekday() * DAY, 7)


def add_months(moment: datetime, count: int) -> datetime:
    """The same day ``count`` months on, or the last day of a shorter month."""
    at = moment.year * 12 + moment.month - 1 + count
    for day in range(moment.day, 0, -1):
        try:
            return moment.replace(year=at // 12, month=at % 12 + 1, day=day)
        except ValueError:
            if day <= 28:
                raise
    raise ValueError(moment)


def shift(moment: datetime, unit: str, count: int) -> datetime:
    """``count`` units on (or back), by the calendar."""
    if unit in _MONTHS_IN:
        return add_months(moment, count * _MONTHS_IN[unit])
    return moment + count * timedelta(seconds=_SECONDS_IN[unit])


_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200}
_SECONDS_IN = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SECONDS_IN["fortnight"] = 1209600


def containing(unit: str, day: date) -> Interval | None:
    """The calendar week, month, quarter, year, decade or century that holds ``day``."""
    if unit == "day":
        return days(day)
    if unit == "week":
        return week(day)
    if unit == "month":
        return months(day.year, day.month)
    if unit == "quarter":
        return months(day.year, (day.month - 1) // 3 * 3 + 1, 3)
    if unit == "year":
        return years(day.year)
    if unit == "decade":
        return years(day.year // 10 * 10, 10)
    if unit == "century":
        return years((day.year - 1) // 100 * 100 + 1, 100)
    return None


def recurring(
    instance: Callable[[int], Interval | None],
    which: str | None,
    reference: date,
    ahead: timedelta = timedelta(0),
) -> Interval | None:
    """The instance of something yearly that is meant, seen from ``reference``.

    ``which`` is ``last`` (over by then), ``next`` (yet to begin), ``this`` (in its year, or
    begun in the year before and not over), or ``None``: the latest that has begun by
    ``reference + ahead``.
    """
    now = datetime.combine(reference, time())
    if which == "this":
        before = instance(reference.year - 1)  # in January, this winter began in December
        ongoing = before is not None and before.end is not None and before.end > now
        return before if ongoing else instance(reference.year)
    # Nine years: 29 February can be eight years away.
    found = [instance(year) for year in range(reference.year - 8, reference.year + 9)]
    known = [(i.start, i.end, i) for i in found if i and i.start and i.end]
    if which == "next":
        return next((i for start, _, i in known if start > now), None)
    if which == "last":
        return next((i for _, end, i in reversed(known) if end <= now), None)
    return next((i for start, _, i in reversed(known) if start <= now + ahead), None)


def part_of_day(day: Interval, part: str) -> Interval:
    """A conventional part of a day (see ``DAY_PARTS``), approximate."""
    assert day.start is not None
    first, last = DAY_PARTS[part]
    hour = timedelta(hours=1)
    return Interval(day.start + first * hour, day.start + last * hour, clock=True).roughly()


def third(whole: Interval, part: str) -> Interval | None:
    """The early, middle (``mid``) or late part of a day, week, month or longer; approximate.

    Weeks: Monday and Tuesday, to Thursday, to Sunday. Months: days 1-10, 11-20, 21 on.
    Longer: thirds in months, a decade 4 + 3 + 3 years.
    """
    if whole.start is None or whole.end is None or whole.clock:
        return None
    if whole.is_day():
        return part_of_day(whole, part) if part != "mid" else None
    start, end = whole.start, whole.end
    length = (end.year - start.year) * 12 + end.month - start.month
    if (end - start).days == 7:
        cuts = (start + 2 * DAY, start + 4 * DAY)
    elif (end - start).days in (29, 30):  # a lunar month
        cuts = (start + 10 * DAY, start + 20 * DAY)
    elif start.day != 1 or end.day != 1:
        return None
    elif length == 1:
        cuts = (start + 10 * DAY, start + 20 * DAY)
    else:
        first, second = (48, 84) if length == 120 else (length // 3, length - length // 3)
        cuts = (add_months(start, first), add_months(start, second))
    edges = (start, *cuts, end)
    at = ("early", "mid", "late").index(part)
    return Interval(edges[at], edges[at + 1]).roughly()


def half(whole: Interval, second: bool) -> Interval | None:
    """The first or second half of a month (cut after the 15th) or of whole months."""
    if whole.start is None or whole.end is None or whole.start.day != 1 or whole.clock:
        return None
    length = (whole.end.year - whole.start.year) * 12 + whole.end.month - whole.start.month
    if whole.end.day != 1 or (length > 1 and length % 2):
        return None
    cut = whole.start + 15 * DAY if length == 1 else add_months(whole.start, length // 2)
    return Interval(cut, whole.end) if second else Interval(whole.start, cut)
