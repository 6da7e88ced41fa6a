"""Documents with their entities marked: a page for the browser, and text for the terminal.

The page is one file without scripts and without anything from the network; its content
policy forbids both. Every string from the data is escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ie_model.corpus.overlaps import overlapping
from ie_model.display.excerpts import counted
from ie_model.documents import Document, Entity, given_documents, misplaced
from ie_model.highlights import marked_text, segments, tag_text

if TYPE_CHECKING:
    from jinja2 import Environment
    from rich.text import Text

# Pastels that black text is readable on; rich finds the nearest that a terminal has.
_COLOURS = ("#9ecbff", "#a6e3a1", "#f5b3d1", "#f2df8c", "#8fe3e3", "#f7b98b", "#cdb8ff")
# Control characters (escape sequences could change the reader's terminal) as their pictures.
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_PICTURES |= {0x7F: 0x2421, **dict.fromkeys(range(0x80, 0xA0), 0xFFFD)}


def printable(text: str) -> str:
    """The text with control characters as pictures, safe for a terminal."""
    return text.translate(_PICTURES)


def label_hues(labels: Iterable[str]) -> dict[str, int]:
    """A hue (degrees) for each label, far apart for neighbours in the alphabet."""
    return {label: round(210 + i * 137.5) % 360 for i, label in enumerate(sorted(set(labels)))}


def render_page(documents: Iterable[Document], title: str = "Annotated documents") -> str:
    """One self-contained HTML page; readable on a phone, in light and dark, and on paper.

    Raises:
        InputError: what is given are no documents.
    """
    from markupsafe import Markup

    shown = list(given_documents(documents, "the documents to show"))
    hues = label_hues(e.label for d in shown for e in d.entities)
    classes = {label: f"l{i}" for i, label in enumerate(hues)}

    def look(label: str) -> str:
        return f'class="{classes[label]}"'

    return (
        environment()
        .get_template("documents.html.j2")
        .render(
            title=title,
            hues=[(classes[label], hue) for label, hue in hues.items()],
            legend=_legend(shown, classes),
            documents=[
                {
                    "id": d.id or f"document {i}",
                    "error": d.error,
                    "marked": Markup(marked_text(d, look, 'class="tag"')),
                    "count": len(d.entities),
                    "outside": sum(
                        bool(misplaced(e.start, e.end, len(d.text))) for e in d.entities
                    ),
                }
                for i, d in enumerate(shown, 1)
            ],
            total=sum(len(d.entities) for d in shown),
        )
    )


def render_terminal(document: Document, labels: Sequence[str] = (), colour: bool = True) -> Text:
    """A document for ``rich``, each mention followed by its label.

    Brackets cannot cross: of entities that do, the longer is drawn, and how many are not is
    said at the end.

    Args:
        document: what to show; control characters come out as pictures.
        labels: all labels of the corpus, so that colours are the same for each document.
        colour: without it, mentions stand in brackets.
    """
    from rich.text import Text

    known = sorted({*labels, *(e.label for e in document.entities)})
    colours = {label: _COLOURS[i % len(_COLOURS)] for i, label in enumerate(known)}
    out = Text()
    before: tuple[Entity, ...] = ()
    drawn = _nested(document)
    for segment in segments(replace(document, entities=tuple(drawn))):
        if not colour:
            out.append("[" * sum(e not in before for e in segment.entities))
        style = f"black on {colours[segment.entities[-1].label]}" if segment.entities else ""
        underline = " underline" if len(segment.entities) > 1 else ""
        out.append(printable(segment.text), style + underline if colour else "")
        for e in reversed(segment.ending):
            tag = printable(tag_text(e))
            out.append(f" {tag}" if colour else f"|{tag}]", "dim italic" if colour else "")
        before = segment.entities
    if missing := len(document.entities) - len(drawn):
        out.append(f"\n({counted(missing, 'entity')} not drawn: across others or outside the text)")
    return out


def _nested(document: Document) -> list[Entity]:
    """The entities inside the text, without those that cross a longer one."""
    size = len(document.text)
    inside = [e for e in document.entities if not misplaced(e.start, e.end, size)]
    if not overlapping(inside):
        return inside
    kept: list[Entity] = []
    for e in sorted(inside, key=lambda e: (e.start - e.end, e.start)):
        if not any(k.start < e.start < k.end < e.end or e.start < k.start < e.end < k.end
                   for k in kept):  # fmt: skip
            kept.append(e)
    return kept


@cache
def environment() -> Environment:
    """The templates of the package, escaping everything."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("ie_model.display"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["percent"] = lambda value: f"{100 * value:.1f}"
    templates.filters["plain"] = lambda value: f"{value:,.1f}".removesuffix(".0")
    return templates


def _legend(documents: Sequence[Document], classes: Mapping[str, str]) -> list[dict[str, Any]]:
    counted = Counter(e.label for d in documents for e in d.entities)
    return [{"label": label, "css": css, "count": counted[label]} for label, css in classes.items()]
