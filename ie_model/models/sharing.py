"""A model made fit to leave the machine it was trained on, and the two ways out: wheel and hub."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

import yaml

from ie_model.config.loading import load_config
from ie_model.config.schema import SOURCES, Config
from ie_model.errors import InputError, RunError
from ie_model.files import read_json, writing
from ie_model.models.card import refresh_card
from ie_model.models.directory import read_settings, write_settings
from ie_model.models.names import ENTRY_POINTS, MODEL_FOLDER
from ie_model.models.soundness import check_loadable, read_object
from ie_model.models.wheel import write_wheel

_OURS = {"ie_model.json", "metrics.json", "config.yaml", "README.md", "plan.json"}
_EXPORTS = {"openvino": ("int8.xml", "int8.bin", "int8.json"), "onnx": ("int8.onnx", "int8.json")}
_SUFFIXES = {".safetensors", ".json", ".txt", ".model", ".jinja", ""}  # no code, no pickle
_NO_PATHS = ("example", "labels", "tags")  # text and labels, whatever they look like
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9._-]*")


def copy_for_sharing(
    model_dir: str | Path,
    target: Path,
    *,
    name: str,
    license: str | None = None,
    hub_id: str | None = None,
) -> None:
    """Copy a model directory without what belongs to this machine alone.

    Weights, tokenizer, settings, metrics and int8 exports go along, as does a licence text;
    code and pickles do not. Paths become names, in every file; the measured
    plan and conversions that any machine makes anew stay behind. The card is written anew.

    Args:
        model_dir: a model directory.
        target: a folder that is not there yet.
        name: what the card calls the model.
        license: for the card; by default that of the config.
        hub_id: where the card's example fetches the model from, if it goes to the hub.

    Raises:
        InputError: not a model directory, or one without ``config.yaml`` and ``metrics.json``.
    """
    source, settings = Path(model_dir), read_settings(model_dir)
    check_loadable(source)
    target.mkdir(parents=True)
    _copy_files(source, target)
    write_settings(target, replace(settings, origin=_without_paths(dict(settings.origin))))
    try:
        metrics = read_json(source / "metrics.json")
        config = load_config(source / "config.yaml")
    except (OSError, ValueError, InputError) as error:
        raise InputError(
            f"{source}: cannot be shared without its card's sources: {error}"
        ) from None
    text = json.dumps(_without_paths(metrics), indent=2, ensure_ascii=False)
    (target / "metrics.json").write_text(text + "\n", encoding="utf-8")
    (target / "config.yaml").write_text(_shared_config(config, name, license), encoding="utf-8")
    exports = source / "README.md"
    if exports.is_file():  # its figures of exports are carried over
        _copy(exports, target / "README.md")
    if not refresh_card(target, hub_id=hub_id):
        # The one it has may name places of this machine.
        raise InputError(
            f"{source}: cannot be shared without a card: a figure in ie_model.json, config.yaml or "
            "metrics.json is none, or README.md cannot be read; mend it"
        )


def _copy_files(source: Path, target: Path) -> None:
    """Copy what travels as it is, and the encoder's settings without the places in them."""
    for file in sorted(source.iterdir()):
        kept = file.suffix in _SUFFIXES and not file.name.startswith(".")
        if kept and file.is_file() and file.name not in _OURS:
            _check_link(file, source)
            _copy(file, target / file.name)
    for engine, names in _EXPORTS.items():
        if all((source / engine / file).is_file() for file in names):
            (target / engine).mkdir()
            for part in names:
                _check_link(source / engine / part, source)
                _copy(source / engine / part, target / engine / part)
    for file in (target / "config.json", target / "tokenizer_config.json"):
        if file.is_file():
            values = read_object(file)
            places = {"_name_or_path", "name_or_path"} & values.keys()
            for key in places:
                del values[key]
            if places:  # else byte for byte: exports know the model by this file, too
                file.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _shared_config(config: Config, name: str, license: str | None) -> str:
    """The config as YAML, with names in place of paths."""
    values = config.model_dump(mode="json")
    values["output_dir"], values["license"] = name, license or values["license"]
    values["model"]["backbone"] = _name(values["model"]["backbone"])
    values["data"]["cache_dir"] = None
    values["distillation"]["teachers"] = [PurePath(t).name for t in config.distillation.teachers]
    for section, part in SOURCES:
        for corpus in values[section][part]:
            corpus["path"] = PurePath(corpus["path"]).name
            corpus["options"] = _without_paths(corpus["options"])
    head = "# As the model was trained, but for places: paths are names alone.\n"
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def package(
    model_dir: str | Path,
    output_dir: str | Path = "dist",
    *,
    name: str | None = None,
    version: str = "0.1.0",
    license: str | None = None,
) -> Path:
    """Make an installable wheel of a model.

    After ``pip install`` of it, ``Extractor.from_pretrained(NAME)`` finds the model.

    Args:
        model_dir: a model directory.
        output_dir: where the wheel is written.
        name: of the package and the model; by default that of the folder.
        version: of the package, as PEP 440 has it (1.0, 2026.11.28).
        license: an SPDX name, for the wheel and the card; by default that of the config.

    Returns:
        The wheel.

    Raises:
        InputError: not a model directory, or a name or version that a package cannot have.
        RunError: the disk is full or failed.
    """
    called = name or Path(model_dir).resolve().name
    if not _NAME.fullmatch(called):
        raise InputError(
            f"--name {called!r}: a package name has letters, digits, '.', '_' and '-', "
            "and begins with a letter"
        )
    if not re.fullmatch(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?", version):
        raise InputError(f"--model-version {version!r}: give numbers with dots, such as 1.0.2")
    module = "ie_model_" + re.sub(r"[-_.]+", "_", called).lower()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        copy_for_sharing(model_dir, root / module / MODEL_FOLDER, name=called, license=license)
        config = load_config(root / module / MODEL_FOLDER / "config.yaml")
        labels = ", ".join(config.labels)
        (root / module / "__init__.py").write_text(
            f'"""The model {called}, for `ie_model.Extractor.from_pretrained("{called}")`."""\n\n'
            f'__version__ = "{version}"\n',
            encoding="utf-8",
        )
        with writing(Path(output_dir)):
            return write_wheel(
                root, Path(output_dir), name=module.replace("_", "-"), version=version,
                summary=f"A model for ie_model that marks {labels} spans.",
                license=config.license, requires=["ie-model"],
                readme=(root / module / MODEL_FOLDER / "README.md").read_text(encoding="utf-8"),
                entry_points={ENTRY_POINTS: {called: module}},
            )  # fmt: skip


def push(
    model_dir: str | Path,
    hub_id: str,
    *,
    private: bool = True,
    license: str | None = None,
    message: str = "Upload with ie-model push",
) -> str:
    """Upload a model to the Hugging Face hub, as ``organisation/model``.

    The token is that of ``hf auth login`` or ``HF_TOKEN``.

    Returns:
        The address of the commit.

    Raises:
        InputError: not a model directory, or not a hub id.
        RunError: the hub cannot be reached, or does not let you.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, HTTPError, OfflineModeIsEnabled

    if hub_id.count("/") != 1:
        raise InputError(f"{hub_id!r}: a hub model is named organisation/model")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        name = hub_id.partition("/")[2]
        copy_for_sharing(model_dir, folder, name=name, license=license, hub_id=hub_id)
        try:
            api = HfApi()
            api.create_repo(hub_id, private=private, exist_ok=True)
            done = api.upload_folder(repo_id=hub_id, folder_path=folder, commit_message=message)
        except HFValidationError as error:
            raise InputError(f"{hub_id!r}: not a hub id: {error}") from None
        except OfflineModeIsEnabled:
            raise RunError(f"{hub_id}: HF_HUB_OFFLINE is set; unset it to upload") from None
        except (HTTPError, OSError) as error:
            raise RunError(f"{hub_id}: not uploaded: {error}") from None
    return str(done.commit_url)


def _check_link(file: Path, source: Path) -> None:
    """Raise :class:`InputError` if a link leads out of the model: to a key, say, to be published.

    The hub's cache keeps files beside its folders of links, in ``blobs``.
    """
    root, place = source.resolve(), file.resolve()
    blobs = root.parent.parent / "blobs"
    if not any(home in place.parents for home in (root, blobs)):
        raise InputError(
            f"{file}: is a link to {place}, which is no part of the model; put the file itself "
            "there, or remove the link"
        )


def _copy(file: Path, target: Path) -> None:
    shutil.copyfile(file, target)
    target.chmod(0o644)


def _name(path: str) -> str:
    """The last part of an absolute path; whatever else (a hub id) as it is."""
    for kind in (PurePath, PureWindowsPath):
        if kind(path).is_absolute() or path.startswith(("~", "./", "../")):
            return kind(path).name
    return path


def _without_paths(values: Any) -> Any:
    """Nested values with every absolute path reduced to its name."""
    if isinstance(values, dict):
        return {k: v if k in _NO_PATHS else _without_paths(v) for k, v in values.items()}
    if isinstance(values, list | tuple):
        return [_without_paths(v) for v in values]
    return _name(values) if isinstance(values, str) else values
