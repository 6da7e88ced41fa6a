"""The model directory: an ordinary Hugging Face one plus what the package needs to know.

``ie_model.json`` holds the encoding (window, overlap, lines, whole_words,
letter_case, context), the label
set, the calibration and thresholds, and where the model came from. Directories are written
beside their destination and renamed into place, so one that exists is always whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.files import check_ordinary, write_json
from ie_model.labels import LabelSet
from ie_model.models.soundness import check_settings, check_weights, strict_json

SETTINGS_FILE = "ie_model.json"
TOKENIZER_FILE = "tokenizer.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class ModelSettings:
    """What ``ie_model.json`` holds.

    ``touching`` says whether spans of one label may stand side by side.
    ``calibration`` and ``thresholds`` are what ``ie_model.inference.thresholds`` applies, empty
    when nothing was calibrated; ``sure_score`` is what ``ie_model.inference.agreement`` goes by,
    0 where it is off. ``origin`` says how the model was made: versions, seed,
    fingerprints of data and weights, what the encoding ledger counted.
    """

    labels: tuple[str, ...]
    tags: tuple[str, ...]
    window: int
    overlap: int
    lines: str = "auto"
    touching: bool = True
    whole_words: bool = False
    letter_case: bool = False
    context: int = 0
    temperature: float = 1.0
    calibration: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    sure_score: float = 0.0
    origin: Mapping[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def label_set(self) -> LabelSet:
        """The labels with their tags, in the order of the logits."""
        return LabelSet(self.labels, self.tags, self.touching)


def read_settings(model_dir: str | os.PathLike[str]) -> ModelSettings:
    """Read ``ie_model.json`` of a model directory.

    Raises:
        InputError: not a model directory, a damaged file, or one of a newer version.
    """
    folder = Path(model_dir)
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such model directory; train one with: ie-model train default"
        )
    file = folder / SETTINGS_FILE
    if not file.is_file():
        raise InputError(
            f"{folder}: not a model directory of this package (no {SETTINGS_FILE} in it)"
        )
    check_ordinary(folder)
    try:
        values = strict_json(file.read_text(encoding="utf-8"))
        version = values.pop("format_version")
        if type(version) is not int or version < 1:
            raise ValueError(f"format_version is {version!r:.60}")
        if version > FORMAT_VERSION:
            raise InputError(f"{file}: written by a newer version of ie_model; upgrade to read it")
        if "split_lines" in values:  # the setting's name before there was wrapped text
            values["lines"] = "auto" if values.pop("split_lines") else "document"
        values["labels"], values["tags"] = tuple(values["labels"]), tuple(values["tags"])
        check_settings(values)
        settings = ModelSettings(**values)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{file}: damaged ({error}); train or export the model again") from None
    check_weights(folder)
    return settings


def tokenizer_file(model_dir: str | os.PathLike[str]) -> Path:
    """The fast tokenizer of a model directory.

    Raises:
        InputError: there is none.
    """
    file = Path(model_dir) / TOKENIZER_FILE
    if not file.is_file():
        raise InputError(
            f"{model_dir}: no {TOKENIZER_FILE} in it; save a fast tokenizer there "
            "(AutoTokenizer.from_pretrained(...).save_pretrained(...))"
        )
    return file


def write_settings(model_dir: str | os.PathLike[str], settings: ModelSettings) -> None:
    """Write ``ie_model.json``, whole or not at all.

    A link there is replaced: it leads into the hub's cache, which other revisions share.
    """
    folder = Path(model_dir)
    write_json(folder / SETTINGS_FILE, asdict(settings), scratch=folder)


def weights_fingerprint(model_dir: str | os.PathLike[str]) -> str:
    """SHA-256 over the weights of a model directory: two models that answer alike share it."""
    digest = hashlib.sha256()
    for file in sorted(Path(model_dir).glob("*.safetensors")):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def weights_digest(model_dir: Path) -> str:
    """16 hex digits that change when any byte of the weights or of the configuration does.

    A gigabyte takes about a second; within a process a file is read anew only when its
    size, its times of change or its place on the disk are other ones.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in [model_dir / "config.json", *sorted(model_dir.glob("*.safetensors"))]:
        digest.update(f"{path.name}:{file_digest(path)}\n".encode())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    facts = path.stat()
    state = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return _file_digest(path, state)


@lru_cache(maxsize=64)
def _file_digest(path: Path, state: tuple[int, ...]) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
