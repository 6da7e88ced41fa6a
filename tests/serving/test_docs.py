from __future__ import annotations

import inspect
import re
from pathlib import Path

from ie_model.cli.serve import serve

PAGE = Path(__file__).resolve().parents[2] / "docs" / "serving.md"


def test_docs_name_every_option_of_the_command_and_no_other():
    settings = PAGE.read_text(encoding="utf-8").partition("## Settings")[2].partition("\n## ")[0]
    said = set(re.findall(r"`--([a-z-]+)", settings + PAGE.read_text(encoding="utf-8")))
    options = {name.replace("_", "-") for name in inspect.signature(serve).parameters}
    assert options - {"models"} <= said
    elsewhere = {"to", "now"}  # of ie-model predict, of systemctl
    assert said <= options | elsewhere
