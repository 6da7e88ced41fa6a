"""Documents to token windows, and character spans to token labels.

A text is tokenised once, whole. Its tokens are grouped into **units**, the smallest pieces
that carry a tag: a unit starts where a word, a hyphen, a slash or any other punctuation
mark starts, so ``Iran`` in ``Iran-backed`` is a unit of its own and no unit ever cuts a
token (:mod:`ie_model.encoding.units` has the rule). A unit's tag is read at, and trained on, its
first token.

A sequence longer than the model's window is covered by overlapping windows that begin and
end between units. Every unit is *answered for* by exactly one window, the one in which it
stands farthest from an edge, so the windows' answers only have to be joined end to end.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ie_model.documents import Document, Entity
from ie_model.encoding.units import MAX_UNIT_TOKENS, RULES, group_tokens
from ie_model.errors import InputError
from ie_model.labels import LabelSet

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""The label of tokens that are not trained on (the loss function's own convention)."""

TOUCHING_SHARE = 0.002
"""When fewer entities than this touch one of their own label, a model never lets them."""

_LINE = re.compile(r"[^\r\n\v\f\x85\u2028\u2029]+")

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
_Part = tuple[Ints, Ints, list["Window"]]
"""One sequence: its units' starts and ends in the text, and its windows."""


@dataclass(frozen=True, slots=True)
class Window:
    """One model input: ``input_ids`` int32 ``[tokens]``, special tokens included.

    ``positions`` int32 ``[units]`` says where in ``input_ids`` the first token of each
    unit stands that this window answers for.
    """

    input_ids: Ints
    positions: Ints


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text as units and windows.

    ``starts`` and ``ends`` int32 ``[units]`` are code-point offsets into the text, white
    space trimmed. ``sequences`` int32 holds the index of the first unit of every sequence
    (a line, or the whole text): no tag path runs from one sequence into the next.
    Joining ``logits[window.positions]`` over ``windows`` gives one row per unit.
    """

    starts: Ints
    ends: Ints
    sequences: Ints
    windows: tuple[Window, ...]

    @property
    def tokens(self) -> int:
        """Tokens over all windows, special tokens and overlaps included."""
        return sum(len(w.input_ids) for w in self.windows)


class Encoder:
    """Cuts texts into units and windows for one tokenizer.

    Args:
        tokenizer: a fast Hugging Face tokenizer, or the Rust tokenizer inside one.
        window: tokens a model input may have, special tokens included.
        overlap: tokens that neighbouring windows share.
        split_lines: treat each line as a sequence of its own (for news, where a line is a
            paragraph and no span crosses one); else the whole text is one sequence.
        whole_words: no unit begins inside a word (for data labelled word by word).
        parallel: tokenise on all CPUs; else in the caller's thread alone.

    Raises:
        InputError: a slow tokenizer, or a window too small for its overlap.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase | Tokenizer,
        window: int = 256,
        overlap: int = 64,
        split_lines: bool = True,
        *,
        whole_words: bool = False,
        parallel: bool = True,
    ) -> None:
        backend: Any = getattr(tokenizer, "backend_tokenizer", tokenizer)
        if not hasattr(backend, "encode_batch"):
            raise InputError(
                f"{type(tokenizer).__name__} gives no character offsets; "
                "use a backbone with a fast tokenizer (tokenizer.json)"
            )
        # A copy: truncation and padding are state of the Rust tokenizer, and the caller's
        # own settings must neither act here nor be changed.
        self._tokenizer: Tokenizer = type(backend).from_str(backend.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._prefix, self._suffix = self._special_tokens()
        self.window, self.overlap, self.split_lines = window, overlap, split_lines
        self.whole_words = whole_words
        self.parallel = parallel
        self._room = window - len(self._prefix) - len(self._suffix)
        if self._room < 2 * MAX_UNIT_TOKENS or not 0 <= overlap <= self._room // 2:
            raise InputError(
                f"encoding: window {window} with overlap {overlap} is not usable; the window "
                f"needs at least {2 * MAX_UNIT_TOKENS} tokens besides its special tokens, "
                "and the overlap at most half of them"
            )

    @cached_property
    def key(self) -> str:
        """SHA-256 over everything that windows depend on besides the text."""
        state = [
            RULES, self._tokenizer.to_str(), self.window, self.overlap, self.split_lines,
            self.whole_words,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()

    def _special_tokens(self) -> tuple[Ints, Ints]:
        """What the tokenizer puts before and after a single sequence."""
        plain = self._tokenizer.encode("a", add_special_tokens=False).ids
        whole = self._tokenizer.encode("a", add_special_tokens=True)
        inner = [i for i, special in enumerate(whole.special_tokens_mask) if not special]
        if [whole.ids[i] for i in inner] != plain:
            return np.empty(0, np.int32), np.empty(0, np.int32)
        first, last = inner[0], inner[-1] + 1
        return np.array(whole.ids[:first], np.int32), np.array(whole.ids[last:], np.int32)

    def encode(self, texts: Sequence[str]) -> list[EncodedText]:
        """Encode texts; one :class:`EncodedText` each, in order.

        Raises:
            InputError: a text holds a lone surrogate, which is not valid Unicode.
        """
        pieces: list[str] = []
        places: list[int] = []
        counts: list[int] = []
        for index, text in enumerate(texts):
            _reject_surrogates(text, index)
            if self.split_lines:
                lines = [m for m in _LINE.finditer(text) if not m.group().isspace()]
                pieces.extend(m.group() for m in lines)
                places.extend(m.start() for m in lines)
                counts.append(len(lines))
            else:
                whole = bool(text) and not text.isspace()
                pieces.extend([text] * whole)
                places.extend([0] * whole)
                counts.append(int(whole))
        sequences = iter(self._sequences(pieces, places))
        return [_joined([next(sequences) for _ in range(count)]) for count in counts]

    def _sequences(self, pieces: list[str], places: list[int]) -> Iterator[_Part]:
        """Each piece as units and windows; the work on characters is done for all at once."""
        if self.parallel:
            encodings = self._tokenizer.encode_batch(pieces, add_special_tokens=False)
        else:
            encodings = [self._tokenizer.encode(p, add_special_tokens=False) for p in pieces]
        lengths = np.array([len(e) for e in encodings], np.int64)
        total = int(lengths.sum())
        ids = np.fromiter(chain.from_iterable(e.ids for e in encodings), np.int32, total)
        pairs = chain.from_iterable(e.offsets for e in encodings)
        offsets = np.fromiter(chain.from_iterable(pairs), np.int32, 2 * total).reshape(-1, 2)
        first, after, starts, ends, bounds = group_tokens(
            pieces, offsets, lengths, whole_words=self.whole_words
        )
        edges = np.concatenate([[0], np.cumsum(lengths)]).tolist()
        units = bounds.tolist()
        for k, place in enumerate(places):
            some = slice(units[k], units[k + 1])
            windows = self._windows(ids[edges[k] : edges[k + 1]], first[some], after[some])
            yield starts[some] + place, ends[some] + place, windows

    def _windows(self, ids: Ints, first: Ints, after: Ints) -> list[Window]:
        """Cover one sequence; unit ``u`` is ``ids[first[u]:after[u]]``, white space behind it."""
        if len(first) == 0:
            return []
        if len(ids) <= self._room:
            return [self._window(ids, first)]
        windows: list[Window] = []
        # Each window is ids[begin:stop]; it answers for the units from `owned` up to the
        # middle of its overlap with the next window.
        begin, owned = int(first[0]), 0
        while True:
            last = int(np.searchsorted(after, begin + self._room, side="right"))
            stop = int(after[last - 1])
            if last == len(first):
                windows.append(self._window(ids[begin:stop], first[owned:] - begin))
                return windows
            # The next window reaches one unit farther at least, whatever stands between.
            least = max(stop - self.overlap, int(after[last]) - self._room)
            following = int(first[min(int(np.searchsorted(first, least)), last)])
            middle = int(np.searchsorted(first, (following + stop) / 2))
            windows.append(self._window(ids[begin:stop], first[owned:middle] - begin))
            begin, owned = following, middle

    def _window(self, ids: Ints, positions: Ints) -> Window:
        framed = np.concatenate([self._prefix, ids, self._suffix])
        return Window(framed, positions + np.int32(len(self._prefix)))


def _joined(sequences: list[_Part]) -> EncodedText:
    """The sequences of one text end to end; those without a unit leave no trace."""
    sequences = [s for s in sequences if len(s[0])]
    if len(sequences) == 1:
        starts, ends, windows = sequences[0]
        return EncodedText(starts, ends, np.zeros(1, np.int32), tuple(windows))
    empty = np.empty(0, np.int32)
    firsts = np.cumsum([0, *(len(starts) for starts, _, _ in sequences)], dtype=np.int32)[:-1]
    return EncodedText(
        np.concatenate([empty, *(starts for starts, _, _ in sequences)]),
        np.concatenate([empty, *(ends for _, ends, _ in sequences)]),
        firsts,
        tuple(chain.from_iterable(windows for _, _, windows in sequences)),
    )


def _reject_surrogates(text: str, index: int) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"text {index}: lone surrogate at offset {error.start} is not valid Unicode; "
            "decode the source with errors='replace'"
        ) from None


@dataclass(slots=True)
class Ledger:
    """What encoding saw, printed by every run: nothing is dropped in silence.

    ``lost`` lists the gold entities that no tag path can express (they cut a token or
    overlap another), as ``(document id, entity)``; their tokens are masked in training
    and they count as missed in every evaluation. ``unlabelled`` documents are those that
    only teachers mark. ``entities`` counts the gold of each label.
    """

    documents: int = 0
    characters: int = 0
    units: int = 0
    tokens: int = 0
    windows: int = 0
    gold: int = 0
    touching: int = 0
    lost: list[tuple[str, Entity]] = field(default_factory=list)
    unlabelled: int = 0
    entities: Counter[str] = field(default_factory=Counter)

    @property
    def spans_touch(self) -> bool:
        """Whether spans of one label stand side by side often enough to be expected."""
        return self.touching > TOUCHING_SHARE * self.gold

    @property
    def representable(self) -> int:
        """Gold entities that the tags can express."""
        return self.gold - len(self.lost)

    def without_examples(self, labels: Iterable[str]) -> list[str]:
        """Those of the labels of which no entity was seen that the tags can express."""
        lost = Counter(entity.label for _, entity in self.lost)
        return [label for label in labels if self.entities[label] <= lost[label]]

    def to_dict(self) -> dict[str, int]:
        """Counts only; ``truncated`` is zero by construction and stated for the reader."""
        return {
            "documents": self.documents,
            "unlabelled": self.unlabelled,
            "characters": self.characters,
            "units": self.units,
            "tokens": self.tokens,
            "windows": self.windows,
            "gold_seen": self.gold,
            "gold_representable": self.representable,
            "gold_lost": len(self.lost),
            "gold_touching": self.touching,
            "truncated": 0,
        }

    def add(
        self, document: Document, encoded: EncodedText, lost: list[Entity], split_lines: bool
    ) -> None:
        """Count one document."""
        self.documents += 1
        self.characters += len(document.text)
        self.units += len(encoded.starts)
        self.tokens += encoded.tokens
        self.windows += len(encoded.windows)
        self.gold += len(document.entities)
        self.entities.update(entity.label for entity in document.entities)
        self.touching += touching_pairs(document, split_lines)
        self.lost.extend((document.id, e) for e in lost)


def touching_pairs(document: Document, split_lines: bool) -> int:
    """Neighbouring entities of one label with nothing but white space between them.

    With ``split_lines`` those of two lines do not touch: they are in different sequences.
    """
    text = document.text
    ordered = sorted(document.entities, key=lambda e: e.start)
    return sum(
        a.label == b.label
        and a.end <= b.start
        and not (between := text[a.end : b.start]).strip()
        and not (split_lines and between and _LINE.fullmatch(between) is None)
        for a, b in pairwise(ordered)
    )


def align(
    encoded: EncodedText, entities: Sequence[Entity], labels: LabelSet
) -> tuple[Longs, list[Entity]]:
    """Character spans to unit tags.

    Returns:
        Tag ids int64 ``[units]`` and the entities that cannot be expressed. Units touched
        by such an entity are :data:`IGNORED`: whether they belong to a mention is known
        only in part, so the model learns nothing there rather than something wrong.
    """
    tags = np.zeros(len(encoded.starts), np.int64) + labels.tag_ids["O"]
    taken = np.zeros(len(encoded.starts), dtype=bool)
    lost: list[Entity] = []
    for entity in entities:
        first = int(np.searchsorted(encoded.starts, entity.start))
        stop = int(np.searchsorted(encoded.ends, entity.end)) + 1
        fits = (
            first < stop <= len(tags)
            and encoded.starts[first] == entity.start
            and encoded.ends[stop - 1] == entity.end
            and not taken[first:stop].any()
            and not ((encoded.sequences > first) & (encoded.sequences < stop)).any()
        )
        if fits:
            taken[first:stop] = True
            tags[first:stop] = [
                labels.tag_ids[t] for t in labels.tags_of(stop - first, entity.label)
            ]
        else:
            lost.append(entity)
    for entity in lost:
        touched = (encoded.ends > entity.start) & (encoded.starts < entity.end) & ~taken
        tags[touched] = IGNORED
    return tags, lost
