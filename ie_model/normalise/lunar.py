"""The Islamic and the Persian calendar: their months, and the feasts that they move.

The days are those of published calendars (Umm al-Qura by hijridate, 1924 to 2077; Iran's by
jdatetime). Where the moon is sighted the Islamic ones may differ by a day, so they are
approximate.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from ie_model.errors import InputError
from ie_model.normalise import calendar as cal
from ie_model.normalise.calendar import Interval

_ISLAMIC = (
    r"muharram(?: al haram)?",
    r"safar",
    r"rabi'?(?: al| ul)? ?(?:awwal|awal|i)|rabi'? ?1",
    r"rabi'?(?: al| ul| ath)? ?(?:thani|akhir|akhar|ii)|rabi'? ?2",
    r"jumada(?: al| ul)? ?(?:awwal|ula|oula|i)",
    r"jumada(?: al| ul| ath)? ?(?:thani|thania|thaniyah?|akhira|akhirah|ii)",
    r"rajab",
    r"sha'?ban|shaaban",
    r"ramadan|ramadhan|ramzan",
    r"shawwal|shawal",
    r"dhu'?l? ?(?:al |ul |'l )?qa'?i?dah?|zul ?qa'?dah?|dhul qi'?dah",
    r"dhu'?l? ?(?:al |ul |'l )?hijj?ah?|zul ?hijj?ah?|dhul hajj",
)
_PERSIAN = (
    "farvardin", "ordibehesht", "khordad", "tir", "mordad|amordad", "shahrivar", "mehr",
    "aban", "azar", "dey|dei", "bahman", "esfand",
)  # fmt: skip
_DARI = (
    "hamal", "sawr|saur|thawr", "jawza", "saratan", "asad", "sunbula", "mizan", "aqrab",
    "qaws|qaus", "jadi|jaddi", "dalw|dalwa", "hut|hoot",
)  # fmt: skip
_ERA = (
    r"(?:\s*(?P<era>a\.?h\.?(?: solar| lunar)?|h\.?|s\.?h\.?|a\.?p\.?|hijri|solar hijri"
    r"|hijri shamsi))?"
)

_FEASTS: dict[str, tuple[int, int, int]] = {
    # month, day, how many days
    r"islamic new year|hijri new year": (1, 1, 1),
    r"ashura|day of ashura": (1, 10, 1),
    r"arba'?een": (2, 20, 1),
    r"mawlid|mawlid al nabi|prophet's birthday|prophet muhammad's birthday": (3, 12, 1),
    r"(?:holy |fasting )?month of (?:ramadan|ramadhan|ramzan)|(?:holy )?ramadan|ramadhan|ramzan": (
        9,
        1,
        0,
    ),
    r"laylat al qadr|night of (?:power|destiny)": (9, 27, 1),
    r"eid al fitr|eid ul fitr|eid el fitr|first day of eid al fitr": (10, 1, 1),
    r"eid al fitr (?:holidays?|break|festival)|eid ul fitr holidays?": (10, 1, 3),
    r"hajj|hajj season|hajj pilgrimage": (12, 8, 6),
    r"day of arafah?|arafah? day|arafat day": (12, 9, 1),
    r"eid al adha|eid ul adha|eid el adha|eid ul azha|first day of eid al adha": (12, 10, 1),
    r"eid al adha (?:holidays?|break|festival)|eid ul adha holidays?": (12, 10, 4),
}


def islamic_feast(name: str) -> Callable[[int], Interval | None] | None:
    """The feast or fast of a Gregorian year by its folded name, else ``None``."""
    for names, (month, day, count) in _FEASTS.items():
        if re.fullmatch(names, name):
            return lambda year: _in_gregorian_year(year, month, day, count)
    return None


def either_eid(name: str, today: date) -> Interval | None:
    """Bare ``Eid``, of which there are two a year: the one nearest to the reference day."""
    holiday = re.fullmatch(r"eid( (?:holidays?|break|festival))?", name)
    if not holiday:
        return None
    found = [
        feast
        for year in (today.year - 1, today.year, today.year + 1)
        for month, day, count in ((10, 1, 3), (12, 10, 4))
        if (feast := _in_gregorian_year(year, month, day, count if holiday[1] else 1))
    ]
    near = [(abs((feast.start.date() - today).days), feast) for feast in found if feast.start]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def nowruz(year: int) -> Interval | None:
    """The first day of the Persian year that begins in ``year``."""
    return cal.days(_persian_day(year - 621, 1, 1))


def read_other_calendar(text: str) -> Interval | None:
    """``15 Ramadan 1438``, ``Ramadan 1438``, ``1440 AH``, ``14 Azar 1397``, ``1397 SH``."""
    plain = " ".join(text.replace("-", " ").replace("’", "'").split())
    dated = re.fullmatch(
        r"(?:(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?)?"
        rf"(?P<month>[a-z' ]+?(?:\s?[12])?),?\s+(?:of\s+)?(?P<year>1[0-9]{{3}}){_ERA}",
        plain,
    )
    if dated:
        month = _month(dated["month"])
        if month is None:
            return None
        return _written(int(dated["year"]), *month, int(dated["day"]) if dated["day"] else None)
    year = re.fullmatch(
        rf"(?:year )?(?:(?P<before>ah|sh|ap)\s+)?(?P<year>1[0-9]{{3}}){_ERA}", plain
    )
    era = (year["era"] or year["before"] or "").replace(".", "") if year else ""
    if not year or not era or era == "a":
        return None
    solar = era.startswith("s") or era in ("ap", "hijri shamsi", "ah solar")
    number = int(year["year"])
    first = _persian_day(number, 1, 1) if solar else _islamic_day(number, 1, 1)
    behind = _persian_day(number + 1, 1, 1) if solar else _islamic_day(number + 1, 1, 1)
    whole = cal.days(first, (behind - first).days)
    return whole if solar else whole.roughly()


def _month(name: str) -> tuple[str, int] | None:
    for calendar, names in (("islamic", _ISLAMIC), ("persian", _PERSIAN), ("persian", _DARI)):
        for number, pattern in enumerate(names, start=1):
            if re.fullmatch(pattern, name.strip()):
                return calendar, number
    return None


def _written(year: int, calendar: str, month: int, day: int | None) -> Interval | None:
    first = _islamic_day if calendar == "islamic" else _persian_day
    begin = first(year, month, day or 1)
    if day:
        found = cal.days(begin)
    else:
        following = first(year + month // 12, month % 12 + 1, 1)
        found = cal.days(begin, (following - begin).days)
    return found.roughly() if calendar == "islamic" else found


def _in_gregorian_year(year: int, month: int, day: int, count: int) -> Interval | None:
    for hijri in (int((year - 622) * 33 / 32), int((year - 622) * 33 / 32) + 1):
        try:
            begin = _islamic_day(hijri, month, day)
        except (ValueError, OverflowError):
            continue
        if begin.year == year:
            if count:
                return cal.days(begin, count).roughly()
            behind = _islamic_day(hijri + month // 12, month % 12 + 1, 1)
            return cal.days(begin, (behind - begin).days).roughly()
    return None


def _islamic_day(year: int, month: int, day: int) -> date:
    try:
        from hijridate import Hijri
    except ImportError as error:
        raise InputError(_MISSING) from error
    found = Hijri(year, month, day).to_gregorian()
    return date(found.year, found.month, found.day)


def _persian_day(year: int, month: int, day: int) -> date:
    try:
        import jdatetime
    except ImportError as error:
        raise InputError(_MISSING) from error
    found: date = jdatetime.date(year, month, day).togregorian()
    return found


_MISSING = "normalised values need hijridate and jdatetime: pip install 'ie-model[normalise]'"
