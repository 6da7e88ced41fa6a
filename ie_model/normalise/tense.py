"""Which way a bare ``on Friday`` or ``in March`` points, by the tense of its sentence.

Exact rules, no parser: the sentence is cut into clauses; in the clause of the mention the
verb form before it decides, else the first one behind it, else what the rest of the sentence
agrees on.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from ie_model.normalise import calendar as cal
from ie_model.normalise.clocks import HHMM
from ie_model.normalise.zones import ZONE

_FUTURE = (
    r"(?:will|shall|'ll|would|won't|wo n't|to be|going to|about to"
    r"|(?:is|are|was|were|be) (?:due|set|expected|scheduled|planned|slated|likely|poised|to)"
    r"|(?:plan|plans|planned|planning|intends?|intended|vow|vows|vowed|pledged?|threatens?"
    r"|threatened|prepar\w+|hopes?|promised?|promises) (?:to|for)|upcoming|ahead of|until|till"
    r"|scheduled for|planned for|due (?:on|in)|expected (?:on|in)|set for)"
)
_IRREGULAR = (
    "was were had did said told went came took gave got made left fell began broke brought built "
    "caught drew drove fought flew found held hit hurt kept knew laid led lost met paid ran saw "
    "sent shot shook sank spoke spread stood stole struck swept threw took won wrote rose set "
    "became bore chose dug fled froze grew hid hung rode sought sold spent swore thought withdrew "
    "underwent overran foresaw retook undertook"
).split()
_NOT_A_VERB = (
    "armed unarmed united wounded injured allied masked displaced occupied embattled backed based "
    "led alleged suspected detained combined limited advanced hundred need needed speed feed "
    "indeed seed weed exceed proceed succeed sacred naked red bed led shed bleed breed greed "
    "aforementioned so-called unnamed unidentified disputed besieged contested uninhabited "
    "mohammed ahmed mohamed muhammed hamed saeed waleed khaled majed rashed sayed mohammad"
).split()
_PAST = rf"(?:{'|'.join(_IRREGULAR)}|(?!(?:{'|'.join(_NOT_A_VERB)})\b)[a-z]{{2,}}ed)"
_VERB = re.compile(
    rf"\b(?:(?P<future>{_FUTURE})(?:\s+(?:not|also|be|have|been|then)\b)*"
    rf"(?:\s+{_PAST}(?![a-z]))?|(?P<past>{_PAST})|(?P<perfect>(?:has|have)(?:\s+been)?\s+[a-z]+(?:ed|en|n)))"
    r"(?![a-z])"
)
_CLAUSE = re.compile(
    r"[;:,—()]|\s-\s|\b(?:that|which|who|after|before|as|while|because|although|but|when|where"
    r"|if|since|said|says|told)\b"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]*[A-Z0-9])|\n\s*\n")
REACH = 400
"""Characters to either side of a mention that are looked at."""


def sentence_around(text: str, start: int, end: int) -> tuple[str, int]:
    """The sentence that holds ``[start, end)``, and where in it the mention starts."""
    left = max(0, start - REACH)
    before, behind = text[left:start], text[end : end + REACH]
    cut = 0
    for match in _SENTENCE_END.finditer(before):
        if not re.search(r"\b(?:[A-Z]|Mr|Dr|Gen|Col|Lt|Sgt|Jan|Feb|Aug|Sept|Oct|Nov|Dec|St|No)\.$",
                         before[: match.start()]):  # fmt: skip
            cut = match.end()
    stop = _SENTENCE_END.search(behind)
    tail = behind[: stop.start()] if stop else behind
    return before[cut:] + text[start:end] + tail, len(before) - cut


def direction(sentence: str, at: int) -> str | None:
    """``past`` or ``future`` as the sentence of a mention at ``at`` shows, else ``None``."""
    return _direction(sentence.replace("’", "'"), at)


@lru_cache(maxsize=4096)
def _direction(sentence: str, at: int) -> str | None:
    folded = sentence.lower()
    if len(folded) != len(sentence):
        return None
    cuts = [0, *(m.start() for m in _CLAUSE.finditer(folded)), len(folded)]
    first = max(cut for cut in cuts if cut <= at)
    last = min((cut for cut in cuts if cut > at), default=len(folded))
    verbs = [(m.start(), "future" if m["future"] else "past") for m in _VERB.finditer(folded)]
    before = [kind for place, kind in verbs if first <= place < at]
    behind = [kind for place, kind in verbs if at < place < last]
    if before or behind:
        return before[-1] if before else behind[0]
    kinds = {kind for _, kind in verbs}
    return kinds.pop() if len(kinds) == 1 else None


_DEICTIC = r"\b(?:last|this|next|past|coming|current|ago|today|tomorrow|yesterday|since)\b"
_YEAR = rf"\b{cal.YEAR}\b"
_FOUR_DIGITS = re.compile(  # "0900-1100 GMT Monday" names no year, nor does "1400 Friday"
    rf"\b{HHMM}(?:\s?(?:-|to|and|until|till)\s?[0-2][0-9][0-5][0-9])?"
    rf"(?={ZONE.removesuffix('?')}|\s?(?:hours|hrs)\b|,?\s(?:on\s)?(?:mon|tue|wed|thu|fri|sat|sun))"
)
_BARE_DAY = r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?s?\b"
_BARE_MONTH = rf"\b(?:{cal.MONTH}|spring|summer|autumn|fall|winter)\b"


def bare(folded: str) -> str | None:
    """``weekday``, ``month`` or ``day`` where a folded expression leaves its direction open."""
    folded = _FOUR_DIGITS.sub("", folded)
    if re.search(_YEAR, folded) or re.search(_DEICTIC, folded):
        return None
    month = re.search(_BARE_MONTH, folded)
    if month:
        numbered = re.search(r"[0-9]", re.sub(r"[0-9]{1,2}(?::[0-9]{2}|\s*[ap]\.?m)", "", folded))
        return "day" if numbered else "month"
    return "weekday" if re.search(_BARE_DAY, folded) else None


def bare_direction(mention: str) -> bool:
    """Whether a mention leaves open which way it points, so that its sentence is asked."""
    return bare(mention.lower()) is not None


def looking_ahead(kind: str, today: date) -> date:
    """The reference from which the latest Friday, March or 3 March is the coming one."""
    if kind == "weekday":
        return today + timedelta(days=6)
    if kind == "month":
        return cal.add_months(datetime.combine(today, time()), 11).date()
    return today + timedelta(days=364) - cal.LOOK_AHEAD
