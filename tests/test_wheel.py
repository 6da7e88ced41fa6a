"""The built package, installed away from the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", "__pycache__", "runs", "site", "build", "dist", "*.egg-info"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the wheel's files in it, as ``site-packages`` would have them."""
    pytest.importorskip("setuptools", reason="the build backend is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=NOT_SOURCE)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--disable-pip-version-check", "--wheel-dir", folder, source],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder / "site")
    return folder / "site"


def call(site, folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "ie_model", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_wheel_holds_everything_the_code_reads(installed):
    missing = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "ie_model").rglob("*")
        if path.is_file()
        and path.suffix != ".pyc"
        and not (installed / path.relative_to(ROOT)).is_file()
    ]
    assert not missing
    for part in ("configs", "annotations", "seeds"):
        held = installed / "ie_model" / "config" / "presets" / part
        assert not held.is_symlink()
        for path in (ROOT / part).rglob("*"):
            if path.is_file():
                assert (held / path.relative_to(ROOT / part)).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_wheel_knows_its_configs_away_from_the_checkout(installed, tmp_path):
    assert call(installed, tmp_path, "--version").returncode == 0
    done = call(installed, tmp_path, "train", "configs/custom_labels.yaml")
    assert done.returncode == 2
    assert "ie-model init" in done.stderr
    assert call(installed, tmp_path, "init", "news").returncode == 0
    script = (
        "import ie_model; config = ie_model.load_config('default'); print(ie_model.__file__);"
        "print(sum(1 for s in config.data.train for _ in ie_model.read_documents("
        "s.path, s.format, **s.options)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(installed)}, check=False,
    )  # fmt: skip
    place, count = done.stdout.split()
    assert str(installed) in place
    assert int(count) > 3000
