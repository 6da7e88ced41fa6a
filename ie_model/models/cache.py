"""The user's cache folder, or a stand-in for users who have no home."""

from __future__ import annotations

import os
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

from platformdirs import user_cache_path


def user_cache() -> Path:
    """The folder for what can be made again; it need not exist yet.

    Services and containers run as users without a home, or without a name. They get a
    folder of their own among the temporary files, which nobody else may have put there.
    """
    try:
        return user_cache_path("ie_model", False)
    except RuntimeError:
        return _among_temporary_files()


@lru_cache(maxsize=1)
def _among_temporary_files() -> Path:
    folder = Path(tempfile.gettempdir()) / f"ie_model-cache-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="ie_model-cache-"))
    ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
    if ours and not facts.st_mode & 0o022:
        return folder
    return Path(tempfile.mkdtemp(prefix="ie_model-cache-"))
