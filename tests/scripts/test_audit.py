from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/audit.py"


def verdict(answers):
    found = importlib.util.spec_from_file_location("audit", SCRIPT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.verdict(answers, 2)


CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}


def test_audit_that_looked_nothing_up_is_not_done():
    """pip-audit said "No known vulnerabilities found" of 171 packages it had not looked up."""
    for answers in ({"pypi": [SKIPPED, SKIPPED], "osv": []}, {"pypi": [], "osv": []}):
        said, status = verdict(answers)
        assert status == 2
        assert said.startswith("audit: NOT DONE")
        assert "\n" not in said


def test_audit_says_how_many_were_looked_up_and_names_the_rest():
    assert verdict({"pypi": [], "osv": [CLEAN, SKIPPED]}) == (
        "audit: 1 of 2 pinned packages looked up at api.osv.dev, no known vulnerability; "
        "not known there: b",
        0,
    )


def test_audit_names_what_is_vulnerable():
    bad = CLEAN | {"vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    said, status = verdict({"pypi": [bad, CLEAN]})
    assert status == 1
    assert said.splitlines()[0] == "audit: a 1: PYSEC-1, mended in 2"
