"""Look the pinned packages up in the databases of known vulnerabilities, and say what was found.

    python scripts/audit.py

pip-audit alone reports success where the database knows none of the packages, as behind an index
without vulnerability data. Exit status: 0 looked up and clean, 1 vulnerable, 2 not looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PINNED = Path(__file__).resolve().parents[1] / "constraints.txt"
SERVICES = {"pypi": "pypi.org", "osv": "api.osv.dev"}
SECONDS = 120


def ask(service: str, packages: Sequence[str]) -> list[Mapping[str, Any]]:
    """What a service says of each package (``name==version``); empty where it is out of reach."""
    with tempfile.TemporaryDirectory() as folder:
        report, asked = Path(folder) / "report.json", Path(folder) / "asked.txt"
        asked.write_text("\n".join(packages))
        command = [sys.executable, "-m", "pip_audit", "-r", str(asked), "-s", service, "-f", "json"]
        command += ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "5"]
        try:
            subprocess.run(
                [*command, "-o", str(report)], capture_output=True, timeout=SECONDS, check=False
            )
            found: list[Mapping[str, Any]] = json.loads(report.read_text())["dependencies"]
        except (subprocess.TimeoutExpired, OSError, ValueError, KeyError):
            return []
        return found


def known(packages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that were looked up."""
    return [package for package in packages if "skip_reason" not in package]


def verdict(answers: Mapping[str, Sequence[Mapping[str, Any]]], pinned: int) -> tuple[str, int]:
    """The lines to print and the exit status for what the services said, by their names."""
    for service, packages in answers.items():
        if not (found := known(packages)):
            continue
        bad = [
            f"audit: {package['name']} {package['version']}: {flaw['id']}, mended in "
            f"{', '.join(flaw['fix_versions']) or 'no version'}"
            for package in found
            for flaw in package["vulns"]
        ]
        looked = f"audit: {len(found)} of {pinned} pinned packages looked up at {SERVICES[service]}"
        unknown = [package["name"] for package in packages if "skip_reason" in package]
        left = f"; not known there: {', '.join(unknown)}" if unknown else ""
        count = f"{len(bad)} known vulnerabilities" if bad else "no known vulnerability"
        return "\n".join([*bad, f"{looked}, {count}{left}"]), 1 if bad else 0
    return (
        f"audit: NOT DONE: {' and '.join(SERVICES.values())} cannot be reached from here or know "
        f"none of the {pinned} packages of {PINNED.name}; nothing was checked for vulnerabilities",
        2,
    )


def main() -> int:
    """Ask one service after the other until one knows the packages."""
    if subprocess.run([sys.executable, "-m", "pip_audit", "--version"], capture_output=True,
                      check=False).returncode:  # fmt: skip
        print("audit: NOT DONE: pip-audit is not installed: pip install 'ie-model[dev]'")
        return 2
    pinned = [line for line in PINNED.read_text().splitlines() if "==" in line]
    answers = {}
    for service in SERVICES:
        # One package that everybody knows comes first: where even that is not known, asking for
        # all of them takes a minute and says no more.
        if not known(ask(service, [line for line in pinned if line.startswith("numpy==")])):
            continue
        answers[service] = ask(service, pinned)
        if known(answers[service]):
            break
    message, status = verdict(answers, len(pinned))
    print(message)
    return status


if __name__ == "__main__":
    sys.exit(main())
