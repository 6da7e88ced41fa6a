"""Date and time expressions of news prose to ISO 8601 intervals and durations.

The grammar is our own: general date parsers answer with one moment (``last week`` is the
day a week ago) and guess where nothing is known. dateparser is the fall-back for complete
calendar dates in other spellings and languages (``3 décembre 2018``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from ie_model.errors import InputError
from ie_model.normalise import calendar as cal
from ie_model.normalise.calendar import Interval
from ie_model.normalise.durations import read_length
from ie_model.normalise.numbers import fold, require_text
from ie_model.normalise.readings import MDAY, MONTH, READINGS, YEAR, one_winter, read_iso

LONGEST = 100
"""Characters; a longer text is not an expression and is left unresolved."""


@dataclass(frozen=True, slots=True)
class DateValue:
    """``start`` to ``end`` in ISO 8601, both included, ``None`` where open or not placed.

    Days are ``2018-12-03``, clock times ``2018-12-03T21:00`` as written (no zone), with
    ``Z`` where the text says GMT or UTC. A ``duration`` (``P5D``, ``PT24H``) stands alone
    when nothing says when, and beside its interval in ``past 24 hours``.
    """

    start: str | None
    end: str | None
    duration: str | None = None
    approximate: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The value as JSON, every field present."""
        return asdict(self)


_CLOCK = (
    r"(?:(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5][0-9]))?\s*(?P<half>[ap])\.?\s?m\b\.?"
    r"|(?P<hour24>[01]?[0-9]|2[0-3]):(?P<minute24>[0-5][0-9])(?::[0-5][0-9])?"
    r"|(?P<noon>noon|midday)\b)"
)
_ZONE = (
    r"(?:\s*(?P<utc>gmt|utc|zulu|z)\b|\s+(?:local(?: time)?|(?!of\b)[a-z]+ time)\b"
    r"|\s+(?:[ecmp][sd]?t|ce[s]?t|ee[s]?t|a[cew][sd]t|bst|ist|pkt|msk|jst|kst|trt|eat|cat|wat)\b"
    r"|(?<=[0-9])l\b)?"
)
_HHMM = r"(?P<hour24>[01][0-9]|2[0-3])(?P<minute24>[0-5][0-9])"
_MILITARY = rf"{_HHMM}{_ZONE}(?:\s?(?:hours|hrs))?"
_LINK = re.compile(
    r"\s*-\s*(?:to[\s-]+)?|\s+(?:to|through|until|till|into|and)\s+"
    r"|(?<=[0-9])/(?=[0-9]{1,2}\s+[a-z])"  # "12/13 May"
)
_ABOUT = re.compile(r"(?:about|around|roughly|approximately|circa|c\.|nearly|almost|some)\s+")
_DEICTIC = re.compile(r"\b(?:today|yesterday|tomorrow|last|this|next|past|ago)\b")


def normalise_date(text: str, reference: date | str | None = None) -> DateValue | None:
    """The value of an expression such as ``Tuesday``, seen from the document's date.

    ``reference`` is a day, or a string in ISO 8601. Without it only expressions that name
    their year, and durations, have a value. ``None`` where the value cannot be known (``past
    several weeks``, ``Day 126``); no string makes it raise. The conventions are in
    ``docs/normalise.md``.

    Raises:
        InputError: ``text`` is no string, ``reference`` no day, or dateparser is not installed.
    """
    require_text(text)
    today = _day(reference)
    parse_other = _fallback()
    folded = " ".join(fold(text).replace("’", "'").replace("–", "-").replace("—", "-").split())
    folded = re.sub(r"^(?:(?:on|in|at(?=\s[0-9])|during|the)\s+)+", "", folded.strip(" ,;:"))
    if not folded or len(folded) > LONGEST:
        return None
    try:
        found = _interval(one_winter(folded), today)
        if found:
            start, end = found.bounds()
            return DateValue(start, end, found.duration, found.approximate)
        length = read_length(re.sub(r"(?<=[a-z0-9])-(?=[a-z])", " ", folded))
        if length:
            lasting = length.iso()
            return DateValue(None, None, lasting, length.approximate) if lasting else None
    except (ValueError, OverflowError):  # the 31st of April, "20,000 years ago"
        return None
    day = parse_other(text)
    return None if day is None else DateValue(day.isoformat(), day.isoformat())


def _day(reference: object) -> date | None:
    try:
        found = datetime.fromisoformat(reference) if isinstance(reference, str) else reference
    except ValueError:
        found = reference
    if found is None or isinstance(found, date):
        return found.date() if isinstance(found, datetime) else found
    raise InputError(f"reference is {reference!r}: give a date, or one in ISO 8601 (2018-12-05)")


@lru_cache(maxsize=4096)  # mentions repeat; and no text can make the recursion explode
def _interval(text: str, today: date | None) -> Interval | None:
    """The first reading that covers the whole text."""
    whole = read_iso(text) or _range(text, today)
    if whole:
        return whole
    about = _ABOUT.match(text)
    if about:
        inner = _interval(text[about.end() :], today)
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
    end = _interval(right, today)
    start = _interval(left, end.start.date()) if end and end.start else None
    return bool(start and end and start.end == end.start)


def _from_to(left: str, right: str, today: date | None) -> Interval | None:
    left, right = _share_words(left, right)
    if re.search(YEAR, left) and not re.search(YEAR, right):
        start = _interval(left, today)
        if start is None or start.start is None:
            return None
        end = _interval(right, (start.start + timedelta(days=305)).date())
    else:  # the left end is seen from the right one: "Monday to Friday", "Dec. 28-Jan. 3"
        end = _interval(right, today)
        if end is None or end.start is None:
            return None
        start = _interval(left, today if _DEICTIC.search(left) else end.start.date())
    if not start or not end or start.start is None or end.end is None:
        return None
    if start.clock != end.clock:
        return None
    last = end.end
    if last <= start.start:
        if not (re.fullmatch(_CLOCK, left) and re.fullmatch(_CLOCK, right)):
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
    hours = [re.fullmatch(_HHMM, end) for end in (left, right)]
    if all(hours) and not (re.fullmatch(YEAR, left) and re.fullmatch(YEAR, right)):
        return f"{left[:2]}:{left[2:]}", f"{right[:2]}:{right[2:]}"  # "2000-0500"
    if later and month:
        return left, f"{month[0]}{later[1]}" + (f", {later[2]}" if later[2] else "")
    if re.fullmatch("[0-9]{1,2}", left):
        behind = re.fullmatch(rf"{MDAY}(\s+{MONTH}.*)", right)
        if behind:
            return left + behind[2], right
    if re.fullmatch("[0-9]{1,2}(?:[:.][0-9]{2})?", left):
        clock = re.match(_CLOCK, right)
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
    whole = _interval(match[3], today)
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
    found = _interval(re.sub(r"\s+morning$|^morning\s+of\s+", "", day), today)
    return cal.part_of_day(found, "early") if found and found.is_day() else None


def _beside_now(text: str, today: date | None) -> Interval | None:
    """``earlier this month``, ``later this year``: until the reference day, or from it on."""
    match = re.fullmatch(r"(earlier|later)\s+(?:on\s+)?(.+)", text)
    whole = _interval(match[2], today) if match else None
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
    whole = _interval(match[3], today) if match else None
    if not match or not whole or whole.start is None or whole.end is None or whole.clock:
        return None
    which, what = match[1], match[2]
    if what == "half":
        return cal.half(whole, second=which == "second") if which in ("first", "second") else None
    length = read_length(f"one {what}" if what in ("day", "week", "fortnight", "month") else what)
    if length is None or length.unit not in ("day", "week", "fortnight", "month", "year"):
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
    return Interval(start, end) if end <= whole.end else None


def _since(text: str, today: date | None) -> Interval | None:
    match = re.fullmatch(r"(?:ever\s+)?since\s+(.+)", text)
    found = _interval(match[1], today) if match else None
    return replace(found, end=None, duration=None) if found and found.start else None


def _week_of(text: str, today: date | None) -> Interval | None:
    span = re.fullmatch(r"(?:week|weekend) of\s+(.+)", text)
    found = _range(span[1], today) if span else None
    if found and not found.clock:
        return found  # "week of June 5-11"
    match = re.fullmatch(r"(week of|week to|week ending|year to|year ending)\s+(.+)", text)
    day = _interval(match[2], today) if match else None
    if not match or not day or not day.is_day() or day.start is None or day.end is None:
        return None
    if match[1] == "week of":
        return cal.week(day.start.date())
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
    found = _interval(re.sub(r"^(?:early|late)\s+", "", day_text), today)
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
    """``9 p.m.``, ``21:00 GMT Thursday``, ``Oct. 7, 2023, at 6:30 a.m.``, ``0600Z``."""
    match = (
        re.fullmatch(rf"{_CLOCK}{_ZONE}(?:,?\s+(?:on\s+)?(?P<day>.+))?", text)
        or re.fullmatch(rf"(?P<day>.+?),?\s+(?:at\s+)?{_CLOCK}{_ZONE}", text)
        or re.fullmatch(rf"{_MILITARY}(?:,?\s+(?:on\s+)?(?P<day>.+))?", text)
    )
    if not match:
        return None
    said = match.groupdict()
    if said.get("half"):
        hours = int(said["hour"]) % 12 + (12 if said["half"] == "p" else 0)
        minutes = int(said["minute"] or 0)
    else:
        hours, minutes = int(said["hour24"] or 12), int(said["minute24"] or 0)
    day = _interval(said["day"], today) if said["day"] else cal.days(today) if today else None
    if day is None or not day.is_day() or day.start is None:
        return None
    start = day.start + timedelta(hours=hours, minutes=minutes)
    zone = "Z" if said["utc"] else ""
    return Interval(start, start + timedelta(minutes=1), clock=True, zone=zone)


_COMPOSED = (
    _since,
    _before_dawn,
    _part_of_day,
    _night_of,
    _part,
    _beside_now,
    _piece,
    _week_of,
    _clock,
)


@cache
def _fallback() -> Callable[[str], date | None]:
    """dateparser, held to complete calendar dates; it reads about 200 languages."""
    try:
        from dateparser.date import DateDataParser
    except ImportError as error:
        raise InputError(
            "normalised values need pint and dateparser: pip install 'ie-model[normalise]'"
        ) from error
    parser = DateDataParser(settings={"STRICT_PARSING": True, "PARSERS": ["absolute-time"]})

    def parse(text: str) -> date | None:
        if not re.fullmatch(r"\D*\b\d{1,2}\b\D+\b\d{4}\b\D*", text):
            return None  # one day and one year, or it would fill in what is not said
        found = parser.get_date_data(text).date_obj
        return None if found is None else found.date()

    return parse
