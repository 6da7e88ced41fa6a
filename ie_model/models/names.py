"""What a model is called, to the folder it lies in: a folder, an installed model, a hub id."""

from __future__ import annotations

import os
from importlib import metadata, util
from pathlib import Path

from ie_model.errors import InputError, RunError
from ie_model.given import a_path
from ie_model.models.directory import SETTINGS_FILE

ENTRY_POINTS = "ie_model.models"
"""The entry point group in which packages made by ``ie-model package`` name their model."""

MODEL_FOLDER = "model"
"""The folder inside such a package."""


def find_model(
    name: str | os.PathLike[str], *, allow_download: bool = False, revision: str | None = None
) -> Path:
    """The folder of a model.

    Args:
        name: a folder; else the name of an installed model package; else ``organisation/model``
            of the Hugging Face hub, taken from the hub's cache.
        allow_download: fetch a hub model that is not in the cache, or not up to date.
        revision: branch, tag or commit of a hub model.

    Returns:
        The folder; a name that is none of these comes back as it is, so that whoever reads it
        names it in the error.

    Raises:
        InputError: a hub id that is not in the cache, or that the hub does not have.
        RunError: the hub cannot be reached.
    """
    path = a_path(name, "the model")
    if path.exists():
        return path
    text = os.fspath(name)
    if len(path.parts) == 1:
        return _installed(text) or path
    if text.count("/") == 1 and not text.startswith((".", "/", "~")):
        return _from_hub(text, allow_download, revision) or path
    return path


def installed_models() -> list[str]:
    """The names of the model packages of this environment."""
    return sorted({point.name for point in metadata.entry_points(group=ENTRY_POINTS)})


def _installed(name: str) -> Path | None:
    for point in metadata.entry_points(group=ENTRY_POINTS, name=name):
        found = util.find_spec(point.value)  # found, not imported: a model is data
        for place in (found.submodule_search_locations or ()) if found else ():
            if (Path(place) / MODEL_FOLDER / SETTINGS_FILE).is_file():
                return Path(place) / MODEL_FOLDER
    return None


def _from_hub(hub_id: str, allow_download: bool, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(
            snapshot_download(hub_id, revision=revision, local_files_only=not allow_download)
        )
    except HFValidationError:  # `runs/my model`: a folder that is not there
        return None
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{hub_id}: the hub has no such model or revision: {reason}") from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        if allow_download:
            raise RunError(f"{hub_id}: the hub cannot be reached: {error}") from None
        if revision is None and not _looks_like_a_hub_id(hub_id):
            return None
        wanted = hub_id + (f" --revision {revision}" if revision else "")
        raise InputError(
            f"{hub_id}: no such folder, and not in the Hugging Face cache (nothing is fetched "
            f"unless asked for); run: hf download {wanted}; or in Python: allow_download=True"
        ) from None
    except (HTTPError, OSError) as error:
        raise RunError(f"{hub_id}: could not be fetched from the hub: {error}") from None


def _looks_like_a_hub_id(text: str) -> bool:
    """``runs/defualt`` is a misspelt folder when there is a folder ``runs``."""
    return not Path(text).parent.is_dir() and not text.startswith("runs/")
