"""F1 on annotated documents as they are, and on the same ones wrapped as mails and releases are.

    python scripts/measure_wrapping.py runs/default dev.jsonl --widths 60 72 80

Paragraphs (lines of the documents) are wrapped in several styles. Answers and annotations are
compared by the characters they cover, without white space, so that nothing depends on where a
line ends.
"""

from __future__ import annotations

import argparse
import random
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ie_model import Document, Extractor, read_documents

Lines = list[str]
Spans = set[tuple[int, int, str]]


def filled(paragraph: str, width: int, first: str = "", rest: str = "") -> Lines:
    """As many words on a line as fit."""
    return textwrap.wrap(
        paragraph, width, initial_indent=first, subsequent_indent=rest,
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def twice(paragraph: str, width: int) -> Lines:
    """Wrapped, and each line again to eight columns less."""
    return [part for line in filled(paragraph, width) for part in filled(line, width - 8)]


def justified(paragraph: str, width: int) -> Lines:
    """Each line but the last filled up by wider gaps."""
    lines = filled(paragraph, width)
    for at, line in enumerate(lines[:-1]):
        words = line.split(" ")
        for extra in range((width - len(line)) if len(words) > 1 else 0):
            words[(7 * extra + at) % (len(words) - 1)] += " "
        lines[at] = " ".join(words)
    return lines


def hyphenated(paragraph: str, width: int) -> Lines:
    """Long words cut at the end of a line, as in printed columns."""
    lines, line = [], ""
    for word in paragraph.split():
        longer = f"{line} {word}".strip()
        room = width - len(line) - 2
        if len(longer) <= width:
            line = longer
        elif word.isalpha() and len(word) >= 7 and 3 <= room <= len(word) - 3:
            lines.append(f"{line} {word[:room]}-")
            line = word[room:]
        else:
            lines.append(line)
            line = word
    return [*lines, line]


def two_widths(paragraph: str, width: int) -> Lines:
    """A quarter of the paragraphs as blocks, indented on both sides."""
    block = random.Random(paragraph).random() < 0.25
    return filled(paragraph, width - 16, 8 * " ", 8 * " ") if block else filled(paragraph, width)


STYLES: dict[str, Callable[[str, int], Lines]] = {
    "plain": filled,
    "quoted mail": partial(filled, first="> ", rest="> "),
    "indented": partial(filled, first="    "),
    "bullets": partial(filled, first="- ", rest="  "),
    "two widths": two_widths,
    "wrapped twice": twice,
    "justified": justified,
    "words hyphenated": hyphenated,
}


def visible(text: str) -> str:
    return "".join(text.split())


def spans_without_blanks(document: Document, places: Sequence[int]) -> Spans:
    """The entities by the numbers of their first and last visible characters.

    ``places`` are where the visible characters of the original text stand in this one. A span
    that begins or ends at something that wrapping added has -1 there.
    """
    number = {place: k for k, place in enumerate(places)}
    return {
        (number.get(e.start, -1), number.get(e.end - 1, -1), e.label) for e in document.entities
    }


def places_of(original: str, text: str) -> list[int]:
    """Where each visible character of the original stands in a text that has more of them."""
    places: list[int] = []
    wanted = visible(original)
    for at, char in enumerate(text):
        if len(places) < len(wanted) and char == wanted[len(places)]:
            places.append(at)
    if len(places) < len(wanted):
        raise ValueError("wrapping lost characters")
    return places


def f1(pairs: Sequence[tuple[Spans, Spans]]) -> float:
    """Micro F1 of pairs of gold and found spans, in percent."""
    right = sum(len(gold & found) for gold, found in pairs)
    return 200 * right / max(1, sum(len(gold) + len(found) for gold, found in pairs))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("gold", type=Path)
    parser.add_argument("--widths", type=int, nargs="+", default=[60, 72, 80])
    options = parser.parse_args()
    extractor = Extractor.from_pretrained(options.model)
    documents = list(read_documents(options.gold))
    own = [places_of(d.text, d.text) for d in documents]
    wanted = [spans_without_blanks(d, p) for d, p in zip(documents, own, strict=True)]

    def score(texts: Sequence[str]) -> float:
        found = [
            spans_without_blanks(answer, places_of(d.text, answer.text))
            for d, answer in zip(documents, extractor.pipe(texts), strict=True)
        ]
        return f1(list(zip(wanted, found, strict=True)))

    paragraphs = [[" ".join(p.split()) for p in d.text.splitlines()] for d in documents]
    print(f"as they are: {score([d.text for d in documents]):.1f}")
    for name, style in STYLES.items():
        between = "\n> \n" if name == "quoted mail" else "\n\n"
        scores = []
        for width in options.widths:
            texts = [
                between.join("\n".join(style(p, width)) for p in some if p) for some in paragraphs
            ]
            scores.append(f"{score(texts):.1f}")
        print(f"{name}: {' '.join(scores)} at {' '.join(map(str, options.widths))} columns")


if __name__ == "__main__":
    main()
