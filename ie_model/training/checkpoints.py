"""What lets a run be resumed after it was interrupted."""

from __future__ import annotations

import json
import logging
import platform
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from transformers import TrainerCallback

from ie_model.config.schema import describe_differences, differences
from ie_model.errors import InputError
from ie_model.files import read_json, sync_all, write_text
from ie_model.models.directory import weights_fingerprint
from ie_model.training.backbone import trained_backbone
from ie_model.training.dev_evaluation import HISTORY
from ie_model.training.processes import is_first_process, world_size

log = logging.getLogger(__name__)

WHOLE = "whole"
"""An empty file in every checkpoint that is complete."""


def versions() -> dict[str, str]:
    """The versions that a set of weights depends on."""
    names = ("ie-model", "torch", "transformers", "accelerate", "tokenizers")
    return {"python": platform.python_version(), "numpy": np.__version__} | {
        name: metadata.version(name) for name in names
    }


def run_identity(
    settings: Mapping[str, Any], backbone: str, windows: str, dev: str
) -> dict[str, Any]:
    """What must be equal for a checkpoint to be resumed, in plain values.

    Args:
        settings: the config's plain values without ``output_dir``.
        backbone: as the config names it.
        windows: fingerprint of what is learned.
        dev: fingerprint of the dev documents.
    """
    identity = {
        "digest of the training text": windows,
        "digest of the dev documents": dev,
        "processes": world_size(),
    }
    # A model directory may be trained anew in its place, and not all of it is in a checkpoint.
    if folder := trained_backbone(backbone):
        identity["digest of the backbone's weights"] = weights_fingerprint(folder)
    return {**settings, **identity, "versions": versions()}


def last_checkpoint(work: Path, run: Mapping[str, Any], resume: bool) -> Path | None:
    """The checkpoint to go on from, or ``None`` for a fresh start in an empty ``work``.

    Args:
        work: where checkpoints are kept.
        run: of :func:`run_identity`.
        resume: whether to go on.

    Raises:
        InputError: ``resume`` was asked for and there is no complete checkpoint of the same
            config, data, backbone, versions and number of processes.
    """
    file = work / "run.json"
    if resume:
        # A run killed while it wrote one leaves a checkpoint that lacks something.
        whole = [f.parent for f in work.glob(f"checkpoint-*/{WHOLE}")]
        if not whole or not file.is_file():
            raise InputError(
                f"{work}: no checkpoint to resume from; start the run without --resume, with "
                "training.checkpoint_every set"
            )
        try:
            begun = read_json(file)
        except ValueError:
            raise InputError(f"{file}: is damaged; start the run without --resume") from None
        if changed := differences(begun, run):
            raise InputError(
                f"{work}: the checkpoint belongs to another run: {describe_differences(changed)}; "
                "restore that, or start the run without --resume"
            )
        return max(whole, key=lambda folder: int(folder.name.partition("-")[2]))
    if is_first_process():
        for old in work.glob("checkpoint-*"):
            log.info("%s: removed, this run starts from the beginning", old)
            shutil.rmtree(old)
        (work / HISTORY).unlink(missing_ok=True)
        write_text(file, json.dumps(run))
    return None


class MarkWhole(TrainerCallback):
    """Says of a checkpoint that all of it was written; the last callback to be told of it."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            sync_all(folder)
            write_text(folder / WHOLE, "")
