"""One training per output at a time, and nothing left behind by dead ones."""

import json
import os
import stat
import subprocess
import sys

import pytest

from ie_model import files, train
from ie_model.errors import InputError
from ie_model.training import encoded
from ie_model.training.preparation import prepare
from ie_model.training.workspace import scratch_folder, work_folder, workspace


def left_beside(folder):
    return sorted(p.name for p in folder.parent.iterdir() if p.name.startswith("."))


def test_workspace_second_training_of_one_output_is_refused(tiny_config):
    # Both went through, and the weights were neither's.
    config = tiny_config()
    with workspace(config.output_dir):
        with pytest.raises(InputError, match="another training writes it at this moment"):
            train(config)
        assert (work_folder(config.output_dir) / "lock").is_file()
        assert train(config.model_copy(update={"output_dir": config.output_dir / "other"})).steps
    assert left_beside(config.output_dir) == []


def test_workspace_second_process_is_refused_until_the_first_is_dead(tmp_path):
    target = tmp_path / "m"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from ie_model.training.workspace import workspace\n"
        "with workspace(Path(sys.argv[1])) as work:\n"
        "    (work.parent / '.m.new-dead').mkdir(); print('held', flush=True); time.sleep(600)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another training"), workspace(target):
            pass
    finally:
        holder.kill()
        holder.wait()
    assert ".m.new-dead" in left_beside(target)
    with workspace(target):
        assert left_beside(target) == [".m.training"]
    assert left_beside(target) == []


def test_workspace_next_run_clears_what_a_killed_one_left(tiny_config):
    config = tiny_config(max_steps=1)
    beside = config.output_dir.parent
    for name in (".model.new-abc", ".model.training/windows-host-1", ".other.new-abc"):
        (beside / name).mkdir(parents=True)
        (beside / name / "model.safetensors").touch()
    train(config)
    assert left_beside(config.output_dir) == [".other.new-abc"]


@pytest.mark.parametrize("fraction", [0.0, 0.25])
def test_workspace_refused_runs_leave_nothing(tiny_config, fraction):
    # A dry run that was refused left its windows, and a folder for them.
    config = tiny_config()
    data = config.data.model_copy(update={"dev_fraction": fraction})
    config = config.model_copy(update={"data": data})
    config.data.train[0].path.write_text("no entity\n\nin these\n\nlines at all\n")
    for run in (prepare, train):
        with pytest.raises(InputError):
            run(config)
    assert left_beside(config.output_dir) == []
    assert not config.output_dir.exists()


def test_workspace_failed_runs_keep_checkpoints_alone(tmp_path):
    target = tmp_path / "m"

    def fails(*names):
        with workspace(target) as work:
            for name in names:
                (work / name).mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails("checkpoint-3", scratch_folder(work_folder(target)).name)
    assert sorted(p.name for p in work_folder(target).iterdir()) == ["checkpoint-3", "lock"]
    (work_folder(target) / "checkpoint-3").rmdir()
    with pytest.raises(KeyboardInterrupt):
        fails()
    assert left_beside(target) == []


def test_workspace_a_users_file_in_the_model_directory_is_refused_by_name(tiny_config):
    config = tiny_config(max_steps=1)
    folder = train(config).model_dir
    train(config)  # its own files are replaced
    gold = folder / "gold.jsonl"
    gold.write_text("precious")
    for run in (prepare, train):
        with pytest.raises(InputError, match=r"gold\.jsonl: was not written by a training"):
            run(config)
    assert gold.read_text() == "precious"


def test_workspace_places_tried_by_a_killed_run_are_cleared_by_the_next(tiny_config, tmp_path):
    # A run that is killed while it tries whether it can write.
    pytest.importorskip("tensorboard")
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from ie_model.files import scratch_folder\n"
        "with scratch_folder(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "events").mkdir()
    for place in (tmp_path, tmp_path / "events"):
        subprocess.run([sys.executable, "-c", code, str(place)], check=False)
        assert list(place.glob(".*.tmp"))
        files._cleared.discard(place)
    prepare(tiny_config(loggers=["tensorboard"], log_dir=tmp_path / "events"))
    assert not list(tmp_path.rglob(".*.tmp"))


def test_workspace_weights_have_the_mode_of_the_umask(tiny_config):
    # safetensors made them 0600: other users could not load the model.
    before = os.umask(0o022)
    try:
        folder = train(tiny_config(max_steps=1)).model_dir
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()}
    assert set(modes.values()) == {0o644}, modes


@pytest.mark.parametrize("damage", ["cut", "changed", "ledger", "figure", "gone"])
def test_workspace_damaged_windows_are_encoded_anew(tiny_config, caplog, damage):
    # A power cut left the ledger of 1,726 windows beside a table of 1,000.
    first = prepare(tiny_config())
    (table,) = (tiny_config().data.cache_dir / "windows").rglob("windows.arrow")
    content = table.read_bytes()
    # Written to another file: the first preparation still reads this one.
    new = table.with_name("damaged")
    if damage == "cut":
        new.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        new.write_bytes(content[:-300] + bytes([content[-300] ^ 1]) + content[-299:])
    if damage in ("cut", "changed"):
        new.replace(table)
    elif damage == "gone":
        table.unlink()
    elif damage == "figure":
        ledger = json.loads((table.parent / "ledger.json").read_text())
        ledger["ledger"]["windows"] += 1
        (table.parent / "ledger.json").write_text(json.dumps(ledger))
    else:
        (table.parent / "ledger.json").write_text("{")
    again = prepare(tiny_config())
    assert again.windows.ledger == first.windows.ledger
    assert len(again.windows) == len(first.windows)
    assert ("damaged" in caplog.text) == (damage != "gone")


def test_workspace_windows_of_killed_runs_are_removed_by_the_next(tiny_config):
    # Of a corpus that was changed after the kill they stayed in the cache for ever.
    prepare(tiny_config())
    cache = tiny_config().data.cache_dir / "windows"
    (whole,) = (f for f in cache.iterdir() if f.is_dir())
    for name in ("dead", "busy"):
        (cache / name).mkdir()
        (cache / name / "windows.arrow.partial").touch()
        (cache / f"{name}.lock").touch()
    file = tiny_config().data.train[0].path
    file.write_text(file.read_text() + "[[ACTOR|Police]] left.\n")
    holder = held_by_another(cache / "busy.lock")
    try:
        prepare(tiny_config())
    finally:
        holder.kill()
        holder.wait()
    left = {f.name for f in cache.iterdir()}
    assert {whole.name, "busy", "busy.lock"} <= left
    assert not {"dead", "dead.lock"} & left
    assert len([f for f in cache.iterdir() if f.is_dir()]) == 3


def held_by_another(lock):
    """A process that holds a lock file."""
    holder = subprocess.Popen(
        [sys.executable, "-c", "import filelock, sys, time\n"
         "with filelock.FileLock(sys.argv[1]): print(flush=True); time.sleep(600)", str(lock)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    holder.stdout.readline()
    return holder


def test_workspace_waiting_for_an_encoding_process_is_told_and_ends(
    tiny_config, monkeypatch, caplog
):
    prepare(tiny_config())
    monkeypatch.setattr(encoded, "_PATIENCE", 0)
    monkeypatch.setattr(encoded, "_LONGEST_WAIT", 0)
    (lock,) = (tiny_config().data.cache_dir / "windows").glob("*.lock")
    holder = held_by_another(lock)
    try:
        with caplog.at_level("INFO"), pytest.raises(InputError, match="by another process for"):
            prepare(tiny_config())
    finally:
        holder.kill()
        holder.wait()
    assert "waiting for another process that encodes" in caplog.text
