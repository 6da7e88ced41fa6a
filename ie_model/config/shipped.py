"""What travels with the package: the configs, found by name, and the text they train on.

``presets/`` beside this file holds links to the repository's own ``configs/``, ``annotations/``
and ``seeds/``. A built wheel has the files themselves in their place, side by side as in the
repository, so that the paths in a config lead to the same text everywhere.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ie_model.errors import InputError
from ie_model.files import scratch_folder, writing
from ie_model.given import a_path

PRESETS = Path(__file__).with_name("presets")
AUTHORED = PRESETS / "annotations" / "authored"
"""The authored paragraphs, in the ``markup`` format."""

_PARTS = ("configs", "annotations", "seeds")
_README = """\
# A project for ie_model

Written by `ie-model init`. Everything here is yours to change.

| folder | what |
|---|---|
| `configs/` | one commented YAML file for each way of training |
| `annotations/` | the text of the default model, its guidelines, an example with other labels |
| `seeds/` | the articles that `annotations/seeds` marks |

    ie-model backbones install minilm
    ie-model train configs/default.yaml                   # -> runs/default
    ie-model evaluate runs/default annotations/demo
    ie-model predict runs/default annotations/demo/border_patrols.txt

Your own labels and data: copy `configs/custom_labels.yaml`, declare the labels, point `data.train`
at your files (brat, CoNLL, Label Studio, doccano, Prodigy, JSON lines and more), then

    ie-model annotations check YOUR_FILES
    ie-model train YOUR.yaml --dry-run
    ie-model train YOUR.yaml

The events in `annotations/authored` and `annotations/demo` are invented: training text, no source
of facts.
"""


def shipped_names() -> list[str]:
    """The names of the shipped configs, such as ``default``."""
    return sorted(file.stem for file in (PRESETS / "configs").glob("*.yaml"))


def find_config(name: str | Path) -> Path:
    """The file that a config is read from: an existing file, or a shipped config by its name.

    Raises:
        InputError: there is neither; the message says which names there are.
    """
    path = a_path(name, "the config")
    # A folder of that name is no config: `ie-model train default` may stand beside one.
    if path.is_file():
        return path
    if len(path.parts) == 1 and path.name.removesuffix(".yaml") in shipped_names():
        file = PRESETS / "configs" / f"{path.name.removesuffix('.yaml')}.yaml"
        return file.resolve()  # in a checkout, the file that the link leads to
    if path.exists():  # a pipe, or a folder, which reading will refuse
        return path
    stem = path.name.removesuffix(".yaml")
    near = f"; {stem!r} alone is the shipped one" if stem in shipped_names() else ""
    if (written := path.with_name(f"{path.name}.yaml")).is_file():
        near = f"; did you mean {written}?"
    raise InputError(
        f"{path}: no such config file{near}. Shipped configs go by their names: "
        f"{', '.join(shipped_names())}; ie-model init writes them out"
    )


def write_project(folder: str | Path) -> list[str]:
    """Write the shipped configs, the text they train on and a README into a folder.

    Returns:
        What was written, relative to the folder.

    Raises:
        InputError: something of the same name is there (nothing is written then), or the
            folder cannot be written to.
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target}: is a file; give a folder")
    names = (*_PARTS, "README.md")
    with writing(target), scratch_folder(target) as scratch:
        for part in _PARTS:
            _copy(PRESETS / part, scratch / part)
        (scratch / "README.md").write_text(_README, encoding="utf-8")
        taken = [name for name in names if (target / name).exists()]
        # An init that was killed between two names is gone on with.
        if taken == list(names) or any(
            _content(target / name) != _content(scratch / name) for name in taken
        ):
            raise InputError(
                f"{target}: holds {', '.join(taken)} already, and nothing is overwritten; "
                "give another folder: ie-model init NEW_FOLDER"
            )
        for name in names:
            if name not in taken:
                (scratch / name).replace(target / name)
    return [f"{part}/" for part in _PARTS] + ["README.md"]


def _copy(source: Path, to: Path) -> None:
    """Copy a folder's files with the modes of new ones: an installed package may be read-only."""
    to.mkdir()
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, to / entry.name)
        else:
            shutil.copyfile(entry, to / entry.name)


def _content(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of all files of a folder, by their paths."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    return {f.relative_to(path.parent).as_posix(): f.read_bytes() for f in files}
