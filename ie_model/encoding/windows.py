"""Texts to units and token windows.

A text is tokenised once, whole. Its tokens are grouped into **units**, the smallest pieces
that carry a tag: a unit starts where a word, a hyphen, a slash or any other punctuation
mark starts, so ``Iran`` in ``Iran-backed`` is a unit of its own and no unit ever cuts a
token (:mod:`ie_model.encoding.units` has the rule). A unit's tag is read at, and trained on, its
first token.

A sequence longer than the model's window is covered by overlapping windows that begin and
end between units. Every unit is *answered for* by exactly one window, the one in which it
stands farthest from an edge, so the windows' answers only have to be joined end to end.

Short sequences that follow each other in a text may share a window (``context``), with the
tokenizer's separator between them: the model then sees what the lines around a mention say,
while tag paths still end with every sequence.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ie_model.encoding.letter_case import ID_BITS, cases, with_cases
from ie_model.encoding.lines import LINE_END, LINES, sequences, unwrapped
from ie_model.encoding.units import MAX_UNIT_TOKENS, RULES, Ints, group_tokens
from ie_model.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

_BLANK = r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
_MARKED = (  # a tab, a pipe, bullets of any font; a dot in the middle, but at the letters of a word
    r"[\t\u2003\u3000|¦•‣●○◦▪▫■□◆◇►▸▶➢➤⁃\uf0a7\uf0b7·∙](?<!\w[·∙])(?<![·∙](?=\w))"
)
_WIDE = re.compile(_BLANK + _BLANK)
_GAP = re.compile(rf"(?<=\S){_BLANK}+(?=\S)")

SEPARATOR = re.compile(rf"{_MARKED}|(?<=\S){_BLANK}{{2,}}(?=\S)")
"""What always parts two mentions, in tables, lists and captions: a tab, two or more blanks (or one
as wide), a pipe, a bullet. No tag path runs over one, though the model sees both sides of it."""

_IN_LINES = re.compile(rf"{_MARKED}|(?<=\S){_BLANK}{{3,}}(?=\S)")
_JUSTIFIED = re.compile(_MARKED)

_Part = tuple[Ints, Ints, Ints, list["Window"]]
"""One sequence: its units' starts and ends in the text, the units that begin a stretch, and
its windows."""


@dataclass(frozen=True, slots=True)
class Window:
    """One model input: ``input_ids`` int32 ``[tokens]``, special tokens included.

    In their upper bits is the case of words, where the encoder keeps it.

    ``positions`` int32 ``[units]`` says where in ``input_ids`` the first token of each
    unit stands that this window answers for.
    """

    input_ids: Ints
    positions: Ints


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text as units and windows.

    ``starts`` and ``ends`` int32 ``[units]`` are code-point offsets into the text, white
    space trimmed. ``sequences`` int32 holds the index of the first unit of every stretch
    that tag paths stay in: a sequence (see :mod:`ie_model.encoding.lines`), or a part of one
    between two of what :data:`SEPARATOR` finds.
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
        lines: what is a sequence of its own: each line (for news, where a line is a
            paragraph and no span crosses one), with ``auto`` but for soft breaks of wrapped
            text; each paragraph; or the whole document.
        whole_words: no unit begins inside a word (for data labelled word by word).
        letter_case: tokens carry the case of their words (:mod:`ie_model.encoding.letter_case`).
        context: tokens up to which sequences of one text share a window; 0: none do.
        parallel: tokenise on all CPUs; else in the caller's thread alone.

    Raises:
        InputError: a slow tokenizer, or a window too small for its overlap.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase | Tokenizer,
        window: int = 256,
        overlap: int = 64,
        lines: str = "line",
        *,
        whole_words: bool = False,
        letter_case: bool = False,
        context: int = 0,
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
        self.window, self.overlap, self.lines = window, overlap, lines
        self.whole_words, self.context, self.letter_case = whole_words, context, letter_case
        self.parallel = parallel
        if lines not in LINES:
            raise InputError(f"encoding.lines is {lines!r}: use {', '.join(LINES)}")
        self._room = window - len(self._prefix) - len(self._suffix)
        if self._room < 2 * MAX_UNIT_TOKENS or not 0 <= overlap <= self._room // 2:
            raise InputError(
                f"encoding: window {window} with overlap {overlap} is not usable; the window "
                f"needs at least {2 * MAX_UNIT_TOKENS} tokens besides its special tokens, "
                "and the overlap at most half of them"
            )
        if letter_case and self._tokenizer.get_vocab_size() >> ID_BITS:
            raise InputError("encoding.letter_case: the vocabulary has more than a million tokens")
        if not 0 <= context <= window:
            raise InputError(f"encoding.context: {context} is not from 0 to the window, {window}")

    @cached_property
    def key(self) -> str:
        """SHA-256 over everything that windows depend on besides the text."""
        state = [
            RULES, self._tokenizer.to_str(), self.window, self.overlap, self.lines,
            self.whole_words, self.context, self.letter_case,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()

    def _special_tokens(self) -> tuple[Ints, Ints]:
        """What the tokenizer puts before and after a single sequence."""
        plain = self._tokenizer.encode("a", add_special_tokens=False).ids
        whole = self._tokenizer.encode("a", add_special_tokens=True)
        inner = [i for i, special in enumerate(whole.special_tokens_mask) if not special]
        if not inner or [whole.ids[i] for i in inner] != plain:
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
            spans = sequences(text, self.lines)
            pieces.extend(text[start:end] for start, end in spans)
            places.extend(start for start, _ in spans)
            counts.append(len(spans))
        parts = iter(self._parts(pieces, places))
        joined = [_joined([next(parts) for _ in range(count)]) for count in counts]
        if self.context:
            return [replace(e, windows=tuple(self._shared(e.windows))) for e in joined]
        return joined

    def _parts(self, pieces: list[str], places: list[int]) -> Iterator[_Part]:
        """Each piece as units and windows; the work on characters is done for all at once."""
        originals, moved = pieces, dict[int, Ints]()
        if self.lines in ("auto", "paragraph"):
            pieces = []
            for k, piece in enumerate(originals):
                text, stands = unwrapped(piece, self._is_word)
                pieces.append(text)
                if stands is not None:
                    moved[k] = stands
        if self.parallel and len(pieces) > 1:  # for one, waking other threads costs more
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
        edges = np.concatenate([[0], np.cumsum(lengths)])
        if self.letter_case:
            before = np.repeat(edges[:-1], np.diff(bounds))
            found = cases(pieces, starts, ends, bounds)
            ids = with_cases(ids, first + before, after + before, found)
        edges, units = edges.tolist(), bounds.tolist()
        for k, place in enumerate(places):
            some = slice(units[k], units[k + 1])
            windows = self._windows(ids[edges[k] : edges[k + 1]], first[some], after[some])
            begin, end = starts[some], ends[some]
            if k in moved:
                begin, end = moved[k][begin], moved[k][end - 1] + 1
            heads = _heads(originals[k], begin, self.lines == "auto")
            yield begin + place, end + place, heads, windows

    def _is_word(self, letters: str) -> bool:
        return len(self._tokenizer.encode(f" {letters}", add_special_tokens=False)) == 1

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

    def _shared(self, windows: Sequence[Window]) -> list[Window]:
        """Neighbours put together while they fit: ``[CLS] one [SEP] two [SEP]``."""
        shared: list[Window] = []
        skip = len(self._prefix)
        for window in windows:
            last = shared[-1] if shared else None
            if last and len(last.input_ids) + len(window.input_ids) - skip <= self.context:
                positions = window.positions + np.int32(len(last.input_ids) - skip)
                shared[-1] = Window(
                    np.concatenate([last.input_ids, window.input_ids[skip:]]),
                    np.concatenate([last.positions, positions]),
                )
            else:
                shared.append(window)
        return shared

    def _window(self, ids: Ints, positions: Ints) -> Window:
        framed = np.concatenate([self._prefix, ids, self._suffix])
        return Window(framed, positions + np.int32(len(self._prefix)))


def _heads(piece: str, starts: Ints, prose: bool) -> Ints:
    """The units of a sequence that begin a stretch: the first, and those behind a separator.

    ``prose``: if it has several lines, it is prose that was wrapped.
    """
    wide = _WIDE.search(piece) is not None
    if not (wide or _JUSTIFIED.search(piece)):
        return np.zeros(min(1, len(starts)), np.int32)
    places = {0}
    for match in (_justifying(piece, prose) if wide else SEPARATOR).finditer(piece):
        places.update((match.start(), match.end()))  # a pipe or bullet is a stretch of its own
    heads = np.unique(np.searchsorted(starts, sorted(places)))
    return heads[heads < len(starts)].astype(np.int32)


def _justifying(piece: str, prose: bool) -> re.Pattern[str]:
    """What parts mentions where two blanks may make lines equally long: then some gaps have one."""
    if LINE_END.search(piece):
        return _JUSTIFIED if prose else _IN_LINES
    gaps = [match.group() for match in _GAP.finditer(piece)]
    return _JUSTIFIED if 3 * sum(len(gap) > 1 for gap in gaps) < len(gaps) else SEPARATOR


def _joined(parts: list[_Part]) -> EncodedText:
    """The sequences of one text end to end; those without a unit leave no trace."""
    parts = [part for part in parts if len(part[0])]
    if len(parts) == 1:
        starts, ends, heads, windows = parts[0]
        return EncodedText(starts, ends, heads, tuple(windows))
    empty = np.empty(0, np.int32)
    bases = np.cumsum([0, *(len(part[0]) for part in parts)], dtype=np.int32)[:-1]
    return EncodedText(
        np.concatenate([empty, *(starts for starts, _, _, _ in parts)]),
        np.concatenate([empty, *(ends for _, ends, _, _ in parts)]),
        np.concatenate([empty, *(part[2] + base for part, base in zip(parts, bases, strict=True))]),
        tuple(chain.from_iterable(windows for _, _, _, windows in parts)),
    )


def _reject_surrogates(text: str, index: int) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"text {index}: lone surrogate at offset {error.start} is not valid Unicode; "
            "decode the source with errors='replace'"
        ) from None
