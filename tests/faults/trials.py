"""One trial: a job killed, looked at, done again, and compared with one that was not killed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.faults import table
from tests.faults.forking import Ended, Forks
from tests.faults.jobs import JOBS


def quick_folder() -> Path | None:
    """A file system in memory with room for trials: on a disk they wait for its syncs."""
    memory = Path("/dev/shm")
    try:
        return memory if shutil.disk_usage(memory).free > 1 << 29 else None
    except OSError:
        return None


class Trials:
    """A job that is tried again and again from the same beginning.

    Args:
        forks: does it.
        job: of :data:`JOBS`.
        folder: to work in; not there yet.
    """

    def __init__(self, forks: Forks, job: str, folder: Path) -> None:
        self.forks, self.name, self.job = forks, job, JOBS[job]
        self._beginning, self.folder = folder / "beginning", folder / "case"
        self._beginning.mkdir(parents=True)
        self._done("prepare", self._beginning)
        self.afresh()
        self.before = self.job.state(self.folder)
        ended = self._done("run", self.folder)  # for what it has to load
        self.afresh()
        ended = self._done("run", self.folder, "count 0")
        self.events, self.seconds = len(ended.events), ended.seconds
        self.points = _points(ended.events)
        self.behind = self.job.state(self.folder)

    def _done(self, step: str, folder: Path, fault: str = "") -> Ended:
        ended = self.forks.run(self.name, folder, fault, step=step)
        assert ended.status == 0, ended.said
        return ended

    def afresh(self) -> None:
        """Put the folder back to what the job begins from."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._beginning, self.folder, symlinks=True)

    def kill(self, *faults: str, seconds: float | None = None, workers: bool = False) -> str:
        """Kill the job at each of these events in turn (or after some seconds), and finish it.

        Returns:
            What was damaged; empty: nothing.
        """
        self.afresh()
        for fault in faults or ("",):
            ended = self.forks.run(
                self.name, self.folder, fault, seconds=seconds, workers=workers
            )  # fmt: skip
            # Of a worker that dies each time, the job may say that it cannot go on.
            if ended.status not in (0, 1 if workers else 0, -9):
                return f"{fault}: ended with {ended.status}: {ended.said[-400:]}"
            if found := self.job.harm(self.folder, self.before, self.behind):
                return f"{fault}: {found}"
        return self._finished()

    def fail(self, error: str, number: int, words: str) -> str:
        """Let this event and all after it fail, then finish the job; what was damaged."""
        self.afresh()
        ended = self.forks.run(self.name, self.folder, f"{error} {number}")
        if ended.status not in (0, 1):
            return f"{error} {number}: ended with {ended.status}: {ended.said[-400:]}"
        if ended.status == 1 and words not in ended.said:
            return f"{error} {number}: does not say {words!r}: {ended.said[-400:]}"
        if found := self.job.harm(self.folder, self.before, self.behind):
            return f"{error} {number}: {found}"
        return self._finished()

    def _finished(self) -> str:
        ended = self.forks.run(self.name, self.folder)
        if ended.status:
            return f"cannot be done again: {ended.said[-400:]}"
        now = self.job.state(self.folder)
        wrong = sorted(k for k in {*now, *self.behind} if now.get(k) != self.behind.get(k))
        if wrong:
            return f"differs from a job that was not killed: {wrong[:5]}"
        return self.job.sound(self.folder)

    def count(self, kind: str, found: str, faults: int = 1) -> str:
        """Enter a trial into the table; gives back what was found."""
        table.attempt(kind, faults)
        if not found:
            table.survive(kind, faults)
        return found


def _points(events: list[str]) -> dict[str, int]:
    """The events by name, of each name the first: names without what is random in them.

    It is one point which file of a folder is synced, deleted, or written in a hidden folder of
    which nothing is used until all of it is there.
    """
    found: dict[str, int] = {}
    written = set()
    for number, event in enumerate(events, 1):
        name = re.sub(r"(?<=new-)[^/]+|(?<=/\.tmp)[^/]+", "*", event.replace("64", ""))
        name = re.sub(r"[0-9a-f]{12,}|[0-9]+", "*", name)
        call, _, path = name.partition(" ")
        if call in ("open", "openat") and path in written:
            continue  # to be synced
        if call in ("fsync", "unlink", "unlinkat", "rmdir") or re.search(r"/\.\*\.tmp/", path):
            folder = re.match(r".*?/\.\*\.tmp/|.*/", path)
            name = f"{call} {folder[0] if folder else path}*"
        written.add(path)
        found.setdefault(name, number)
    return found
