"""Commands under closed and broken streams, and under wide and narrow umasks."""

from __future__ import annotations

import itertools
import shutil
import stat
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.commands import COMMANDS, STREAMS

UNPRINTED = itertools.cycle((">&-", "<&- >&- 2>&-", "| true"))
CASES = [(name, next(UNPRINTED)) for name in COMMANDS]
CASES += [("predict", streams) for streams in STREAMS]


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

    def run(name: str, streams: str, mask: int, workers: int = 0):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(beginning, folder)
        before = _facts(folder)
        line = COMMANDS[name][0].replace("--workers 0", f"--workers {workers}")
        ended = forks.command(folder, line, streams, mask)
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


@pytest.mark.parametrize(("name", "streams"), dict.fromkeys(CASES))
def test_command_writes_the_same_whatever_becomes_of_its_streams(command, name, streams):
    """With `| head -1`, what is printed first was lost, and the files of -o with it."""
    kind = f"closed or broken streams, umask: {name}"
    ended, written = command(name, "", 0o000)
    assert ended.status == 0, ended.said
    assert not {path: oct(mode) for path, mode in written.items() if mode not in (0o666, 0o777)}
    table.attempt(kind)
    ended, now = command(name, streams, 0o077)
    silenced = COMMANDS[name][1] and ">&-" in streams.split()
    assert ended.status == (1 if silenced else 0), ended.said
    if silenced and "2>&-" not in streams:
        assert "error: standard output: cannot be written: it is closed" in ended.said
    assert now.keys() == written.keys()
    assert not {path: oct(mode) for path, mode in now.items() if mode & 0o077}
    table.survive(kind)


def test_workers_write_the_same_without_any_stream(command):
    """What a library said in a worker landed in the first file that it opened."""
    _, written = command("score to a folder", "", 0o077)
    _, now = command("score to a folder", "<&- >&- 2>&-", 0o077, workers=1)
    assert now.keys() == written.keys()
    assert not {path: oct(mode) for path, mode in now.items() if mode & 0o077}
