"""Regions of Label Studio: which are spans of the text, what they say, how they counted."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ie_model.corpus.formats.offsets import CODE_POINTS, same_surface, settle_entities
from ie_model.documents import Entity
from ie_model.errors import InputError

log = logging.getLogger(__name__)

REGION = "labelstudio"
"""Key of an entity's ``meta`` for what its region said beside offsets, labels and score."""
LABEL_KEYS = ("labels", "hypertextlabels", "htmllabels", "paragraphlabels")
_MARKUP = re.compile(r"<[^<>]+>")
_OWN = ("id", "value", "score", "start", "end", "text", "globalOffsets", *LABEL_KEYS)
_SOUNDS = ("channel", "ranges", "sequence", "instant")


def labels_of(region: Any) -> list[str]:
    """The labels of a region; none where it is no span or has no label."""
    value = region.get("value") if isinstance(region, dict) else None
    if not isinstance(value, dict) or "start" not in value or "end" not in value:
        return []
    found: Any = next((value[k] for k in LABEL_KEYS if k in value), [])
    found = [found] if isinstance(found, str) else found
    return [str(label) for label in found if label] if isinstance(found, list) else []


def drawn_on(result: Iterable[Any], field: str, data: Mapping[str, Any]) -> dict[str, str]:
    """For each object (``to_name``) of a task the field of ``data`` that it shows.

    An object called after a field shows it. Another name is the project's choice: such an
    object shows the field that holds most of the mentions its regions repeat at their places,
    the text where none does better.
    """
    strings = {field: data[field], **{k: v for k, v in data.items() if isinstance(v, str)}}
    mentions: dict[str, list[tuple[Any, Any, str]]] = {}
    shown: dict[str, str] = {}
    for region in result:
        name = region.get("to_name") if isinstance(region, dict) else None
        if not isinstance(name, str):
            continue
        if name in data:
            shown[name] = name
            continue
        value = region.get("value")
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            mentions.setdefault(name, []).append(
                (value.get("start"), value.get("end"), value["text"])
            )
    for name, found in mentions.items():
        held = {
            key: sum(
                type(start) is int and type(end) is int and text[start:end] == mention
                for start, end, mention in found
            )
            for key, text in strings.items()
        }
        shown[name] = max(held, key=lambda key: held[key])  # the text is the first of them
    return shown


def no_span(region: Any, field: str, data: Mapping[str, Any], objects: Mapping[str, str]) -> str:
    """Why a region is no span of this text, as a kind for the account; empty if it is one."""
    value = region.get("value") if isinstance(region, dict) else None
    kind = str(region.get("type", "of no type")) if isinstance(region, dict) else "no object"
    if not isinstance(value, dict) or "start" not in value or "end" not in value:
        return f"annotation that is no span: {kind} (kept aside)"
    name = region.get("to_name")
    on = objects.get(name, field) if isinstance(name, str) else field
    timed = kind in ("videolabels", "timeserieslabels", "audio") or "original_length" in region
    if timed or any(key in value for key in _SOUNDS):
        return "region of a sound or film (kept aside)"
    if on != field:
        if isinstance(data.get(on), str):
            return f"region of the field {on!r} (kept aside; option text_field)"
        return f"region of the field {on!r}, which is no text (kept aside)"
    return "" if labels_of(region) else "region without a label (kept aside)"


def read_region(region: Mapping[str, Any], where: str) -> Entity:
    """A region that is a span, as an entity; its further labels and notes are in ``meta``.

    Raises:
        InputError: it has no character offsets.
    """
    value = region["value"]
    # In HTML the plain start is a path into the page; offsets into its text stand beside it.
    place = value.get("globalOffsets") or value
    start, end = place.get("start"), place.get("end")
    if type(start) is not int or type(end) is not int:
        raise InputError(
            f"{where}: region {region.get('id')!r} has no character offsets (start {start!r}, "
            f"end {end!r}); a region of HTML needs globalOffsets, one of a dialogue cannot be read"
        )
    first, *others = labels_of(region)
    meta: dict[str, Any] = {"labelstudio_id": region["id"]} if "id" in region else {}
    if others:
        meta["other_labels"] = others
    known = {k: v for k, v in region.items() if k not in _OWN}
    if more := {k: v for k, v in value.items() if k not in _OWN}:
        known["value"] = more
    if known:
        meta[REGION] = known
    score = region.get("score")
    surface = str(value.get("text") or region.get("text") or "").replace("\\n", "\n")
    return Entity(
        start, end, first, float(score) if isinstance(score, int | float) else None, surface, meta
    )


def settle_shown(
    text: str, entities: Sequence[Entity], where: str
) -> tuple[str, tuple[Entity, ...]]:
    """The text that the annotators saw, and the entities in it: the one that they agree with."""
    shown = {
        "": text,
        "with HTML escapes undone": html.unescape(text),
        "as HTML shows it": html.unescape(_MARKUP.sub("", text)),
    }
    best, unit, settled, reading = text, CODE_POINTS, tuple(entities), ""
    most = -1
    for name, candidate in shown.items():
        its_unit, its_entities = settle_entities(candidate, entities)
        if (agreeing := _agreeing(candidate, its_entities)) > most:
            best, unit, settled, reading, most = candidate, its_unit, its_entities, name, agreeing
    if reading:
        log.info("%s: offsets refer to the text %s; taken so", where, reading)
    if unit != CODE_POINTS:
        log.info("%s: offsets count %s; converted", where, unit)
    return best, settled


def _agreeing(text: str, entities: Iterable[Entity]) -> int:
    return sum(same_surface(text[e.start : e.end], e.text) for e in entities if e.text)
