"""What the audit of pinned packages says of the answers it gets."""

CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}


def test_audit_that_looked_nothing_up_is_not_done(script):
    """pip-audit said "No known vulnerabilities found" of 171 packages it had not looked up."""
    for answers in ({"pypi": [SKIPPED, SKIPPED], "osv": []}, {"pypi": [], "osv": []}):
        said, status = script.verdict(answers, 2)
        assert status == 2
        assert said.startswith("audit: NOT DONE")
        assert "\n" not in said


def test_audit_says_how_many_were_looked_up_and_names_the_rest(script):
    assert script.verdict({"pypi": [], "osv": [CLEAN, SKIPPED]}, 2) == (
        "audit: 1 of 2 pinned packages looked up at api.osv.dev, no known vulnerability; "
        "not known there: b",
        0,
    )


def test_audit_names_what_is_vulnerable(script):
    bad = CLEAN | {"vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    said, status = script.verdict({"pypi": [bad, CLEAN]}, 2)
    assert status == 1
    assert said.splitlines()[0] == "audit: a 1: PYSEC-1, mended in 2"
