"""Files and folders that are whole or absent."""

import errno
import os
from pathlib import Path

import pytest

from ie_model.errors import InputError, RunError
from ie_model.files import (
    check_writable,
    new_folder,
    read_json,
    whole_file,
    whole_path,
    whole_text,
    write_json,
    write_text,
    writing,
)


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def interrupted(writer, path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), writer(path) as begun:  # noqa: PT012
        if isinstance(begun, Path) and begun.is_dir():
            (begun / "half").write_text("half")
        elif isinstance(begun, Path):
            begun.write_text("half")
        else:
            begun.write(b"half" if writer is whole_file else "half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("writer", [whole_path, whole_file, whole_text])
def test_files_interrupted_leave_the_old_one(tmp_path, writer):
    path = tmp_path / "deep" / "a.txt"
    write_text(path, "old")
    interrupted(writer, path)
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_folders_interrupted_leave_nothing(tmp_path):
    interrupted(new_folder, tmp_path / "folder")
    assert not list(tmp_path.iterdir())


def test_folders_are_new_or_take_the_place_of_an_empty_one(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new"):
        with new_folder(tmp_path / name) as folder:
            (folder / "sub").mkdir()
            (folder / "sub" / "x").write_text("x")
        assert (tmp_path / name / "sub" / "x").read_text() == "x"
        with pytest.raises(InputError, match="exists already"), new_folder(tmp_path / name):
            pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "new"]


@pytest.mark.skipif(os.name == "nt", reason="no such permissions there")
def test_files_have_the_permissions_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
        with new_folder(tmp_path / "new"):
            pass
    finally:
        os.umask(before)
    assert [mode(tmp_path / name) for name in ("a.txt", "new")] == [0o640, 0o750]


def test_files_a_full_disk_is_no_mistake_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"x\.txt: cannot be written: No space left"):
        write_text(tmp_path / "x.txt", "x")
    with pytest.raises(OSError, match="No space"), whole_file(tmp_path / "x") as file:
        file.write(b"x")
    assert not list(tmp_path.iterdir())


def test_files_folders_that_cannot_be_synced_are_no_fault(tmp_path, monkeypatch):
    sync = os.fsync

    def refuses(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(errno.EINVAL, "not on this file system")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuses)
    write_text(tmp_path / "x.txt", "x")
    assert (tmp_path / "x.txt").read_text() == "x"


@pytest.mark.parametrize("place", ["folder", "file/x.txt", "x" * 300])
def test_files_places_that_cannot_be_written_are_named(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=f"{place}: cannot be written: "):
        write_text(tmp_path / place, "x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no devices here")
def test_files_devices_are_not_replaced():
    with pytest.raises(InputError, match="no ordinary file"), writing(Path("/dev/null")):
        pass


def test_files_half_a_surrogate_pair_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.txt: a text holds .*surrogate pair"):
        write_text(tmp_path / "a.txt", "x\ud83d")
    assert not list(tmp_path.iterdir())


def test_files_json_is_plain_and_finite(tmp_path):
    write_json(tmp_path / "a.json", {"å": 1}, indent=1)
    assert (tmp_path / "a.json").read_bytes() == '{\n "å": 1\n}\n'.encode()
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
    assert (tmp_path / "a.json").exists()


@pytest.mark.parametrize("kind", ["relative", "chain", "dangling"])
@pytest.mark.parametrize("writer", [whole_path, whole_file, whole_text, new_folder])
def test_files_given_as_a_link_are_written_where_it_leads(tmp_path, writer, kind):
    """Some commands replaced the link, one refused it, two followed it."""
    real, link = tmp_path / "far" / "real", tmp_path / "near" / "link"
    real.parent.mkdir()
    link.parent.mkdir()
    if kind != "dangling":
        real.mkdir() if writer is new_folder else real.write_text("old")
    if kind == "chain":
        (tmp_path / "far" / "hop").symlink_to("real")
    link.symlink_to("../far/hop" if kind == "chain" else "../far/real")
    with writer(link) as begun:
        if writer is new_folder:
            (begun / "x").write_text("new")
        elif writer is whole_path:
            begun.write_text("new")
        else:
            begun.write(b"new" if writer is whole_file else "new")
    assert link.is_symlink()
    assert (link / "x" if writer is new_folder else link).read_text() == "new"
    assert [p.name for p in link.parent.iterdir()] == ["link"]
    assert {p.name for p in real.parent.iterdir()} <= {"real", "hop"}


def test_files_given_as_links_that_lead_nowhere_good_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError, match="symbolic links"):
        write_text(tmp_path / "a", "x")
    # Renamed over, a log that standard output is added to would lose what it holds.
    with (tmp_path / "log").open("a") as log:
        log.write("line\n")
        log.flush()
        (tmp_path / "out").symlink_to(f"/proc/self/fd/{log.fileno()}")
        for name in (tmp_path / "out", Path(f"/dev/fd/{log.fileno()}")):
            if name.exists():
                with pytest.raises(InputError, match="is no ordinary file"):
                    write_text(name, "x")
    assert (tmp_path / "log").read_text() == "line\n"


def test_files_of_a_folder_of_ones_own_replace_a_link(tmp_path):
    """Of a model in the hub's cache, every file is a link to what other revisions share."""
    (tmp_path / "blob").write_text("shared")
    (tmp_path / "model").mkdir()
    file = tmp_path / "model" / "ie_model.json"
    file.symlink_to("../blob")
    write_json(file, {}, scratch=file.parent)
    assert not file.is_symlink()
    assert (tmp_path / "blob").read_text() == "shared"


def test_files_that_cannot_be_written_are_refused_before_the_work(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "deep" / "a.json")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"a\.json: cannot be written: .*file is no folder"):
        check_writable(tmp_path / "file" / "deep" / "a.json")
    (tmp_path / "link").symlink_to("file/b.json")
    with pytest.raises(InputError, match=r"link: cannot be written: .*file is no folder"):
        check_writable(tmp_path / "link")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(InputError, match=r"a\.json: cannot be written: .* is not writable"):
        check_writable(tmp_path / "new" / "a.json")


def test_files_of_json_are_ordinary_ones(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    assert read_json(tmp_path / "a.json") == {"a": 1}
    (tmp_path / "link.json").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="no ordinary file"):
        read_json(tmp_path / "link.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="lists in lists"):
        read_json(tmp_path / "deep.json")
