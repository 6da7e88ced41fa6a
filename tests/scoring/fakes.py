"""A deterministic stand-in for the extractor, which worker processes can load by name."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ie_model.documents import Document, Entity
from ie_model.errors import InputError

_NAME = re.compile(r"[A-Z]\w+")


class FakeExtractor:
    """Marks capitalised words; some words make it fail, wait, or take its process down."""

    def __init__(
        self, marker: Path | None, delay: float, label: str, hurry: Path | None = None
    ) -> None:
        self.marker, self.delay, self.label, self.hurry = marker, delay, label, hurry
        self.calls: list[str] = []

    def pipe(self, items: Iterable[str], *, on_error: Any = "raise") -> Iterator[Document]:
        for text in items:
            self.calls.append(text)
            if self.delay and not (self.hurry and self.hurry.exists()):
                time.sleep(self.delay)
            if "raises" in text:
                raise ValueError("the model does not like this text")
            if "kills-once" in text and self.marker is not None and not self.marker.exists():
                self.marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if "always-kills" in text:
                os.kill(os.getpid(), signal.SIGKILL)
            if "fails" in text:
                yield Document(text, error="too strange")
                continue
            yield Document(
                text,
                tuple(
                    Entity(m.start(), m.end(), self.label, len(m[0]) / 100, m[0])
                    for m in _NAME.finditer(text)
                ),
            )


@dataclass(frozen=True)
class FakeFactory:
    """``delay`` is what each text takes, in seconds, until the file ``hurry`` is there."""

    marker: Path | None = None
    delay: float = 0.0
    label: str = "ACTOR"
    hurry: Path | None = None

    def __call__(self, threads: int | None, device: str) -> FakeExtractor:
        return FakeExtractor(self.marker, self.delay, self.label, self.hurry)


@dataclass(frozen=True)
class NoModel:
    """A factory that fails, by the caller's fault or not."""

    input_error: bool

    def __call__(self, threads: int | None, device: str) -> FakeExtractor:
        if self.input_error:
            raise InputError("no such model")
        raise OSError("no disk")


class _DiesTogether(FakeExtractor):
    def pipe(self, items: Iterable[str], *, on_error: Any = "raise") -> Iterator[Document]:
        texts = list(items)
        if len(texts) > 1:
            os._exit(7)
        return super().pipe(texts, on_error=on_error)


@dataclass(frozen=True)
class DiesTogether:
    """A model that takes its process down whenever it is given more than one text."""

    def __call__(self, threads: int | None, device: str) -> FakeExtractor:
        return _DiesTogether(None, 0.0, "ACTOR")


@dataclass(frozen=True)
class DiesAtRename:
    """Its process is killed once when a part is written and has not got its name yet."""

    marker: Path

    def __call__(self, threads: int | None, device: str) -> FakeExtractor:
        replace = os.replace

        def dies(source: Any, target: Any, **options: Any) -> None:
            if "part-" in str(target) and not self.marker.exists():
                self.marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target, **options)

        os.replace = dies
        return FakeExtractor(None, 0.0, "ACTOR")
