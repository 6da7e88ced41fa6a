"""What a run says while it goes on, and before."""

import io
import os
import subprocess
import sys

import pytest

from ie_model import read_documents, train
from ie_model.models.hardware import WAITS_ACTIVELY, advise_passive_waiting
from ie_model.training import progress as module
from ie_model.training.estimate import estimate_seconds, in_words
from ie_model.training.preparation import prepare
from ie_model.training.trainer import SpanTrainer


@pytest.mark.parametrize(
    ("wanted", "watched", "shown"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_progress_bar_is_where_someone_watches_or_asks(
    tiny_config, monkeypatch, wanted, watched, shown
):
    stream = io.StringIO()
    original = module.tqdm
    monkeypatch.setattr(module, "someone_watches", lambda: watched)
    monkeypatch.setattr(module, "tqdm", lambda **kwargs: original(file=stream, **kwargs))
    config = tiny_config(max_steps=2, evaluate_every=1)
    documents = list(read_documents(config.data.train[0].path))
    result = train(config, dev=documents, progress=wanted)
    assert ("2/2" in stream.getvalue()) == ("dev F1" in stream.getvalue()) == shown
    assert len(repr(result)) < 200  # the last line of a cell: it printed every loss twice


def test_progress_notebooks_are_watched(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert not module.someone_watches()
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert module.someone_watches()


def test_progress_estimate_grows_with_the_updates(tiny_config, monkeypatch):
    made, original = [], SpanTrainer.training_step

    def counted(self, *args):
        made.append(1)
        return original(self, *args)

    monkeypatch.setattr(SpanTrainer, "training_step", counted)
    few, many = tiny_config(epochs=1, batch_windows=2), tiny_config(epochs=400, batch_windows=2)
    short, long = (estimate_seconds(c, prepare(c)) for c in (few, many))
    assert 0 < short < long
    assert len(made) == 4 + 6  # it made all 1,600 updates of the second
    assert [p for p in few.output_dir.parent.iterdir() if p.name.startswith(".")] == []
    assert [in_words(s) for s in (0.2, 61, 200, 7200)] == ["1 s", "61 s", "3 min", "2.0 h"]


CODE = """
import os, sys
if "first" in sys.argv:
    sys.modules["torch"] = os
import ie_model
from ie_model.models.hardware import waits_actively
print(os.environ.get("OMP_WAIT_POLICY"), waits_actively())
"""


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ([], {}, "passive False"),
        ([], {"OMP_WAIT_POLICY": "active"}, "active False"),
        (["first"], {}, "None True"),
        (["first"], {"OMP_WAIT_POLICY": "passive"}, "passive False"),
    ],
)
def test_progress_threads_wait_passively_unless_told_otherwise(arguments, environment, said):
    # Threads that spin made training 8 to 25 times slower beside two other processes.
    kept = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], env={**kept, **environment}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == said


def test_progress_callers_who_import_torch_first_are_told(tiny_config, monkeypatch, caplog):
    monkeypatch.setattr("ie_model.models.hardware.waits_actively", lambda: True)
    advise_passive_waiting.cache_clear()
    train(tiny_config(max_steps=1))
    assert WAITS_ACTIVELY in caplog.text
