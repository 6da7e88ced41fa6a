"""Date and time expressions of news prose to ISO 8601 intervals and durations.

The grammar is our own: general date parsers answer with one moment (``last week`` is the
day a week ago) and guess where nothing is known. dateparser is the fall-back for complete
calendar dates in other spellings and languages (``3 décembre 2018``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from ie_model.documents import in_one_line
from ie_model.errors import InputError
from ie_model.normalise.durations import read_lengths
from ie_model.normalise.expressions import read_interval
from ie_model.normalise.numbers import fold, require_text
from ie_model.normalise.readings import one_winter
from ie_model.normalise.reasons import date_reason
from ie_model.normalise.spellings import respell
from ie_model.normalise.tense import bare, looking_ahead

LONGEST = 100
"""Characters; a longer text is not an expression and is left unresolved."""


@dataclass(frozen=True, slots=True)
class DateValue:
    """``start`` to ``end`` in ISO 8601, both included, ``None`` where open or not placed.

    Days are ``2018-12-03``, clock times ``2018-12-03T21:00`` as written, with ``Z`` or an
    offset where the text names a zone. A ``duration`` (``P5D``, ``PT24H``) stands alone
    when nothing says when, and beside its interval in ``past 24 hours``.

    ``assumed`` says what the text leaves open and a convention closed: ``past`` (the latest
    Friday or March), ``northern hemisphere``, ``US fiscal year``.
    """

    start: str | None
    end: str | None
    duration: str | None = None
    approximate: bool = False
    assumed: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The value as JSON, every field present."""
        return {name: getattr(self, name) for name in self.__slots__}


_NOT_THE_DAY = re.compile(
    r"\b(?:after|before|by|from|since|until|till|to|through|après|avant|depuis|dès|jusqu|nach|vor|ab|bis"
    r"|seit|después|antes|desde|hasta|dopo|prima|dal|fino|após|depois|até|после|до|بعد|قبل|منذ|حتى"
    r"|sonra|önce)\b"
)
SEASON = r"\b(?:spring|summer|autumn|fall|winter)\b"
_STATED = r"\b(?:austral|boreal|(?:southern|northern)(?= (?:hemi|spr|sum|aut|fall|win)))"
FISCAL_WORD = r"\b(?:fiscal|fy|financial year)\b|\bfy[0-9]"


def normalise_date(
    text: str,
    reference: date | str | None = None,
    tense: str | None = None,
    hemisphere: str = "north",
) -> DateValue | None:
    """The value of an expression such as ``Tuesday``, seen from the document's date.

    ``reference`` is a day, or a string in ISO 8601. Without it only expressions that name
    their year, and durations, have a value. ``None`` where the value cannot be known (``past
    several weeks``, ``Day 126``): :func:`unresolved_date` says why. No string makes it raise.
    The conventions are in ``docs/normalise.md``.

    ``tense`` is what the sentence around shows: with ``future`` a bare weekday or month is
    the coming one, with ``past`` the latest, without either the latest, and ``assumed`` says
    so. ``hemisphere`` (``north`` or ``south``) is whose seasons are meant where the text does
    not say.

    Raises:
        InputError: ``text`` is no string, ``reference`` no day, ``tense`` or ``hemisphere`` is
            another word, or dateparser is not installed.
    """
    require_text(text)
    if tense not in (None, "past", "future"):
        raise InputError(f"tense is {tense!r}: give 'past', 'future' or None")
    if hemisphere not in ("north", "south"):
        raise InputError(f"hemisphere is {hemisphere!r}: give 'north' or 'south'")
    return _value(text, _day(reference), tense, hemisphere)


def unresolved_date(text: str, reference: date | str | None = None) -> str | None:
    """Why :func:`normalise_date` has no value for ``text``; ``None`` where it has one."""
    require_text(text)
    today = _day(reference)
    if _value(text, today, None, "north"):
        return None
    folded = _folded(text)
    needs = today is None and _value(text, date(2018, 12, 5), None, "north") is not None
    try:
        read_interval(folded, today or date(2018, 12, 5))
        impossible = False
    except (ValueError, OverflowError):
        impossible = True
    return date_reason(folded, needs, impossible)


def _folded(text: str) -> str:
    plain = fold(text).replace("’", "'").replace("–", "-").replace("—", "-").replace("−", "-")
    folded = respell(in_one_line(plain).strip(" ,;:"))
    return re.sub(r"^(?:(?:on|in|at(?=\s[0-9])|during|the)\s+)+", "", folded)


@lru_cache(maxsize=16384)  # mentions repeat within a stream of news
def _value(text: str, today: date | None, tense: str | None, hemisphere: str) -> DateValue | None:
    parse_other = _fallback()
    folded = _folded(text)
    if not folded or len(folded) > LONGEST:
        return None
    assumed = []
    open_kind = bare(folded) if today else None
    if today and open_kind and tense == "future":
        today = looking_ahead(open_kind, today)
    elif open_kind in ("weekday", "month") and tense is None:
        assumed.append("past")
    if re.search(SEASON, folded):
        stated = re.search(_STATED, folded)
        if not stated:
            assumed.append(f"{hemisphere}ern hemisphere")
            if hemisphere == "south":
                folded = re.sub(SEASON, r"austral \g<0>", folded)
    if re.search(FISCAL_WORD, folded):
        assumed.append("US fiscal year")
    note = ", ".join(assumed) or None
    try:
        found = read_interval(one_winter(folded), today)
        if found:
            start, end = found.bounds()
            return DateValue(start, end, found.duration, found.approximate, note)
        length = read_lengths(re.sub(r"(?<=[a-z0-9])-(?=[a-z])", " ", folded))
        if length:
            lasting, rough = length
            return DateValue(None, None, lasting, rough) if lasting else None
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
        if _NOT_THE_DAY.search(fold(text)):
            return None  # dateparser reads "after 12 May 2018" as that day
        if not re.fullmatch(r"\D*\b\d{1,2}\b\D+\b\d{4}\b\D*", text):
            return None  # one day and one year, or it would fill in what is not said
        found = parser.get_date_data(text).date_obj
        return None if found is None else found.date()

    return parse
