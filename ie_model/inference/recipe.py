"""How an extractor was loaded, so that a copy of it can load itself anew in another process.

Engines hold threads, locks and compiled code that no pickle can carry. What travels is where
the model lies, the options it was loaded with, and digests of its files: a copy that answered
otherwise than the original would be worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.inference.ensemble import Ensemble
from ie_model.inference.loading import load_model
from ie_model.inference.model import LoadedModel
from ie_model.models.directory import SETTINGS_FILE, TOKENIZER_FILE, file_digest

_FILES = ("config.json", SETTINGS_FILE, TOKENIZER_FILE, "*.safetensors")
"""What a model's answers depend on."""

State = tuple[int, int, int, int]


@dataclass(frozen=True)
class Recipe:
    """Model directories and options of :func:`ie_model.inference.loading.load_model`.

    Args:
        folders: the model directories, absolute.
        several: whether they were given as a list, and answer as an ensemble.
        options: engine, precision, threads, ...
        digests: of each file that answers depend on, where the recipe has travelled.
    """

    folders: tuple[Path, ...]
    several: bool
    options: Mapping[str, Any]
    digests: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)

    @classmethod
    def of(cls, model: LoadedModel | Ensemble, options: Mapping[str, Any]) -> Recipe:
        """The recipe of a model that was just loaded with these options."""
        several = isinstance(model, Ensemble)
        members: Sequence[LoadedModel] = model.members if isinstance(model, Ensemble) else [model]
        folders = tuple(member.folder.absolute() for member in members)
        # Digests cost a second a gigabyte; where and when the files were written costs nothing.
        return cls(folders, several, dict(options), states=_states(folders))

    def load(self) -> LoadedModel | Ensemble:
        """The model, read again.

        Raises:
            InputError: it is not where it was, or another one by now.
        """
        for file, digest in self.digests.items():
            if not Path(file).is_file():
                raise InputError(
                    f"{file}: no such file; an extractor that was pickled or copied loads its "
                    "model from the same path: put it there, or load it in the worker with "
                    "Extractor.from_pretrained"
                )
            if file_digest(Path(file)) != digest:
                raise InputError(f"{file}: not as it was when the extractor was pickled; {_REMEDY}")
        loaded = [load_model(folder, **self.options) for folder in self.folders]
        return Ensemble(loaded) if self.several else loaded[0]

    def to_travel(self) -> Recipe:
        """With digests in place of what only this machine knows.

        Raises:
            InputError: a file was changed or removed since the model was loaded.
        """
        now = _states(self.folders)
        for file, state in self.states.items():
            if now.get(file) != state:
                raise InputError(
                    f"{file}: changed since the model was loaded, so a copy would be another "
                    f"one; {_REMEDY}"
                )
        digests = {file: file_digest(Path(file)) for file in now}
        return Recipe(self.folders, self.several, self.options, digests)


_REMEDY = "load it again with Extractor.from_pretrained"


def _states(folders: Sequence[Path]) -> dict[str, State]:
    """Where and when the files were written, and their sizes."""
    states = {}
    for folder in folders:
        for file in (file for name in _FILES for file in sorted(folder.glob(name))):
            facts = file.stat()
            # The last is the system's own, which no program puts back.
            times = (facts.st_mtime_ns, facts.st_ctime_ns)
            states[str(file)] = (facts.st_ino, facts.st_size, *times)
    return states
