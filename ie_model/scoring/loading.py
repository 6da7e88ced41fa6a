"""Which model a job uses, and how a worker loads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ie_model.encoding.lines import LINES
from ie_model.errors import InputError
from ie_model.inference.engines import artifacts
from ie_model.inference.extractor import Extractor
from ie_model.inference.loading import choose_engine
from ie_model.inference.thresholds import check_min_score
from ie_model.models.directory import read_settings, weights_fingerprint
from ie_model.models.names import find_model
from ie_model.models.plan import load_plan
from ie_model.scoring.files import digest
from ie_model.scoring.scorer import Pipe

_IDENTITY_FILES = ("ie_model.json", "config.json", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class ModelLoader:
    """Loads a model directory in a worker: the extractor factory of ordinary jobs.

    ``expected`` is the :meth:`identity` that the job began with: a worker that is started
    later, when another model lies in the same place, must not mix in that one's answers.
    """

    model_dir: str
    engine: str
    precision: str
    batch_tokens: int | None = None
    multiple: int | None = None
    streams: int | None = None
    min_score: float | None = None
    normalise: bool = False
    lines: str | None = None
    expected: Mapping[str, Any] | None = field(default=None, hash=False, compare=False)

    @classmethod
    def resolve(
        cls,
        model_dir: str | Path,
        engine: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        *,
        min_score: float | None = None,
        normalise: bool = False,
        lines: str | None = None,
    ) -> ModelLoader:
        """Decide once, for all workers, what ``auto`` stands for.

        Workers that decided for themselves, by a plan measured on their own machine, would
        mix engines or batches, and so scores, in one output.

        Raises:
            InputError: not a model directory, ``min_score`` outside 0 to 1, or no such ``lines``.
        """
        folder = find_model(model_dir).absolute()
        settings = read_settings(folder)
        check_min_score(min_score, settings.labels)
        if lines is not None and lines not in LINES:
            raise InputError(f"lines is {lines!r}: use {', '.join(LINES)}")
        if lines == settings.lines:  # said or left out, the answers are the same
            lines = None
        plan = load_plan(folder) if engine == precision == "auto" else None
        found = cls(
            str(folder), engine, precision, min_score=min_score, normalise=normalise, lines=lines
        )
        if plan is not None and plan.device in ("auto", device):
            found = replace(
                found, engine=plan.engine, precision=plan.precision,
                batch_tokens=plan.batch_tokens, multiple=plan.multiple, streams=plan.streams,
            )  # fmt: skip
        return replace(found, engine=choose_engine(device)) if found.engine == "auto" else found

    def __call__(self, threads: int | None, device: str) -> Pipe:
        """The extractor, on ``device`` with ``threads`` compute threads.

        Raises:
            InputError: the model is not the one that the job began with.
        """
        extractor = Extractor.from_pretrained(
            self.model_dir, self.engine, precision=self.precision, threads=threads,
            device=device, batch_tokens=self.batch_tokens, multiple=self.multiple,
            streams=self.streams, min_score=self.min_score, normalise=self.normalise,
            lines=self.lines,
        )  # fmt: skip
        # Looked at after loading: what is there now is what was loaded, or came still later.
        found = self.identity() if self.expected is not None else self.expected
        if found != self.expected:
            raise InputError(
                f"{self.model_dir}: the model was changed while the job ran; what is done is kept: "
                "put the model back and give the same command, or start afresh with --overwrite"
            )
        return extractor

    def identity(self) -> dict[str, Any]:
        """What decides the answers: the model's files and how it is run.

        Where the model lies is no part of it; which precision ``auto`` stood for is noted
        when the first worker has loaded it.
        """
        folder = Path(self.model_dir)
        found: dict[str, Any] = {"weights": weights_fingerprint(folder)}
        for name in _IDENTITY_FILES:
            if (folder / name).is_file():
                found[name] = digest((folder / name).read_bytes())
        if self.precision == "int8" and self.engine in artifacts.SUFFIXES:
            # The same weights can be quantised in more than one way.
            file = artifacts.locate(folder, self.engine, "int8")
            data = file.with_suffix(".bin") if file and file.suffix == ".xml" else file
            found["int8"] = digest(data.read_bytes()) if data else None
        for name in (
            "engine", "precision", "batch_tokens", "multiple", "min_score", "normalise", "lines"
        ):  # fmt: skip
            found[name] = getattr(self, name)
        return found
