from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from ie_model.config.schema import AugmentConfig
from ie_model.corpus.augmentation import augment
from ie_model.corpus.resampling import other_date, other_quantity
from ie_model.documents import Document, Entity
from ie_model.errors import InputError

EVERYTHING = AugmentConfig(
    copies=2,
    replace_mentions=0.7,
    resample_numbers=0.7,
    resample_dates=0.7,
    add_abbreviations=0.7,
    change_case=0.3,
    exchange_sentences=0.4,
    join_documents=0.3,
    list_mentions=0.3,
)


def marked(markup: str, id: str = "d") -> Document:
    """``[[ACTOR|Iraq]] said`` as a document."""
    text, entities = "", []
    for plain, label, mention in re.findall(r"(.*?)(?:\[\[(\w+)\|(.*?)\]\]|$)", markup, re.S):
        text += plain
        if label:
            entities.append(Entity(len(text), len(text) + len(mention), label, None, mention))
        text += mention
    return Document(text, tuple(entities), id)


ARTICLES = [
    marked(
        "The [[ACTOR|Syrian Democratic Forces]] took [[LOCATION|Hajin]] on [[DATE|Dec. 14]].\n"
        "[[ACTOR|Syrian Democratic Forces]] held [[QUANTITY|28,000 to 32,000 fighters]]. Nobody "
        "in [[LOCATION|Hajin]] spoke.",
        "a",
    ),
    marked(
        "[[ACTOR|Kenya Defence Forces]] left [[LOCATION|Kismayo]] after [[DATE|two weeks]]. "
        "An [[OPERATION|airstrike]] hit [[QUANTITY|about 1,400 civilians]].",
        "b",
    ),
    marked(
        "An [[OPERATION|ambush]] near the [[ACTOR|U.S.]]-backed post in [[LOCATION|Anbar]].", "c"
    ),
]
TEXT = st.text("Ab3 .,-'’(\nİßéı٣", max_size=12) | st.sampled_from(
    ["Dec. 3", "Two men. She", "F-16"]
)


@st.composite
def documents(draw) -> Document:
    text, entities = "", []
    for _ in range(draw(st.integers(0, 5))):
        text += draw(TEXT)
        mention = draw(TEXT).replace("\n", "").strip()
        if mention:
            label = draw(st.sampled_from(["ACTOR", "DATE", "QUANTITY", "OPERATION"]))
            entities.append(Entity(len(text), len(text) + len(mention), label))
            text += mention
    return Document(
        text + draw(TEXT), tuple(entities), draw(st.text("xyz", min_size=1, max_size=4))
    )


@settings(max_examples=150)
@given(st.lists(documents(), min_size=1, max_size=5), st.integers())
def test_augmentation_offsets_are_exact_and_labels_kept(corpus, seed):
    labels = {e.label for d in corpus for e in d.entities}
    made = list(augment(corpus, EVERYTHING, seed))
    assert len(made) <= 2 * len(corpus)
    for document in made:
        assert document.check(labels) == []
        assert all(e.text for e in document.entities)
        assert list(document.entities) == sorted(document.entities, key=lambda e: e.key)
    assert [d.to_dict() for d in augment(corpus, EVERYTHING, seed)] == [d.to_dict() for d in made]


def plain(document: Document) -> list[str]:
    """The text between the mentions."""
    edges = [0, *(x for e in document.entities for x in (e.start, e.end)), len(document.text)]
    return [document.text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]


@settings(max_examples=50)
@given(st.lists(documents(), min_size=1, max_size=5), st.integers())
def test_augmentation_of_mentions_leaves_the_rest_alone(corpus, seed):
    config = AugmentConfig(copies=1, replace_mentions=1, resample_numbers=1, resample_dates=1)
    by_id = {d.id: d for d in corpus}
    if len(by_id) < len(corpus):
        return
    known = {(e.label, d.text[e.start : e.end]) for d in corpus for e in d.entities}
    for made in augment(corpus, config, seed):
        before = by_id[made.meta["augmented_from"]]
        assert plain(made) == plain(before)
        assert [e.label for e in made.entities] == [e.label for e in before.entities]
        for e in made.entities:
            assert e.label in ("DATE", "QUANTITY") or (e.label, e.text) in known


def test_augmentation_is_off_by_default():
    assert list(augment(ARTICLES, AugmentConfig(), 0)) == []
    assert list(augment(ARTICLES, AugmentConfig(copies=3), 0)) == []  # copies without a change


def test_augmentation_depends_on_the_seed_and_leaves_the_originals():
    before = [d.to_dict() for d in ARTICLES]
    first, second = ([d.text for d in augment(ARTICLES, EVERYTHING, seed)] for seed in (1, 2))
    assert first != second
    assert [d.to_dict() for d in ARTICLES] == before


def test_augmentation_ids_tell_copies_apart():
    made = list(augment(ARTICLES, EVERYTHING, 1))
    assert len({d.id for d in made} | {"a", "b", "c"}) == len(made) + 3
    assert all(d.id.startswith(d.meta["augmented_from"] + "+") for d in made)


def test_augmentation_replaces_equal_mentions_alike():
    config = AugmentConfig(copies=20, replace_mentions=1)
    changed = 0
    for made in augment(ARTICLES, config, 3):
        if made.meta["augmented_from"] != "a":
            continue
        force, place, _, again, _, place_again = (e.text for e in made.entities)
        assert (force, place) == (again, place_again)
        changed += force == "Kenya Defence Forces"
    assert changed > 0


def test_augmentation_keeps_articles_and_hyphens_right():
    texts = {d.text for d in augment(ARTICLES, AugmentConfig(copies=20, replace_mentions=1), 3)}
    assert any("An airstrike near the U.S.-backed" in t for t in texts)
    assert not any("Forces-backed" in t for t in texts)


def test_augmentation_a_name_that_must_stay_stays_in_all_of_the_document():
    # The later mention was replaced and the first was not; with a blank before the bracket
    # the first was, too, and had the abbreviation of another.
    article = marked(
        "[[ACTOR|Kenya Defence Forces]] (KDF) left. [[ACTOR|Kenya Defence Forces]] won. "
        "An [[ACTOR|Iran]]-backed militia and [[ACTOR|Iran]] met [[ACTOR|Iraq]]."
    )
    config = AugmentConfig(copies=20, replace_mentions=1)
    found = {tuple(e.text for e in d.entities[:4]) for d in augment([article, *ARTICLES], config, 0)
             if d.id.startswith("d")}  # fmt: skip
    assert found == {("Kenya Defence Forces", "Kenya Defence Forces", "Iran", "Iran")}


def test_augmentation_takes_the_line_ends_of_mentions_to_no_other_text():
    corpus = [
        marked(f"He left [[LOCATION|Tal{between}Afar]] and [[LOCATION|Deir Ezzor]].", str(i))
        for i, between in enumerate(["\n", "\r\n", " \n", "\n> "] * 5)
    ]
    config = AugmentConfig(copies=3, replace_mentions=1.0, list_mentions=0.3)
    allowed = {e.text for d in corpus for e in d.entities} | {"Tal Afar", "Deir Ezzor"}
    found = [(made, e) for made in augment(corpus, config, 0) for e in made.entities]
    assert {e.text for _, e in found} <= allowed
    assert {"Tal Afar"} < {e.text for _, e in found}
    for made, entity in found:
        if "\n" in entity.text:  # where it stood before
            original = corpus[int(made.id.partition("+")[0])]
            assert entity.text in original.text


def test_augmentation_abbreviates_at_the_first_mention():
    made = list(augment(ARTICLES[:1], AugmentConfig(copies=10, add_abbreviations=1), 0))
    assert {d.text.split("took")[0] for d in made} == {"The Syrian Democratic Forces (SDF) "}
    assert {("SDF held" in d.text) for d in made} == {True, False}
    short = made[0].entities[1]
    assert (short.label, short.text) == ("ACTOR", "SDF")


@pytest.mark.parametrize(
    "text",
    [
        "[[ACTOR|Army Col. Rob Manning]] spoke.",
        "[[ACTOR|Police Major Edwin Roa]] spoke.",
        "[[ACTOR|Islamic State fighters]] left.",
        "[[ACTOR|Syrian Democratic Forces]] (SDF) left.",
        "[[ACTOR|Syrian Democratic Forces]]' men left.",
        "[[ACTOR|Coast Guard]] left.",
        "[[LOCATION|Camp National Guard Command]] is far.",
    ],
)
def test_augmentation_abbreviates_no_person_and_nothing_twice(text):
    config = AugmentConfig(copies=3, add_abbreviations=1)
    assert list(augment([marked(text)], config, 0)) == []


def test_augmentation_case_keeps_every_length():
    document = marked("İstanbul straße: [[ACTOR|Große Koalition]]\nnext [[LOCATION|ŉamur]]")
    for made in augment([document], AugmentConfig(copies=12, change_case=0.8), 0):
        assert [(e.start, e.end) for e in made.entities] == [
            (e.start, e.end) for e in document.entities
        ]
        assert made.text.lower()[-5:] == document.text.lower()[-5:]


def test_augmentation_exchanges_whole_sentences():
    config = AugmentConfig(copies=10, exchange_sentences=0.5)
    known = {s for d in ARTICLES for s in re.split(r"(?<=[a-z]\.) |\n", d.text)}
    for made in augment(ARTICLES, config, 0):
        assert set(re.split(r"(?<=[a-z]\.) |\n", made.text)) <= known


def test_augmentation_lists_are_mentions_of_one_label_side_by_side():
    made = list(augment(ARTICLES * 4, AugmentConfig(copies=3, list_mentions=1), 0))
    pairs = [
        (a.label, b.label)
        for d in made
        for a, b in pairwise(d.entities)
        if d.text[a.end : b.start] == " " and a.label == b.label
    ]
    assert len(pairs) >= len(made) / 2
    for document in made:
        assert not document.check()
        grown = len(document.entities) - len(
            next(d for d in ARTICLES if d.id == document.meta["augmented_from"]).entities
        )
        assert 1 <= grown <= 4


def test_augmentation_joins_documents():
    made = list(augment(ARTICLES, AugmentConfig(copies=1, join_documents=1), 0))
    for document in made:
        first, second = document.meta["augmented_from"], document.text
        before = next(d for d in ARTICLES if d.id == first)
        assert second.startswith(before.text + "\n")
        assert len(document.entities) > len(before.entities)
        assert second[len(before.text) + 1 :] in {d.text for d in ARTICLES if d.id != first}


def test_augmentation_sentences_and_documents_come_from_others():
    # They were drawn from all documents, so that an article could follow itself.
    sentences = {d.id: set(re.split(r"(?<=[a-z]\.) |\n", d.text)) for d in ARTICLES}
    for made in augment(ARTICLES, AugmentConfig(copies=5, exchange_sentences=1), 0):
        own = sentences[made.meta["augmented_from"]]
        assert not own & set(re.split(r"(?<=[a-z]\.) |\n", made.text))
    alone = AugmentConfig(copies=5, exchange_sentences=1, join_documents=1)
    assert list(augment(ARTICLES[:1], alone, 0)) == []


def test_augmentation_refuses_broken_entities():
    broken = Document("short", (Entity(0, 99, "ACTOR"),), "x1")
    with pytest.raises(InputError, match=r"document x1: .*outside a text of 5 characters"):
        list(augment([broken], EVERYTHING, 0))


def test_augmentation_config_is_strict():
    with pytest.raises(ValidationError):
        AugmentConfig(replace_mention=0.5)
    with pytest.raises(ValidationError):
        AugmentConfig(replace_mentions=1.5)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("28,000 to 32,000 fighters", r"[1-9]{2},000 to [1-9]{2},000 fighters"),
        ("$108.2 million", r"\$[1-9]0[1-9]\.[1-9] million"),
        ("four F-16s", r"(two|three|four|five|six|seven|eight|nine) F-16s"),
        ("Twenty-seven men", r"[A-Z][a-z]+ty-[a-z]+ men"),
        ("1 soldier", "1 soldier"),
        ("one soldier", "one soldier"),
        ("two-thirds", "two-thirds"),
        ("5th of 12", r"5th of [1-9][1-9]"),
        ("dozens of M113s", "(dozens|hundreds|thousands) of M113s"),
    ],
)
def test_resampling_quantities_keep_their_form(text, form):
    made = {other_quantity(text, random.Random(n)) for n in range(40)}
    assert all(re.fullmatch(form, m) for m in made), made
    assert len(made) > 1 or form == text


@pytest.mark.parametrize(
    ("other", "text"), [(other_quantity, "20 to 30 men"), (other_date, "13 to 15 December")]
)
def test_resampling_ranges_keep_rising(other, text):
    for n in range(200):
        low, high = re.findall("[0-9]+", other(text, random.Random(n)))
        assert int(low) <= int(high)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Dec. 3, 2018", r"(Jan|Feb|Aug|Sept|Oct|Nov|Dec)\. [2-9], 20(1[3-9]|2[0-3])"),
        ("Tuesday", "[MTWFS][a-z]+day"),
        ("FRIDAY", "[A-Z]+DAY"),
        ("past 24 hours", "past (1[0-9]|2[0-8]) hours"),
        ("five-day", "[a-z]+-day"),
        ("2018-12-03", "2018-12-03"),
        ("21:30 GMT", "21:30 GMT"),
        ("0600", "0600"),
        ("December 3rd", "[A-Z][a-z]+ 3rd"),
        ("the 1990s", "the 1990s"),
        ("yesterday", "yesterday"),
    ],
)
def test_resampling_dates_keep_their_form(text, form):
    made = {other_date(text, random.Random(n)) for n in range(40)}
    assert all(re.fullmatch(form, m) for m in made), made
    assert len(made) > 1 or form == text
