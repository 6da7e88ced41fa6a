"""Where an engine's files live, and whether they belong to the model's present weights.

Converted models are kept in the model directory, one folder per engine, so that they move
with it: ``openvino/fp32.xml``, ``onnx/fp32.onnx``. Beside each stands a small JSON file,
written last, with the digest of the weights it was made from: after a new training run
into the same directory the old conversion is not used. A model directory that cannot be
written to has its conversions in the user's cache folder instead.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ie_model.errors import InputError, RunError
from ie_model.files import read_json, scratch_folder, sync, writing
from ie_model.models.cache import user_cache
from ie_model.models.directory import file_digest, weights_digest
from ie_model.models.hardware import is_x86, multiplies_int8

log = logging.getLogger(__name__)

SUFFIXES = {"openvino": ".xml", "onnx": ".onnx"}


def homes(model_dir: Path, engine: str) -> tuple[Path, Path]:
    """The folders that may hold the engine's files: the model's own, then the cache's."""
    return model_dir / engine, user_cache() / weights_digest(model_dir) / engine


def writable_home(model_dir: Path, engine: str) -> Path:
    """The first of :func:`homes` that can be written to, created."""
    reason = "not permitted"
    for home in homes(model_dir, engine):
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or reason
            continue
        if os.access(home, os.W_OK):
            return home
    raise RunError(
        f"neither {model_dir} nor the user's cache folder can be written to ({reason}): "
        f"the {engine} engine has nowhere to keep the converted model; use engine='torch'"
    )


def locate(model_dir: Path, engine: str, precision: str) -> Path | None:
    """The converted model made from the present weights, or None.

    One whose files are not as they were written (bit rot, a copy cut short) counts as none.
    """
    for home in homes(model_dir, engine):
        path = home / f"{precision}{SUFFIXES[engine]}"
        facts = read_facts(path)
        if not path.is_file() or facts.get("weights") != weights_digest(model_dir):
            continue
        if facts.get("files") == _digests(path):
            return path
        log.warning("%s: damaged, or not as it was written; not used", path)
    return None


def locate_int8(model_dir: Path, engine: str) -> Path:
    """The int8 export of the present weights.

    Raises:
        InputError: there is none, or it is one that this CPU would add up wrongly.
    """
    path = locate(model_dir, engine, "int8")
    if path is None:
        raise InputError(
            f"{model_dir} holds no int8 model made from its present weights: "
            f"run 'ie-model export {model_dir} --engine {engine} --precision int8'"
        )
    full = read_facts(path).get("reduced_range") is False
    if full and is_x86() and not multiplies_int8():
        raise InputError(
            f"{path} has 8-bit weights, which this CPU (without VNNI) would add up wrongly: "
            "export it again with --reduce-range, or use precision='fp32'"
        )
    return path


def _digests(path: Path) -> dict[str, str]:
    """The digest of each file of a converted model but the sidecar, by name."""
    files = sorted(f for f in path.parent.glob(f"{path.stem}.*") if f.suffix != ".json")
    return {file.name: file_digest(file) for file in files}


def read_facts(path: Path) -> dict[str, Any]:
    """What was written beside a converted model about how it was made; empty when absent."""
    try:
        facts = read_json(path.with_suffix(".json"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def store(
    model_dir: Path,
    engine: str,
    precision: str,
    save: Callable[[Path], None],
    facts: dict[str, Any],
) -> Path:
    """Save a converted model so that it is there whole or not at all; returns its path.

    ``save`` gets a path in an empty folder and may write several files of that stem there
    (``fp32.xml`` and ``fp32.bin``).
    """
    home = writable_home(model_dir, engine)
    name = f"{precision}{SUFFIXES[engine]}"
    with writing(home / name), scratch_folder(home) as scratch:
        try:
            save(scratch / name)
        except RuntimeError as error:  # OpenVINO's own for whatever the disk says
            raise RunError(f"{home / name}: cannot be written: {error}") from error
        files = _digests(scratch / name)
        facts = {"weights": weights_digest(model_dir), "files": files, **facts}
        sidecar = scratch / f"{precision}.json"
        sidecar.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        (home / sidecar.name).unlink(missing_ok=True)
        for file in scratch.iterdir():
            sync(file)
        for file in sorted(scratch.iterdir(), key=lambda p: p == sidecar):
            file.replace(home / file.name)
    return home / name


@contextmanager
def exclusive(model_dir: Path, engine: str, wait: float = 300.0) -> Iterator[None]:
    """Only one process at a time converts a model or fills its compile cache.

    Whoever may read the folder can hold the lock, so nobody waits for it for ever.

    Raises:
        RunError: it was not free within ``wait`` seconds.
    """
    file = writable_home(model_dir, engine) / ".lock"
    lock = FileLock(file)
    with writing(file):
        free = _acquire(lock, wait)
    if not free:
        raise RunError(
            f"{file}: another process has held this lock for {wait:.0f} s; end it, remove the "
            "file if there is none, or use engine='torch'"
        )
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, wait: float) -> bool:
    """Whether the lock came in time; whoever waits for more than two seconds is told."""
    try:
        lock.acquire(timeout=min(wait, 2.0))
    except Timeout:
        log.warning(
            "waiting for another process that converts or compiles the model (%s)", lock.lock_file
        )
        try:
            lock.acquire(timeout=max(wait - 2.0, 0.0))
        except Timeout:
            return False
    return True
