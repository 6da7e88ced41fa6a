"""A job killed, or told that the disk is full, at its file-system events one after the other."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults import table

ROOT = Path(__file__).resolve().parents[2]
INJECTION = Path(__file__).parent / "injection"
MOST = int(os.environ.get("IE_MODEL_FAULTS", "4"))
"""Events a test tries, spread over all; IE_MODEL_FAULTS=0 tries each one."""

SCORE = """
import sys
from ie_model.errors import IEModelError
from ie_model.scoring import CutOptions, score
from tests.scoring.fakes import FakeFactory

if __name__ == "__main__":
    try:
        score("in.jsonl", sys.argv[1], extractor_factory=FakeFactory(),
              workers=int(sys.argv[2]), cut=CutOptions(rows=4))
    except IEModelError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
"""


def job(folder: Path, output: str, workers: int = 0, fault: str = "", who: str = "main"):
    environment = os.environ | {
        "PYTHONPATH": f"{INJECTION}:{ROOT}",
        "IE_MODEL_FAULT": fault,
        "IE_MODEL_FAULT_UNDER": str(folder / "out"),
        "IE_MODEL_FAULT_WHO": who,
        "IE_MODEL_FAULT_COUNT": str(folder / "events"),
    }
    return subprocess.run(
        [sys.executable, str(folder / "job.py"), output, str(workers)], cwd=folder,
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def prepare(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "job.py").write_text(SCORE)
    rows = [json.dumps({"id": str(i), "text": f"Alpha {i} saw Bravo"}) for i in range(16)]
    rows[6] = "{broken"
    (folder / "in.jsonl").write_text("\n".join(rows) + "\n")


def contents(folder: Path) -> dict[str, bytes]:
    """Every output of a job, by name, without what the summary says of the run itself."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.relative_to(folder).parts[0].startswith("out"):
            data = file.read_bytes()
            if file.name.endswith("summary.json"):
                summary = json.loads(data)
                data = json.dumps(
                    [summary["rows"], summary["documents"], summary["files"]]
                ).encode()
            found[str(file.relative_to(folder))] = data
    return found


def chosen(count: int) -> list[int]:
    """Event numbers, from 1, spread over all that there are."""
    if not MOST or count <= MOST:
        return list(range(1, count + 1))
    return sorted({1 + round(k * (count - 1) / (MOST - 1)) for k in range(MOST)})


def clear(folder: Path) -> None:
    for path in folder.glob("out*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(params=["out.jsonl", "out.parquet", "out/"])
def output(request):
    return request.param


def expected(folder: Path, output: str, who: str, workers: int) -> tuple[dict[str, bytes], int]:
    done = job(folder, output, workers, "count 0", who)
    assert done.returncode == 0, done.stderr
    whole = contents(folder)
    events = int((folder / "events").read_text())
    clear(folder)
    return whole, events


@pytest.mark.parametrize("when", ["kill", "after"])
def test_scoring_killed_at_its_file_system_events_ends_with_the_same_bytes(tmp_path, output, when):
    prepare(tmp_path)
    whole, events = expected(tmp_path, output, "main", 0)
    kind = f"scoring killed {'before' if when == 'kill' else 'behind'} an event, {output}"
    for number in chosen(events):
        table.attempt(kind)
        assert job(tmp_path, output, 0, f"{when} {number}").returncode == -9
        final = tmp_path / output.rstrip("/")
        if final.is_file():
            assert final.read_bytes() == whole[output], "a part of an output has its name"
        done = job(tmp_path, output)
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path) == whole
        clear(tmp_path)
        table.survive(kind)


def test_worker_killed_at_its_file_system_events_ends_with_the_same_bytes(tmp_path, output):
    prepare(tmp_path)
    whole, _ = expected(tmp_path, output, "main", 0)
    kind = f"worker killed at an event, {output}"
    for number in range(1, 7):  # opening, syncing, renaming, syncing the folder; the next part
        table.attempt(kind)
        # Each new worker dies at its own event of that number, until one gets further.
        job(tmp_path, output, 1, f"kill {number}", "worker")
        done = job(tmp_path, output, 1)
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path) == whole
        clear(tmp_path)
        table.survive(kind)


@pytest.mark.parametrize("error", ["ENOSPC", "EROFS"])
def test_scoring_on_a_full_or_read_only_disk_says_so_and_goes_on_later(tmp_path, output, error):
    prepare(tmp_path)
    whole, events = expected(tmp_path, output, "main", 0)
    kind = f"{'full' if error == 'ENOSPC' else 'read-only'} disk, {output}"
    for number in chosen(events):
        table.attempt(kind)
        failed = job(tmp_path, output, 0, f"{error} {number}")
        assert "Traceback" not in failed.stderr
        if failed.returncode == 0:  # all was written before, and only the clearing up failed
            assert contents(tmp_path).items() >= whole.items()
        else:
            assert failed.returncode == 1, failed.stderr
            assert os.strerror(28 if error == "ENOSPC" else 30) in failed.stderr
        done = job(tmp_path, output)
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path) == whole
        clear(tmp_path)
        table.survive(kind)


def test_scoring_killed_at_random_ends_with_the_same_bytes(tmp_path):
    prepare(tmp_path)
    whole, _ = expected(tmp_path, "out.jsonl", "main", 0)
    chance = random.Random(19)
    for _ in range(max(MOST, 6)):
        table.attempt("scoring killed at random")
        process = subprocess.Popen(
            [sys.executable, "job.py", "out.jsonl", "0"], cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(chance.uniform(0.05, 2.0))
        process.kill()
        process.wait()
        table.survive("scoring killed at random")
    assert job(tmp_path, "out.jsonl").returncode == 0
    assert contents(tmp_path) == whole
