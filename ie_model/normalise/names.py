"""One key for the mentions of one document that are the same name.

Pure functions over the document's own mentions; nothing is fetched, nothing is guessed from
sounds. The rules, in this order, each exact:

1. Spelling: case, points, articles in front, possessives behind, curly quotes and white space
   make no difference.
2. Table: a spelling of :data:`ie_model.normalise.name_table.NAMES`, or of the user's own table,
   is the name that stands there.
3. Brackets: ``Free Syrian Army (FSA)`` introduces an abbreviation. Two mentions of one label
   with nothing but ``(`` between them, one of 2 to 10 capitals, are one name everywhere.
4. Surname: a one-word mention equal to the last word of an earlier mention of two to four
   capitalised words, of the same label, is that one, if only one such name is there.

The key is the longest spelling that the document has, without article and possessive, or the
name of the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import pairwise

from ie_model.documents import Document, Entity, in_one_line
from ie_model.normalise.name_table import NAMES

LABELS = ("ACTOR", "LOCATION")
_ARTICLE = re.compile(r"^(?:the|a|an)\s+(?=\S)", re.IGNORECASE)
_POSSESSIVE = re.compile(r"(?<=[A-Za-z0-9.])(?:'s|(?<=[sSzZxX])')$")
_EDGES = ' \t\r\n"“”«».,;:()[]'
_ABBREVIATION = re.compile(r"(?=(?:.*[A-Z]){2})[A-Z][A-Z0-9-]{1,9}")
_GENERIC = frozenset(
    "army forces force party state front brigade battalion division police guard guards corps "
    "ministry command council government group movement organization organisation union navy "
    "militia agency service services authority committee coalition network unit regiment "
    "city province district governorate region village town airport valley river mountains "
    "base camp border street north south east west islands island county sea".split()
)
"""Last words of names that are no surnames: ``the army`` may be another one."""


def name_spelling(mention: str) -> str:
    """A mention without article, possessive, quotes and outer white space: ``the IDF's`` is
    ``IDF``."""
    text = in_one_line(mention.replace("’", "'").replace("‘", "'"))
    text = text.strip(_EDGES.replace(".", ""))
    text = _POSSESSIVE.sub("", text)
    text = _ARTICLE.sub("", text)
    return text.rstrip(",;:") or mention


def name_key(mention: str) -> str:
    """What is compared: the spelling without points and case (``U.S.`` is ``us``)."""
    return _key(mention)


@lru_cache(maxsize=65536)
def _spelling(mention: str) -> str:
    return name_spelling(mention)


@lru_cache(maxsize=65536)
def _key(mention: str) -> str:
    spelling = _spelling(mention)
    return re.sub(r"(?<=\w)\.(?=\w|$|\s)", "", spelling).casefold() or mention.casefold()


def name_document(
    document: Document,
    table: Mapping[str, str] | None = None,
    labels: Iterable[str] = LABELS,
) -> Document:
    """A copy with the key of each actor and place in ``meta["name"]``.

    ``table`` is used in place of the built-in one (:func:`read_names` adds to it). Entities of
    other labels stay as they are; offsets and texts are untouched, and the order in which the
    entities stand makes no difference.
    """
    chosen = set(labels)
    named = [e for e in document.entities if e.label in chosen and e.start < e.end]
    keys = name_mentions(document.text, named, NAMES if table is None else table)
    entities = tuple(
        replace(e, meta={**e.meta, "name": keys[e.key]}) if e.key in keys else e
        for e in document.entities
    )
    return replace(document, entities=entities)


def name_mentions(
    text: str, entities: Sequence[Entity], table: Mapping[str, str]
) -> dict[tuple[int, int, str], str]:
    """The name of each mention, by ``(start, end, label)``; the rules are those above."""
    known = _known() if table is NAMES else _by_key(table)
    ordered = sorted(entities, key=lambda e: e.key)
    said = {e.key: text[e.start : e.end] for e in ordered}
    groups = _Groups()
    for entity in ordered:
        groups.add(_node(entity, said[entity.key]))
    by_label: dict[str, list[Entity]] = {}
    for entity in ordered:
        by_label.setdefault(entity.label, []).append(entity)
    for label, members in by_label.items():
        for first, second in pairwise(members):
            if _introduces(text, first, second):
                groups.join(_node(first, said[first.key]), _node(second, said[second.key]))
        for entity, full in _surnames(members, said):
            groups.join((label, name_key(said[entity.key])), (label, name_key(full)))
    names = {root: _best(group, ordered, said, known) for root, group in groups.all().items()}
    return {e.key: names[groups.root(_node(e, said[e.key]))] for e in ordered}


def _by_key(table: Mapping[str, str]) -> dict[str, str]:
    return {name_key(said): name for said, name in table.items()}


@cache
def _known() -> dict[str, str]:
    return _by_key(NAMES)


def _node(entity: Entity, mention: str) -> tuple[str, str]:
    return entity.label, name_key(mention)


class _Groups:
    """Spellings that are one name, joined pair by pair."""

    def __init__(self) -> None:
        self._parent: dict[tuple[str, str], tuple[str, str]] = {}

    def add(self, node: tuple[str, str]) -> None:
        self._parent.setdefault(node, node)

    def root(self, node: tuple[str, str]) -> tuple[str, str]:
        while self._parent[node] != node:
            node = self._parent[node]
        return node

    def join(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self._parent[second] = first

    def all(self) -> dict[tuple[str, str], set[tuple[str, str]]]:
        found: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for node in self._parent:
            found.setdefault(self.root(node), set()).add(node)
        return found


def _introduces(text: str, first: Entity, second: Entity) -> bool:
    """Whether ``second`` stands in brackets behind ``first`` and one of them is an abbreviation."""
    if not re.fullmatch(r"(?:'s|’s)?\s*\(\s*[\"“']?", text[first.end : second.start]):
        return False
    if not re.match(r"[\"”']?\s*[),;]", text[second.end : second.end + 3]):
        return False
    one, other = (text[e.start : e.end].replace(".", "").strip() for e in (first, second))
    return bool(_ABBREVIATION.fullmatch(one)) != bool(_ABBREVIATION.fullmatch(other))


def _surnames(
    members: list[Entity], said: Mapping[tuple[int, int, str], str]
) -> list[tuple[Entity, str]]:
    """One-word actors, each with the full name before it that ends in this word."""
    if not members or members[0].label != "ACTOR":
        return []
    found = []
    full: dict[str, dict[str, str]] = {}
    for entity in members:
        spelling = _spelling(said[entity.key])
        words = spelling.split()
        if len(words) == 1:
            names = full.get(name_key(spelling), {})
            if len(names) == 1:
                found.append((entity, next(iter(names.values()))))
        elif 1 < len(words) <= 4 and all(
            w[:1].isupper() or w in ("al", "bin", "de", "von", "van") for w in words
        ):
            last = name_key(words[-1])
            if last not in _GENERIC and not re.search("[0-9]", spelling):
                full.setdefault(last, {})[name_key(spelling)] = spelling
    return found


def _best(
    group: set[tuple[str, str]],
    ordered: Sequence[Entity],
    said: Mapping[tuple[int, int, str], str],
    known: Mapping[str, str],
) -> str:
    """The table's name for one of the spellings, else the longest, the first of equals."""
    spellings = [_spelling(said[e.key]) for e in ordered if _node(e, said[e.key]) in group]
    for spelling in sorted(set(spellings), key=lambda s: (-len(s), s)):
        entry = known.get(name_key(spelling))
        if entry and (len(name_key(spelling)) > 2 or spelling.replace(".", "").isupper()):
            return entry
    longest = max(spellings, key=len)
    return next(s for s in spellings if len(s) == len(longest))
