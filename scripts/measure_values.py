"""Measure normalised values: the table, beside dateparser and quantulum3, and the time.

    python scripts/measure_values.py                      # our own numbers
    python scripts/measure_values.py --documents 100000   # and the throughput of a stand-in model

dateparser comes with the extra ``normalise``. quantulum3 is no dependency: where it can be
imported it stands beside ours. The blind part of ``tests/data/normalise.tsv`` was written by
another hand before the code was changed for it.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ie_model.documents import Document, Entity
from ie_model.normalise import (
    DateValue,
    QuantityValue,
    normalise_date,
    normalise_document,
    normalise_quantity,
)

DATA = Path(__file__).parents[1] / "tests" / "data"
Row = tuple[str, str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=0, help="measure the time of so many")
    parser.add_argument("--per-second", type=float, default=0,
                        help="documents/s without values, to relate the time to")  # fmt: skip
    options = parser.parse_args()
    known, blind = read_table(DATA / "normalise.tsv")
    times, _ = read_table(DATA / "english_times.tsv")
    for name, rows in (("known to the code", known), ("blind", blind)):
        for kind in ("date", "quantity"):
            report(f"{name}, {kind}", [r for r in rows if r[0] == kind], ours)
    report("English times, the coming one", times, lambda r: ours(r, tense="future"))
    dates = [r for r in blind if r[0] == "date"]
    quantities = [r for r in blind if r[0] == "quantity"]
    theirs = dateparser_alone()
    print("\nthe same interval / the same first day (approximate not compared)")
    for name, rows, tense in (("blind dates", dates, None), ("English times", times, "future")):
        compare_dates(name, rows, "ie_model", partial(_span, tense=tense))
        compare_dates(name, rows, "dateparser", partial(theirs, tense=tense))
    print("\nthe same numbers (units, open ends and approximate not compared)")
    compare_quantities(quantities, "ie_model", our_numbers)
    other = quantulum()
    if other:
        compare_quantities(quantities, "quantulum3", other)
    else:
        print("quantulum3: not installed")
    if options.documents:
        measure_time(options.documents, options.per_second)


def read_table(path: Path) -> tuple[list[Row], list[Row]]:
    """The rows before and behind the line that says what follows is blind."""
    parts: tuple[list[Row], list[Row]] = ([], [])
    blind = False
    for line in path.read_text(encoding="utf-8").splitlines():
        blind = blind or line.startswith("# Blind")
        if not line.startswith(("#", "kind\t")):
            kind, text, reference, expected = line.split("\t")
            parts[blind].append((kind, text, reference, expected))
    return parts


def report(name: str, rows: list[Row], shown: Callable[[Row], str]) -> None:
    right = sum(shown(row) == row[3] for row in rows)
    print(f"{name}: {right} of {len(rows)} right ({100 * right / len(rows):.1f} %)")


def ours(row: Row, tense: str | None = None) -> str:
    value = date_of(row, tense) if row[0] == "date" else normalise_quantity(row[1])
    return "-" if value is None else notation(value)


def date_of(row: Row, tense: str | None) -> DateValue | None:
    return normalise_date(row[1], date.fromisoformat(row[2]) if row[2] else None, tense)


def notation(value: DateValue | QuantityValue) -> str:
    """A value as the table writes it (see ``tests/normalise/test_normalise.py``)."""
    rough = "~" if value.approximate else ""
    if isinstance(value, DateValue):
        span = f"{value.start or '..'}/{value.end or '..'}"
        span = (value.start or "") if value.start == value.end else span
        return rough + " ".join(part for part in (span, value.duration) if part)
    low, high = ("" if end is None else number(end) for end in (value.low, value.high))
    parts = [low if low == high else f"{low}..{high}"]
    parts += [f"unit={value.unit}"] if value.unit else []
    parts += [f"rate={value.rate}"] if value.rate else []
    return rough + "; ".join(parts + ["percent"] * value.percent)


def number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def span_of(value: DateValue | None) -> str:
    return "-" if value is None else notation(value).lstrip("~")


def _span(row: Row, tense: str | None) -> str:
    return span_of(date_of(row, tense))


def compare_dates(name: str, rows: list[Row], who: str, read: Callable[[Row], str]) -> None:
    whole = first = 0
    for row in rows:
        found, expected = read(row), row[3].lstrip("~")
        whole += found == expected
        first += found[:10] == expected[:10]
    n = len(rows)
    print(
        f"{name}, {who}: {whole} / {first} of {n} ({100 * whole / n:.1f} / {100 * first / n:.1f} %)"
    )


def dateparser_alone() -> Callable[..., str]:
    import dateparser

    def read(row: Row, tense: str | None) -> str:
        base = datetime.fromisoformat(row[2]) if row[2] else None
        settings: dict[str, Any] = {"PREFER_DATES_FROM": tense or "past"}
        settings |= {"RELATIVE_BASE": base} if base else {"REQUIRE_PARTS": ["year"]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dateparser.parse(row[1], languages=["en"], settings=settings)
        if found is None:
            return "-"
        day = found.date().isoformat()
        midnight = (found.hour, found.minute) == (0, 0)
        return day if midnight else f"{day}T{found:%H:%M}"

    return read


def compare_quantities(rows: list[Row], who: str, read: Callable[[str], list[Any]]) -> None:
    right = 0
    for _, text, _, expected in rows:
        found = read(text)
        if expected == "-":
            right += not found
            continue
        low, high = bounds(expected)
        right += len(found) == 1 and all(
            want is None or abs(want - have) <= 1e-6 * max(1, abs(want))
            for want, have in zip((low, high), found[0], strict=True)
        )
    print(f"blind quantities, {who}: {right} of {len(rows)} ({100 * right / len(rows):.1f} %)")


def bounds(expected: str) -> tuple[float | None, float | None]:
    value = expected.lstrip("~").partition(";")[0]
    low, dots, high = value.partition("..")
    first, last = (float(end) if end else None for end in (low, high if dots else low))
    return first, last


def our_numbers(text: str) -> list[tuple[float, float]]:
    value = normalise_quantity(text)
    if value is None:
        return []
    low, high = value.low, value.high
    known = low if low is not None else high
    assert known is not None
    return [(known if low is None else low, known if high is None else high)]


def quantulum() -> Callable[[str], list[Any]] | None:
    try:
        from quantulum3 import parser
    except ImportError:
        return None

    def read(text: str) -> list[tuple[float, float]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = parser.parse(text)
            except Exception:  # it raises on some texts; that is no value
                return []
        return [(q.value - (q.uncertainty or 0), q.value + (q.uncertainty or 0)) for q in found]

    return read


def measure_time(count: int, per_second: float) -> None:
    """Seconds for ``count`` documents of five mentions each, half of them never seen before."""
    documents = list(sample(count))
    normalise_document(documents[0])  # pint, dateparser and inflect are loaded once
    start = time.perf_counter()
    for document in documents:
        normalise_document(document)
    seconds = time.perf_counter() - start
    print(f"\n{count:,} documents in {seconds:.1f} s: {1e6 * seconds / count:.0f} µs each")
    if per_second:
        without = count / per_second
        share = without / (without + seconds)
        print(
            f"beside {per_second:,.0f} documents/s without: {100 * share:.1f} % of the throughput"
        )


def sample(count: int) -> Iterator[Document]:
    for n in range(count):
        pieces = [
            ("Qasem Haddad", "ACTOR"), (" said ", ""), (f"{n % 9000 + 10:,} fighters", "QUANTITY"),
            (" left ", ""), ("Mosul", "LOCATION"), (" on ", ""),
            (("Tuesday", "last week", f"{n % 28 + 1} March")[n % 3], "DATE"),
            (", and ", ""), ("Haddad", "ACTOR"), (" will stay.", ""),
        ]  # fmt: skip
        text, entities = "", []
        for value, label in pieces:
            if label:
                entities.append(Entity(len(text), len(text) + len(value), label))
            text += value
        yield Document(text, tuple(entities), str(n), {"date": f"2018-{n % 12 + 1:02d}-05"})


if __name__ == "__main__":
    main()
