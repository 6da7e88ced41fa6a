"""What hostile files are made of, and the limits within which each must be read."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import resource
import signal
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings, strategies as st

from ie_model.errors import InputError
from tests.faults import table

EXAMPLES = int(os.environ.get("IE_MODEL_FUZZ", "60"))
"""Cases of each kind; ``make fuzz`` tries thousands."""
SECONDS = 20.0
"""Of CPU time, which no case may exceed; loading what a format needs is counted in."""
FUZZ = settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    deadline=None,
    database=None,
)
JUNK = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([
        b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b'"', b"[" * 3000, b"{" * 3000,
        b"NaN", b"1e999", b"-1", b"9" * 5000, b"null", b"[]", b"{}", b'"\\ud800"', b"\r", b"\t",
        b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PAR1",
    ]),
)  # fmt: skip
_BLANKS = ["", " ", "\t", "\n", "\n\n", "\r", "\u2028", "\ufeff", "\x00"]
_TOKENS = (
    "0 1 -1 7 1.0 NaN 9999999999999999999999 T1 T9 R1 E1 A1 N1 #1 * _ O B-X I-X -DOCSTART- 1-1 "
    "2-1 0-3 3;4 Arg1:T1 Arg1:T9 [[ ]] | [[X| #FORMAT=WebAnno #T_SP= #Text= \\ \" , ; = : ['a' {1:2"
)
WORDS = st.sampled_from([*_TOKENS.split(), *_BLANKS]).map(str.encode)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 60),
    st.sampled_from([10**30, -(10**30), 1e308, 1.5, "", "a", "0", "T1", "text", "\x00", "\ud800"]),
    st.sampled_from([[], {}, [[]], [{}], [None], [0], ["a"], {"": 0}, {"id": 1}, [[0, 1, "X"]]]),
    st.integers(1, 400).map(lambda depth: json.loads("[" * depth + "]" * depth)),
)  # fmt: skip


@st.composite
def damaged(draw: Any, sound: bytes) -> bytes:
    """A sound file with pieces of it replaced, cut out, doubled or filled with junk."""
    data = sound
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(JUNK, WORDS, st.just(b""), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


@st.composite
def reshaped(draw: Any, sound: Any) -> Any:
    """A sound value of JSON with some of what is in it replaced, left out, doubled or renamed."""
    value = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        holders = _holders(value)
        if not holders:
            return draw(VALUES)
        holder, key = holders[draw(st.integers(0, len(holders) - 1))]
        deed = draw(st.sampled_from(["replace", "replace", "replace", "drop", "double", "swap"]))
        other, at = holders[draw(st.integers(0, len(holders) - 1))]
        if deed == "replace":
            holder[key] = copy.deepcopy(draw(VALUES))  # the strategy's own lists stay as they are
        elif deed == "drop":
            del holder[key]
        elif deed == "double" and isinstance(holder, list):
            holder.append(holder[key])
        else:  # a copy, since nothing in JSON holds itself
            holder[key] = copy.deepcopy(other[at])
    return value


def _holders(value: Any) -> list[tuple[Any, Any]]:
    """Every list or dict within a value, with each of its keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, list | dict):
            keys = list(range(len(holder))) if isinstance(holder, list) else list(holder)
            found += [(holder, key) for key in keys]
            waiting += [holder[key] for key in keys]
    return found


def check(kind: str, read: Callable[[], object]) -> None:
    """Do it, within the limits: an answer or an InputError."""
    table.attempt(kind)
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with contextlib.suppress(InputError):
            read()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    table.survive(kind)


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s of CPU time")


def resident() -> int:
    """Bytes of memory that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
