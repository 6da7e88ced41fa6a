"""A job that is interrupted: the same bytes after any crash, and nothing is ever mixed."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings, strategies as st

from ie_model.errors import InputError, RunError
from ie_model.scoring import CutOptions, ReadOptions, WriteOptions, runner as runner_module
from ie_model.scoring.manifest import Manifest
from tests.scoring.fakes import FakeFactory, NoModel
from tests.scoring.jobs import corpus, files_beside, refused_rows, run, write_rows


class Stop(Exception):
    """Thrown in the middle of a job, as a crash would be."""


@pytest.fixture
def crash_after(monkeypatch):
    """Make the job die after so many shards, their records committed or not."""

    def arm(shards: int, committed: bool = True) -> None:
        done = []
        commit = runner_module.Run.commit

        def counted(self, record):
            if not committed and len(done) == shards:
                raise Stop
            commit(self, record)
            done.append(record)
            if committed and len(done) == shards:
                raise Stop

        monkeypatch.setattr(runner_module.Run, "commit", counted)

    yield arm
    monkeypatch.undo()


@pytest.mark.parametrize("output", ["out.jsonl", "out.jsonl.gz", "out.parquet", "out/"])
@pytest.mark.parametrize("committed", [True, False])
def test_score_goes_on_after_a_crash_with_the_same_bytes(
    tmp_path, crash_after, monkeypatch, output, committed
):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    rows = [{"text": f"Alpha {i}"} if i % 5 else "{" for i in range(20)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    run(source, f"{tmp_path}/a/{output}")
    crash_after(2, committed)
    with pytest.raises(Stop):
        run(source, f"{tmp_path}/b/{output}")
    assert (tmp_path / "b" / f"{output.strip('/')}.work").is_dir()
    monkeypatch.undo()
    calls = FakeFactory()(None, "cpu")
    summary = run(source, f"{tmp_path}/b/{output}", extractor_factory=lambda threads, device: calls)
    assert summary["run"]["rows"] == 20 - 2 * 3
    for name in ("a", "b"):
        for file in (tmp_path / name).rglob("*"):
            if file.is_file() and "summary" not in file.name:
                twin = tmp_path / "b" / file.relative_to(tmp_path / name)
                assert file.read_bytes() == twin.read_bytes(), file
    assert files_beside(tmp_path / "b" / output) == files_beside(tmp_path / "a" / output)


def test_score_finished_job_is_not_done_again(tmp_path):
    source = corpus(tmp_path / "in.jsonl")
    first = run(source, tmp_path / "out.jsonl")
    before = (tmp_path / "out.jsonl").stat()
    again = run(source, tmp_path / "out.jsonl")
    assert again == first | {"already_complete": True}
    after = (tmp_path / "out.jsonl").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    with pytest.raises(InputError, match=r"read\.max_chars was 1000000, is 99"):
        run(source, tmp_path / "out.jsonl", read=ReadOptions(max_chars=99))
    corpus(source, 21)
    with pytest.raises(InputError, match="the input has changed"):
        run(source, tmp_path / "out.jsonl")
    assert run(source, tmp_path / "out.jsonl", overwrite=True)["rows"] == 21


def test_score_that_never_got_to_work_does_not_bind_the_next(tmp_path):
    source, out = corpus(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    with pytest.raises(InputError, match="no such model"):
        run(source, out, extractor_factory=NoModel(True))
    assert files_beside(out) == []
    work = tmp_path / "out.jsonl.work"  # as a kill leaves it before the first shard is done
    work.mkdir()
    Manifest(work, [], {"engine": "onnx"}, {}).close()
    assert run(source, out)["rows"] == 20


def test_score_changed_setting_or_input_is_named_and_nothing_is_mixed(tmp_path, crash_after):
    source = corpus(tmp_path / "in.jsonl")
    crash_after(2)
    with pytest.raises(Stop):
        run(source, tmp_path / "out.jsonl")
    for options, message in (
        ({"cut": CutOptions(rows=4)}, "setting cut.rows was 3, is 4"),
        ({"read": ReadOptions(keep=("day",))}, r"read.keep was \[\], is \['day'\]"),
        ({"write": WriteOptions(text=False)}, "write.text was True, is False"),
    ):
        with pytest.raises(InputError, match=message):
            run(source, tmp_path / "out.jsonl", **options)
    corpus(tmp_path / "in2.jsonl")
    with pytest.raises(InputError, match=r"in2\.jsonl: not among the input when the job began"):
        run([source, tmp_path / "in2.jsonl"], tmp_path / "out.jsonl")
    text = source.read_text()
    source.write_text(text.replace("Paris 0", "Tokyo 0"))
    with pytest.raises(InputError, match=r"in\.jsonl: its content has changed"):
        run(source, tmp_path / "out.jsonl")
    with source.open("a") as file:
        file.write('{"text": "more"}\n')
    with pytest.raises(InputError, match=r"in.jsonl: was \d+ bytes, is \d+"):
        run(source, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_score_touched_input_is_read_again_and_compared(tmp_path, crash_after, monkeypatch):
    """Same size, same samples, other content: the digests of the rows tell."""
    filler = "x" * 3_000
    rows = [{"id": str(i), "text": f"Alpha {i} {filler}"} for i in range(200)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    crash_after(2)
    with pytest.raises(Stop):
        run(source, tmp_path / "out.jsonl", cut=CutOptions(rows=100))
    monkeypatch.undo()
    content = bytearray(source.read_bytes())
    place = 65536 + 3  # after the first sample, before the second
    assert content[place : place + 1] == b"x"
    content[place] = ord("y")
    source.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"in.jsonl, lines 1 to 100: the content has changed"):
        run(source, tmp_path / "out.jsonl", cut=CutOptions(rows=100))
    content[place] = ord("x")
    source.write_bytes(bytes(content))
    os.utime(source, ns=(1, 1))
    assert run(source, tmp_path / "out.jsonl", cut=CutOptions(rows=100))["rows"] == 200


def test_score_input_changed_while_it_is_read_stops_the_job(tmp_path):
    source = corpus(tmp_path / "in.jsonl", 20_000)

    def factory(threads, device):
        os.utime(source, ns=(1, 1))
        return FakeFactory()(threads, device)

    with pytest.raises(InputError, match="was changed while it was being read"):
        run(source, tmp_path / "out.jsonl", extractor_factory=factory, cut=CutOptions(rows=5_000))


def test_score_part_damaged_on_disk_is_found_and_made_anew(tmp_path, monkeypatch):
    source = corpus(tmp_path / "in.jsonl")
    run(source, tmp_path / "good.jsonl")
    from ie_model.scoring.job import Job

    finish = Job.finish

    def damage_first(self, summary):
        part = sorted(self.task.parts.iterdir())[1]
        part.write_bytes(part.read_bytes().replace(b"ACTOR", b"DATES"))
        finish(self, summary)

    monkeypatch.setattr(Job, "finish", damage_first)
    with pytest.raises(RunError, match="not what was written there; run the same command again"):
        run(source, tmp_path / "out.jsonl")
    monkeypatch.undo()
    assert not (tmp_path / "out.jsonl").exists()
    summary = run(source, tmp_path / "out.jsonl")
    assert summary["run"]["rows"] == 3
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "good.jsonl").read_bytes()


@pytest.mark.parametrize("stage", ["join_rejected", "assemble", "write_json", "sync"])
@pytest.mark.parametrize("output", ["out.jsonl", "out/"])
def test_score_crash_while_the_output_is_put_together(tmp_path, monkeypatch, stage, output):
    from ie_model.scoring import job

    source = corpus(tmp_path / "in.jsonl")
    expected = run(source, f"{tmp_path}/whole.jsonl")
    original = getattr(job, stage)

    def after(*arguments, **options):
        original(*arguments, **options)
        raise Stop

    monkeypatch.setattr(job, stage, after)
    with pytest.raises(Stop):
        run(source, f"{tmp_path}/{output}")
    monkeypatch.undo()
    summary = run(source, f"{tmp_path}/{output}")
    assert summary["rows"] == expected["rows"]
    path = tmp_path / output
    parts = sorted(path.iterdir()) if path.is_dir() else [path]
    assert b"".join(p.read_bytes() for p in parts) == (tmp_path / "whole.jsonl").read_bytes()
    assert not (tmp_path / f"{path.name}.work").exists()


def test_score_torn_journal_line_is_dropped(tmp_path, crash_after, monkeypatch):
    source = corpus(tmp_path / "in.jsonl")
    run(source, tmp_path / "good.jsonl")
    crash_after(3)
    with pytest.raises(Stop):
        run(source, tmp_path / "out.jsonl")
    monkeypatch.undo()
    journal = tmp_path / "out.jsonl.work" / "journal.jsonl"
    lines = journal.read_bytes()
    journal.write_bytes(lines[:-20])
    summary = run(source, tmp_path / "out.jsonl")
    assert summary["run"]["rows"] == 20 - 2 * 3
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "good.jsonl").read_bytes()


def test_score_output_inside_the_input_folder_is_not_read(tmp_path, crash_after, monkeypatch):
    corpus(tmp_path / "in.jsonl")
    crash_after(2)
    with pytest.raises(Stop):
        run(tmp_path, tmp_path / "out.jsonl")
    monkeypatch.undo()
    assert run(tmp_path, tmp_path / "out.jsonl")["rows"] == 20
    assert run(tmp_path, tmp_path / "out.jsonl")["already_complete"]


def test_score_items_resume_and_notice_other_items(tmp_path, crash_after, monkeypatch):
    items = [f"Alpha {i}" for i in range(20)]
    crash_after(2)
    with pytest.raises(Stop):
        run(None, tmp_path / "out.jsonl", items=items)
    monkeypatch.undo()
    with pytest.raises(InputError, match="iterable, lines 1 to 3: the content has changed"):
        run(None, tmp_path / "out.jsonl", items=["Other", *items[1:]])
    summary = run(None, tmp_path / "out.jsonl", items=iter(items))
    assert summary["rows"] == 20
    assert summary["run"]["rows"] == 14
    with pytest.raises(InputError, match="exists already"):
        run(None, tmp_path / "out.jsonl", items=items)


_ROWS = st.lists(
    st.one_of(
        st.builds(
            lambda text: json.dumps({"text": text}),
            st.text(st.characters(), max_size=12),
        ),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    ),
    max_size=30,
)


@settings(max_examples=25)
@given(rows=_ROWS, size=st.integers(1, 7), stop=st.integers(0, 6))
def test_score_any_rows_any_shards_any_crash(tmp_path_factory, rows, size, stop):
    """Rows in = out + rejected, and a crash after any shard changes nothing."""
    folder = tmp_path_factory.mktemp("any")
    (folder / "in.jsonl").write_bytes("\n".join(rows).encode("utf-8", "surrogatepass"))
    options = {"cut": CutOptions(rows=size)}
    summary = run(folder / "in.jsonl", folder / "a.jsonl", **options)
    kept = (folder / "a.jsonl").read_bytes()
    assert len(kept.split(b"\n")) - 1 == summary["documents"]
    refused = refused_rows(folder / "a.jsonl")
    assert refused.count(b"\n") == summary["rejected"]
    left = [stop]

    def factory(threads, device):
        extractor = FakeFactory()(threads, device)
        pipe = extractor.pipe

        def counted(texts, **kwargs):
            if not left[0]:
                raise Stop
            left[0] -= 1
            return pipe(texts, **kwargs)

        extractor.pipe = counted
        return extractor

    try:
        run(folder / "in.jsonl", folder / "b.jsonl", extractor_factory=factory, **options)
    except RunError:
        run(folder / "in.jsonl", folder / "b.jsonl", **options)
    assert (folder / "b.jsonl").read_bytes() == kept
    assert refused_rows(folder / "b.jsonl") == refused


def test_score_items_with_more_rows_than_the_first_time_are_refused(tmp_path, monkeypatch):
    """They were scored and journalled, and then left out of the output without a word."""
    items = [f"Alpha {i}" for i in range(9)]
    monkeypatch.setattr(runner_module.Job, "finish", lambda *_: (_ for _ in ()).throw(Stop))
    with pytest.raises(Stop):
        run(None, tmp_path / "out.jsonl", items=items)
    monkeypatch.undo()
    for others in ([*items, "one more"], items[:6], [*items[:8]]):
        with pytest.raises(InputError, match=r"the rows are not those|content has changed"):
            run(None, tmp_path / "out.jsonl", items=others)
    assert run(None, tmp_path / "out.jsonl", items=items)["documents"] == 9
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 9


def test_score_finished_job_notices_an_output_that_is_not_whole_any_more(tmp_path):
    """`finished before, nothing to do` was said of an output of half its size."""
    source, out = corpus(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    run(source, out)
    whole = out.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole.replace(b"ACTOR", b"DATES")):
        out.write_bytes(damaged)
        with pytest.raises(InputError, match=r"is not what the finished job wrote there \(had"):
            run(source, out)
    out.write_bytes(whole)
    assert run(source, out)["already_complete"]
    run(source, f"{tmp_path}/parts/", write=WriteOptions(format="jsonl"))
    next((tmp_path / "parts").iterdir()).unlink()
    with pytest.raises(InputError, match="is not what the finished job wrote"):
        run(source, f"{tmp_path}/parts/", write=WriteOptions(format="jsonl"))


def test_score_finished_job_notices_an_input_changed_outside_the_samples(tmp_path):
    filler = "x" * 3_000
    rows = [{"id": str(i), "text": f"Alpha {i} {filler}"} for i in range(200)]
    source, out = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    run(source, out, cut=CutOptions(rows=100))
    facts = source.stat()
    content = bytearray(source.read_bytes())
    content[65536 + 3] = ord("y")
    source.write_bytes(bytes(content))
    os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # the time of change, put back
    with pytest.raises(InputError, match="the input has changed"):
        run(source, out, cut=CutOptions(rows=100))
    content[65536 + 3] = ord("x")
    source.write_bytes(bytes(content))
    assert run(source, out, cut=CutOptions(rows=100))["already_complete"]


@pytest.mark.parametrize(
    ("file", "text"),
    [("manifest.json", "{"), ("manifest.json", "[]"), ("manifest.json", '{"version": 2}'),
     ("manifest.json", "[" * 100_000), ("inputs.jsonl", "{}\n"), ("inputs.jsonl", "")],
)  # fmt: skip
def test_score_damaged_state_of_a_job_is_named(tmp_path, crash_after, file, text):
    """It ended in a `KeyError` that was not expected, each time the command was given again."""
    source = write_rows(tmp_path / "in.jsonl", [{"text": f"Alpha {i}"} for i in range(20)])
    crash_after(2)
    with pytest.raises(Stop):
        run(source, tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl.work" / file).write_text(text)
    with pytest.raises(InputError, match="--overwrite"):
        run(source, tmp_path / "out.jsonl")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")
@pytest.mark.parametrize("file", ["inputs.jsonl", "manifest.json", "parts/part-00000-000000.jsonl"])
def test_score_state_that_would_be_read_for_ever_is_refused(tmp_path, crash_after, file):
    source = write_rows(tmp_path / "in.jsonl", [{"text": f"Alpha {i}"} for i in range(20)])
    crash_after(2)
    with pytest.raises(Stop):
        run(source, tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl.work" / file).unlink()
    os.mkfifo(tmp_path / "out.jsonl.work" / file)
    with pytest.raises(InputError, match=f"{file}: is no ordinary file"):
        run(source, tmp_path / "out.jsonl")


@pytest.mark.parametrize("damage", ["5", '"x"', "{}", '{"unit": "x"}', '{"forget": 1}', "[" * 9999])
def test_score_damaged_line_of_the_journal_costs_no_more_than_its_shards(
    tmp_path, crash_after, monkeypatch, damage
):
    source = write_rows(tmp_path / "in.jsonl", [{"text": f"Alpha {i}"} for i in range(20)])
    run(source, tmp_path / "whole.jsonl")
    crash_after(2)
    with pytest.raises(Stop):
        run(source, tmp_path / "out.jsonl")
    monkeypatch.undo()
    journal = tmp_path / "out.jsonl.work/journal.jsonl"
    first, second = journal.read_text().splitlines()[:2]
    journal.write_text(f"{first}\n{damage}\n{second}\n")
    run(source, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
