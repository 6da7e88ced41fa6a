"""What is written whole or not at all: after a kill at any event the old or the new is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.faults import table

ROOT = Path(__file__).resolve().parents[2]
INJECTION = Path(__file__).parent / "injection"

SETTINGS = """
from pathlib import Path
from ie_model.files import write_text
write_text(Path("out/ie_model.json"), TEXT * 1000)
"""
CONVERTED = """
from pathlib import Path
from ie_model.inference.engines import artifacts
def save(path):
    path.write_bytes(TEXT.encode() * 1000)
    path.with_suffix(".bin").write_bytes(TEXT.encode() * 9000)
artifacts.store(Path("out"), "openvino", "fp32", save, {"text": TEXT})
"""
DOCUMENTS = """
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document
write_documents([Document(TEXT * 100, id=str(i)) for i in range(50)], "out/documents.jsonl")
"""


def write(folder: Path, script: str, text: str, fault: str) -> int:
    environment = os.environ | {
        "PYTHONPATH": f"{INJECTION}:{ROOT}",
        "IE_MODEL_FAULT": fault,
        "IE_MODEL_FAULT_UNDER": str(folder / "out"),
        "IE_MODEL_FAULT_COUNT": str(folder / "events"),
    }
    done = subprocess.run(
        [sys.executable, "-c", f"TEXT = {text!r}\n{script}"], cwd=folder, env=environment,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert fault.startswith(("kill", "after")) or done.returncode == 0, done.stderr
    return int((folder / "events").read_text())


def whole(folder: Path, script: str) -> str:
    """Which text stands there, in all its length; ``none`` where there is nothing."""
    if script is SETTINGS:
        file = folder / "out/ie_model.json"
        text = file.read_text() if file.exists() else "none"
        assert text == "none" or len(text) == 3000
        return text[:3]
    if script is DOCUMENTS:
        file = folder / "out/documents.jsonl"
        if not file.exists():
            return "none"
        rows = [json.loads(line)["text"] for line in file.read_text().splitlines()]
        assert len(rows) == 50
        assert set(rows) == {rows[0][:3] * 100}
        return rows[0][:3]
    from ie_model.inference.engines import artifacts

    path = artifacts.locate(folder / "out", "openvino", "fp32")
    if path is None:
        return "none"
    text = artifacts.read_facts(path)["text"]
    assert path.read_text() == text * 1000
    assert path.with_suffix(".bin").read_text() == text * 9000
    return text


@pytest.mark.parametrize(
    ("script", "kind"),
    [(SETTINGS, "settings"), (CONVERTED, "converted model"), (DOCUMENTS, "documents")],
    ids=["settings", "converted", "documents"],
)
def test_saving_killed_at_any_event_leaves_the_old_or_the_new(tmp_path, script, kind):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/config.json").write_text("{}")
    (tmp_path / "out/model.safetensors").write_bytes(b"weights")
    events = write(tmp_path, script, "old", "count 0")
    assert events > 2
    assert whole(tmp_path, script) == "old"
    for number in range(1, events + 1):
        table.attempt(f"saving killed at an event, {kind}")
        write(tmp_path, script, "new", f"kill {number}")
        # A converted model may also be gone: it is made again when it is asked for.
        assert whole(tmp_path, script) in ("old", "new", *(["none"] if "conv" in kind else []))
        write(tmp_path, script, "old", "count 0")
        assert whole(tmp_path, script) == "old"
        table.survive(f"saving killed at an event, {kind}")


def test_two_jobs_on_one_output_do_one_job(tmp_path):
    from tests.faults.test_kills import contents, job, prepare

    prepare(tmp_path)
    assert job(tmp_path, "out.jsonl").returncode == 0
    expected = contents(tmp_path)
    for file in tmp_path.glob("out*"):
        file.unlink()
    table.attempt("processes at once on one output", 4)
    codes: list[tuple[int, str]] = []

    def run() -> None:
        done = job(tmp_path, "out.jsonl")
        codes.append((done.returncode, done.stderr))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(code == 0 for code, _ in codes)
    for code, said in codes:
        assert code == 0 or "another process is at work on this output" in said
    assert contents(tmp_path) == expected
    table.survive("processes at once on one output", 4)
