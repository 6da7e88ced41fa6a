"""A folder that takes another one's place: whole at every moment, nothing of others' lost.

The new folder is written beside its destination and exchanged with it by one system call
(``renameat2`` on Linux, ``renamex_np`` on macOS), so that a reader, and a run that is killed,
finds the old one or the new one. Where a file system cannot exchange, two renames do it; a run
killed between them leaves the old folder under another name, and :func:`remove_leftovers`
puts it back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ie_model.errors import InputError, RunError
from ie_model.files import read_json, sync, sync_all, writing
from ie_model.models.directory import SETTINGS_FILE

_OURS = (
    "model.safetensors", "model-[0-9]*-of-[0-9]*.safetensors", "model.safetensors.index.json",
    "config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "spiece.model", "spm.model",
    "sentencepiece.bpe.model", SETTINGS_FILE, "config.yaml",
    "metrics.json", "README.md", "plan.json", "chat_template.jinja",
    ".[0-9a-f]*.tmp",
)  # fmt: skip
_ENGINES = ("openvino", "onnx")
_ENGINES_FILE = re.compile(
    r"(fp32|fp16|bf16|int8)\.(xml|bin|onnx|data|onnx\.data|json)|\.lock"
    r"|cache/[^/]+\.(blob|cl_cache)|\.([0-9a-f]{12}\.tmp|writing-[^/]+)(/.*)?"
)
_FILES_KEY = "files"


def check_destination(target: Path) -> None:
    """Refuse to put a model over something that is not one, or over more than one.

    Raises:
        InputError: ``target`` is a file, or a folder with things in it that the package did
            not write there.
    """
    if target.is_file():
        raise InputError(f"{target}: is a file; output_dir must name a folder")
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not (target / SETTINGS_FILE).is_file():
        raise InputError(
            f"{target}: exists and is not a model directory; choose another output_dir or empty it"
        )
    if found := foreign(target):
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise InputError(
            f"{found[0]}: was not written by a training, which would delete it{more}; move it "
            "elsewhere, or choose another output_dir"
        )


def check_no_model_file(output: Path | None) -> None:
    """Refuse a result that would replace a file of a model directory; ``None`` is no file.

    Raises:
        InputError: ``output`` is, or leads to, a file that a training wrote into its model.
    """
    if output is None:
        return
    with writing(output):  # a name may be too long to be looked for
        file = output.resolve()
        within = file.is_file() and (file.parent / SETTINGS_FILE).is_file()
    if within and any(fnmatch(file.name, name) for name in _OURS):
        raise InputError(f"{output}: belongs to the model {file.parent}; name another file")


def foreign(model_dir: Path) -> list[Path]:
    """What stands in a model directory that no command of this package wrote."""
    if not model_dir.is_dir():
        return []
    written = (*_OURS, *_recorded(model_dir))
    found: list[Path] = []
    for entry in sorted(model_dir.iterdir()):
        if entry.is_dir() and not entry.is_symlink() and entry.name in _ENGINES:
            inside = (f for f in sorted(entry.rglob("*")) if f.is_symlink() or not f.is_dir())
            found += [
                f for f in inside if not _ENGINES_FILE.fullmatch(f.relative_to(entry).as_posix())
            ]
        elif entry.is_dir() or not any(
            fnmatch(entry.name, name) or fnmatch(entry.name, f".{name}.*") for name in written
        ):
            found.append(entry)
    return found


def _recorded(model_dir: Path) -> list[str]:
    """The names that the model directory's own settings say were written."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        settings = read_json(model_dir / SETTINGS_FILE)
        names = settings.get("origin", {}).get(_FILES_KEY, [])
        return [glob.escape(name) for name in names if isinstance(name, str)]
    return []


@contextlib.contextmanager
def new_directory(target: Path, keep_foreign: bool = False) -> Iterator[Path]:
    """A temporary folder beside ``target`` that takes its place when the block succeeds.

    Its files get the mode that the process's umask gives, and are synced to the disk first. A
    link is followed: what it points at is replaced.

    Args:
        target: the folder to replace, or to make.
        keep_foreign: what others put into a model directory in the meantime comes along.

    Raises:
        InputError: ``target`` is in a place that cannot be written.
        RunError: the disk is full or failed; ``target`` is as it was before.
    """
    target = target.resolve()
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.new-"))
    try:
        yield scratch
        _apply_umask(scratch)
        for entry in foreign(target) if keep_foreign else ():  # with the modes they have
            _copy(entry, scratch / entry.relative_to(target))
        sync_all(scratch)
        _put(scratch, target)
        sync(target.parent)
    except Exception as error:
        if _is_disk_error(error):
            raise RunError(f"{target}: could not be saved, nothing was changed: {error}") from error
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Clear away what killed runs left beside ``target``; only for who holds its lock."""
    name = glob.escape(target.name)
    for old in sorted(target.parent.glob(f".{name}.old-*"), key=lambda p: p.stat().st_mtime):
        if not target.exists():  # killed between two renames
            old.replace(target)
        shutil.rmtree(old, ignore_errors=True)
    for scratch in target.parent.glob(f".{name}.new-*"):
        shutil.rmtree(scratch, ignore_errors=True)


def exchange(a: Path, b: Path) -> bool:
    """Give two folders each other's names in one step; false where the system cannot.

    Raises:
        OSError: it can, and failed.
    """
    libc: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(os.fsencode(a), os.fsencode(b), 2)  # RENAME_SWAP
    elif hasattr(libc, "renameat2"):
        here = -100  # AT_FDCWD
        failed = libc.renameat2(here, os.fsencode(a), here, os.fsencode(b), 2)  # RENAME_EXCHANGE
    else:
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(b))


def _put(scratch: Path, target: Path) -> None:
    if not target.exists():
        scratch.replace(target)
    elif not exchange(scratch, target):  # else scratch is the old one now, and is removed
        old = target.with_name(scratch.name.replace(".new-", ".old-"))
        target.replace(old)
        scratch.replace(target)
        shutil.rmtree(old, ignore_errors=True)


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, to, symlinks=True)
    elif not to.exists():
        shutil.copy2(source, to, follow_symlinks=False)


def _apply_umask(folder: Path) -> None:
    # Temporary folders, and weights that safetensors writes, are for their owner alone.
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


def _is_disk_error(error: BaseException) -> bool:
    # safetensors and tokenizers report a failed write as errors of their own: "(os error 28)".
    return isinstance(error, OSError) or "(os error " in str(error)
