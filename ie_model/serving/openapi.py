"""What the routes take and give, as OpenAPI and as a page that needs nothing from elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field, JsonValue
from pydantic.json_schema import models_json_schema

import ie_model
from ie_model.display.highlight import environment
from ie_model.serving.questions import Question

_REFERENCE = "#/components/schemas/{model}"


class EntityOut(BaseModel):
    """A span of a document."""

    start: int = Field(description="First character: Unicode code points, not UTF-16 units.")
    end: int = Field(description="One past the last character.")
    label: str
    text: str
    score: float
    meta: dict[str, JsonValue] = Field(
        {}, description="value where normalised; review where a person should look."
    )


class DocumentOut(BaseModel):
    """A document with its entities, sorted, none within another."""

    id: str
    text: str
    entities: list[EntityOut]
    meta: dict[str, JsonValue] = {}
    error: str | None = Field(None, description="Why this document failed; not there otherwise.")


class Answer(BaseModel):
    """The documents in the order asked."""

    model: str
    documents: list[DocumentOut]


class Refused(BaseModel):
    """Why there is no answer, in one sentence."""

    error: str


PREDICT: dict[str, Any] = {
    "summary": "Entities of one document or of many",
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": _REFERENCE.format(model="Question")},
                    "example": {
                        "text": "Iraqi federal police cleared Hawija on Tuesday.",
                        "normalise": True,
                        "date": "2018-12-05",
                    },
                }
            },
        }
    },
    "responses": {
        200: {"model": Answer, "description": "The entities."},
        401: {"model": Refused, "description": "The key is missing or wrong."},
        408: {"model": Refused, "description": "The body did not arrive in time."},
        413: {"model": Refused, "description": "More than one request may hold."},
        415: {"model": Refused, "description": "Not JSON in UTF-8 by its headers, or compressed."},
        422: {"model": Refused, "description": "Not a question."},
        500: {"model": Refused, "description": "The server failed, or every document did."},
        503: {"model": Refused, "description": "Full or not ready; Retry-After says when."},
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of the application's routes."""
    description = get_openapi(
        title="ie_model", version=ie_model.__version__, routes=app.routes,
        description="Entities of security news: actors, locations, quantities, operations, dates.",
    )  # fmt: skip
    _, definitions = models_json_schema([(Question, "validation")], ref_template=_REFERENCE)
    description["components"]["schemas"] |= definitions["$defs"]
    return description


def docs_page(description: dict[str, Any]) -> str:
    """The description as one page of HTML, without scripts."""
    return (
        environment()
        .get_template("openapi.html.j2")
        .render(title="HTTP interface", description=description, type_of=_type_of)
    )


def _type_of(schema: dict[str, Any]) -> str:
    """A schema in few words: ``array of DocumentIn or string``."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type_of, schema["anyOf"])))
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"array of {_type_of(schema.get('items', {}))}"
    extra = schema.get("additionalProperties")
    if kind == "object" and isinstance(extra, dict) and extra:
        return f"object of {_type_of(extra)}"
    if "minimum" in schema:
        return f"{kind} from {schema['minimum']:g} to {schema['maximum']:g}"
    return kind
