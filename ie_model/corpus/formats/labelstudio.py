"""Label Studio JSON: an array of tasks, each with ``data`` and annotated regions.

Read are its full export (``annotations`` or ``predictions`` with ``result``) and the short
one (JSON_MIN). Offsets are verified against the mention that every region repeats, because
releases of the tool counted differently: UTF-16 units, line ends of two characters as one,
or the text with its HTML escapes undone. In the last case the unescaped text, which the
annotators saw, becomes the document's text.

Regions that are no spans (choices, relations) are kept under ``meta["labelstudio_aside"]``.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.formats.json_array import read_array, write_array
from ie_model.corpus.formats.offsets import CODE_POINTS, same_surface, settle_entities
from ie_model.documents import Document, Entity
from ie_model.errors import InputError

log = logging.getLogger(__name__)

ASIDE = "labelstudio_aside"
_LABEL_KEYS = ("labels", "hypertextlabels", "htmllabels", "paragraphlabels")


def read(
    path: Path,
    text_field: str | None = None,
    annotator: str | None = None,
    predictions: bool = False,
) -> Iterator[tuple[str, Document]]:
    """Stream ``("file, item n", document)``.

    Of several annotations of a task, the ground truth is taken, else the first that was not
    cancelled. Tasks that were skipped or never annotated are left out; what is left out, and
    tasks with several annotations, are counted in a warning. Only finished annotations are
    gold: predictions are taken where ``predictions`` asks for them, with scores.

    Args:
        path: the file.
        text_field: the key of ``data`` that holds the text; default ``text``, else the only
            string there.
        annotator: take the annotation completed by this user (id or e-mail address); tasks
            without one are left out.
        predictions: take each task's first prediction in place of its annotations.

    Raises:
        InputError: the file is missing or not UTF-8, not a JSON array of tasks, or a task
            without a text.
    """
    account, found = Account(), 0
    for where, task in read_array(path):
        if not isinstance(task, dict):
            raise InputError(f"{where}: expected a task, found {str(task)[:40]!r}")
        given = task.get("data")
        data: dict[str, Any] = given if isinstance(given, dict) else task
        field, text = _text(data, text_field, where)
        result = _result(task, data, annotator, predictions, where, account)
        if result is None:
            continue
        found += 1
        spans: list[Any] = []
        aside: list[Any] = []
        for region in result:
            reason = _no_span(region, field, data)
            (aside if reason else spans).append(region)
            if reason and reason != _ASIDE:
                account.set_aside(reason, where)
        second = sum(len(_labels_of(region)) - 1 for region in spans)
        if second:
            account.set_aside("further label of a region (kept in meta)", where, second)
        entities = [_read_region(r, where) for r in spans]
        text, settled = _settle(text, entities, where)
        meta = dict(data["meta"]) if isinstance(data.get("meta"), dict) else {}
        if task.get("data") is data:
            meta.update({k: v for k, v in data.items() if k not in (field, "id", "meta")})
        if aside:
            meta[ASIDE] = aside
        id_ = data["id"] if "id" in data else task.get("id", f"{path.stem}:{where.split()[-1]}")
        yield where, Document(text, settled, str(id_), meta)
    account.tell()
    if not found and account.counts["task with predictions alone"]:
        raise InputError(
            f"{path}: no task has a finished annotation, only predictions of a model; to read "
            "these, give the option predictions=true"
        )


def write(documents: Iterable[Document], path: Path, predictions: bool = False) -> None:
    """Write tasks to import: as annotations, or as predictions to start annotating from.

    Scores are kept; Label Studio shows those of predictions.

    Raises:
        InputError: the folder cannot be written.
    """
    write_array((_task(document, predictions) for document in documents), path)


def _text(data: Mapping[str, Any], wanted: str | None, where: str) -> tuple[str, str]:
    strings = [k for k, v in data.items() if isinstance(v, str)]
    field = wanted or ("text" if "text" in strings else None)
    if field is None and len(strings) == 1:
        field = strings[0]
    if field is None or field not in strings:
        found = ", ".join(map(repr, strings)) or "none"
        raise InputError(
            f"{where}: cannot tell which field is the text (strings: {found}); "
            "name it with text_field"
        )
    return field, data[field]


def _result(
    task: Mapping[str, Any],
    data: Mapping[str, Any],
    annotator: str | None,
    predictions: bool,
    where: str,
    account: Account,
) -> list[Any] | None:
    """The regions taken; ``None``, and counted, where the task has none to take."""
    predicted = [p for p in task.get("predictions") or [] if isinstance(p, dict)]
    if predictions:
        if predicted:
            return list(predicted[0].get("result") or [])
        account.set_aside("task without a prediction", where)
        return None
    given = task.get("annotations", task.get("completions"))
    if given is None and task.get("data") is not data:
        # JSON_MIN: each control tag is a key of the task, and a region is its bare value.
        if annotator is not None and annotator not in _names(task.get("annotator")):
            account.set_aside(f"task not annotated by {annotator!r}", where)
            return None
        lists = [v for v in data.values() if isinstance(v, list)]
        return [{"value": r} for v in lists for r in v if isinstance(r, dict)]
    annotations = [a for a in given or [] if isinstance(a, dict)]
    finished = [a for a in annotations if not a.get("was_cancelled")]
    if annotator is not None:
        finished = [a for a in finished if annotator in _names(a.get("completed_by"))]
    if finished:
        if len(finished) > 1:
            account.set_aside("annotation by another person (option annotator)", where,
                              len(finished) - 1)  # fmt: skip
        chosen = next((a for a in finished if a.get("ground_truth")), finished[0])
        return list(chosen.get("result") or [])
    if annotator is not None:
        account.set_aside(f"task not annotated by {annotator!r}", where)
    elif annotations:
        account.set_aside("skipped task", where)
    elif predicted:
        account.set_aside("task with predictions alone", where)
    else:
        account.set_aside("task that nobody annotated", where)
    return None


def _names(person: Any) -> set[str]:
    if isinstance(person, dict):
        return {str(v) for k, v in person.items() if k in ("id", "email", "username")}
    return {str(person)}


def _labels_of(region: Any) -> list[str]:
    value = region.get("value") if isinstance(region, dict) else None
    if not isinstance(value, dict) or "start" not in value or "end" not in value:
        return []
    found: Any = next((value[k] for k in _LABEL_KEYS if k in value), [])
    return [str(label) for label in found] if isinstance(found, list) else []


_ASIDE = "kept under meta"  # choices, relations, notes: no spans, written back as they are


def _no_span(region: Any, field: str, data: Mapping[str, Any]) -> str:
    """Why a region is no span of this text; empty if it is one."""
    value = region.get("value") if isinstance(region, dict) else None
    if not isinstance(value, dict) or "start" not in value or "end" not in value:
        return _ASIDE
    on = region.get("to_name")
    if "channel" in value or region.get("type") in ("videolabels", "timeserieslabels"):
        return "region of a sound or film"
    if isinstance(on, str) and on != field and isinstance(data.get(on), str):
        return f"region of the field {on!r} (option text_field)"
    return "" if _labels_of(region) else "region without a label"


def _read_region(region: Mapping[str, Any], where: str) -> Entity:
    value = region["value"]
    # In HTML the plain start is a path into the page; offsets into its text stand beside it.
    place = value.get("globalOffsets") or value
    start, end = place["start"], place["end"]
    if type(start) is not int or type(end) is not int:
        raise InputError(f"{where}: region {region.get('id')!r} has no character offsets")
    first, *others = _labels_of(region)
    meta = {"labelstudio_id": region["id"]} if "id" in region else {}
    if others:
        meta["other_labels"] = others
    score = region.get("score")
    surface = str(value.get("text") or "").replace("\\n", "\n")
    return Entity(
        start, end, first, float(score) if isinstance(score, int | float) else None, surface, meta
    )


_MARKUP = re.compile(r"<[^<>]+>")


def _settle(text: str, entities: list[Entity], where: str) -> tuple[str, tuple[Entity, ...]]:
    """The text that the annotators saw, and the entities in it: the one that they agree with."""
    shown = {
        "": text,
        "with HTML escapes undone": html.unescape(text),
        "as HTML shows it": html.unescape(_MARKUP.sub("", text)),
    }
    best, unit, settled, said = text, CODE_POINTS, tuple(entities), ""
    most = -1
    for name, candidate in shown.items():
        its_unit, its_entities = settle_entities(candidate, entities)
        if (agreeing := _agreeing(candidate, its_entities)) > most:
            best, unit, settled, said, most = candidate, its_unit, its_entities, name, agreeing
    if said:
        log.info("%s: offsets refer to the text %s; taken so", where, said)
    if unit != CODE_POINTS:
        log.info("%s: offsets count %s; converted", where, unit)
    return best, settled


def _agreeing(text: str, entities: Iterable[Entity]) -> int:
    return sum(same_surface(text[e.start : e.end], e.text) for e in entities if e.text)


def _task(document: Document, predictions: bool) -> dict[str, Any]:
    meta = dict(document.meta)
    aside = meta.pop(ASIDE, None) or []
    regions: list[dict[str, Any]] = []
    for i, e in enumerate(document.entities):
        region: dict[str, Any] = {
            "id": str(e.meta.get("labelstudio_id", f"span-{i + 1}")),
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": e.start,
                "end": e.end,
                "text": e.text or document.text[max(e.start, 0) : max(e.end, 0)],
                "labels": [e.label, *e.meta.get("other_labels", ())],
            },
        }
        if e.score is not None:
            region["score"] = round(e.score, 6)
        regions.append(region)
    data: dict[str, Any] = {"text": document.text, "id": document.id}
    if meta:
        data["meta"] = meta
    kind = "predictions" if predictions else "annotations"
    return {"data": data, kind: [{"result": [*regions, *aside]}]}
