"""Worker processes: the same bytes however many, deaths, signals, locks, standard streams."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ie_model.errors import InputError, RunError
from ie_model.models.hardware import available_cpus
from ie_model.scoring import CutOptions, score
from ie_model.scoring.local import model_or_factory
from ie_model.scoring.placement import default_cut, place
from tests.scoring.fakes import DiesAtRename, DiesTogether, FakeFactory, NoModel
from tests.scoring.jobs import refused_rows

ROOT = Path(__file__).resolve().parents[2]
TINY = CutOptions(rows=5)


def corpus(path: Path, count: int, special: dict[int, str] | None = None) -> Path:
    with path.open("w") as file:
        for i in range(count):
            text = (special or {}).get(i, f"Alpha {i} saw Bravo in Paris")
            file.write(json.dumps({"id": f"d{i}", "text": text}) + "\n")
    return path


SCRIPT = """
import sys
from ie_model.scoring import CutOptions, Interrupted, score
from tests.scoring.fakes import FakeFactory

if __name__ == "__main__":
    source, output, workers, rows, delay = sys.argv[1:6]
    try:
        score(
            source, output, extractor_factory=FakeFactory(delay=float(delay)),
            workers=int(workers), cut=CutOptions(rows=int(rows)), progress=True,
        )
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(128 + stopped.signal)
"""


def start(folder: Path, source, output, workers=2, rows=5, delay=0.0, **options):
    script = folder / "job.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), *map(str, (source, output, workers, rows, delay))]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **options)


def shards_done(output: Path) -> int:
    journal = output.with_name(f"{output.name}.work") / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def wait_for_shards(process: subprocess.Popen, output: Path, count: int) -> None:
    until = time.monotonic() + 300
    while shards_done(output) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until, "the job does not get going"
        time.sleep(0.01)


def test_workers_give_the_same_bytes_however_many(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 60)
    outputs = []
    for workers in (0, 1, 3):
        output = tmp_path / f"{workers}.jsonl.gz"
        score(source, output, extractor_factory=FakeFactory(), workers=workers, cut=TINY)
        outputs.append(output.read_bytes())
    assert len(set(outputs)) == 1


def test_worker_that_dies_is_replaced_and_its_shard_redone(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 60, {31: "kills-once Alpha"})
    factory = FakeFactory(marker=tmp_path / "died")
    summary = score(source, tmp_path / "a.jsonl", extractor_factory=factory, workers=2, cut=TINY)
    assert (tmp_path / "died").exists()
    assert summary["run"]["restarts"] == 1
    assert summary["documents"] == 60
    score(source, tmp_path / "b.jsonl", extractor_factory=factory, workers=0, cut=TINY)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_worker_row_that_kills_each_time_is_set_aside_and_the_rest_is_done(tmp_path):
    """One such row kept its shard, and so the job, from ever being finished."""
    special = {31: "always-kills Alpha", 33: "raises Alpha", 34: "always-kills Alpha"}
    source = corpus(tmp_path / "in.jsonl", 40, special)
    out = tmp_path / "a.jsonl"
    summary = score(source, out, extractor_factory=FakeFactory(), workers=2, cut=TINY)
    assert summary["rejected_by_kind"] == {"worker": 3}
    rejected = [json.loads(line) for line in refused_rows(out).splitlines()]
    assert [row["line"] for row in rejected] == [32, 34, 35]
    assert "killed by signal 9" in rejected[0]["reason"]
    assert "ValueError: the model does not like this text" in rejected[1]["reason"]
    assert rejected[2]["reason"] == rejected[0]["reason"]  # the same text, not tried again
    # The other rows have the bytes they have when the three were never there.
    rows = [line for k, line in enumerate(source.open()) if k not in special]
    (tmp_path / "sound.jsonl").write_text("".join(rows))
    score(tmp_path / "sound.jsonl", tmp_path / "b.jsonl", extractor_factory=FakeFactory(),
          workers=0, cut=TINY)  # fmt: skip
    assert out.read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_worker_that_dies_behind_every_text_is_no_fault_of_a_row(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 10)
    with pytest.raises(RunError, match=r"lines 1 to 5: .*code 7.*run the same command again"):
        score(source, tmp_path / "a.jsonl", extractor_factory=DiesTogether(), workers=1, cut=TINY)
    assert not (tmp_path / "a.jsonl").exists()


def test_worker_killed_between_writing_and_renaming_leaves_nothing_in_a_folder(tmp_path):
    """The half-written part stayed among the parts, and became one: rows came twice."""
    source = corpus(tmp_path / "in.jsonl", 20)
    factory = DiesAtRename(tmp_path / "died")
    score(source, f"{tmp_path}/out/", extractor_factory=factory, workers=1, cut=TINY)
    assert (tmp_path / "died").exists()
    names = [path.name for path in sorted((tmp_path / "out").iterdir())]
    assert names == [f"part-00000-{k:06d}.jsonl" for k in range(4)]


def test_worker_refuses_a_model_that_was_changed_under_the_job(tmp_path, tiny_model):
    """Retrained in its place, it answered for the rows after a worker was started anew."""
    model = shutil.copytree(tiny_model, tmp_path / "model")
    loader, _ = model_or_factory(model, None, "torch", "fp32", "cpu")
    assert loader(1, "cpu").labels
    settings = json.loads((model / "ie_model.json").read_text())
    settings["temperature"] = 3.0
    (model / "ie_model.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="the model was changed while the job ran"):
        pickle.loads(pickle.dumps(loader))(1, "cpu")


def test_worker_that_cannot_load_the_model_ends_the_job(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 10)
    with pytest.raises(InputError, match="no such model"):
        score(source, tmp_path / "a.jsonl", extractor_factory=NoModel(True), workers=2)
    with pytest.raises(RunError, match="before they have loaded the model: OSError: no disk"):
        score(source, tmp_path / "a.jsonl", extractor_factory=NoModel(False), workers=2)


def test_worker_factory_that_cannot_be_sent_is_explained(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 10)
    with pytest.raises(InputError, match="define it at the top of a module, or use workers=0"):
        score(source, tmp_path / "a.jsonl", extractor_factory=lambda t, d: None, workers=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGTERM, 2), (signal.SIGINT, 2)],
)
def test_signal_finishes_the_shard_in_hand_and_says_how_to_go_on(tmp_path, number, workers):
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("this signal is ignored here, as nohup has it, and so it is in what is started")
    source = corpus(tmp_path / "in.jsonl", 400)
    output = tmp_path / "out.jsonl"
    process = start(tmp_path, source, output, workers, delay=0.05, start_new_session=True)
    wait_for_shards(process, output, 3)
    os.killpg(process.pid, number)  # as a terminal does: the workers get it too
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 128 + number, said
    assert "rows are done and kept; run the same command again to go on" in said
    assert not list(tmp_path.rglob("*.tmp"))
    score(source, output, extractor_factory=FakeFactory(), workers=0, cut=TINY)
    score(source, tmp_path / "whole.jsonl", extractor_factory=FakeFactory(), workers=0, cut=TINY)
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_second_process_on_the_same_output_is_refused(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 400)
    output = tmp_path / "out.jsonl"
    process = start(tmp_path, source, output, 0, delay=0.05)
    wait_for_shards(process, output, 1)
    for overwrite in (False, True):
        with pytest.raises(InputError, match="another process is at work on this output"):
            score(source, output, extractor_factory=FakeFactory(), cut=TINY, overwrite=overwrite)
    process.kill()
    process.communicate()
    assert (
        score(source, output, extractor_factory=FakeFactory(), workers=0, cut=TINY)["rows"] == 400
    )


def test_workers_end_when_their_parent_is_killed(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 4000)
    output = tmp_path / "out.jsonl"
    process = start(tmp_path, source, output, 2, delay=0.05)
    wait_for_shards(process, output, 2)
    children = [
        int(child)
        for task in Path(f"/proc/{process.pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    assert len(children) >= 2
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 300
    while any(Path(f"/proc/{child}/exe").exists() for child in children):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.1)


def test_standard_streams_pass_rows_through_in_order(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 60, {7: ""})
    with source.open("a") as file:
        file.write("{broken\n")
    with source.open() as rows:
        process = start(tmp_path, "-", "-", stdin=rows, stdout=subprocess.PIPE)
        out, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert [json.loads(line)["id"] for line in out.splitlines()] == [f"d{i}" for i in range(60)]
    rejected = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert (rejected["file"], rejected["line"], rejected["raw"]) == ("stdin", 61, "{broken")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "job.py"]


@pytest.mark.slow
def test_standard_input_can_be_resumed_with_the_same_rows(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 400)
    output = tmp_path / "out.jsonl"
    with source.open() as rows:
        process = start(tmp_path, "-", output, 1, delay=0.05, stdin=rows)
        wait_for_shards(process, output, 3)
        process.kill()
        process.communicate()
    other = corpus(tmp_path / "other.jsonl", 400, {2: "something else"})
    with other.open() as rows:
        process = start(tmp_path, "-", output, 0, stdin=rows)
        assert "stdin, lines 1 to 5: the content has changed" in process.communicate()[1]
    with source.open() as rows:
        process = start(tmp_path, "-", output, 0, stdin=rows)
        assert process.wait(timeout=300) == 0, process.communicate()[1]
    score(source, tmp_path / "whole.jsonl", extractor_factory=FakeFactory(), workers=0, cut=TINY)
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_place_shares_out_whole_cpus():
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("no CPU affinity on this system")
    cpus = os.sched_getaffinity(0)
    if len(cpus) == 1:
        pytest.skip("a single CPU is nothing to share out")
    assert place(workers=1, device="cpu")[0].cpus == ()
    placements = place(workers=len(cpus), device="cpu")
    assert sorted(cpu for p in placements for cpu in p.cpus) == sorted(cpus)
    assert all(p.threads == 1 for p in placements)
    crowded = place(workers=len(cpus) + 1, device="cpu")
    assert all(p.cpus == () for p in crowded)
    with pytest.raises(InputError, match="workers is 0: give a number of at least 1"):
        place(workers=0)


def test_place_gives_a_worker_to_each_core_as_far_as_memory_goes():
    cores = available_cpus()
    assert len(place(device="cpu")) == cores
    assert len(place(device="cpu", threads=cores)) == 1
    (only,) = place(device="cpu", model_bytes=1 << 50)
    assert only.threads == cores


def test_default_cut_gives_small_inputs_shards_enough():
    assert default_cut("cpu", 0).max_bytes == 1 << 20
    assert default_cut("cpu", 1 << 40) == default_cut("cpu", 0)
    assert default_cut("cpu", 10 << 20).max_bytes == (10 << 20) // 64
    assert default_cut("cpu", 1000).max_bytes == 1 << 16
    assert default_cut("cuda:0", 1 << 40).rows == 32_000


@pytest.mark.slow
def test_twenty_kills_at_any_moment_change_nothing(tmp_path):
    """SIGKILL to the job, or to one of its workers, twenty times; then it runs to its end."""
    rng = random.Random(4)
    special = dict.fromkeys(range(50, 6000, 97), "too strange: fails")
    source = corpus(tmp_path / "in.jsonl", 6000, special)
    with source.open("a") as file:
        file.write("{broken\n" * 3)
    whole = tmp_path / "whole.jsonl.gz"
    cut = CutOptions(rows=20)
    score(source, whole, extractor_factory=FakeFactory(), workers=0, cut=cut)
    output = tmp_path / "out.jsonl.gz"
    kills = 0
    while kills < 20:
        process = start(tmp_path, source, output, 2, rows=20, delay=0.005)
        # Every third kill comes while the job or its workers start; the others in the middle,
        # which is where the journal has grown and not where a clock says so.
        if kills % 3:
            wait_for_shards(process, output, shards_done(output) + rng.randint(2, 4))
        time.sleep(rng.uniform(0, 0.2))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        workers = [int(pid) for pid in children.read_text().split()] if children.exists() else []
        if workers and rng.random() < 0.6:
            os.kill(rng.choice(workers), signal.SIGKILL)
            kills += 1
            time.sleep(rng.uniform(0, 0.5))
        assert process.poll() is None, process.communicate()[1]
        process.kill()
        process.communicate()
        kills += 1
        assert not output.exists()
    kept = shards_done(output)
    assert 10 < kept < 302  # the kills came in the middle
    process = start(tmp_path, source, output, 2, rows=20)
    assert process.wait(timeout=300) == 0, process.communicate()[1]
    assert output.read_bytes() == whole.read_bytes()
    assert refused_rows(output) == refused_rows(whole)
    summary = json.loads((tmp_path / "out.jsonl.gz.summary.json").read_text())
    assert summary["rows"] == 6003
    assert 0 < summary["run"]["rows"] < 6003
    assert not (tmp_path / "out.jsonl.gz.work").exists()


def test_no_worker_row_that_kills_is_named_by_the_next_runs(tmp_path):
    """Without workers nobody outlives such a row: it killed each run, and none said which."""
    corpus(tmp_path / "in.jsonl", 20, {13: "Always always-kills the process."})
    script = (
        "from ie_model.scoring import CutOptions, score\n"
        "from tests.scoring.fakes import FakeFactory\n"
        "if __name__ == '__main__':\n"
        "    score('in.jsonl', 'out.jsonl', extractor_factory=FakeFactory(), workers={},\n"
        "          cut=CutOptions(rows=5))\n"
    )
    said = []
    for workers in (0, 0, 0, 1):
        (tmp_path / "job.py").write_text(script.format(workers))
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        done = subprocess.run([sys.executable, "job.py"], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, check=False)  # fmt: skip
        said.append(done.stderr)
        assert done.returncode == (0 if workers else -9), done.stderr
    assert "the run before" not in said[0]
    assert "ended while it scored in.jsonl, lines 11 to 15" in said[1]
    assert "ended while it scored in.jsonl line 14" in said[2]
    rejected = (tmp_path / "out.jsonl.rejected.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in rejected] == [14]
