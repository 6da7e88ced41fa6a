"""The command in poor surroundings: closed or broken streams, no home, a user without a name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ie_model.display.rendering import table
from ie_model.documents import Document, Entity

ROOT = Path(__file__).resolve().parents[2]
TEXT = "Iraqi federal police cleared Hawija on Tuesday."


def shell(line: str, folder: Path, **options) -> subprocess.CompletedProcess:
    """Run a line of bash in which ``$IE`` is the command and ``$M`` a model."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "IE": f"{sys.executable} -m ie_model",
        "OMP_NUM_THREADS": "1",
        **options.pop("environment", {}),
    }
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, env=environment, timeout=600,
        capture_output=True, **options,
    )  # fmt: skip


@pytest.fixture
def rows(tmp_path, tiny_model) -> Path:
    """A hundred rows whose answers are more than a pipe holds."""
    with (tmp_path / "in.jsonl").open("w") as file:
        for i in range(100):
            file.write(json.dumps({"id": f"d{i}" + "-" * 1000, "text": TEXT}) + "\n")
    (tmp_path / "model").symlink_to(tiny_model)
    return tmp_path


SCORE = "$IE score model in.jsonl --engine torch --workers 0 --threads 1 -o"


def test_command_with_closed_streams_writes_what_it_should(rows):
    """The first file opened took the place of standard error, and libraries' words in it."""
    assert shell(f"{SCORE} a.jsonl <&- >&- 2>&-", rows).returncode == 0
    lines = (rows / "a.jsonl").read_text().splitlines()
    assert len(lines) == 100
    assert all(json.loads(line)["id"].startswith(f"d{i}-") for i, line in enumerate(lines))
    done = shell("$IE annotations stats a.jsonl >&-", rows)
    assert done.returncode == 1, "what cannot be written is no success"


def test_command_whose_reader_leaves_ends_without_a_traceback(rows):
    done = shell(
        f"{SCORE} - --shard-rows 10 | head -n 5 > head.jsonl; echo ${{PIPESTATUS[0]}}", rows
    )
    assert done.stdout.strip() == b"0", done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert len((rows / "head.jsonl").read_text().splitlines()) == 5
    done = shell("$IE score model nowhere -o x.jsonl 2>&1 >&- | true; true", rows)
    assert b"Traceback" not in done.stderr


PRINTING = [
    "--version", "--help", "score --help", "init {}", "backbones list", "annotations show a.jsonl",
    "annotations stats a.jsonl --format json", "annotations check a.jsonl",
]  # fmt: skip
CLOSED, FULL, SILENT, UNHEARD, UNWRITTEN = (
    "1>&-", "1>/dev/full", "1>/dev/null 2>&-", "1>/dev/null 2>|", "1>/dev/null 2>/dev/full",
)  # fmt: skip
_RUNS = """
import json, logging, os, sys
from ie_model.cli.main import main

def run(line, streams):
    logging.root.handlers.clear()
    sys.argv = ["ie-model", *line.split()]
    for change in streams.split():
        number, _, place = change.partition(">")
        if place == "&-":
            os.close(int(number))
            setattr(sys, "stdout" if number == "1" else "stderr", None)
        elif place == "|":
            ours, theirs = os.pipe()
            os.close(ours)
            os.dup2(theirs, int(number))
        else:
            os.dup2(os.open(place, os.O_WRONLY), int(number))
    main()

for streams, line in json.loads(sys.argv[1]):
    if not os.fork():
        run(line, streams)
    status = os.waitstatus_to_exitcode(os.wait()[1])
    print("#", json.dumps([streams, line, status]), file=sys.stderr, flush=True)
    if not streams:
        try:  # what it loads, the next ones find loaded
            run(line, "1>/dev/null")
        except SystemExit:
            pass
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Of each command line that prints and each case of streams: exit code, and what it said."""
    folder = tmp_path_factory.mktemp("printing")
    row = {"id": "1", "text": "a b", "entities": [{"start": 0, "end": 1, "label": "X"}]}
    (folder / "a.jsonl").write_text(json.dumps(row) + "\n")
    cases = [["", line] for line in PRINTING[4:]]
    for k, streams in enumerate((CLOSED, FULL, SILENT, UNHEARD, UNWRITTEN)):
        cases += [[streams, line.format(f"news{k}")] for line in PRINTING]
    done = subprocess.run(
        [sys.executable, "-c", _RUNS, json.dumps(cases)], cwd=folder, timeout=600, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, dict[str, tuple[int, str]]] = {}
    said = []
    for line in done.stderr.splitlines():
        if line.startswith("# "):
            streams, command, code = json.loads(line[2:])
            found.setdefault(streams, {})[command] = code, "\n".join(said)
            said = []
        elif not line.startswith("a.jsonl: read as"):
            said.append(line)
    assert (folder / "news4/configs/default.yaml").exists()
    return found


@pytest.mark.parametrize(
    ("streams", "reason"), [(CLOSED, "it is closed"), (FULL, "No space left on device")]
)
def test_output_that_cannot_be_written_is_one_clear_error(told, streams, reason):
    """It was an `OSError` that was not expected, and named nothing."""
    message = f"error: standard output: cannot be written: {reason}"
    assert set(told[streams].values()) == {(1, message)}


@pytest.mark.parametrize(("streams", "code"), [(SILENT, 0), (UNHEARD, 0), (UNWRITTEN, 1)])
def test_messages_that_cannot_be_written_do_not_end_the_work(told, streams, code):
    """A log on a full disk, or `2>&1 | head -1`, ended a command before it had done anything."""
    for line, ended in told[streams].items():  # only these say something there
        assert ended == (code if line.startswith("annotations") else 0, ""), line


def test_output_in_another_encoding_says_what_it_cannot_hold(tmp_path):
    document = {"id": "1", "text": "\u010capljina", "entities": []}
    (tmp_path / "a.jsonl").write_text(json.dumps(document) + "\n")
    line = "$IE annotations show a.jsonl --format html"
    done = shell(line, tmp_path, environment={"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 1
    assert b"standard output: '\\u010c' cannot be written in iso8859-1" in done.stderr


@pytest.mark.parametrize("form", ["table", "json"])
def test_command_whose_reader_leaves_still_says_that_it_failed(tmp_path, form):
    """`annotations check ... | head -1` of a faulty corpus ended with success."""
    row = {"id": "1", "text": " a b", "entities": [{"start": 0, "end": 2, "label": "X"}]}
    (tmp_path / "bad.jsonl").write_text(json.dumps(row) + "\n")
    line = f"$IE annotations check bad.jsonl --format {form} | true; echo ${{PIPESTATUS[0]}}"
    done = shell(line, tmp_path)
    assert done.stdout.strip() == b"1", done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.fixture
def open_folder():
    """A temporary folder that others may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def test_command_for_a_user_without_home_or_name(open_folder, tiny_model):
    become = ["setpriv", "--reuid=54321", "--clear-groups"]
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, to become somebody without a name")
    model = shutil.copytree(tiny_model, open_folder / "model")
    subprocess.run(["chmod", "-R", "a+rX", str(model)], check=True)
    if subprocess.run([*become, sys.executable, "-c", "import numpy"], check=False).returncode:
        pytest.skip("the packages are not readable to others")
    # Left to itself it converts the model with torch, and has nowhere to keep what it made.
    done = shell(
        f"env -u HOME {' '.join(become)} $IE predict {model} --text Hawija --to jsonl",
        open_folder, environment={"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["text"] == "Hawija"
    assert not (open_folder / "~").exists()


def test_table_writes_out_what_a_terminal_would_act_upon():
    """An id with an escape sequence cleared the screen, or named the window."""
    mention = "\x1b[2JHawija\u202e"
    entity = Entity(0, len(mention), "LOCATION", 0.9, mention)
    said = table(Document(mention, (entity,), id="a\x1b]0;owned\x07\x9b31m"))
    assert not any(ord(c) < 32 and c != "\n" for c in said)
    assert "\\x1b]0;owned\\x07\\x9b31m: 1 entity" in said
    assert "\\x1b[2JHawija\\u202e" in said
