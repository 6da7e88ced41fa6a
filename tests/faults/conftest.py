"""Every test of this folder is slow; at the end a table says what was tried and survived."""

from __future__ import annotations

import pytest

from tests.faults import table


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/faults" in str(item.path):
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter):
    if table.tried:
        terminalreporter.section("faults")
        for line in table.lines():
            terminalreporter.write_line(line)
