"""The command: what it refuses, and that it serves what it says."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ie_model.annotating.guard import SECRET_HEADER
from ie_model.cli.annotate import annotate
from ie_model.corpus import read_documents
from ie_model.errors import InputError
from tests.annotating.conftest import TEXTS
from tests.serving.conftest import LONGEST

PAGE = Path(__file__).resolve().parents[2] / "docs" / "annotations.md"


def write(path, *entities, id_="one"):
    rows = [{"start": s, "end": e, "label": label} for s, e, label in entities]
    path.write_text(json.dumps({"id": id_, "text": TEXTS["one"], "entities": rows}) + "\n")
    return path


def test_annotate_refuses_what_it_cannot_do(tmp_path):
    gold = write(tmp_path / "gold.jsonl", (0, 2, "ACTOR"))
    other = write(tmp_path / "other.jsonl", (0, 2, "DATE"))
    output = tmp_path / "out.jsonl"
    for message, options in {
        "--order 'best': expected": {"order": "best"},
        "give one at a time": {"suspects": gold, "against": other},
        "names no label": {"labels": " , "},
        "--order next needs --model": {"order": "next"},
        "is one of the two that are compared": {"against": other, "output": other},
        "expected the suspects that": {"suspects": gold},
        "no such file": {"guidelines": tmp_path / "none.md"},
        "native JSONL or a brat folder, not conll": {"output": tmp_path / "out.conll"},
    }.items():
        with pytest.raises(InputError, match=re.escape(message)):
            annotate(gold, **{"output": output, "port": 0, **options})
    text = tmp_path / "a.txt"
    text.write_text("UN left.")
    with pytest.raises(InputError, match="no labels"):
        annotate(text, output=output, port=0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = rf"cannot listen at 127.0.0.1 port {port}: .*choose another port with --port"
        with pytest.raises(InputError, match=said) as error:
            annotate(gold, output=output, port=port)
        assert "--host" not in str(error.value)
    assert not output.exists()


@pytest.mark.slow
def test_annotate_command_settles_two_files_and_ends_in_order(tmp_path):
    ann = write(tmp_path / "ann.jsonl", (0, 2, "ACTOR"), (15, 20, "LOCATION"))
    ben = write(tmp_path / "ben.jsonl", (0, 2, "ACTOR"))
    output = tmp_path / "agreed"
    command = [sys.executable, "-m", "ie_model", "annotate", str(ann), "--against", str(ben),
               "-o", str(output), "--port", "0"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stderr is not None
    line = next(line for line in process.stderr if line.startswith("annotate at http://127.0.0.1:"))
    address, secret = line.split()[-1].split("/#")
    with httpx.Client(base_url=address, headers={SECRET_HEADER: secret}, timeout=LONGEST) as client:
        session = client.get("/api/session").json()
        assert session["review"] == {"kind": "adjudication", "names": ["ann", "ben"]}
        assert session["labels"] == ["ACTOR", "LOCATION"]
        (point,) = client.get("/api/documents/0").json()["points"]
        assert (point["first"], point["second"]) == ([15, 20, "LOCATION"], None)
    process.send_signal(signal.SIGINT)
    assert process.wait(LONGEST) == 0
    assert "agreed: 0 documents done" in process.stderr.read()
    assert [e.key for d in read_documents(output) for e in d.entities] == [(0, 2, "ACTOR")]


def test_docs_name_every_option_of_the_command():
    said = set(re.findall(r"`--([a-z-]+)", PAGE.read_text().partition("### Options")[2]))
    options = {name.strip("_").replace("_", "-") for name in inspect.signature(annotate).parameters}
    assert options - {"documents"} <= said
