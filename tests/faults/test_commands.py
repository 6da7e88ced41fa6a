"""Commands under closed and broken streams, and under wide and narrow umasks."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.commands import COMMANDS, STREAMS

SLOW = (
    "train", "distill", "crossval", "score", "score to a folder",
    "evaluate", "predict", "next", "package", "calibrate",
)  # fmt: skip
CLOSED, BROKEN = "<&- >&- 2>&-", "| true"


@pytest.fixture(scope="module")
def beginning(forks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands") / "beginning"
    folder.mkdir()
    ended = forks.command(folder, "")
    assert ended.status == 0, ended.said
    return folder


@pytest.fixture
def command(forks, beginning):
    """Runs a command from the same beginning; how it ended, and what it wrote, with modes."""
    folder = beginning.with_name("case")

    def run(name: str, streams: str, mask: int):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(beginning, folder)
        before = _facts(folder)
        ended = forks.command(folder, COMMANDS[name][0], streams, mask)
        assert "Traceback" not in ended.said, ended.said
        now = _facts(folder)
        written = {
            path: stat.S_IMODE(mode) for path, (mode, inode) in now.items()
            if before.get(path, (0, 0))[1] != inode
        }  # fmt: skip
        assert all(path in now for path in before)
        return ended, written

    return run


def _facts(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path in folder.rglob("*"):
        facts = path.lstat()
        name = path.relative_to(folder).as_posix()
        if not name.startswith(".user"):  # what libraries keep for the user
            found[name] = (facts.st_mode, facts.st_ino)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_command_writes_the_same_whatever_becomes_of_its_streams(command, name):
    """With `| head -1`, what is printed first was lost, and the files of -o with it."""
    kind = f"closed or broken streams, umask: {name}"
    ended, written = command(name, "", 0o000)
    assert ended.status == 0, ended.said
    assert not {path: oct(mode) for path, mode in written.items() if mode not in (0o666, 0o777)}
    for streams in (CLOSED, BROKEN) if name in SLOW else STREAMS:
        table.attempt(kind)
        ended, now = command(name, streams, 0o077)
        speaks = COMMANDS[name][1] and ">&-" in streams.split()
        assert ended.status == (1 if speaks else 0), (streams, ended.said)
        assert now.keys() == written.keys(), streams
        assert not {path: oct(mode) for path, mode in now.items() if mode & 0o077}, streams
        table.survive(kind)
