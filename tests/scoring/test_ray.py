"""The same job on a real Ray cluster of two nodes, on this machine."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from ie_model.errors import InputError, RunError
from ie_model.scoring import CutOptions, score, sources
from tests.scoring.fakes import FakeFactory, NoModel
from tests.scoring.jobs import refused_rows

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")
pytest.importorskip("ray.data")

from ie_model.scoring import score_on_ray  # noqa: E402
from ie_model.scoring.cluster import room_for_actors  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
STORE = 150 << 20
CUT = CutOptions(rows=20)


def test_room_for_actors_counts_what_fits_on_each_node():
    nodes = [
        {"Alive": True, "Resources": {"CPU": 7.0, "GPU": 2.0}},
        {"Alive": True, "Resources": {"CPU": 2.0}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
    ]
    assert room_for_actors(nodes, 1, 0) == 9
    assert room_for_actors(nodes, 4, 0) == 1
    assert room_for_actors(nodes, 1, 1) == 2
    assert room_for_actors(nodes, 1, 0.5) == 4
    with pytest.raises(InputError, match="no node of the Ray cluster has 8 CPUs"):
        room_for_actors(nodes, 8, 0)


def test_cluster_takes_no_standard_streams(tmp_path):
    with pytest.raises(InputError, match="not for a cluster"):
        score_on_ray("-", tmp_path / "out.jsonl", extractor_factory=FakeFactory())


@pytest.fixture(scope="module")
def cluster():
    """A head and one more node, two logical CPUs and a small object store each."""
    node = {"num_cpus": 2, "object_store_memory": STORE, "include_dashboard": False,
            "include_log_monitor": False}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # the workers import the stand-in model
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        two = cluster_utils.Cluster(initialize_head=True, head_node_args=node)
        two.extra = two.add_node(**node)
        ray.init(address=two.address, log_to_driver=False)
        yield two
        ray.shutdown()
        two.shutdown()


@pytest.fixture(autouse=True)
def unit_for_each_file(monkeypatch):
    """Small files share a read task; here each has its own, as large ones do."""
    monkeypatch.setattr(sources, "UNIT_BYTES", 1)


def corpus(folder: Path, files: int, rows: int, special: dict[int, str] | None = None) -> Path:
    folder.mkdir()
    for f in range(files):
        with (folder / f"{f}.jsonl").open("w") as file:
            for i in range(rows):
                text = (special or {}).get(i, f"Alpha {i} saw Bravo in Paris {'word ' * 90}")
                file.write(json.dumps({"text": text}) + "\n")
            file.write("{broken\n")
    return folder


def outcome(output: Path) -> tuple[bytes, bytes]:
    return output.read_bytes(), refused_rows(output)


@pytest.mark.slow
def test_cluster_gives_the_same_bytes_as_one_machine(tmp_path, cluster):
    source = corpus(tmp_path / "in", 3, 200, {7: "this fails"})
    score(source, tmp_path / "a.jsonl.gz", extractor_factory=FakeFactory(), workers=0, cut=CUT)
    # As many actors as CPUs: the readers must not wait for a CPU that never comes free.
    summary = score_on_ray(
        source, tmp_path / "b.jsonl.gz", extractor_factory=FakeFactory(), actors=4, cut=CUT
    )
    assert outcome(tmp_path / "b.jsonl.gz") == outcome(tmp_path / "a.jsonl.gz")
    assert summary["rejected_by_kind"] == {"json": 3, "prediction": 3}
    assert not (tmp_path / "b.jsonl.gz.work").exists()


@pytest.mark.slow
def test_cluster_sets_aside_the_row_that_kills_its_actors(tmp_path, cluster):
    """Such a row was tried for ever: Ray starts an actor anew and gives it the same again."""
    source = corpus(tmp_path / "in", 2, 60, {30: "always-kills Alpha"})
    summary = score_on_ray(
        source, tmp_path / "b.jsonl", extractor_factory=FakeFactory(), cut=CUT, actors=2
    )
    assert summary["rejected_by_kind"] == {"json": 2, "worker": 2}
    score(source, tmp_path / "a.jsonl", extractor_factory=FakeFactory(), workers=1, cut=CUT)
    assert outcome(tmp_path / "b.jsonl") == outcome(tmp_path / "a.jsonl")


@pytest.mark.slow
def test_cluster_that_cannot_load_the_model_ends_and_says_why(tmp_path, cluster):
    source = corpus(tmp_path / "in", 1, 20)
    with pytest.raises(RunError, match="before they have loaded the model: OSError: no disk"):
        score_on_ray(
            source, tmp_path / "b.jsonl", extractor_factory=NoModel(False), cut=CUT, actors=1
        )


@pytest.mark.slow
def test_cluster_loses_a_node_in_the_middle_of_the_job(tmp_path, cluster):
    source = corpus(tmp_path / "in", 4, 200)
    score(source, tmp_path / "a.jsonl", extractor_factory=FakeFactory(), workers=0, cut=CUT)
    journal = tmp_path / "b.jsonl.work" / "journal.jsonl"
    killed = []

    def kill() -> None:
        while not journal.exists() or journal.read_bytes().count(b'"key"') < 6:
            time.sleep(0.02)
        cluster.remove_node(cluster.extra, allow_graceful=False)
        killed.append(journal.read_bytes().count(b'"key"'))
        (tmp_path / "hurry").touch()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    factory = FakeFactory(delay=0.1, hurry=tmp_path / "hurry")
    summary = score_on_ray(
        source, tmp_path / "b.jsonl", extractor_factory=factory, actors=3, cut=CUT
    )
    thread.join(timeout=300)
    assert killed
    assert killed[0] < summary["shards"], "the job was over before the node was killed"
    assert outcome(tmp_path / "b.jsonl") == outcome(tmp_path / "a.jsonl")
    assert summary["rows"] == 4 * 201
