"""A request's body as a :class:`Question`: which documents, which model, which options.

The classes are also the schema that the server publishes.
"""

from __future__ import annotations

import datetime
import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ie_model.documents import Document
from ie_model.serving.limits import Limits, Refusal

Id = str | int
Score = Annotated[float, Field(ge=0, le=1)]

_LABELS = 1000  # named in one min_score
_SHOWN = 60  # characters of a key that an answer quotes


class DocumentIn(BaseModel):
    """A document in the native form; entities that it has already are replaced."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str
    id: Id | None = Field(None, description="Comes back as text; its number if left out.")
    meta: dict[str, JsonValue] = Field({}, description="Comes back unchanged.")
    entities: list[Any] | None = Field(None, description="Not looked at.")
    error: Any = Field(None, description="Not looked at.")


class Question(BaseModel):
    """One document (text, id, meta) or many (documents), and the options."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Question")

    text: str | None = None
    id: Id | None = None
    meta: dict[str, JsonValue] | None = None
    documents: list[DocumentIn | str] | None = Field(
        None, description="Documents, or texts; in place of text, id and meta."
    )
    model: str | None = Field(None, description="A name of /v1/models; the first by default.")
    min_score: Score | dict[str, Score] | None = Field(
        None,
        description="Leave out entities scored lower: one number, or one by label; takes the "
        "place of the thresholds stored with the model.",
    )
    normalise: bool = Field(False, description="Add values to dates and quantities.")
    date: datetime.date | None = Field(
        None,
        description="The day that relative dates are seen from, for documents whose "
        "meta.date does not say one. ISO 8601.",
    )

    def as_documents(self) -> list[Document]:
        """The documents asked about, in order; one without an id gets its number."""
        asked: Sequence[DocumentIn | str]
        if self.documents is None:
            asked = [DocumentIn(text=self.text or "", id=self.id, meta=self.meta or {})]
        else:
            asked = self.documents
        return [
            Document(item, id=str(number))
            if isinstance(item, str)
            else Document(item.text, id=str(number if item.id is None else item.id), meta=item.meta)
            for number, item in enumerate(asked)
        ]


def _look_over(body: bytes, limits: Limits) -> None:
    """Refuse what a validator would take in silence, or list the faults of for a minute.

    Of two values of one key it takes the last; of a million wrong documents it names each.
    """
    try:
        asked = json.loads(
            body, object_pairs_hook=_object, parse_float=_finite, parse_constant=_finite
        )
    except RecursionError:
        raise Refusal(422, "invalid", "The body is nested too deeply.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Refusal(422, "invalid", f"The body is not JSON in UTF-8 ({error}).") from None
    except ValueError:
        raise Refusal(422, "invalid", "The body holds a number of too many digits.") from None
    if not isinstance(asked, dict):
        return
    _check_keys(asked, Question, "")
    scores = asked.get("min_score")
    if isinstance(scores, dict) and len(scores) > _LABELS:
        raise Refusal(422, "invalid", "min_score names more labels than any model has.")
    documents = asked.get("documents")
    if not isinstance(documents, list):
        return
    if len(documents) > limits.documents:
        raise Refusal(
            413, "too_large",
            f"{len(documents):,} documents are more than the {limits.documents:,} that one request "
            "may hold; send them in several requests.",
        )  # fmt: skip
    for number, document in enumerate(documents):
        if isinstance(document, dict):
            _check_keys(document, DocumentIn, f"documents[{number}].")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Refusal(422, "invalid", f"The key {_short(twice)} stands twice in one object.")
    return made


def _finite(number: str) -> float:
    """A number; readers take NaN, and 1e999 for infinity, and cannot write them as JSON again."""
    value = float(number)
    if not math.isfinite(value):
        raise Refusal(
            422, "invalid", "The body holds a number that JSON cannot hold: NaN or an infinite one."
        )
    return value


def _check_keys(given: dict[str, Any], fields: type[BaseModel], place: str) -> None:
    for key in given:
        if key not in fields.model_fields:
            known = ", ".join(fields.model_fields)
            raise Refusal(422, "invalid", f"{place}{_short(key)} is not known; use {known}.")


def _short(text: str) -> str:
    """Words of a request for a sentence to who sent it: in one line, and not all of a long one."""
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return shown if shown.isprintable() else ascii(shown)


def read_question(body: bytes, limits: Limits) -> Question:
    """The question in a request's body (JSON, UTF-8).

    Raises:
        Refusal: 422 for what is not a question, 413 for one that is too large.
    """
    _look_over(body, limits)
    try:
        question = Question.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(422, "invalid", _sentence(error)) from None
    if (question.text is None) == (question.documents is None):
        raise Refusal(422, "invalid", "Give either text (one document) or documents (a list).")
    if question.documents is None:
        characters = len(question.text or "")
    elif question.id is not None or question.meta is not None:
        raise Refusal(422, "invalid", "Beside documents, id and meta stand in each document.")
    else:
        characters = sum(len(d if isinstance(d, str) else d.text) for d in question.documents)
    if characters > limits.characters:
        raise Refusal(
            413, "too_large",
            f"{characters:,} characters are more than the {limits.characters:,} that one request "
            "may hold; send the documents in several requests.",
        )  # fmt: skip
    return question


_KNOWN = {
    "missing": "is missing",
    "string_type": "must be a string",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "greater_than_equal": "must lie between 0 and 1",
    "less_than_equal": "must lie between 0 and 1",
}


def _sentence(error: ValidationError) -> str:
    """The fault in one sentence, without anything of the texts."""
    faults = error.errors(include_url=False, include_input=True)
    if faults[0]["type"] == "json_invalid":
        return f"The body is not JSON in UTF-8 ({faults[0]['ctx']['error']})."
    # A choice of two types is reported once for each: the branch that went deepest was meant.
    fault = max(faults, key=lambda fault: len(fault["loc"]) - (fault["loc"][-1:] == ("str",)))
    place = ""
    for part in fault["loc"]:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part in _BRANCHES or part.endswith("float]"):
            continue
        else:
            place += f".{part}" if place else str(part)
    kind = fault["type"]
    if place.startswith("documents[") and place.endswith("]") and kind in _KNOWN:
        return f"{place} must be a text or an object with a text."
    if place.endswith("id") and kind.endswith("_type"):
        return f"{place} must be a string or a whole number."
    if kind.startswith("date"):
        return f"{place} must be a day in ISO 8601, such as 2018-12-05."
    message = _KNOWN.get(kind, "is not valid: " + fault["msg"].lower())
    return f"{_short(place) or 'The body'} {message}."


# What pydantic calls the branches of a choice, in between the names of fields.
_BRANCHES = {"DocumentIn", "str", "int", "constrained-float"}
