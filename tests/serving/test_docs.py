from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

from ie_model.cli.serve import serve
from ie_model.serving import create_app
from ie_model.serving.served import Served
from tests.serving.conftest import FakeExtractor, get, running, wait_until

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "serving.md"


def test_docs_name_every_option_of_the_command_and_no_other():
    settings = PAGE.read_text(encoding="utf-8").partition("## Settings")[2].partition("\n## ")[0]
    said = set(re.findall(r"`--([a-z-]+)", settings + PAGE.read_text(encoding="utf-8")))
    options = {name.replace("_", "-") for name in inspect.signature(serve).parameters}
    assert options - {"models"} <= said
    elsewhere = {"to", "now"}  # of ie-model predict, of systemctl
    assert said <= options | elsewhere


def test_docs_health_check_of_the_image_is_content_with_a_ready_server_alone(
    monkeypatch,
):
    monkeypatch.setattr("ie_model.serving.served.normalises", lambda: False)  # slow to load
    said = (DOCS / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    found = re.search(r"^HEALTHCHECK .*CMD\s+(\[.*\])$", said, re.MULTILINE)
    assert found is not None
    python, *arguments = json.loads(found[1])
    assert python == "python"

    def healthy(address: str) -> bool:
        here = [part.replace("http://127.0.0.1:8000", address) for part in arguments]
        assert here != arguments
        return subprocess.run([sys.executable, *here], capture_output=True).returncode == 0

    extractor = FakeExtractor()
    extractor.gate.clear()
    with running(create_app([Served("one", extractor)])) as address:
        assert get(f"{address}/healthz").status_code == 200
        assert not healthy(address)
        extractor.gate.set()
        wait_until(lambda: get(f"{address}/readyz").status_code == 200)
        assert healthy(address)
    assert not healthy(address)
