"""What goes into a conversion is what comes out and what the account names, for every pair."""

from __future__ import annotations

import importlib.util
import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ie_model.annotation.conversion import convert
from ie_model.corpus import Account, Changes, read_documents, read_located
from ie_model.corpus.formats import FORMATS
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from tests.annotation.raw_corpora import WRITERS, Raw, raws

SOURCES = [name for name in WRITERS if name != "docbin" or importlib.util.find_spec("spacy")]
TARGETS = SOURCES
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
    yield "entities", ["".join(mention.split()), entity.label]
    if entity.score is not None:
        yield "scores", entity.score
    for key, value in entity.meta.items():
        if key not in NUMBERS:
            kind = "second labels" if key == "other_labels" else f"entity meta: {key}"
            yield kind, value
    if "meta" in entity.meta.get("labelstudio", {}):
        yield "notes", entity.meta["labelstudio"]["meta"]


RULES = {
    "as it is": Changes(),
    "mended": Changes(fix=True),
    "flat": Changes(flatten="longest"),
    "mended and flat": Changes(fix=True, flatten="longest"),
    "one label less": Changes({"LOC": None}, flatten="first"),
    "the sure": Changes(min_confidence=0.5),
}
KINDS_OF_RELATIONS = (
    "relations", "brat annotations that are no entities",
    "labelstudio annotations that are no entities",
)  # fmt: skip


def check(corpus: list[Raw], source: str, target: str, changes: Changes) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path, entities, aside = WRITERS[source](corpus, folder)
        account = Account()
        before = [document for _, document in read_located(path, source, account)]
        assert sum(len(document.entities) for document in before) == entities
        assert sum(entry.number for entry in account) == aside, list(account)
        output = folder / f"t{''.join(FORMATS[target].suffixes[:1])}"
        changed = [changes.apply(document) for document in before]
        if refusal := refused(changed, target, changes):
            with pytest.raises(InputError, match=refusal):
                convert(path, output, source, target, changes)
            assert not output.exists()
            return
        result = convert(path, output, source, target, changes)
        assert list(result.aside) == list(account)
        after = list(read_documents(output, target))
        gone = {kind: n for kind, n in result.changes.items() if kind.startswith("dropped by ")}
        gone |= {kind: result.changes[f"mended: {kind}"] for kind in ("blank", "duplicate-span")}
        left = sum(len(document.entities) for document in after)
        assert (result.documents, result.labels.total()) == (len(after), left)
        assert entities == left + sum(gone.values())
        said, given_, back = things(before), things(changed), things(after)
        lost = Counter(kind for kind, _ in (given_ - back).elements())
        assert lost == result.lost
        # Without a place of their own, ids and spacing are made up anew, and nothing else is.
        made = Counter(kind for kind, _ in (back - given_).elements())
        assert not made - Counter({k: lost[k] for k in ("document ids", "exact spacing")})
        for kind in KINDS_OF_RELATIONS:
            dropped = result.changes[f"dropped with their entities: {kind}"]
            assert of_kind(said, kind) == of_kind(back, kind) + result.lost[kind] + dropped


def of_kind(found: Counter[tuple[str, str]], kind: str) -> int:
    return sum(number for (name, _), number in found.items() if name == kind)


def refused(documents: list[Document], target: str, changes: Changes) -> str:
    """What a conversion says of documents that the target cannot hold as they are."""
    if not changes.fix and any(not stands(d, e) for d in documents for e in d.entities):
        return "entities that are not where their offsets say:"
    spans = [sorted((e.start, e.end) for e in document.entities) for document in documents]
    crossing = any(a[1] > b[0] for each in spans for a, b in itertools.pairwise(each))
    return "overlap" if crossing and not FORMATS[target].overlaps else ""


def stands(document: Document, entity: Entity) -> bool:
    held = document.text[entity.start : entity.end]
    return not entity.text or held.split() == entity.text.split()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_account_names_all_that_a_full_corpus_loses(source, target):
    text = "Anna left\nanti-Assad Oslo again"
    spans = [(0, 4, "PER"), (10, 20, "LOC")]
    full = [Raw(text, spans, [True] * 6), Raw("Anna left", [], [True] * 6)]
    check(full, source, target, Changes())
    check(full, source, target, Changes({"LOC": None}))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("source", SOURCES)
def test_account_of_overlaps_and_mistaken_mentions(source, rule):
    text = "No0 Anna left\nanti-Assad Oslo again"
    spans = [(4, 8, "PER"), (14, 24, "LOC")]
    over = [(4, 24, "OVER")]
    for target in ("jsonl", "conll", "labelstudio"):
        for mistaken in ("", "No0", "Nowhere"):
            corpus = [Raw(text, spans, [True] * 6, over, mistaken)]
            check(corpus, source, target, RULES[rule])


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_account_names_all_that_random_corpora_lose(source, data):
    rule = RULES[data.draw(st.sampled_from(tuple(RULES)))]
    check(data.draw(raws()), source, data.draw(st.sampled_from(TARGETS)), rule)
