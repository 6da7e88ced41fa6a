"""One model under its name at every moment, and nothing of others' deleted."""

import errno
import os
import stat
import sys

import pytest

from ie_model.errors import InputError, RunError
from ie_model.models import replacement
from ie_model.models.replacement import (
    check_destination,
    exchange,
    foreign,
    new_directory,
    remove_leftovers,
)


def model(folder, text="old"):
    folder.mkdir()
    for name in ("ie_model.json", "model.safetensors"):
        (folder / name).write_text("{}" if name.endswith("json") else text)
    return folder


def replace_by(target, text, **options):
    with new_directory(target, **options) as scratch:
        (scratch / "ie_model.json").write_text("{}")
        (scratch / "model.safetensors").write_text(text)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("atomic", [True, False])
def test_replacement_leaves_the_new_folder_alone_under_the_name(tmp_path, monkeypatch, atomic):
    if not atomic:
        monkeypatch.setattr(replacement, "exchange", lambda *_: False)
    target = model(tmp_path / "m")
    replace_by(target, "new")
    assert (target / "model.safetensors").read_text() == "new"
    assert names(tmp_path) == ["m"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems may only have two renames")
def test_replacement_target_exists_at_every_moment(tmp_path, monkeypatch):
    # Two renames left a moment without a model; a kill there lost its place.
    a, b = model(tmp_path / "a", "a"), model(tmp_path / "b", "b")
    if not exchange(a, b):
        pytest.skip("the file system cannot exchange")
    assert ((a / "model.safetensors").read_text(), (b / "model.safetensors").read_text()) == (
        "b", "a",
    )  # fmt: skip
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *_: pytest.fail("a rename that is not an exchange")
    )
    replace_by(a, "new")
    assert (a / "model.safetensors").read_text() == "new"
    with pytest.raises(OSError, match=r"No such file"):
        exchange(a, tmp_path / "nothing")


def test_replacement_killed_between_two_renames_is_put_back(tmp_path, monkeypatch):
    target = model(tmp_path / "m")
    target.replace(tmp_path / ".m.old-x1")
    (tmp_path / ".m.new-x1").mkdir()
    (tmp_path / ".mm.new-x1").mkdir()  # another model's
    remove_leftovers(target)
    assert (target / "model.safetensors").read_text() == "old"
    assert names(tmp_path) == [".mm.new-x1", "m"]


def test_replacement_full_disk_changes_nothing(tmp_path, monkeypatch):
    target = model(tmp_path / "m")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(replacement, "sync_all", full)
    with pytest.raises(RunError, match="nothing was changed"):
        replace_by(target, "new")
    assert (target / "model.safetensors").read_text() == "old"
    assert names(tmp_path) == ["m"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_replacement_files_obey_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        with new_directory(tmp_path / "m") as scratch:
            (scratch / "sub").mkdir()
            for name in ("weights", "sub/part"):
                (scratch / name).touch(mode=0o600)
    finally:
        os.umask(before)
    for path in (tmp_path / "m", *(tmp_path / "m").rglob("*")):
        full = 0o777 if path.is_dir() else 0o666
        assert stat.S_IMODE(path.stat().st_mode) == full & ~mask, path


def test_replacement_follows_a_link(tmp_path):
    target = model(tmp_path / "m")
    link = tmp_path / "current"
    link.symlink_to(target)
    replace_by(link, "new")
    assert link.is_symlink()
    assert (target / "model.safetensors").read_text() == "new"


@pytest.mark.parametrize(
    "name",
    [
        "train.jsonl", "data/gold.jsonl", "openvino/notes.md", ".git/HEAD", "a.safetensors",
        # Endings alone told an engine's files from a user's.
        "openvino/train.json", "onnx/corpus.bin", "openvino/cache/gold.jsonl",
        "openvino/.data/gold.jsonl", "onnx/deep/er/gold.jsonl", "model-backup.safetensors",
        "words.model",
    ],
)  # fmt: skip
def test_replacement_refuses_what_no_command_wrote(tmp_path, name):
    # A user's training data inside the model directory was deleted in silence.
    target = model(tmp_path / "m")
    for ours in ("metrics.json", "plan.json", ".metrics.json.ab1", "tokenizer.json"):
        (target / ours).touch()
    for ours in (
        "openvino/int8.xml",
        "openvino/.writing-x/a",
        "openvino/cache/1.blob",
        "onnx/int8.onnx",
    ):
        (target / ours).parent.mkdir(parents=True, exist_ok=True)
        (target / ours).touch()
    check_destination(target)
    (target / name).parent.mkdir(exist_ok=True, parents=True)
    (target / name).write_text("precious")
    with pytest.raises(InputError, match=f"{target}/{name.split('/')[0]}.*was not written by"):
        check_destination(target)


def test_replacement_names_that_the_settings_record_are_ours(tmp_path):
    target = model(tmp_path / "m")
    (target / "bpe.codes").touch()
    assert [f.name for f in foreign(target)] == ["bpe.codes"]
    (target / "ie_model.json").write_text('{"origin": {"files": ["bpe.codes", "[x]"]}}')
    assert foreign(target) == []


def test_replacement_keeps_what_came_in_the_meantime(tmp_path):
    target = model(tmp_path / "m")
    with new_directory(target, keep_foreign=True) as scratch:
        (scratch / "ie_model.json").write_text("{}")
        (target / "notes").mkdir()
        (target / "notes" / "a.txt").write_text("precious")
        (target / "gold.jsonl").write_text("gold")
        (target / "gold.jsonl").chmod(0o400)
    assert stat.S_IMODE((target / "gold.jsonl").stat().st_mode) == 0o400
    assert (target / "notes" / "a.txt").read_text() == "precious"
    assert (target / "gold.jsonl").read_text() == "gold"
    assert not (target / "model.safetensors").exists()
