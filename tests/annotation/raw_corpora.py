"""Random corpora as other tools write them, with everything each format can say.

Each writer returns the path, how many entities a reader must find, and how many things beside
them it must count as set aside.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

WORDS = ("Anna", "left", "Oslo", "anti-Assad", "U.S.", "(Mosul)", "\u200bQaim", "😂", "I-95", "«a»")
LABELS = ("PER", "LOC", "creative-work")


@dataclass
class Raw:
    """A text with flat spans of its words; ``odd`` are draws that say which features are there.

    ``over`` are spans that overlap the others, for formats that hold such; ``mistaken`` is what
    the first mention is said to be, where a format repeats mentions.
    """

    text: str
    spans: list[tuple[int, int, str]]
    odd: list[bool]
    over: list[tuple[int, int, str]] = field(default_factory=list)
    mistaken: str = ""

    @property
    def all(self) -> list[tuple[int, int, str]]:
        return self.spans + self.over

    @property
    def mentions(self) -> list[tuple[int, int, str, str]]:
        """All spans with the mentions that a file says."""
        found = [(start, end, label, self.text[start:end]) for start, end, label in self.all]
        if self.mistaken and found:
            found[0] = (*found[0][:3], self.mistaken)
        return found


@st.composite
def raws(draw: st.DrawFn) -> list[Raw]:
    """One to three texts that differ, with flat spans of one or two words, and some over them."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        words = [f"No{number}", *draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))]
        text, places = "", []
        for word in words:
            text += draw(st.sampled_from((" ", " ", " ", "\n", "  "))) if text else ""
            places.append((len(text), len(text) + len(word)))
            text += word
        spans, i = [], 0
        while i < len(places):
            size = draw(st.integers(0, 2))
            if size:
                last = min(i + size, len(places)) - 1
                spans.append((places[i][0], places[last][1], draw(st.sampled_from(LABELS))))
            i += max(size, 1)
        over = []
        if spans and draw(st.booleans()):  # one over all, or the same under another label
            whole = draw(st.booleans())
            start, end = (places[0][0], places[-1][1]) if whole else spans[-1][:2]
            over.append((start, end, "OVER"))
        mistaken = draw(st.sampled_from(("", "", "", f"No{number}", "Nowhere")))
        odd = draw(st.lists(st.booleans(), min_size=6, max_size=6))
        found.append(Raw(text, spans, odd, over, mistaken))
    return found


def _lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _jsonl(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    rows = []
    for raw in corpus:
        note, second, score, meta, masked, failed = raw.odd
        more: dict[str, Any] = {"note": "sure?"} if note else {}
        more |= {"other_labels": ["X"]} if second else {}
        entities = [
            {"start": a, "end": b, "label": c, "text": d, "meta": more}
            | ({"score": 0.25} if score else {})
            for a, b, c, d in raw.mentions
        ]
        row: dict[str, Any] = {"id": f"id/{len(rows)}", "text": raw.text, "entities": entities}
        row |= {"meta": {"source": "wire", "n": 1}} if meta else {}
        row |= {"url": "http://a"} if note else {}
        if masked and not raw.spans:
            row["meta"] = {"unannotated": [[0, 1]]}
        rows.append(row | ({"error": "too long"} if failed else {}))
    return _lines(folder / "s.jsonl", rows), sum(len(raw.all) for raw in corpus), 0


def _table(corpus: list[Raw], path: Path) -> tuple[Path, int, int]:
    by_entity, index, source, semicolon, score, meta = corpus[0].odd
    rows = []
    for number, raw in enumerate(corpus):
        row: dict[str, Any] = {"id": f"d{number}", "text": raw.text}
        row |= {"source": f"wire {number}"} if source else {}
        row |= {"meta": json.dumps({"n": number})} if meta else {}
        entities = [
            {"start": a, "end": b, "label": c} | ({"score": 0.25} if score else {})
            for a, b, c, _ in raw.mentions
        ]
        if not by_entity:
            said = [e | {"text": m[3]} for e, m in zip(entities, raw.mentions, strict=True)]
            rows.append(row | {"entities": json.dumps(said)})
            continue
        for entity, (_, _, _, mention) in zip(entities, raw.mentions, strict=True):
            rows.append(row | entity | {"mention": mention, "pattern": f"p{len(rows)}"})
        if not entities:
            rows.append(row)
    names = ["id", "text", *(["source"] * source), *(["meta"] * meta)]
    entity = ["start", "end", "label", "mention", "pattern", *(["score"] * score)]
    names += entity if by_entity else ["entities"]
    with path.open("w", encoding="utf-8", newline="") as file:
        between = "\t" if path.suffix == ".tsv" else ";" if semicolon else ","
        writer = csv.writer(file, delimiter=between)
        writer.writerow([*([""] * index), *names])
        for number, row in enumerate(rows):
            writer.writerow([*([number] * index), *(row.get(name, "") for name in names)])
    return path, sum(len(raw.all) for raw in corpus), int(index)


def _csv(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    return _table(corpus, folder / "s.csv")


def _tsv(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    return _table(corpus, folder / "s.tsv")


def _json(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    path, entities, aside = _jsonl(corpus, folder)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.with_suffix(".json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    path.unlink()
    return path.with_suffix(".json"), entities, aside


def _brat(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    aside = 0
    (folder / "s").mkdir()
    for number, raw in enumerate(corpus):
        relation, note, gap, score, _, text = raw.odd
        lines = [
            f"T{i}\t{c} {a} {b}\t{' '.join(d.split())}"
            for i, (a, b, c, d) in enumerate(raw.mentions, 1)
        ]
        others = []
        if relation and len(lines) > 1:
            others.append("R1\tknows Arg1:T1 Arg2:T2")
        if note and lines:
            others += ["A1\tSure T1", "#1\tAnnotatorNotes T1\twhy"]
        if gap:
            others.append(f"T99\tLOC 0 1;2 3\t{raw.text[0]} {raw.text[2]}")
        if score and lines:
            lines.append("#9\tScore T1\t0.5")
        aside += len(others)
        stem = folder / "s" / f"d{number}"
        stem.with_suffix(".txt").write_text(raw.text, encoding="utf-8")
        stem.with_suffix(".ann").write_text("\n".join(lines + others) + "\n", encoding="utf-8")
        if text:
            (folder / "s" / f"new{number}.txt").write_text("unopened", encoding="utf-8")
            aside += 1
    return folder / "s", sum(len(raw.all) for raw in corpus), aside


def _tags(raw: Raw) -> list[tuple[str, str]]:
    found, position = [], 0
    for word in raw.text.split():
        start = raw.text.index(word, position)
        position = start + len(word)
        tag = "O"
        for a, b, label in raw.spans:
            if a <= start < b:
                tag = f"{'B' if a == start else 'I'}-{label}"
        found.append((word, tag))
    return found


def _conll(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    columns, comments = corpus[0].odd[0], 0
    lines = []
    for raw in corpus:
        if raw.odd[1]:
            comments += 1
            lines.append("# sent_id = 1")
        middle = "\tNN\t_" if columns else ""
        lines += [f"{word}{middle}\t{tag}" for word, tag in _tags(raw)]
        lines.append("")
    path = folder / "s.conll"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path, sum(len(raw.spans) for raw in corpus), comments + 2 * columns


def _markup(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    lines = []
    for raw in corpus:
        parts, position = [], 0
        for start, end, label in raw.spans:
            parts += [raw.text[position:start], f"[[{label}|{raw.text[start:end]}]]"]
            position = end
        lines.append("".join([*parts, raw.text[position:]]).replace("\n", "\\n"))
    path = folder / "s.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path, sum(len(raw.spans) for raw in corpus), 0


def _doccano(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    rows: list[Any] = []
    for raw in corpus:
        objects, relation, meta, other, extra, _ = raw.odd
        row: dict[str, Any] = {"id": len(rows), "text": raw.text}
        if objects or relation:
            row["entities"] = [
                {"id": i, "start_offset": a, "end_offset": b, "label": c}
                | ({"user": 3} if extra else {})
                for i, (a, b, c) in enumerate(raw.all)
            ]
        else:
            row["label"] = [list(span) for span in raw.all]
        if relation and len(raw.spans) > 1:
            row["relations"] = [{"id": 1, "from_id": 0, "to_id": 1, "type": "knows"}]
        row |= {"meta": {"source": "wire"}} if meta else {}
        row |= {"Comments": ["why"]} if other else {}
        rows.append(row)
    return _lines(folder / "s.jsonl", rows), sum(len(raw.all) for raw in corpus), 0


def _labelstudio(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    tasks, aside = [], 0
    for raw in corpus:
        second, note, relation, choice, twice, skipped = raw.odd
        regions: list[Any] = [
            {"id": f"r{i}", "from_name": "ner", "to_name": "text", "type": "labels",
             "value": {"start": a, "end": b, "text": d, "labels": [c, "X"] if second else [c]}}
            | ({"meta": {"text": ["sure?"]}} if note else {})
            for i, (a, b, c, d) in enumerate(raw.mentions)
        ]  # fmt: skip
        aside += len(regions) * second
        if relation and len(regions) > 1:
            regions.append({"type": "relation", "from_id": "r0", "to_id": "r1", "labels": ["x"]})
            aside += 1
        if choice:
            regions.append({"from_name": "c", "type": "choices", "value": {"choices": ["a"]}})
            aside += 1
        annotation = {"completed_by": 3, "result": regions}
        made = [annotation, {**annotation, "completed_by": 4}] if twice else [annotation]
        aside += twice
        data = {"text": raw.text, "source": "wire"}
        tasks.append({"id": len(tasks), "data": data, "annotations": made})
        if skipped:
            none = [{"was_cancelled": True, "result": regions}]
            tasks.append({"id": len(tasks), "data": data, "annotations": none})
            aside += 1
    path = folder / "s.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path, sum(len(raw.all) for raw in corpus), aside


def _prodigy(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    rows, aside = [], 0
    for raw in corpus:
        relation, binary, rejected, score, meta, extra = raw.odd
        tokens = [
            {"text": raw.text[a:b], "start": a, "end": b, "id": i}
            for i, (a, b, _) in enumerate(raw.spans)
        ]
        spans = [
            {"start": a, "end": b, "label": c}
            | ({"score": 0.25} if score else {})
            | ({"pattern": "7"} if extra else {})
            for a, b, c in raw.all
        ]
        row = {"text": raw.text, "spans": spans, "_input_hash": 1, "answer": "accept"}
        row |= {"meta": {"source": "wire"}} if meta else {}
        if binary and spans:
            rows += [{**row, "spans": [span], "_is_binary": True} for span in spans]
            aside += len(spans)  # the further answers, and the rest of the text
        elif relation and len(raw.spans) > 1:
            ends = [{"token_start": i, "token_end": i, "label": spans[i]["label"]} for i in (0, 1)]
            said = {"head": 0, "child": 1, "head_span": ends[0], "child_span": ends[1]}
            rows.append({**row, "tokens": tokens, "relations": [said]})
        else:
            rows.append(row)
        if rejected:
            rows.append({**row, "answer": "reject"})
            aside += 1
    return _lines(folder / "s.jsonl", rows), sum(len(raw.all) for raw in corpus), aside


def _datasets(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    rows: list[Any] = []
    aside = 0
    for raw in corpus:
        words, tags = (list(column) for column in zip(*_tags(raw), strict=True))
        if raw.odd[0]:
            tags, words, aside = [*tags, -100], [*words, "end"], aside + 1
        rows.append({"tokens": words, "ner_tags": tags})
        if raw.odd[1]:
            rows.append({"tokens": ["a"], "ner_tags": None})
            aside += 1
    if corpus[0].odd[2]:
        rows = [{**row, "pos_tags": [1] * len(row["tokens"])} for row in rows]
        aside += 1
    return _lines(folder / "s.jsonl", rows), sum(len(raw.spans) for raw in corpus), aside


def _within(raw: Raw, number: int) -> bool:
    """Whether the span over the others holds a word."""
    position = 0
    for word in raw.text.split()[: number + 1]:
        start = raw.text.index(word, position)
        position = start + len(word)
    return raw.over[0][0] <= start < raw.over[0][1]


def _webanno(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    aside = 0
    (folder / "s").mkdir()
    for number, raw in enumerate(corpus):
        text = " ".join(raw.text.split())
        lines = [
            "#FORMAT=WebAnno TSV 3.3",
            "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value",
            "", "", f"#Text={text}",
        ]  # fmt: skip
        position, span = 0, 0
        for i, (word, tag) in enumerate(_tags(raw), 1):
            start = len(text[: text.index(word, position)].encode("utf-16-le")) // 2
            position = text.index(word, position) + len(word)
            end = len(text[:position].encode("utf-16-le")) // 2
            span += tag[0] == "B"
            kind = f"{tag[2:]}[{span}]" if tag != "O" else "_"
            linked = raw.odd[0] and tag != "O"
            aside += linked and tag[0] == "B"
            link = f"Q1[{span}]" if linked else "_" if tag == "O" else f"*[{span}]"
            if raw.over and _within(raw, i - 1):
                kind = f"{kind}|OVER[99]" if tag != "O" else "OVER[99]"
                link = f"{link}|*[99]" if tag != "O" else "*[99]"
            lines.append(f"1-{i}\t{start}-{end}\t{word}\t{link}\t{kind}\t")
        (folder / "s" / f"d{number}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "s", sum(len(raw.all) for raw in corpus), aside


def _docbin(corpus: list[Raw], folder: Path) -> tuple[Path, int, int]:
    from spacy.tokens import Doc, DocBin, Span
    from spacy.vocab import Vocab

    docs, vocab, aside = DocBin(store_user_data=True), Vocab(), 0
    for raw in corpus:
        link, missing, cats, group, tagged, custom = raw.odd
        words = raw.text.split()
        doc = Doc(vocab, words=words)
        spans: list[Any] = []
        for i, (_, tag) in enumerate(_tags(raw)):
            if tag[0] == "B":
                spans.append([i, i + 1, tag[2:]])
            elif tag[0] == "I":
                spans[-1][1] = i + 1
        made = [Span(doc, a, b, label=c, kb_id="Q1" if link else "") for a, b, c in spans]
        free = [i for i, (_, tag) in enumerate(_tags(raw)) if tag == "O"][:1] if missing else []
        free = [] if raw.over else free  # a group of spans says nothing of the other words
        doc.set_ents(made, missing=[doc[i : i + 1] for i in free])
        if raw.over:
            held = [i for i in range(len(words)) if _within(raw, i)]
            doc.spans["sc"] = [*made, Span(doc, held[0], held[-1] + 1, label="OVER")]
        if cats:
            doc.cats = {"news": 1.0}
        if group:
            doc.spans["ruler"] = [Span(doc, 0, 1, "X")]
        if tagged:
            for token in doc:
                token.tag_ = "NN"
        if custom:
            doc.user_data["mine"] = 1
        aside += len(free) + group + tagged + custom
        docs.add(doc)
    docs.to_disk(folder / "s.spacy")
    return folder / "s.spacy", sum(len(raw.all) for raw in corpus), aside


Writer = Callable[[list[Raw], Path], tuple[Path, int, int]]
WRITERS: dict[str, Writer] = {
    "jsonl": _jsonl,
    "brat": _brat,
    "conll": _conll,
    "markup": _markup,
    "doccano": _doccano,
    "labelstudio": _labelstudio,
    "prodigy": _prodigy,
    "docbin": _docbin,
    "webanno": _webanno,
    "datasets": _datasets,
    "csv": _csv,
    "tsv": _tsv,
    "json": _json,
}
"""For each format, what writes a random corpus as its own tool would."""
