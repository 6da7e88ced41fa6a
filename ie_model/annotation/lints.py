"""Spans that the annotation guidelines would draw otherwise, and surfaces treated unevenly.

These are hints, not errors: ``The Hague`` begins with an article and is right.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ie_model.documents import Document, Entity

_ARTICLE = re.compile(r"(?:the|an?)\s+(?=\S)", re.IGNORECASE)
# The article belongs to the number ("a couple of"), the time ("a year ago") or the name.
_ITS_OWN_ARTICLE = re.compile(
    r"an?\s+(?:\w+\s+)?(?:couple|handful|score|dozen|hundred|thousand|million|billion|few|half|"
    r"third|quarter|fourth|fifth|sixth|seventh|eighth|ninth|tenth|second|minute|hour|day|night|"
    r"week|weekend|fortnight|month|year|decade|century|generation)s?\b|the\s+hague\b",
    re.IGNORECASE,
)
_POSSESSIVE = re.compile(r"(?:['’]s|(?<=s)['’])\Z", re.IGNORECASE)
_OPENING = re.compile(r"[\"“”‘«»(\[{<>,;:!?*•–—]+|['’](?!\d)|[-.](?!\d)")
_CLOSING = re.compile(r"[\"“”‘’'«»)\]}<>,;:!?*•–—…-]+\Z|(?<!\.)\.\Z|\.{2,}\Z")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[^\W\d_]\.)+|\b(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|"
    r"thurs?|fri|sat|sun|mr|mrs|ms|dr|prof|gen|lt|col|maj|capt|sgt|cpl|pvt|cmdr|adm|brig|gov|"
    r"sen|rep|rev|st|ft|mt|inc|corp|co|ltd|bros|jr|sr|no|vs|dept|est|approx|p\.m|a\.m|ala|ariz|"
    r"ark|calif|colo|conn|del|fla|ga|ill|ind|kan|ky|la|mass|md|mich|minn|miss|mo|mont|neb|nev|"
    r"okla|ore|pa|tenn|tex|va|vt|wash|wis|wyo)\.)\Z",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Lint:
    """A hint on one span: its ``kind``, a sentence, and the offsets the guidelines suggest."""

    kind: str
    message: str
    start: int
    end: int


def edge_lints(text: str, entity: Entity) -> list[Lint]:
    """Articles, possessive endings and punctuation at the edges of a span inside its text."""
    mention = text[entity.start : entity.end]
    found: list[Lint] = []
    article = _ARTICLE.match(mention)
    if article and not _ITS_OWN_ARTICLE.match(mention):
        found.append(
            Lint(
                "article",
                f"begins with the article {article.group().strip()!r}",
                entity.start + article.end(),
                entity.end,
            )
        )
    possessive = _POSSESSIVE.search(mention)
    if possessive and possessive.start() > 0:
        end = entity.start + possessive.start()
        found.append(
            Lint(
                "possessive",
                f"ends in the possessive {possessive.group()!r}",
                entity.start,
                end,
            )
        )
        return found
    opening = _OPENING.match(mention)
    closing = None if _ABBREVIATION.search(mention) else _CLOSING.search(mention)
    first = opening.end() if opening else 0
    last = closing.start() if closing else len(mention)
    if first < last and (opening or closing):
        sides = [f"begins with {opening.group()!r}"] if opening else []
        sides += [f"ends with {closing.group()!r}"] if closing else []
        found.append(
            Lint("punctuation", " and ".join(sides), entity.start + first, entity.start + last)
        )
    return found


@dataclass(frozen=True, slots=True)
class Uneven:
    """A place where a surface is treated otherwise than in most places.

    ``label`` is what the place has (empty: unlabelled), ``usual`` what most places have, with
    ``times`` and ``others`` the counts of both treatments.
    """

    document: int
    start: int
    end: int
    label: str
    usual: str
    times: int
    others: int


def uneven_surfaces(documents: Sequence[Document]) -> Iterator[Uneven]:
    """Places where a surface is unlabelled, or labelled otherwise than it mostly is.

    A surface counts when most of its occurrences (as whole words, same case) carry one
    label; the minority is what comes back. Occurrences inside other entities do not count.
    """
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for document in documents:
        for e in document.entities:
            if 0 <= e.start < e.end <= len(document.text):
                labels[document.text[e.start : e.end]][e.label] += 1
    longest = max((len(_WORD.findall(s)) for s in labels), default=0)
    bare: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for i, document in enumerate(documents):
        for surface, start, end in _unlabelled(document, labels, longest):
            bare[surface].append((i, start, end))
    for surface, places in bare.items():
        usual, times = _most_common(labels[surface])
        if times > len(places):
            for i, start, end in places:
                yield Uneven(i, start, end, "", usual, times, len(places))
    for i, document in enumerate(documents):
        for e in document.entities:
            counted = labels.get(document.text[max(e.start, 0) : max(e.end, 0)])
            if counted is None:
                continue
            usual, times = _most_common(counted)
            if e.label != usual and times > counted.total() - times:
                others = counted[e.label]
                yield Uneven(i, e.start, e.end, e.label, usual, times, others)


def _unlabelled(
    document: Document, labels: dict[str, Counter[str]], longest: int
) -> Iterator[tuple[str, int, int]]:
    """Longest known surfaces among the words of a document that touch no entity."""
    text = document.text
    taken = bytearray(len(text))
    for e in document.entities:
        start, end = max(e.start, 0), max(e.end, 0)
        taken[start:end] = b"\1" * len(taken[start:end])
    words = [m.span() for m in _WORD.finditer(text)]
    i = 0
    while i < len(words):
        start = words[i][0]
        step = 1
        for n in range(min(longest, len(words) - i), 0, -1):
            end = words[i + n - 1][1]
            if text[start:end] in labels and not any(taken[start:end]):
                yield text[start:end], start, end
                step = n
                break
        i += step


def _most_common(counted: Counter[str]) -> tuple[str, int]:
    return min(counted.items(), key=lambda item: (-item[1], item[0]))
