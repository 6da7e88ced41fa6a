"""What goes into a conversion is what comes out and what the account names, for every pair."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ie_model.annotation.conversion import convert
from ie_model.corpus import Account, read_documents, read_located
from ie_model.corpus.formats import FORMATS
from ie_model.documents import Document, Entity
from tests.annotation.raw_corpora import WRITERS, Raw, raws

SOURCES = [name for name in WRITERS if name != "docbin" or importlib.util.find_spec("spacy")]
TARGETS = [*SOURCES, "csv", "tsv"]
MASKS = "stretches that nobody looked at, which count as looked at from there"
PEOPLE = "who annotated, and names in the Label Studio project"
NUMBERS = ("brat_id", "doccano_id", "labelstudio_id", "labelstudio")


def things(documents: Iterable[Document]) -> Counter[tuple[str, str]]:
    """Everything that documents say: a kind, as the account calls it, and the content."""
    return Counter(
        (kind, content if isinstance(content, str) else json.dumps(content, sort_keys=True))
        for document in documents
        for kind, content in of_document(document)
    )


def of_document(document: Document) -> Iterator[tuple[str, Any]]:
    yield "document ids", document.id
    yield "exact spacing", document.text
    yield "words", "".join(document.text.split())
    if document.error is not None:
        yield "errors of predictions", document.error
    for entity in document.entities:
        yield from of_entity(document.text, entity)
    for key, value in document.meta.items():
        if key == "unannotated":
            yield from ((MASKS, list(place)) for place in value)
        elif key == "labelstudio":
            yield PEOPLE, value
        elif key.endswith("_aside"):
            tool = key.removesuffix("_aside")
            yield from ((f"{tool} annotations that are no entities", each) for each in value)
        elif key in ("doccano", "prodigy"):
            yield from (("relations", "") for _ in value.get("relations", ()))
            rest = value.keys() - {"relations", "tokens"}
            yield from ((f"document meta: {k}", value[k]) for k in rest)
        else:
            yield f"document meta: {key}", value


def of_entity(text: str, entity: Entity) -> Iterator[tuple[str, Any]]:
    mention = text[entity.start : entity.end]
    assert entity.text in ("", mention)
    yield "entities", ["".join(mention.split()), entity.label]
    if entity.score is not None:
        yield "scores", entity.score
    for key, value in entity.meta.items():
        if key not in NUMBERS:
            kind = "second labels" if key == "other_labels" else f"entity meta: {key}"
            yield kind, value
    if "meta" in entity.meta.get("labelstudio", {}):
        yield "notes", entity.meta["labelstudio"]["meta"]


def check(corpus: list[Raw], source: str, target: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path, entities, aside = WRITERS[source](corpus, folder)
        account = Account()
        before = [document for _, document in read_located(path, source, account)]
        assert sum(len(document.entities) for document in before) == entities
        assert sum(entry.number for entry in account) == aside, list(account)
        output = folder / f"t{''.join(FORMATS[target].suffixes[:1])}"
        result = convert(path, output, source, target)
        assert list(result.aside) == list(account)
        after = list(read_documents(output, target))
        assert (result.documents, result.labels.total()) == (len(after), entities)
        given_, back = things(before), things(after)
        lost = Counter(kind for kind, _ in (given_ - back).elements())
        assert lost == result.lost
        # Without a place of their own, ids and spacing are made up anew, and nothing else is.
        made = Counter(kind for kind, _ in (back - given_).elements())
        assert not made - Counter({k: lost[k] for k in ("document ids", "exact spacing")})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_account_names_all_that_a_full_corpus_loses(source, target):
    text = "Anna left\nanti-Assad Oslo again"
    spans = [(0, 4, "PER"), (10, 20, "LOC")]
    check([Raw(text, spans, [True] * 6), Raw("Anna left", [], [True] * 6)], source, target)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_account_names_all_that_random_corpora_lose(source, data):
    check(data.draw(raws()), source, data.draw(st.sampled_from(TARGETS)))
