"""Which annotations of a Label Studio task are read: a person's finished ones, or predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.formats.labelstudio_regions import LABEL_KEYS
from ie_model.errors import InputError

EVERYBODY = "all"
"""The annotator who stands for all of them: every finished annotation is a document."""
# What the short export (JSON_MIN) says of the annotation, among the fields of the task.
_SHORT_KEYS = (
    "annotator annotation_id created_at updated_at lead_time agreement annotations completions "
    "predictions"
).split()
_FURTHER = (
    "annotation of a task beside the ground truth or else the first, which is read (--option "
    "annotator=all reads each as a document, annotator=ID one person's; agree compares)"
)


def fields_of(task: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a task shows: ``data``, or what the short export mixes with the rest."""
    given = task.get("data")
    if isinstance(given, dict):
        return given
    return {k: v for k, v in task.items() if k not in _SHORT_KEYS}


def chosen_annotations(
    task: Mapping[str, Any],
    data: Mapping[str, Any],
    annotator: str | None,
    predictions: bool,
    seen: set[str],
    where: str,
    account: Account,
) -> list[tuple[list[Any], dict[str, Any]]]:
    """The regions taken, each list with what stands beside it; none, and counted, without any.

    Args:
        task: as it stands in the file.
        data: its fields (:func:`fields_of`).
        annotator: whose annotations, or :data:`EVERYBODY`.
        predictions: take those in place of annotations.
        seen: ids of the tasks of the short export read so far, which has a row an annotation.
        where: the place of the task.
        account: takes what is left out.
    """
    predicted = _objects(task.get("predictions"), "predictions", where)
    if predictions:
        if predicted:
            kind = "further prediction of a task"
            account.set_aside(kind, where, len(predicted) - 1)
            return [(_result(predicted[0], where), {})]
        account.set_aside("task without a prediction", where)
        return []
    given = task.get("annotations") or task.get("completions")
    if given is None and "annotations" not in task and task.get("data") is not data:
        return _of_short(task, data, annotator, seen, where, account)
    annotations = _objects(given, "annotations", where)
    finished = [a for a in annotations if not a.get("was_cancelled")]
    if annotator not in (None, EVERYBODY):
        finished = [a for a in finished if annotator in _names(a.get("completed_by"))]
    if finished and annotator != EVERYBODY:
        account.set_aside(_FURTHER, where, len(finished) - 1)
        finished = [next((a for a in finished if a.get("ground_truth")), finished[0])]
    if finished:
        return [(_result(a, where), dict(a)) for a in finished]
    if annotator not in (None, EVERYBODY):
        account.set_aside(f"task not annotated by {annotator!r}", where)
    elif annotations:
        account.set_aside("skipped task", where)
    elif given:
        account.set_aside("task whose annotations are ids alone (export them in full)", where)
    elif task.get("drafts"):
        account.set_aside("task with an unfinished draft alone", where)
    elif predicted:
        account.set_aside("task with predictions alone", where)
    else:
        account.set_aside("task that nobody annotated", where)
    return []


def _objects(given: Any, name: str, where: str) -> list[dict[str, Any]]:
    """The objects of a list; a server puts ids in their place where it was not asked for more."""
    if not isinstance(given or [], list):
        raise InputError(f"{where}: {name!r} must be a list, found {given!r:.60}")
    return [entry for entry in given or [] if isinstance(entry, dict)]


def _result(annotation: Mapping[str, Any], where: str) -> list[Any]:
    found = annotation.get("result") or []
    if not isinstance(found, list):
        raise InputError(f"{where}: 'result' must be a list, found {found!r:.60}")
    return list(found)


def person_of(beside: Mapping[str, Any], number: int) -> str:
    """What to call who made an annotation: e-mail address or id, else the annotation's number."""
    person = beside.get("completed_by")
    if isinstance(person, dict):
        person = next((person[k] for k in ("email", "username", "id") if person.get(k)), None)
    return str(number if person is None else person)


def _of_short(
    task: Mapping[str, Any],
    data: Mapping[str, Any],
    annotator: str | None,
    seen: set[str],
    where: str,
    account: Account,
) -> list[tuple[list[Any], dict[str, Any]]]:
    """JSON_MIN: each control tag is a key of the task, and a region is its bare value."""
    if annotator not in (None, EVERYBODY) and annotator not in _names(task.get("annotator")):
        account.set_aside(f"task not annotated by {annotator!r}", where)
        return []
    key = str(task.get("id"))
    if annotator is None and key in seen and "id" in task:
        account.set_aside(_FURTHER, where)
        return []
    seen.add(key)
    beside = {k: task[k] for k in _SHORT_KEYS if k in task}
    if "annotator" in beside:
        beside["completed_by"] = beside.pop("annotator")
    return [(list(_short_result(data)), beside)]


def _names(person: Any) -> set[str]:
    if isinstance(person, dict):
        return {str(v) for k, v in person.items() if k in ("id", "email", "username")}
    return {str(person)}


def is_regions(value: Any) -> bool:
    """Whether a value of the short export is what one control holds: regions, or choices."""
    if isinstance(value, dict):
        return "choices" in value
    return isinstance(value, list) and any(isinstance(v, dict) for v in value)


def _short_result(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The regions of the short export as the full one has them, its choices among them."""
    for control, held in data.items():
        if control == "meta" or not is_regions(held):
            continue
        if isinstance(held, dict):
            yield {"from_name": control, "type": "choices", "value": held}
            continue
        for value in held:
            region: dict[str, Any] = {"from_name": control, "value": value}
            kind = next((k for k in LABEL_KEYS if isinstance(value, dict) and k in value), None)
            yield region if kind is None else {**region, "type": kind}
