"""Why a date or a quantity has no value, in a few plain words."""

from __future__ import annotations

import re

_DATE_REASONS = (
    (r"\b[dhy]\s?[-+]\s?(?:day|hour|[0-9]+)\b|\bday\s+(?:zero|one)\b",
     "counted from a day or hour that the text does not give"),
    (r"\bday\s+[0-9]+\b|\b[0-9]+(?:st|nd|rd|th)\s+day\b", "counts the days of a campaign"),
    (r"\b(?:next|following|previous|same|preceding)\s+(?:day|morning|night|evening|week|month|year)"
     r"|\b(?:later|earlier|after(?:wards)?|before|then|eve)\b",
     "seen from something told before"),
    (r"\b(?:several|few|many|some|countless|a number of|weeks|months|days|years|hours|decades)\b",
     "no number is said"),
    (r"\b[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}\b", "day first or month first"),
    (r"\b(?:1[89]|20)[0-9]{2}[-/][0-9]{2}\b", "one season, or two years"),
    (r"\b(?:dawn|dusk|sunrise|sunset|daybreak|nightfall)\b", "the hour depends on the place"),
    (r"[ap]\.?m\.?\b|[0-9]:[0-9]|midnight", "a clock time whose day is not clear"),
    (r"\beid\b", "two feasts a year are called Eid"),
    (r"\band\b|\bor\b|,", "more than one date"),
)  # fmt: skip
_QUANTITY_REASONS = (
    (r"\b(?:several|many|few|numerous|number of|countless|lots|plenty|most|some|various)\b",
     "no number is said"),
    (r"[0-9]\.[0-9]{3}\b", "thousands or decimals"),
    (r"[0-9]\s?[mb]\s", "m or b may be a unit or a million"),
    (r"[0-9] [0-9]", "one number or two"),
    (r"[0-9]e[0-9]|[0-9]x[0-9]|[a-z]-?[0-9]", "written for machines, or a name"),
    (r"\b(?:and|in|within|over)\b|,", "more than one amount"),
)  # fmt: skip
_NOT_READ = "not understood"


def date_reason(folded: str, needs_reference: bool, no_such_day: bool) -> str:
    """The reason for a date; the two flags are what its reading met."""
    if needs_reference:
        return "no reference date"
    if no_such_day:
        return "no such day"
    return _first(_DATE_REASONS, folded)


def quantity_reason(folded: str) -> str:
    """The reason for a quantity."""
    if not re.search(r"[0-9]", folded) and not re.search(r"\b(?:one|two|three|dozen)", folded):
        return "no number is said"
    return _first(_QUANTITY_REASONS, folded)


def _first(table: tuple[tuple[str, str], ...], folded: str) -> str:
    return next((reason for pattern, reason in table if re.search(pattern, folded)), _NOT_READ)
