from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ie_model.cli.backbones import app
from ie_model.errors import InputError, RunError
from ie_model.models import backbones
from ie_model.models.catalogue import Backbone

CONTENT = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"weights" * 999}


def zip_of(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as container:
        for name, data in members.items():
            container.writestr(name, data)
    return stream.getvalue()


class FakeIndex:
    """Stands in for pip: requirement -> bytes of the wheel."""

    def __init__(self) -> None:
        self.wheels: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.delay = 0.0

    def download(self, requirement: str, folder: Path) -> Path:
        self.asked.append(requirement)
        time.sleep(self.delay)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{requirement.replace('==', '-')}.whl"
        path.write_bytes(self.wheels[requirement])
        return path


@pytest.fixture
def index(monkeypatch) -> FakeIndex:
    files = {k: (len(v), hashlib.sha256(v).hexdigest()) for k, v in CONTENT.items()}
    tiny = Backbone("tiny", "one wheel", ("tiny==1",), (), "pkg/model", files)
    split = Backbone(
        "split", "two wheels", ("s-1==1", "s-2==1"), ("a/z.001", "b/z.002"), "m", files
    )
    fake = FakeIndex()
    fake.wheels["tiny==1"] = zip_of(
        {"pkg/__init__.py": b"raise SystemExit('imported')"}
        | {f"pkg/model/{k}": v for k, v in CONTENT.items()}
        | {"pkg/model/README.md": b"", "../../escaped": b"x", "/escaped": b"x"}
    )
    joined = zip_of({f"m/{k}": v for k, v in CONTENT.items()})
    fake.wheels["s-1==1"] = zip_of({"a/z.001": joined[:100]})
    fake.wheels["s-2==1"] = zip_of({"b/z.002": joined[100:]})
    monkeypatch.setattr(backbones, "BACKBONES", {"tiny": tiny, "split": split})
    monkeypatch.setattr(backbones, "_download", fake.download)
    return fake


def everything_in(cache: Path) -> set[str]:
    """Files below the cache, lock files aside."""
    found = {str(p.relative_to(cache)) for p in cache.rglob("*") if p.is_file()}
    return {p for p in found if not p.endswith(".lock")}


@pytest.mark.parametrize("name", ["tiny", "split"])
def test_backbones_install_unpacks_only_the_model(index, tmp_path, name):
    cache = tmp_path / "cache"
    folder = backbones.install(name, cache)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == CONTENT
    assert everything_in(tmp_path) == {f"cache/backbones/{name}/{f}" for f in CONTENT}
    assert backbones.verify(name, cache) == folder


def test_backbones_second_install_downloads_nothing(index, tmp_path):
    backbones.install("tiny", tmp_path)
    backbones.install("tiny", tmp_path)
    assert index.asked == ["tiny==1"]


def test_backbones_install_repairs_a_damaged_folder(index, tmp_path):
    folder = backbones.install("tiny", tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match=r"SHA-256.*run: ie-model backbones install tiny"):
        backbones.verify("tiny", tmp_path)
    backbones.install("tiny", tmp_path)
    assert weights.read_bytes() == CONTENT["model.safetensors"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pkg/model/model.safetensors": b"WEIGHTS" * 999}, "SHA-256"),
        ({"pkg/model/model.safetensors": b"\0" * 10_000_000}, "10,000,000 bytes, expected 6,993"),
        ({"pkg/model/config.json": None}, "no pkg/model/config.json"),
    ],
)
def test_backbones_tampered_wheel_leaves_nothing(index, tmp_path, change, message):
    members = {f"pkg/model/{k}": v for k, v in CONTENT.items()} | change
    index.wheels["tiny==1"] = zip_of({k: v for k, v in members.items() if v is not None})
    with pytest.raises(RunError, match=message):
        backbones.install("tiny", tmp_path)
    assert everything_in(tmp_path) == set()


def test_backbones_damaged_download_leaves_nothing(index, tmp_path):
    index.wheels["tiny==1"] = index.wheels["tiny==1"][:-30]
    with pytest.raises(RunError, match="damaged"):
        backbones.install("tiny", tmp_path)
    assert everything_in(tmp_path) == set()


def test_backbones_interrupt_keeps_the_old_folder_and_leaves_nothing_else(
    index, tmp_path, monkeypatch
):
    folder = backbones.install("split", tmp_path)
    (folder / "config.json").write_text("{}")

    def interrupted(requirement: str, where: Path) -> Path:
        if requirement == "s-2==1":
            raise KeyboardInterrupt
        return index.download(requirement, where)

    monkeypatch.setattr(backbones, "_download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backbones.install("split", tmp_path)
    assert everything_in(tmp_path) == {f"backbones/split/{f}" for f in CONTENT}


def test_backbones_remains_of_a_killed_install_are_removed(index, tmp_path):
    stale = tmp_path / "backbones" / ".0123456789ab.tmp" / "wheels"
    stale.mkdir(parents=True)
    (stale / "half.whl").write_bytes(b"x")
    backbones.install("tiny", tmp_path)
    assert everything_in(tmp_path) == {f"backbones/tiny/{f}" for f in CONTENT}


def test_backbones_two_installs_at_once_download_once(index, tmp_path):
    index.delay = 0.3
    lines: list[str] = []
    threads = [
        threading.Thread(target=backbones.install, args=("tiny", tmp_path, lines.append))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert index.asked == ["tiny==1"]
    assert backbones.damages("tiny", tmp_path) == []
    assert any("waiting" in line for line in lines)


def test_backbones_unwritable_cache_is_one_clear_error(index, tmp_path):
    (tmp_path / "backbones").write_text("a file where the folder should be")
    with pytest.raises(RunError, match=r"cannot write .*IE_MODEL_CACHE"):
        backbones.install("tiny", tmp_path)


def test_backbones_cache_follows_the_environment(index, tmp_path, monkeypatch):
    monkeypatch.setenv("IE_MODEL_CACHE", str(tmp_path / "here"))
    assert backbones.install("tiny") == tmp_path / "here" / "backbones" / "tiny"


def test_backbones_resolve_known_name_needs_the_install(index, tmp_path):
    with pytest.raises(InputError, match=r"not installed; run: ie-model backbones install tiny"):
        backbones.resolve("tiny", cache_dir=tmp_path)
    folder = backbones.install("tiny", tmp_path)
    assert backbones.resolve("tiny", cache_dir=tmp_path) == folder


def test_backbones_resolve_local_folder(tmp_path):
    with pytest.raises(InputError, match=r"no config\.json"):
        backbones.resolve(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="no weights"):
        backbones.resolve(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert backbones.resolve(str(tmp_path)) == tmp_path
    with pytest.raises(InputError, match="is a file"):
        backbones.resolve(tmp_path / "config.json")


@pytest.mark.parametrize("wrong", ["minlm", "./gone", "/gone/away", "a/b/c", Path("org/name")])
def test_backbones_resolve_says_what_names_there_are(wrong):
    with pytest.raises(InputError, match="no such folder, and not one of minilm, mpnet"):
        backbones.resolve(wrong, allow_download=True)


def test_backbones_resolve_hub_id(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert backbones.resolve("org/name", allow_download=True) == "org/name"
    with pytest.raises(InputError, match=r"nothing is fetched at run time.*hf download org/name"):
        backbones.resolve("org/name")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set"):
        backbones.resolve("org/name", allow_download=True)
    with pytest.raises(InputError, match="neither a folder nor a hub id"):
        backbones.resolve("org/na me")


def test_backbones_resolve_finds_a_hub_model_in_the_cache(monkeypatch):
    files = {"config.json": "/hub/s/config.json", "pytorch_model.bin": "/hub/s/pytorch_model.bin"}
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache",
        lambda repo, file, revision: files.get(file) if revision in (None, "v2") else None,
    )
    assert backbones.resolve("org/name") == Path("/hub/s")
    assert backbones.resolve("org/name", revision="v2") == Path("/hub/s")
    with pytest.raises(InputError, match="hf download org/name --revision v1"):
        backbones.resolve("org/name", revision="v1")
    del files["pytorch_model.bin"]
    with pytest.raises(InputError, match="hf download org/name"):
        backbones.resolve("org/name")


def test_backbones_pip_failure_is_one_line(tmp_path, monkeypatch):
    """The true downloader against an index with nothing in it."""
    for variable in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(RunError, match=r"could not download minilm-not-there==0: ERROR") as caught:
        backbones._download("minilm-not-there==0", tmp_path)
    assert "\n" not in str(caught.value)


def test_backbones_module_needs_no_torch():
    code = "import sys, ie_model.models.backbones as b; assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_backbones_commands(index, tmp_path):
    run = CliRunner().invoke
    cache = ["--cache-dir", str(tmp_path)]
    assert "none is installed" in run(app, ["verify", *cache]).output
    assert "run: ie-model backbones install tiny" in run(app, ["list", *cache]).output
    assert isinstance(run(app, ["install", "tiny", "nope", *cache]).exception, InputError)
    assert index.asked == []
    installed = run(app, ["install", "tiny", *cache])
    assert installed.exit_code == 0
    assert "downloading tiny==1 (1 of 1" in installed.output
    assert str(tmp_path / "backbones" / "tiny") in run(app, ["list", *cache]).output
    assert run(app, ["verify", *cache]).output.startswith("tiny: intact in ")


@pytest.mark.parametrize("name", ["minilm", "mpnet"])
def test_backbones_installed_weights_are_intact_and_load(name):
    if not backbones.folder_of(name).is_dir():
        pytest.skip(f"{name} is not installed")
    from transformers import AutoConfig, AutoTokenizer

    folder = backbones.resolve(name)
    assert AutoConfig.from_pretrained(folder).vocab_size > 30_000
    words = AutoTokenizer.from_pretrained(folder).tokenize("Federal police")
    assert words == ["federal", "police"]
