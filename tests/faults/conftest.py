"""Every test of this folder is slow; at the end a table says what was tried and survived (see
``tests/conftest.py``)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.forking import Forks
from tests.faults.trials import Trials, quick_folder


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/faults" in str(item.path):
            item.add_marker(pytest.mark.slow)


def pytest_sessionfinish(session):
    # Of several processes each has a part of the table: it is handed to the one that prints.
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = table.told()


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    if sys.platform != "linux":
        pytest.skip("faults are laid by way of Linux's loader")
    try:
        with Forks(tmp_path_factory.mktemp("faults")) as running:
            yield running
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def trials(forks):
    """The trials of a job by its name, prepared once."""
    made: dict[str, Trials] = {}
    with tempfile.TemporaryDirectory(prefix="ie-model-trials-", dir=quick_folder()) as folder:

        def of(job: str) -> Trials:
            if job not in made:
                made[job] = Trials(forks, job, Path(folder) / str(len(made)))
            return made[job]

        yield of
