"""Prodigy's relations, which point at tokens by number, carried over to other tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ie_model.corpus.formats.spacing import split_tokens
from ie_model.documents import Document

_ENDS = ("head", "child", "head_span", "child_span")
Token = Mapping[str, Any]


def tokens_of(document: Document, kept: Sequence[Token] = ()) -> list[dict[str, Any]]:
    """Tokens in which every entity begins and ends: those of the file if they do, else new ones."""
    text = document.text
    cuts = {offset for e in document.entities for offset in (e.start, e.end)}
    borders = {token[edge] for token in kept for edge in ("start", "end")}
    if kept and cuts <= borders:
        return [dict(token) for token in kept]
    return [
        {
            "text": text[start:end],
            "start": start,
            "end": end,
            "id": i,
            "ws": text[end : end + 1] == " ",
        }
        for i, (start, end) in enumerate(split_tokens(text, cuts | borders))
    ]


def moved_relations(
    relations: Iterable[Any], before: Sequence[Token], after: Sequence[Token], document: Document
) -> list[dict[str, Any] | None]:
    """The relations, their token numbers counted in ``after`` in place of ``before``.

    ``None`` stands for one whose tokens or spans are no longer there; the label of a span
    follows the entity that stands at its place.
    """
    ends = {token["end"]: i for i, token in enumerate(after)}
    starts = {token["start"]: i for i, token in enumerate(after)}
    labels = {(e.start, e.end): e.label for e in document.entities}

    def token(number: Any) -> int | None:
        known = type(number) is int and 0 <= number < len(before)
        return ends.get(before[number]["end"]) if known else None

    def span(given: Mapping[str, Any]) -> dict[str, Any] | None:
        first, last = given.get("token_start"), given.get("token_end")
        if type(first) is not int or type(last) is not int:
            return None
        if not 0 <= first <= last < len(before):
            return None
        start, end = before[first]["start"], before[last]["end"]
        if start not in starts or end not in ends:
            return None
        moved = {**given, "start": start, "end": end}
        moved["token_start"], moved["token_end"] = starts[start], ends[end]
        if given.get("label") is not None:  # a mere token takes part in relations without one
            if (start, end) not in labels:
                return None
            moved["label"] = labels[start, end]
        return moved

    found: list[dict[str, Any] | None] = []
    for relation in relations:
        moved = dict(relation)
        moved["head"], moved["child"] = token(relation.get("head")), token(relation.get("child"))
        for side in _ENDS[2:]:
            if isinstance(relation.get(side), dict):
                moved[side] = span(relation[side])
        gone = any(side in moved and moved[side] is None for side in _ENDS)
        found.append(None if gone else moved)
    return found


def still_meant(other: Mapping[str, Any], document: Document) -> tuple[dict[str, Any], int]:
    """The further fields without relations of spans that are not there, and how many those are."""
    given, tokens = other.get("relations") or [], other.get("tokens") or []
    moved = moved_relations(given, tokens, tokens_of(document, tokens), document)
    kept = [r for r, there in zip(given, moved, strict=True) if there is not None]
    return {**other, "relations": kept}, len(given) - len(kept)
