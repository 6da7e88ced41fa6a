"""The table ``data/normalise.tsv`` and what must hold for every text.

Notation of its last column: ``~`` approximate, ``-`` unresolved. Dates: ``start/end``, one
day or minute alone, ``..`` an open end, then a duration. Quantities: ``low..high`` or one
number, then unit, rate (what it is counted per) and ``percent``.
"""

from __future__ import annotations

import re
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

pytest.importorskip("pint")
pytest.importorskip("dateparser")

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.normalise import (
    DateValue,
    QuantityValue,
    dates as dates_module,
    document_date,
    normalise_date,
    normalise_document,
    normalise_quantity,
)

TABLE = Path(__file__).parents[1] / "data" / "normalise.tsv"
ROWS = [
    tuple(line.split("\t"))
    for line in TABLE.read_text(encoding="utf-8").splitlines()
    if not line.startswith(("#", "kind\t"))
]
TODAY = date(2018, 12, 5)  # a Wednesday
WORDS = (
    "early late mid last next past this week month year two half a an of the to and - – / , . : "
    "about over ago friday dec. 3 12 2018 0600 p.m. gmt morning night first hundred dozens "
    "thousand percent per $ km square in between more than third 1,5 ½ % °c minus İ since m b "
    "euros barrels e5 2m into overnight earlier winter 2022-23 12/13 may hours 000 .5 so every "
    "( ) × deep all quarter"
).split()
EXPRESSIONS = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=40)


def shown(value: DateValue | QuantityValue | None) -> str:
    if value is None:
        return "-"
    rough = "~" if value.approximate else ""
    if isinstance(value, DateValue):
        span = f"{value.start or '..'}/{value.end or '..'}"
        span = (value.start or "") if value.start == value.end else span
        return rough + " ".join(part for part in (span, value.duration) if part)
    low, high = (
        "" if end is None else f"{end:.6f}".rstrip("0").rstrip(".")
        for end in (value.low, value.high)
    )
    parts = [low if low == high else f"{low}..{high}"]
    parts += [f"unit={value.unit}"] if value.unit else []
    parts += [f"rate={value.rate}"] if value.rate else []
    parts += ["percent"] if value.percent else []
    return rough + "; ".join(parts)


@pytest.mark.parametrize(("kind", "text", "reference", "expected"), ROWS)
def test_normalise_table(kind, text, reference, expected):
    if kind == "date":
        value = normalise_date(text, date.fromisoformat(reference) if reference else None)
    else:
        value = normalise_quantity(text)
    assert shown(value) == expected


@pytest.mark.parametrize("between", ["\n", "\r\n", "\r", " \n   ", "\n\f", "\n> "])
def test_normalise_reads_over_line_ends_what_it_reads_in_one_line(between):
    for kind, text, reference, expected in ROWS:
        day = date.fromisoformat(reference) if reference else None
        broken = re.sub(r"(?<=[a-z]-)(?=[a-z])", between, text.replace(" ", between))
        value = normalise_date(broken, day) if kind == "date" else normalise_quantity(broken)
        assert shown(value) == expected, (broken, text)


def test_normalise_table_is_large_enough():
    assert len({row[:3] for row in ROWS}) == len(ROWS) >= 900


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Mentions of other texts that an earlier version got wrong.
        ("2000-0500", "2018-12-05T20:00/2018-12-06T05:00"),
        ("1540", "2018-12-05T15:40"),
        ("1880", "1880-01-01/1880-12-31"),
        ("week ago", "2018-11-26/2018-12-02"),
        ("at least 30 consecutive days", "~P30D"),
        ("8pm ACST", "2018-12-05T20:00+09:30"),
        ("between 2 and 5 p.m.", "2018-12-05T14:00/2018-12-05T17:00"),
        ("Dec. 28-Jan. 3", "2018-12-28/2019-01-03"),
        ("Oct. 7, 2017 to Nov. 3", "2017-10-07/2017-11-03"),
        ("Feb. 29", "2016-02-29"),
        ("since Monday", "2018-12-03/.."),
        ("ever since early 2018", "~2018-01-01/.."),
        ("since over a year ago", "-"),
        ("2017/18", "-"),
        ("1992 and 1998", "-"),
        ("next day", "-"),
        ("Feb. 30", "-"),
        # Weeks and years of no number were one.
        ("weeks ago", "-"),
        ("past months", "-"),
        ("last weeks", "-"),
        ("a fortnight ago", "2018-11-19/2018-11-25"),
        # dateparser took these for that day; a Wednesday was a Thursday.
        ("after 12 May 2018", "-"),
        ("by 12 May 2018", "-"),
        ("après le 12 mai 2018", "-"),
        ("le 12 mai 2018", "2018-05-12"),
        ("Wednesday 15 March", "2017-03-15"),
        ("20,000 years ago", "-"),
        ("2018 elections", "-"),
        ("", "-"),
    ],
)
def test_normalise_date_regressions(text, expected):
    assert shown(normalise_date(text, TODAY)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("half a nautical mile", "0.5; unit=nautical_mile"),
        ("dozens of half-starved goats", "~24..; unit=half-starved goats"),
        ("nine households in ten", "0.9; unit=households"),
        ("nine of the seventeen members", "9; unit=members"),
        ("400 to as many as 750", "400..750"),
        ("ten to twelve times a day", "10..12; unit=times; rate=day"),
        ("NOK 110.1 billion", "110100000000; unit=NOK"),
        ("units", "-"),
        ("5 units", "5; unit=units"),  # to pint these are micro-nits
        ("40 hands", "40; unit=hands"),
        ("three men and a woman", "-"),
        ("1.5m euros", "1500000; unit=EUR"),
        ("between 1m and 2m euros", "1000000..2000000; unit=EUR"),
        ("€1.5m to 2m", "1500000..2000000; unit=EUR"),
        ("2m barrels a day", "2000000; unit=barrel; rate=day"),
        ("1.5b dollars", "1500000000; unit=USD"),
        ("28 m", "28; unit=meter"),
        ("10 m a second", "10; unit=meter; rate=second"),
        ("1e5", "-"),
        ("3rd Battalion", "-"),
        ("3-0", "-"),
        # What belongs to the amount was a part of its unit, or left out.
        ("10 km to 15 km", "10..15; unit=kilometer"),
        ("20 fighters to 30 fighters", "20..30; unit=fighters"),
        ("between 2 tons and 3 tons", "2..3; unit=ton"),
        ("10km-15km", "10..15; unit=kilometer"),
        ("10 kg or 12 kg", "10..12; unit=kilogram"),
        ("500 and more", "500.."),
        ("at least 500 and as many as 1,000", "-"),
        ("10 rounds/minute", "10; unit=rounds; rate=minute"),
        ("2/3rds of the force", "0.666667; unit=force"),
        ("the 40s", "-"),
        ("5 feet 6 inches to 6 feet", "-"),
        ("5-foot-6", "-"),
        ("10-15 - 20", "-"),
        ("2 h 30 min", "-"),
        ("20 T-72 tanks", "20; unit=T-72 tanks"),
        ("two one-ton bombs", "2; unit=one-ton bombs"),
        ("nineteen eighty-four", "-"),
        ("2 meters by 3 meters", "-"),
        ("more than 20 but fewer than 30", "-"),
        ("10 percent or 15 people", "-"),
        ("20 km north of Aleppo", "20; unit=kilometer"),
        ("-5 to 10 degrees", "-"),  # was -10 to -5
        ("2.5 lakh crore", "2500000000000"),
        ("one half mile", "0.5; unit=mile"),
        ("one half-track", "1; unit=half-track"),
        ("three-tenths of 1 percent", "0.3; percent"),
        ("0.5 of a percent", "0.5; percent"),
        ("$60-a-barrel", "60; unit=USD; rate=barrel"),
        ("20°", "20; unit=degree"),
        ("2018-12-05", "-"),
        ("0/0", "-"),
        ("", "-"),
    ],
)
def test_normalise_quantity_regressions(text, expected):
    assert shown(normalise_quantity(text)) == expected


@given(EXPRESSIONS, st.none() | st.dates())
def test_normalise_date_never_raises_and_is_ordered(text, reference):
    value = normalise_date(text, reference)
    if value is None:
        return
    assert value.start or value.end or value.duration
    if value.start and value.end:
        assert value.start <= value.end
        assert date.fromisoformat(value.start[:10]) <= date.fromisoformat(value.end[:10])


@given(EXPRESSIONS)
def test_normalise_quantity_never_raises_and_is_ordered(text):
    value = normalise_quantity(text)
    if value is None:
        return
    assert value.low is not None or value.high is not None
    if value.low is not None and value.high is not None:
        assert value.low <= value.high


@given(st.floats(0, 1e12).map(lambda x: round(x, 2)))
def test_normalise_quantity_reads_any_figure_back(number):
    value = normalise_quantity(f"about {number:,.2f} barrels a day")
    assert value == QuantityValue(number, number, "barrel", True, "day")


@given(st.dates(date(1800, 1, 1), date(2099, 12, 31)))
def test_normalise_date_reads_any_day_back(day):
    iso = day.isoformat()
    for form in ("%d %B %Y", "%b. %d, %Y", "%A, %B %d, %Y", "%Y-%m-%d"):
        assert normalise_date(day.strftime(form)) == DateValue(iso, iso)


@given(st.dates(date(1970, 1, 1), date(2068, 12, 31)))
def test_normalise_date_reads_a_day_in_any_spelling(day):
    for form in (
        "%d-%b-%Y",
        "%d%b%Y",
        "%d %B '%y",
        "%b-%d-%Y",
        "%B %d, %Y",
        "%Y/%m/%d",
        "%a %d %b %Y",
    ):
        value = normalise_date(day.strftime(form))
        assert (value.start, value.end) == (day.isoformat(), day.isoformat()), day.strftime(form)


@given(st.times(), st.times())
def test_normalise_date_a_clock_range_ends_on_its_day_or_the_next(first, last):
    value = normalise_date(f"Monday {first:%H:%M}-{last:%H:%M}", TODAY)
    over = f"{last:%H:%M}" <= f"{first:%H:%M}"
    assert (value.start, value.end) == (
        f"2018-12-03T{first:%H:%M}", f"2018-12-0{3 + over}T{last:%H:%M}",
    )  # fmt: skip


@given(st.integers(1, 999), st.integers(1, 999), st.sampled_from(["km", "tons", "fighters"]))
def test_normalise_quantity_a_range_may_name_its_unit_twice(one, other, unit):
    low, high = sorted((one, other))
    twice = normalise_quantity(f"{low} {unit} to {high} {unit}")
    assert twice == normalise_quantity(f"{low} to {high} {unit}")
    assert (twice.low, twice.high) == (low, high)


@pytest.mark.parametrize("said", ["five-year-old girl", "10-foot-deep well", "30 tons of coal"])
def test_normalise_quantity_a_dimension_is_not_counted(said):
    assert normalise_quantity(said).of == said.split()[-1]


@pytest.mark.parametrize("said", ["2000 GMT Friday", "1400 hours Friday", "1300-1500 UTC Friday"])
def test_normalise_date_a_time_of_four_digits_is_no_year(said):
    """As a year it kept a future Friday in the past."""
    assert normalise_date(said, TODAY, tense="future").start.startswith("2018-12-07T")


def test_normalise_date_pathological_text_is_quick():
    start = time.process_time()
    for text in ("-".join("a" * 50), "early " * 8 + "friday" + " morning" * 5, "1-" * 49):
        normalise_date(text, TODAY)
        normalise_quantity(text)
    assert time.process_time() - start < 60


def test_normalise_document_fills_meta_and_touches_nothing_else():
    text = "On Tuesday about 40 fighters left Hajin for several weeks."
    entities = (
        Entity(3, 10, "DATE", 0.9),
        Entity(11, 28, "QUANTITY", meta={"note": "kept"}),
        Entity(34, 39, "LOCATION"),
        Entity(44, 57, "DATE"),
    )
    document = Document(text, entities, "d1", {"date": "2018-12-05T09:30:00Z"})
    done = normalise_document(document)
    assert [e.key for e in done.entities] == [e.key for e in entities]
    assert done.text == text
    tuesday, fighters, hajin, weeks = done.entities
    day = {"start": "2018-12-04", "end": "2018-12-04", "duration": None, "approximate": False}
    day["assumed"] = None  # "left" shows that it is past
    assert tuesday.meta == {"value": day}
    assert tuesday.score == 0.9
    assert fighters.meta["note"] == "kept"
    assert fighters.meta["value"]["low"] == 40
    assert fighters.meta["value"]["unit"] == "fighters"
    assert fighters.meta["value"]["of"] == "fighter"
    assert hajin.meta == {"name": "Hajin"}
    assert weeks.meta == {"value": None, "unresolved": "no number is said"}
    assert entities[0].meta == {}


@pytest.mark.parametrize("end", ["\n", "\r\n   ", "\n> "])
def test_normalise_document_reads_words_that_a_hyphen_parts_at_a_line_end(end):
    parted = [
        (f"3 Decem-{end}ber 2018", "DATE"), (f"mid-{end}May 2018", "DATE"),
        (f"twenty-{end}five men", "QUANTITY"), (f"3 thou-{end}sand tons", "QUANTITY"),
    ]  # fmt: skip
    text = " and ".join(mention for mention, _ in parted)
    entities = [Entity(at := text.index(m), at + len(m), label, text=m) for m, label in parted]
    found = normalise_document(Document(text, tuple(entities)))
    values = [e.meta["value"] for e in found.entities]
    assert [v["start"] for v in values[:2]] == ["2018-12-03", "2018-05-11"]
    assert [v["low"] for v in values[2:]] == [25, 3000]
    assert [e.text for e in found.entities] == [m for m, _ in parted]


@pytest.mark.parametrize("end", [" ", "\n", "\r\n", "\n> "])
def test_normalise_document_reads_casualties_over_line_ends(end):
    text = f"The blast killed{end}12 soldiers and wounded{end}30 others, 5 percent{end}of the men."
    mentions = ["12 soldiers", "30 others", "5 percent"]
    entities = tuple(Entity(at := text.index(m), at + len(m), "QUANTITY") for m in mentions)
    found = normalise_document(Document(text, entities))
    values = [e.meta["value"] for e in found.entities]
    assert [(v["kind"], v["of"]) for v in values] == [
        ("killed", "soldier"), ("wounded", "other"), (None, "man"),
    ]  # fmt: skip


def test_normalise_document_reference_goes_before_the_own_date():
    document = Document("Tuesday", (Entity(0, 7, "DATE"),), meta={"date": "2018-12-05"})
    value = normalise_document(document, date(2020, 1, 1)).entities[0].meta["value"]
    assert value["start"] == "2019-12-31"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2018-12-05", TODAY),
        ("2018-12-05T09:30:00+01:00", TODAY),
        ("Dec. 5, 2018", TODAY),
        ("Wed, 05 Dec 2018 09:30:00 GMT", TODAY),
        ("Tuesday, December 4, 2018", date(2018, 12, 4)),  # was cut at its T
        ("4 OCT 2018", date(2018, 10, 4)),
        (TODAY, TODAY),
        ("December 2018", None),
        ("soon", None),
        (None, None),
    ],
)
def test_normalise_document_date(said, expected):
    assert document_date({"date": said}) == expected


def test_normalise_takes_the_reference_in_iso_and_nothing_else():
    for said in (TODAY, "2018-12-05", "2018-12-05T09:30:00+01:00", "2018-12-05 09:30"):
        assert shown(normalise_date("yesterday", said)) == "2018-12-04"
    for wrong in ("soon", "", 5):
        with pytest.raises(InputError, match="give a date, or one in ISO 8601"):
            normalise_date("yesterday", wrong)


@pytest.mark.parametrize("normalise", [normalise_date, normalise_quantity])
@pytest.mark.parametrize("mention", [None, 5, b"Monday"])
def test_normalise_what_is_no_text_is_refused(normalise, mention):
    with pytest.raises(InputError, match="expected the text of a mention, found"):
        normalise(mention)


def test_normalise_without_the_extra_says_what_to_install(monkeypatch):
    dates_module._fallback.cache_clear()
    monkeypatch.setitem(sys.modules, "dateparser.date", None)
    with pytest.raises(InputError, match=r"pip install 'ie-model\[normalise\]'"):
        normalise_date("2018")
    dates_module._fallback.cache_clear()
