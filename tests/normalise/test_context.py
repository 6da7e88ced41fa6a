"""What the sentence around a mention adds: direction, casualties, percent of what; reasons."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

pytest.importorskip("pint")
pytest.importorskip("dateparser")

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.normalise import (
    normalise_date,
    normalise_document,
    normalise_quantity,
    unresolved_date,
    unresolved_quantity,
)
from tests.normalise.test_normalise import shown

TODAY = "2018-12-05"  # a Wednesday


def value(text: str, mention: str, label: str = "DATE", **options):
    start = text.index(mention)
    entity = Entity(start, start + len(mention), label)
    done = normalise_document(Document(text, (entity,), meta={"date": TODAY}), **options)
    return done.entities[0].meta["value"]


@pytest.mark.parametrize(
    ("text", "mention", "start", "assumed"),
    [
        ("The army attacked on Friday.", "Friday", "2018-11-30", None),
        ("The army will attack on Friday.", "Friday", "2018-12-07", None),
        ("Talks are due to open on Friday.", "Friday", "2018-12-07", None),
        ("The army said it would hold a vote in March.", "March", "2019-03-01", None),
        ("The army said on Friday it will attack.", "Friday", "2018-11-30", None),
        ("He said the talks will resume on Monday.", "Monday", "2018-12-10", None),
        ("The convoy, which left in March, will be back.", "March", "2018-03-01", None),
        ("Strikes on Hajin, Friday", "Friday", "2018-11-30", "past"),
        ("They deploy to the border in March", "March", "2018-03-01", "past"),
        ("The army will attack on Dec. 7.", "Dec. 7", "2018-12-07", None),
        ("The vote will be held on 3 May.", "3 May", "2019-05-03", None),
        ("The army will attack last Friday.", "last Friday", "2018-11-30", None),
        ("The vote will be on Wednesday.", "Wednesday", "2018-12-05", None),
    ],
)
def test_direction_goes_by_the_tense_of_the_clause(text, mention, start, assumed):
    found = value(text, mention)
    assert (found["start"], found["assumed"]) == (start, assumed)
    assert found["approximate"] == (assumed == "past")


def test_seasons_state_their_hemisphere():
    text = "It snowed in the summer of 2017."
    north, south = (value(text, "summer of 2017", hemisphere=h) for h in ("north", "south"))
    assert (north["start"], north["assumed"]) == ("2017-06-01", "northern hemisphere")
    assert (south["start"], south["assumed"]) == ("2017-12-01", "southern hemisphere")
    stated = normalise_date("southern winter of 2017")
    assert stated is not None
    assert (stated.start, stated.assumed) == ("2017-06-01", None)


@pytest.mark.parametrize(("name", "wrong"), [("tense", "soon"), ("hemisphere", "east")])
def test_other_words_for_tense_and_hemisphere_are_refused(name, wrong):
    with pytest.raises(InputError, match=f"{name} is '{wrong}'"):
        normalise_date("Friday", TODAY, **{name: wrong})


@pytest.mark.parametrize(
    ("text", "reference", "reason"),
    [
        ("Tuesday", None, "no reference date"),
        ("D+8", TODAY, "counted from a day or hour that the text does not give"),
        ("Day 126", TODAY, "counts the days of a campaign"),
        ("next day", TODAY, "seen from something told before"),
        ("several weeks", TODAY, "no number is said"),
        ("03/04/2018", TODAY, "day first or month first"),
        ("2018-02-30", TODAY, "no such day"),
        ("dawn", TODAY, "the hour depends on the place"),
        ("whenever", TODAY, "not understood"),
        ("2018", TODAY, None),
    ],
)
def test_unresolved_dates_have_a_reason(text, reference, reason):
    assert unresolved_date(text, reference) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("several rockets", "no number is said"),
        ("three men and a woman", "more than one amount"),
        ("12 500 troops", "one number or two"),
        ("2.5m people", "m or b may be a unit or a million"),
        ("12.000 men", "thousands or decimals"),
        ("40 men", None),
    ],
)
def test_unresolved_quantities_have_a_reason(text, reason):
    assert unresolved_quantity(text) == reason


@pytest.mark.parametrize(
    ("text", "mention", "kind"),
    [
        ("The strike killed 30 soldiers and wounded 40.", "30 soldiers", "killed"),
        ("The strike killed 30 soldiers and wounded 40.", "40", "wounded"),
        ("At least 30 people were killed.", "30 people", "killed"),
        ("At least 12 people have been injured.", "12 people", "wounded"),
        ("Some 12 fishermen are still missing.", "12 fishermen", "missing"),
        ("The blast left 30 dead.", "30 dead", "killed"),
        ("It hit 12 wounded soldiers.", "12 wounded soldiers", "wounded"),
        ("The blast killed and wounded 30 people.", "30 people", None),
        ("About 30 people were killed or wounded.", "30 people", None),
        ("The army sent 30 soldiers.", "30 soldiers", None),
        ("It killed at least 30 people.", "30 people", "killed"),
    ],
)
def test_casualties_by_the_words_beside_them(text, mention, kind):
    assert value(text, mention, "QUANTITY")["kind"] == kind


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("40 fighters", "fighter"),
        ("three armed men", "armed man"),
        ("12 Kurds", "Kurd"),
        ("300 tons of ammunition", "ammunition"),
        ("155mm shells", "shell"),
        ("80 percent of voters", "voter"),
        ("two thirds of the houses", "house"),
        ("one bus", "bus"),
        ("five buses", "bus"),
        ("7,000 people in the camp", "person"),
        ("30 miles", None),
        ("50", None),
    ],
)
def test_what_is_counted_is_one_of_its_kind(text, of):
    found = normalise_quantity(text)
    assert found is not None
    assert found.of == of


def test_percent_of_what_stands_behind_the_mention():
    assert value("It took 30 percent of the villages.", "30 percent", "QUANTITY")["of"] == "village"


@pytest.mark.parametrize(
    ("text", "conversion"),
    [
        ("30 miles (48 km)", "agrees"),
        ("30 miles (30 km)", "disagrees"),
        ("5 feet 6 inches (168 cm)", "agrees"),
        ("10 km, or 6 miles", "agrees"),
        ("30 °C (86 °F)", "agrees"),
        ("$5 million (€4 million)", None),
        ("30 fighters (men)", None),
        ("30 miles", None),
    ],
)
def test_conversions_are_checked(text, conversion):
    found = normalise_quantity(text)
    assert found is not None
    assert found.conversion == conversion


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("5 lakh people", 500_000, 500_000, "people"),
        ("Rs 3 crore", 30_000_000, 30_000_000, "INR"),
        ("PKR 5 million", 5_000_000, 5_000_000, "PKR"),
        ("3 million Jordanian dinars", 3_000_000, 3_000_000, "JOD"),
        ("100 ± 5 km", 95, 105, "kilometer"),
        ("5 per mille", 5, 5, "per mille"),
        ("2 hours 30 minutes", 2.5, 2.5, "hour"),
        ("tens of thousands of people", 20_000, None, "people"),
        ("60 x 122 mm rockets", 60, 60, "rockets"),
        ("20 to 3,000 men", 20, 3000, "men"),
    ],
)
def test_quantities_of_other_kinds(text, low, high, unit):
    found = normalise_quantity(text)
    assert found is not None
    assert (found.low, found.high, found.unit) == (low, high, unit)


def test_calibre_is_no_part_of_the_amount():
    found = normalise_quantity("60 x 122 mm rockets")
    assert found is not None
    assert (found.of, found.calibre) == ("rocket", "122 millimeter")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("Monday 9 p.m. to 3 a.m.", "2018-12-03T21:00", "2018-12-04T03:00"),
        ("Dec. 3 noon to 2 p.m.", "2018-12-03T12:00", "2018-12-03T14:00"),
        ("yesterday 9:00-10:00", "2018-12-04T09:00", "2018-12-04T10:00"),
        ("9 p.m. to midnight Monday", "2018-12-03T21:00", "2018-12-04T00:00"),
        ("9 p.m. Moscow time", "2018-12-05T21:00+03:00", "2018-12-05T21:00+03:00"),
        ("9 p.m. IST", "2018-12-05T21:00", "2018-12-05T21:00"),
        ("9 a.m. London time on 1 July 2018", "2018-07-01T09:00+01:00", "2018-07-01T09:00+01:00"),
        ("15-MAR-2017", "2017-03-15", "2017-03-15"),
        ("the 14th inst.", "2018-12-14", "2018-12-14"),
        ("the 30th ult.", "2018-11-30", "2018-11-30"),
        ("to-morrow", "2018-12-06", "2018-12-06"),
        ("Ramadan 2017", "2017-05-27", "2017-06-24"),
        ("Orthodox Easter 2018", "2018-04-08", "2018-04-08"),
        ("14 Azar 1397", "2018-12-05", "2018-12-05"),
        ("27 Rabi al-Awwal 1440", "2018-12-05", "2018-12-05"),
        ("1397 SH", "2018-03-21", "2019-03-20"),
        ("Eid", "2018-08-21", "2018-08-21"),
    ],
)
def test_dates_of_other_kinds(text, start, end):
    found = normalise_date(text, TODAY)
    assert found is not None
    assert (found.start, found.end) == (start, end)


MENTIONS = (
    "on Friday in March|40 fighters|Qasem Haddad|Haddad's|US|the U.S.|(PMF)|winter|30 km (19 mi)"
    "|Eid 2018|1440 AH|9 p.m. Monday to 3 a.m.|several|½ mile|İstanbul|²|D+8|Q3 FY19|5'6\"|±|lakh"
).split("|")
TEXTS = st.lists(st.sampled_from(MENTIONS) | st.text(max_size=12), max_size=8).map(" ".join)
LABELS = st.sampled_from(["DATE", "QUANTITY", "ACTOR", "LOCATION", "OTHER"])


@st.composite
def documents(draw):
    text = draw(TEXTS)
    place = st.integers(0, len(text))
    spans = draw(st.lists(st.tuples(place, place, LABELS), max_size=6))
    entities = tuple(Entity(min(a, b), max(a, b), label) for a, b, label in dict.fromkeys(spans))
    return Document(text, entities, meta={"date": draw(st.sampled_from([None, TODAY, "soon"]))})


@given(documents(), st.randoms(use_true_random=False))
def test_normalise_document_holds_for_any_text(document, chance: random.Random):
    """No exception; offsets and texts untouched; idempotent; the order makes no difference."""
    done = normalise_document(document)
    assert [(e.key, e.text) for e in done.entities] == [(e.key, e.text) for e in document.entities]
    assert done.text == document.text
    once = {e.key: e.meta for e in done.entities}
    again = normalise_document(done)
    assert [e.meta for e in again.entities] == [e.meta for e in done.entities]
    mixed = list(document.entities)
    chance.shuffle(mixed)
    other = normalise_document(dataclasses.replace(document, entities=tuple(mixed)))
    assert {e.key: e.meta for e in other.entities} == once
    for entity in done.entities:
        if entity.label in ("DATE", "QUANTITY"):
            assert (entity.meta["value"] is None) == ("unresolved" in entity.meta)


@given(st.text(max_size=60) | TEXTS)
def test_reasons_and_values_exclude_each_other(text):
    assert (normalise_date(text, TODAY) is None) == (unresolved_date(text, TODAY) is not None)
    assert (normalise_quantity(text) is None) == (unresolved_quantity(text) is not None)


NOT_READ = {  # what is left open in news, or seen from another day than the document's
    "on the 15th", "friday after next", "previous week", "third quarter", "3rd quarter",
    "last Monday of March", "3 years from today", "thanksgiving",
}  # fmt: skip


def test_english_times_that_point_ahead():
    table = Path(__file__).parents[1] / "data" / "english_times.tsv"
    lines = table.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.startswith("date\t")]
    wrong = {
        text
        for _, text, reference, expected in rows
        if shown(normalise_date(text, reference, "future")) != expected
    }
    assert len(rows) == 78
    assert wrong == NOT_READ
