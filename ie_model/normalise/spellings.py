"""Spellings that news and messages of the forces use for one thing, made one before reading."""

from __future__ import annotations

import re

from ie_model.normalise.calendar import MONTH, YEAR

_MON, _FULL_YEAR = f"({MONTH})", f"({YEAR})"
_DAY_MONTH_YEAR = re.compile(
    rf"(?<![0-9-])([0-3]?[0-9])(?:\s?[-./]\s?|\s?){_MON}(?:\s?[-./]\s?|\.?\s?){_FULL_YEAR}(?![0-9])"
)
_SHORT_YEAR = re.compile(
    rf"(?<![0-9-])([0-3]?[0-9])([-./]?)\s?{_MON}\2'?\s?([0-9]{{2}})(?![0-9:]|\s*[ap]\.?m)"
)
_MONTH_DAY_YEAR = re.compile(rf"\b{_MON}[-/.]([0-3]?[0-9])[-/.]{_FULL_YEAR}(?![0-9])")
_YEAR_MONTH_DAY = re.compile(rf"(?<![0-9]){_FULL_YEAR}[-/. ]{_MON}[-/. ]([0-3]?[0-9])(?![0-9])")
_GROUP = re.compile(
    rf"(?<![0-9])([0-3][0-9])([01][0-9]|2[0-3])([0-5][0-9])\s?([a-z])\s?{_MON}\s?(?:(20[0-9]{{2}})|([0-9]{{2}}))?(?![a-z0-9])"
)
_OLD = re.compile(r"\b(to|yester)[-\s](day|morrow|night)\b")
_ZONE_LETTERS = {"z": "z"} | {
    letter: f"+{n:02d}:00" for n, letter in enumerate("abcdefghiklm", start=1)
} | {letter: f"-{n:02d}:00" for n, letter in enumerate("nopqrstuvwxy", start=1)}  # fmt: skip
_CLOCK_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_O_CLOCK = re.compile(
    rf"\b(?:({'|'.join(_CLOCK_WORDS)})|(1[0-2]|[1-9]))\s+o'clock(?:\s+in\s+the\s+(morning|afternoon|evening)|\s+at\s+(night))?"
)


_SHORT_BEHIND = re.compile(r"(?<=[a-z.])\s(?:of\s)?'([0-9]{2})(?![0-9s])")
_POINTED = re.compile(
    r"\b([01]?[0-9]|2[0-3])\.([0-5][0-9])(?=\s?(?:gmt\b|utc\b|z\b|hours\b|hrs\b|local\b|h\b))"
)
_SPOKEN = re.compile(
    rf"(?:(half|quarter|ten|twenty|five) (past|to)\s+)?"
    rf"({'|'.join(_CLOCK_WORDS)}|1[0-2]|[1-9])(\s+o'clock)?"
    r"(?:\s+on)?\s+(.*\S)\s+(morning|afternoon|evening|night)"
)
_MINUTES = {"half": 30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20}
_QUARTERS = (
    (re.compile(rf"\b{_FULL_YEAR}[\s-]?q([1-4])\b"), r"q\2 \1"),
    (re.compile(rf"\b([1-4])q[\s-]?{_FULL_YEAR}\b"), r"q\1 \2"),
    (re.compile(rf"\bh1[\s-]?{_FULL_YEAR}\b"), r"first half of \1"),
    (re.compile(rf"\bh2[\s-]?{_FULL_YEAR}\b"), r"second half of \1"),
)
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_ORDINAL_DAY = re.compile(rf"\b{_MON}\s+(?:the\s+)?({'|'.join(_ORDINALS)})(?=$|,?\s[0-9])")
_ORDINAL_QUARTER = re.compile(r"\b([1-4])(?:st|nd|rd|th) quarter\b")
_SLASHED = re.compile(rf"\b{_MON}/(?={_MON})")
_LISTED = re.compile(r"([a-z]+), (?:[a-z]+, )*[a-z]+,? and ([a-z]+)( [0-9]{4})?")
_NAMES = (
    "january february march april may june july august september october november december".split(),
    "monday tuesday wednesday thursday friday saturday sunday".split(),
)


def respell(folded: str) -> str:
    """A folded expression with ``15-MAR-2017``, ``151200ZMAR17``, ``to-day`` in usual forms."""
    text = _OLD.sub(r"\1\2", folded)
    text = _GROUP.sub(_date_time_group, text)
    text = _DAY_MONTH_YEAR.sub(r"\1 \2 \3", text)
    text = _YEAR_MONTH_DAY.sub(r"\3 \2 \1", text)
    text = _MONTH_DAY_YEAR.sub(r"\1 \2, \3", text)
    text = _SHORT_YEAR.sub(_two_digits, text)
    text = _SHORT_BEHIND.sub(lambda m: f" {_full(int(m[1]))}", text)
    text = _POINTED.sub(r"\1:\2", text)
    for pattern, usual in _QUARTERS:
        text = pattern.sub(usual, text)
    text = _ORDINAL_DAY.sub(lambda m: f"{m[1]} {_ORDINALS.index(m[2]) + 1}", text)
    text = _ORDINAL_QUARTER.sub(r"q\1", text)
    text = _SLASHED.sub(r"\1 and ", text)
    text = _as_range(text)
    spoken = _SPOKEN.fullmatch(text)
    if spoken and (spoken[2] or spoken[4]):
        return _spoken_clock(spoken)
    return _O_CLOCK.sub(_o_clock, text)


def _full(year: int) -> int:
    return 1900 + year if year >= 69 else 2000 + year  # the POSIX pivot


def _as_range(text: str) -> str:
    """``January, February and March 2016`` as ``january to march 2016``."""
    listed = _LISTED.fullmatch(text)
    said = re.findall("[a-z]+", text.replace(" and ", " ")) if listed else []
    for names in _NAMES:
        if listed and all(word in names for word in said):
            at = names.index(said[0])
            if names[at : at + len(said)] == said:
                return f"{said[0]} to {said[-1]}{listed[3] or ''}"
    return text


def _spoken_clock(match: re.Match[str]) -> str:
    """``half past eight on Sunday morning`` as ``8:30 a.m. sunday``."""
    hour = _CLOCK_WORDS.get(match[3]) or int(match[3])
    minute = _MINUTES.get(match[1] or "", 0)
    if match[2] == "to":
        hour, minute = hour - 1 or 12, 60 - minute
    half = "a.m." if match[6] == "morning" else "p.m."
    day = re.sub(r"^in the$|^at$|^the$", "", match[5])
    return f"{hour}:{minute:02d} {half} {day}".strip()


def _two_digits(match: re.Match[str]) -> str:
    whole = _full(int(match[4]))
    plain = match[2] == "" and " " in match[0]
    alone = match[0] == match.string
    if plain and not alone and "'" not in match[0]:
        return match[0]  # the "9" of "3 May 9 to 11 a.m." is an hour
    return f"{match[1]} {match[3]} {whole}"


def _date_time_group(match: re.Match[str]) -> str:
    day, hour, minute, letter, month, year, short = match.groups()
    zone = _ZONE_LETTERS.get(letter)
    if letter != "j" and zone is None:
        return match[0]
    behind = f" {year or '20' + short}" if year or short else ""
    return f"{int(day)} {month}{behind} at {hour}:{minute} {zone or ''}".strip()


def _o_clock(match: re.Match[str]) -> str:
    hour = _CLOCK_WORDS[match[1]] if match[1] else int(match[2])
    part = match[3] or match[4]
    if not part:
        return match[0]
    return f"{hour} {'a.m.' if part == 'morning' else 'p.m.'}"
