"""A model directory to a loaded model: its encoder, and the engine that is chosen for it."""

from __future__ import annotations

import logging
import os
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ie_model.encoding.windows import Encoder
from ie_model.errors import InputError
from ie_model.given import at_least_one
from ie_model.inference import engines
from ie_model.inference.engines.interface import ENGINES, PRECISIONS, Engine
from ie_model.inference.engines.runtimes import has_nvidia_driver, installed
from ie_model.inference.model import LoadedModel
from ie_model.models.directory import ModelSettings, read_settings, tokenizer_file
from ie_model.models.names import find_model
from ie_model.models.plan import load_plan
from ie_model.models.soundness import (
    check_letter_case,
    check_loadable,
    check_sizes,
    check_tags,
    strict_json,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)


def load_model(
    model_dir: str | os.PathLike[str],
    engine: str = "auto",
    precision: str = "auto",
    *,
    threads: int | None = None,
    device: str = "auto",
    batch_tokens: int | None = None,
    multiple: int | None = None,
    streams: int | None = None,
    compile: bool = False,
    lines: str | None = None,
    allow_download: bool = False,
    revision: str | None = None,
) -> LoadedModel:
    """Load a model directory; see :meth:`ie_model.Extractor.from_pretrained`.

    Raises:
        InputError: not a model directory, or an engine or precision it cannot run in.
    """
    at_least_one(batch_tokens, "batch_tokens")
    at_least_one(multiple, "multiple")
    folder = find_model(model_dir, allow_download=allow_download, revision=revision)
    settings = read_settings(folder)
    tokenizer, pad_id = _read_tokenizer(folder, settings)
    encoder = Encoder(
        tokenizer, settings.window, settings.overlap, lines or settings.lines,
        whole_words=settings.whole_words, context=settings.context,
        letter_case=settings.letter_case,
    )  # fmt: skip
    measured = load_plan(folder) if engine == precision == "auto" else None
    # What the caller says comes before what was measured.
    if measured is not None and device in ("auto", measured.device):
        engine, precision, device = measured.engine, measured.precision, measured.device
        batch_tokens = batch_tokens or measured.batch_tokens
        multiple, streams = multiple or measured.multiple, streams or measured.streams
    loaded = load_engine(
        folder, engine, precision,
        threads=threads, device=device, compile=compile, streams=streams,
    )  # fmt: skip
    # Where the model has the CPUs, the tokenizer's threads would only be in its way.
    encoder.parallel = str(getattr(loaded, "device", "cpu")) != "cpu"
    return LoadedModel(
        loaded, encoder, settings, pad_id, folder, batch_tokens=batch_tokens, multiple=multiple
    )


def load_engine(
    model_dir: str | os.PathLike[str],
    engine: str = "auto",
    precision: str = "auto",
    *,
    threads: int | None = None,
    device: str = "auto",
    compile: bool = False,
    streams: int | None = None,
) -> Engine:
    """Load the model in ``model_dir`` into an engine.

    ``engine="auto"`` is torch where CUDA is present, else OpenVINO where it is installed,
    else torch. ``precision="auto"`` is bf16 where the hardware multiplies it natively, else
    fp32; int8 is never chosen here, only asked for (it needs an export that passed the
    quality gate). ``threads`` is by default the number of CPUs the process may use.
    ``device`` (auto, cpu, cuda, cuda:N, mps) and ``compile`` are for torch alone,
    ``streams`` (batches worked on side by side; its own choice when None) for OpenVINO alone.

    Raises:
        InputError: an unknown name, a missing folder, a package that is not installed, or a
            combination that does not exist.
    """
    folder = Path(model_dir)
    _one_of("engine", engine, ENGINES)
    _one_of("precision", precision, PRECISIONS)
    at_least_one(threads, "threads")
    at_least_one(streams, "streams")
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} is no model directory: it holds no config.json")
    if engine == "auto":
        engine = choose_engine(device)
    # The engines' own modules, and their heavy packages, are imported when they are named.
    if engine == "torch":
        return engines.TorchEngine(
            folder, precision, threads=threads, device=device, compile=compile
        )
    if device not in ("auto", "cpu"):
        raise InputError(f"engine {engine!r} runs on the CPU only: device={device!r} needs 'torch'")
    if engine == "onnx":
        return engines.OnnxEngine(folder, precision, threads=threads)
    return engines.OpenVINOEngine(
        folder, precision, threads=threads, streams=streams,
        fallback=partial(_plain_torch, folder),
    )  # fmt: skip


def choose_engine(device: str = "auto") -> str:
    """The engine that ``auto`` stands for on this machine."""
    if device not in ("auto", "cpu"):
        return "torch"
    if device == "auto" and has_nvidia_driver():
        import torch

        if torch.cuda.is_available():
            return "torch"
    if installed("openvino"):
        return "openvino"
    _advise_openvino()
    return "torch"


@cache
def _advise_openvino() -> None:
    """One line a process."""
    log.warning(
        "openvino is not installed, so the slower torch engine answers; "
        "pip install 'ie-model[openvino]', or say engine='torch'"
    )


def _plain_torch(folder: Path) -> Engine:
    return engines.TorchEngine(folder, "fp32", device="cpu")


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{what} {value!r} is unknown: use one of {', '.join(allowed)}")


def _read_tokenizer(folder: Path, settings: ModelSettings) -> tuple[Tokenizer, int]:
    """The Rust tokenizer of a model directory, and its padding id.

    Read without the transformers package, whose import alone takes a second.

    Raises:
        InputError: a file is missing or damaged, or they belong to different models.
    """
    from tokenizers import Tokenizer

    file = tokenizer_file(folder)
    try:
        config = strict_json((folder / "config.json").read_text(encoding="utf-8"))
        pad_id = config.get("pad_token_id") or 0
        if type(pad_id) is not int or not 0 <= pad_id < config.get("vocab_size", pad_id + 1):
            raise ValueError(f"pad_token_id is {pad_id!r:.60}")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{folder}/config.json: cannot be read: {error}") from None
    check_tags(folder, config, settings.tags)
    check_letter_case(folder, config, settings.letter_case)
    check_loadable(folder)
    try:
        tokenizer = Tokenizer.from_file(str(file))
        # What it puts around a text need not stand in its vocabulary.
        ids = [*tokenizer.get_vocab().values(), *tokenizer.encode("a").ids]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the Rust library raises nothing more special, or panics
        raise InputError(f"{file}: damaged: {error}") from None
    check_sizes(folder, config, ids, settings.window)
    return tokenizer, pad_id
