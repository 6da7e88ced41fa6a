"""Label Studio JSON: an array of tasks, each with ``data`` and annotated regions.

Read are its full export (``annotations`` or ``predictions`` with ``result``) and the short
one (JSON_MIN). Offsets are verified against the mention that every region repeats, because
releases of the tool counted differently: UTF-16 units, line ends of two characters as one,
or the text with its HTML escapes undone. In the last case the unescaped text, which the
annotators saw, becomes the document's text.

Regions that are no spans (choices, relations) are kept under ``meta["labelstudio_aside"]``;
what the way back into the same project needs (the key of the text, names of controls, who
annotated) under ``meta["labelstudio"]`` of the document and of its entities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.formats.json_array import read_tasks, write_array
from ie_model.corpus.formats.labelstudio_annotations import (
    EVERYBODY,
    chosen_annotations,
    fields_of,
    is_regions,
    person_of,
)
from ie_model.corpus.formats.labelstudio_regions import (
    LABEL_KEYS,
    REGION,
    drawn_on,
    labels_of,
    no_span,
    read_region,
    settle_shown,
)
from ie_model.documents import Document
from ie_model.errors import InputError

ASIDE = "labelstudio_aside"
KEPT = "labelstudio"


def read(
    path: Path,
    text_field: str | None = None,
    annotator: str | None = None,
    predictions: bool = False,
    account: Account | None = None,
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
            without one are left out. ``all`` takes every finished annotation as a document of its
            own, called ``TASK@ANNOTATOR``.
        predictions: take each task's first prediction in place of its annotations.
        account: where to count what is left out; by default it is logged.

    Raises:
        InputError: the file is missing or not UTF-8, not a JSON array of tasks, or a task
            without a text.
    """
    aside_account = Account() if account is None else account
    found, guessed = 0, 0
    seen: set[str] = set()
    times: Counter[str] = Counter()
    for where, task in read_tasks(path):
        if not isinstance(task, dict):
            raise InputError(f"{where}: expected a task, found {str(task)[:40]!r}")
        if isinstance(task.get("task"), dict) and "result" in task:  # of a target storage
            task = {**task["task"], "annotations": [{k: task[k] for k in task if k != "task"}]}
        data = fields_of(task)
        field, text = _text(data, text_field, where)
        taken = chosen_annotations(task, data, annotator, predictions, seen, where, aside_account)
        guessed += not taken and not predictions and bool(task.get("predictions"))
        found += len(taken)
        id_ = next((d["id"] for d in (data, task) if d.get("id") is not None), None)
        id_ = f"{path.stem}:{where.split()[-1]}" if id_ is None else str(id_)
        for number, (result, beside) in enumerate(taken, 1):
            document = _document(task, data, field, text, result, beside, where, aside_account)
            name = id_
            if annotator == EVERYBODY:
                name = f"{id_}@{person_of(beside, number)}"
                times[name] += 1
                name += f"#{times[name]}" if times[name] > 1 else ""
            yield where, replace(document, id=name)
    if account is None:
        aside_account.tell()
    if not found and guessed:
        raise InputError(
            f"{path}: no task has a finished annotation, only predictions of a model; to read "
            "these, give the option predictions=true"
        )


def _document(
    task: Mapping[str, Any],
    data: Mapping[str, Any],
    field: str,
    text: str,
    result: Sequence[Any],
    beside: Mapping[str, Any],
    where: str,
    account: Account,
) -> Document:
    """The document of one annotation of a task; what is no span is kept aside and counted."""
    objects = drawn_on(result, field, data)
    spans: list[Any] = []
    aside: list[Any] = []
    for region in result:
        reason = no_span(region, field, data, objects)
        (aside if reason else spans).append(region)
        if reason:
            account.set_aside(reason, where)
    further = sum(len(labels_of(region)) - 1 for region in spans)
    account.set_aside("further label of a region (kept in its meta)", where, further)
    text, settled = settle_shown(text, [read_region(r, where) for r in spans], where)
    meta = dict(data["meta"]) if isinstance(data.get("meta"), dict) else {}
    fields = {k: v for k, v in data.items() if k not in (field, "id", "meta")}
    if task.get("data") is not data:  # in the short export the controls stand among them
        fields = {k: v for k, v in fields.items() if not is_regions(v)}
    meta.update(fields)
    if aside:
        meta[ASIDE] = aside
    if kept := _kept(field, fields, beside):
        meta[KEPT] = kept
    return Document(text, settled, meta=meta)


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


def _kept(field: str, fields: Mapping[str, Any], person: Mapping[str, Any]) -> dict[str, Any]:
    """What the way back needs: the key of the text, the other keys, who annotated."""
    kept: dict[str, Any] = {}
    if field != "text":
        kept["text_field"] = field
    if fields:
        kept["data"] = list(fields)
    beside = {k: v for k, v in person.items() if k not in ("result", "was_cancelled")}
    if beside:
        kept["annotation"] = beside
    return kept


def _task(document: Document, predictions: bool) -> dict[str, Any]:
    meta = dict(document.meta)
    aside = meta.pop(ASIDE, None) or []
    kept = meta.pop(KEPT, None) or {}
    field = kept.get("text_field", "text")
    control, shown = _usual_names(document, field)
    regions: list[dict[str, Any]] = []
    for i, e in enumerate(document.entities):
        known = dict(e.meta.get(REGION) or {})
        value = known.pop("value", {})
        kind = known.get("type", "labels")
        region: dict[str, Any] = {
            "id": str(e.meta.get("labelstudio_id", f"span-{i + 1}")),
            "from_name": control,
            "to_name": shown,
            "type": "labels",
            **known,
            "value": {
                **value,
                "start": e.start,
                "end": e.end,
                "text": e.text or document.text[max(e.start, 0) : max(e.end, 0)],
                kind if kind in LABEL_KEYS else "labels": [
                    e.label,
                    *e.meta.get("other_labels", ()),
                ],
            },
        }
        if e.score is not None:
            region["score"] = round(e.score, 6)
        regions.append(region)
    data: dict[str, Any] = {field: document.text, "id": document.id}
    for key in kept.get("data", ()):
        if key in meta:
            data[key] = meta.pop(key)
    if meta:
        data["meta"] = meta
    result = {"result": [*regions, *aside]}
    if predictions:
        return {"data": data, "predictions": [result]}
    return {"data": data, "annotations": [{**kept.get("annotation", {}), **result}]}


def _usual_names(document: Document, field: str) -> tuple[str, str]:
    """The control and the object of the project, from a region that was read from it."""
    for known in (e.meta.get(REGION) for e in document.entities):
        if known and "from_name" in known and "to_name" in known:
            return known["from_name"], known["to_name"]
    return "label", field


def still_meant(aside: Sequence[Any], document: Document) -> tuple[list[Any], int]:
    """What was kept aside but for what refers to regions that are gone, and how much that is."""
    there = {e.meta.get("labelstudio_id") for e in document.entities}
    regions = [r for r in aside if isinstance(r, dict)]
    there |= {r["id"] for r in regions if "id" in r and not _says_of_region(r)}
    kept = [
        r
        for r in aside
        if not isinstance(r, dict)
        or (
            (r.get("id") in there if _says_of_region(r) else True)
            and ("from_id" not in r or there.issuperset((r["from_id"], r.get("to_id"))))
        )
    ]
    return kept, len(aside) - len(kept)


def _says_of_region(result: dict[str, Any]) -> bool:
    """Whether it is a choice, a note or a rating of a region of the text."""
    value = result.get("value")
    marks = result.get("type") in ("labels", "hypertextlabels")
    return not marks and isinstance(value, dict) and "start" in value
