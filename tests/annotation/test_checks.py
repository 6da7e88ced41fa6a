"""Checks find what is wrong where, mend what needs no judgement, and leave the rest alone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from ie_model.annotation.checks import KINDS, check_documents, fix_document, flatten
from ie_model.annotation.lints import edge_lints
from ie_model.annotation.statistics import corpus_stats
from ie_model.corpus.changes import Changes, parse_mapping
from ie_model.corpus.reading import load_gold, read_documents, read_located
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError


def found(document: Document, **options: object) -> list[tuple[str, int, str]]:
    report = check_documents([("f:1", document)], **options)
    return [(f.kind, f.start, f.message) for f in report.findings]


def kinds(document: Document, **options: object) -> list[str]:
    return [kind for kind, _, _ in found(document, **options)]


TEXT = "IS left Mosul.\nIS fighters fled the city of Mosul."


@pytest.mark.parametrize(
    ("entity", "kind", "message"),
    [
        (Entity(0, 99, "X"), "bounds", "outside a text of 50 characters"),
        (Entity(3, 3, "X"), "bounds", "an empty span"),
        (Entity(5, 3, "X"), "bounds", "ends before it starts"),
        (Entity(1, 3, "X", text="IS"), "surface", "it stands at [0, 2), 1 character earlier"),
        (
            Entity(30, 35, "X", text="Mosul"),
            "surface",
            "it stands at [44, 49), 14 characters later",
        ),
        (Entity(0, 2, "X", text="ISIL"), "surface", "'ISIL' stands nowhere in the text"),
        (
            Entity(8, 17, "X", text="Mosul. IS"),
            "surface",
            "only white space or punctuation differs",
        ),
        (Entity(2, 7, "X"), "edge", "white space at the edge of ' left'"),
        (Entity(0, 2, "Y"), "label", "'Y' is not one of X"),
        (Entity(8, 17, "X"), "line", "runs over a line break"),
        (Entity(8, 14, "X"), "punctuation", "ends with '.': 'Mosul'?"),
        (Entity(32, 40, "X"), "article", "begins with the article 'the': 'city'?"),
    ],
)
def test_annotation_check_finds(entity, kind, message):
    results = found(Document(TEXT, (entity,), "d"), labels=["X"])
    assert [m for k, _, m in results if k == kind and message in m], results


def test_annotation_check_takes_the_line_ends_of_wrapped_text_for_blanks():
    text = (
        "They said in the evening that the Free Syrian\nArmy had left the town of Tal Afar "
        "and was\non its way to the border with Turkey.\n\nIraq\nSyria"
    )
    entity = Entity(at := text.index("Free"), at + len("Free Syrian Army"), "X")
    assert "line" not in kinds(Document(text, (entity,), "d"))
    entity = Entity(len(text) - 10, len(text), "X")
    assert "line" in kinds(Document(text, (entity,), "d"))


def test_annotation_check_overlaps_and_duplicates():
    entities = (Entity(0, 14, "X"), Entity(8, 13, "X"), Entity(8, 13, "X"), Entity(8, 20, "Y"))
    results = [(k, m) for k, _, m in found(Document(TEXT, entities, "d"))]
    assert [r for r in results if r[0] in ("overlap", "duplicate-span")] == [
        ("overlap", "lies within Y [8, 20)"),
        ("duplicate-span", "is there twice"),
        ("overlap", "overlaps X [0, 14)"),
    ]
    twice = Document(TEXT, (Entity(0, 2, "X"), Entity(0, 2, "X")), "d")
    assert kinds(twice) == ["duplicate-span", "unlabelled"]
    two_labels = Document(TEXT, (Entity(0, 2, "X"), Entity(0, 2, "Y")), "d")
    assert found(two_labels)[0][2] == "has the offsets of X [0, 2)"


def test_annotation_check_notes_predictions_that_nobody_corrected():
    """The task file of `next`, taken for gold as it was, had no finding."""
    guessed = Document(TEXT, (Entity(0, 2, "X", 0.9), Entity(8, 13, "Y", 0.4)), "d")
    assert found(guessed)[0] == (
        "predicted",
        0,
        "2 entities with the score of a model: to be corrected",
    )
    corrected = Document(TEXT, (Entity(0, 2, "X"),), "d")
    assert "predicted" not in kinds(corrected)


def test_annotation_check_sees_the_corpus():
    a = Document("IS left Mosul. IS left. IS fled.", (Entity(0, 2, "X"), Entity(15, 17, "X")), "a")
    b = Document("one two three four five six seven eight nine ten", id="b")
    c = Document(b.text + " eleven", id="b", meta={"brat_aside": ["R1\tx"]})
    d = Document(a.text, (Entity(0, 2, "Y"),), "d")
    report = check_documents([("a", a), ("b", b), ("c", c), ("d", d)])
    results = [(f.where, f.kind, f.start) for f in report.findings]
    assert ("c", "id", 0) in results
    assert ("c", "near-duplicate", 0) in results
    assert ("c", "aside", 0) in results
    assert ("d", "duplicate-document", 0) in results
    assert ("d", "label-varies", 0) in results
    # X twice and Y once against three bare places: too few to call the bare ones unusual.
    assert "unlabelled" not in report.counts
    only_a = check_documents([("a", a)])
    assert [(f.kind, f.start, f.message) for f in only_a.findings] == [
        ("unlabelled", 24, "X 2 times, unlabelled 1")
    ]


def test_annotation_check_excerpt_and_json():
    report = check_documents([("f:3", Document(TEXT, (Entity(2, 7, "X"),), "d"))])
    (row,) = report.to_dict()["findings"]
    assert row["excerpt"] == {"before": "IS", "mention": " left", "after": " Mosul."}
    assert (row["where"], row["document"], row["severity"]) == ("f:3", "d", "error")
    assert report.to_dict()["counts"] == {"edge": 1}


def test_annotation_check_names_tokens_that_are_cut():
    document = Document("Iran-backed troops", (Entity(0, 4, "X"), Entity(5, 9, "X")), "d")
    units = ([0, 4, 5, 12], [4, 5, 11, 18])
    results = found(document, units=lambda texts: [units for _ in texts])
    assert results == [("token", 5, "cuts a token of the backbone at 9; it cannot be learned")]


def random_documents() -> st.SearchStrategy[Document]:
    text = "a b.\n(c) 'd' the e's "
    offsets = st.integers(-2, len(text) + 2)
    surfaces = st.sampled_from(["", "", "a", "b.", "c", "zzz", "the e", " "])
    entity = st.builds(
        lambda pair, label, surface: Entity(min(pair), max(pair), label, None, surface),
        st.tuples(offsets, offsets),
        st.sampled_from("XYZ"),
        surfaces,
    )
    return st.lists(entity, max_size=5).map(lambda found: Document(text, tuple(found), "d"))


@settings(max_examples=300)
@given(random_documents())
def test_annotation_errors_are_just_what_gold_loading_refuses(document):
    report = check_documents([("f", document)], labels=["X", "Y"])
    assert (report.number("error") > 0) == bool(document.check(["X", "Y"]))


@settings(max_examples=300)
@given(random_documents(), st.sampled_from(["longest", "first", "confidence"]))
def test_annotation_fix_leaves_only_what_needs_judgement(document, rule):
    fixed, done = fix_document(document, rule)
    findings = check_documents([("f", fixed)]).findings
    lost = {(f.start, f.end) for f in findings if f.kind in ("bounds", "surface")}
    assert {(f.start, f.end) for f in findings if f.severity == "error"} == lost
    again, nothing = fix_document(fixed, rule)
    assert again == fixed
    assert nothing == Counter()
    if not document.check():
        assert (fixed.with_entities(fixed.entities), +done) == (
            document.with_entities(document.entities),
            Counter(),
        )


def test_annotation_fix_moves_to_the_nearest_place():
    wrong = (
        Entity(30, 35, "X", text="Mosul"),
        Entity(2, 8, "Y"),
        Entity(3, 7, "Z"),
        Entity(3, 7, "Z"),
        Entity(7, 8, "X"),
        Entity(0, 2, "X", text="ISIL"),
    )
    fixed, done = fix_document(Document(TEXT, wrong, "d"))
    assert [(*e.key, e.text) for e in fixed.entities] == [
        (44, 49, "X", "Mosul"),
        (3, 7, "Y", "left"),
        (3, 7, "Z", ""),
        (0, 2, "X", "ISIL"),
    ]
    assert done == {"surface": 1, "edge": 1, "blank": 1, "duplicate-span": 1}


@pytest.mark.parametrize(
    ("mention", "expected"),
    [
        ("ISIS'", "ISIS"),
        ("Iraq's", "Iraq"),
        ("the IS fighters", "IS fighters"),
        ("A couple of thousand fighters", None),
        ("a year ago", None),
        ("The Hague", None),
        ("U.S.", None),
        ("Dec.", None),
        ("Mosul.", "Mosul"),
        ("“Hawija Pocket”", "Hawija Pocket"),
        ("(SDF)", "SDF"),
        ("'90s", None),
        (".50-caliber", None),
        ("-5 degrees", None),
        ("$5", None),
        ("80%", None),
        ("...", None),
        ("Washington, D.C.", None),
    ],
)
def test_annotation_lints_of_edges(mention, expected):
    lints = edge_lints(f"x {mention} y", Entity(2, 2 + len(mention), "X"))
    suggested = [f"x {mention} y"[lint.start : lint.end] for lint in lints]
    assert suggested == ([] if expected is None else [expected])


def overlapping_documents() -> st.SearchStrategy[Document]:
    score = st.one_of(st.none(), st.sampled_from([0.1, 0.5, 0.9]))
    entity = st.builds(
        lambda start, size, label, s: Entity(start, start + size, label, s),
        st.integers(0, 20),
        st.integers(1, 9),
        st.sampled_from("XY"),
        score,
    )
    entities = st.lists(entity, max_size=8, unique_by=lambda e: e.key)
    return entities.map(lambda es: Document("x" * 30, tuple(es), "d"))


@settings(max_examples=200)
@given(overlapping_documents(), st.randoms(use_true_random=False))
def test_annotation_flatten_keeps_a_maximal_flat_set_whatever_the_order(document, shuffled):
    for rule in ("longest", "first", "confidence"):
        flat, dropped = flatten(document, rule)
        assert not flat.check()
        assert sorted(map(repr, (*flat.entities, *dropped))) == sorted(map(repr, document.entities))
        for e in dropped:
            assert any(k.start < e.end and e.start < k.end for k in flat.entities)
        mixed = list(document.entities)
        shuffled.shuffle(mixed)
        assert flatten(Document(document.text, tuple(mixed), "d"), rule)[0] == flat


def test_annotation_flatten_rules():
    a, b, c = Entity(0, 5, "A", 0.2), Entity(3, 11, "B", 0.5), Entity(10, 12, "C", 0.9)
    document = Document("x" * 20, (a, b, c), "d")
    assert flatten(document, "longest")[0].entities == (b,)
    assert flatten(document, "first")[0].entities == (a, c)
    assert flatten(document, "confidence") == (Document("x" * 20, (a, c), "d"), [b])
    with pytest.raises(InputError, match="unknown rule 'best'"):
        flatten(document, "best")


def test_annotation_changes_are_counted():
    entities = (
        Entity(0, 2, "Org", meta={"confidence": 0}),
        Entity(0, 4, "Org", meta={"confidence": 1}),
        Entity(3, 4, "Per"),
        Entity(5, 6, "Weapon"),
        Entity(7, 8, "Date", 0.4),
    )
    mapping = parse_mapping(["Org=ACTOR", "Per=ACTOR"], ["Weapon"])
    counts: Counter[str] = Counter()
    changes = Changes(mapping, min_confidence=0.5, flatten="longest")
    changed = changes.apply(Document("x" * 10, entities, "d"), counts)
    assert [e.key for e in changed.entities] == [(0, 4, "ACTOR")]
    assert counts == {
        "kept": 1,
        "dropped by label": 1,
        "dropped by confidence": 2,
        "dropped by overlap": 1,
    }
    kept = Changes(keep=frozenset({"Date"})).apply(Document("x" * 10, entities, "d"))
    assert [e.label for e in kept.entities] == ["Date"]
    for pairs, drop in ((["Org"], []), (["Org=A", "Org=B"], []), (["Org=A"], ["Org"])):
        with pytest.raises(InputError):
            parse_mapping(pairs, drop)
    with pytest.raises(InputError, match="'A' is both kept and dropped"):
        parse_mapping([], ["A"], ["A"])
    # The old A goes, the new one stays.
    assert parse_mapping(["Org=A"], ["A"], ["A"]) == {"Org": "A", "A": None}


def test_annotation_changes_know_rules_without_use():
    changes = Changes({"Org": "ACTOR", "Per": "ACTOR", "Tank": None}, frozenset({"ACTOR", "Date"}))
    assert changes.unused(["Org", "Org", "Money"]) == [
        "no entity is labelled 'Per', which was to be renamed; labels there: Money, Org",
        "no entity is labelled 'Tank', which was to be dropped; labels there: Money, Org",
        "no entity is labelled 'Date', which was to be kept; labels there: Money, Org",
    ]
    assert changes.unused(["Org", "Per", "Tank", "Date"]) == []


def test_annotation_stats_worked_by_hand():
    first = [
        Document("IS left Mosul on Monday.", (Entity(0, 2, "A"), Entity(8, 13, "L")), "1"),
        Document("Nothing.", (), "2"),
    ]
    second = [Document("IS left Raqqa.", (Entity(0, 2, "A"), Entity(8, 13, "L")), "3")]
    result = corpus_stats({"train": first, "dev": second})
    train = result["corpora"]["train"]
    assert (train["documents"], train["empty_documents"], train["words"]) == (2, 1, 8)
    assert train["density"] == pytest.approx(25.0)
    assert train["document_words"] == {"min": 2, "median": 4.0, "mean": 4.0, "max": 6}
    assert train["labels"]["A"]["top"] == [["IS", 1]]
    assert result["overlap"]["dev"] == {
        "labels": {"A": {"entities": 1, "seen": 1}, "L": {"entities": 1, "seen": 0}},
        "documents": 0,
    }
    with pytest.raises(InputError, match="dev: no documents"):
        corpus_stats({"train": first, "dev": []})


def test_annotation_kinds_are_complete():
    assert {severity for severity, _ in KINDS.values()} == {"error", "warning", "note"}


def test_annotation_re3d_becomes_trainable(shared, tmp_path):
    path = shared / "data" / "re3d" / "re3d.jsonl"
    report = check_documents(read_located(path))
    assert (report.documents, report.entities) == (75, 2861)
    assert report.counts["overlap"] > 700
    assert {"surface", "edge", "line", "article", "possessive"} <= set(report.counts)
    changes = Changes({"Organisation": "ACTOR"}, min_confidence=1, flatten="longest", fix=True)
    counts: Counter[str] = Counter()
    documents = (changes.apply(d, counts) for d in read_documents(path))
    write_documents(documents, tmp_path / "flat.jsonl")
    gold = load_gold(tmp_path / "flat.jsonl")
    assert len(gold) == 75
    assert sum(len(d.entities) for d in gold) == counts["kept"]
    gone = ("dropped", "mended: blank", "mended: duplicate-span")
    assert sum(n for what, n in counts.items() if what.startswith(("kept", *gone))) == 2861


def test_annotation_wnut_is_read_whole(shared):
    folder = shared / "data" / "wnut17"
    sizes = {"train": (3394, 1975), "dev": (1009, 836), "test": (1287, 1079)}
    for split, (documents, entities) in sizes.items():
        gold = load_gold(folder / f"{split}.conll", scheme="IOB2")
        assert (len(gold), sum(len(d.entities) for d in gold)) == (documents, entities)


@pytest.mark.parametrize(
    ("text", "named", "mention"),
    [
        ("\u200bMosul\u200b", "U+200B", "Mosul"),
        ("\ufeffBasra", "U+FEFF", "Basra"),
        ("\u200eTikrit \u200f", "U+200E, U+200F", "Tikrit"),
    ],
)
def test_annotation_invisible_edges_are_named_and_mended(text, named, mention):
    document = Document(f"In {text} today", (Entity(3, 3 + len(text), "X"),), "d")
    ((kind, _, message),) = [row for row in found(document) if row[0] == "edge"]
    assert f"{named}, which cannot be seen, at the edge" in message
    assert kind == "edge"
    mended, done = fix_document(document)
    assert [e.text for e in mended.entities] == [mention]
    assert done == Counter({"edge": 1})


@pytest.mark.parametrize("word", ["می\u200cخواهم", "👩\u200d🚀"])
def test_annotation_invisible_characters_within_a_word_are_fine(word):
    assert not Document(word, (Entity(0, len(word), "X"),)).check()
