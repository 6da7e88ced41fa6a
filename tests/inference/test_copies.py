"""Pickled and copied extractors load themselves anew, or say why they cannot."""

import concurrent.futures
import copy
import multiprocessing
import pickle
import shutil

import pytest

from ie_model import Extractor, InputError
from ie_model.inference.engines import installed

TEXT = "Iraqi federal police cleared Hawija on Tuesday."
ENGINES = ["torch", *(name for name in ("openvino", "onnx") if installed(name))]


def answers(extractor, text=TEXT):
    return [(e.key, round(e.score, 5)) for e in extractor.predict(text).entities]


@pytest.mark.parametrize("engine", ENGINES)
def test_copies_give_the_same_answers_with_every_engine(tiny_model, engine):
    original = Extractor.from_pretrained(
        tiny_model, engine, precision="fp32", threads=1, batch_tokens=512,
        min_score={"DATE": 0.99}, lines="document",
    )  # fmt: skip
    for made in (pickle.loads(pickle.dumps(original)), copy.deepcopy(original)):
        assert answers(made) == answers(original)
        assert made.engine is not original.engine
        assert (made.engine.name, made.engine.precision) == (engine, "fp32")
        assert (made.min_score, made.batch_tokens) == ({"DATE": 0.99}, 512)
        assert answers(pickle.loads(pickle.dumps(made))) == answers(original)
        made.close()
    assert answers(original)


def test_copies_of_an_ensemble_are_ensembles(tiny_model, byte_model):
    both = Extractor.from_pretrained([tiny_model, byte_model], "torch", precision="fp32")
    assert answers(copy.deepcopy(both)) == answers(both)


def test_copies_find_a_model_named_by_a_relative_path(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_model.parent)
    pickled = pickle.dumps(Extractor.from_pretrained(tiny_model.name, "torch"))
    monkeypatch.chdir(tmp_path)
    assert answers(pickle.loads(pickled))


def test_copies_of_a_model_that_changed_or_went_are_refused(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    extractor = Extractor.from_pretrained(folder, "torch")
    pickled = pickle.dumps(extractor)
    settings = folder / "ie_model.json"
    before = settings.read_text()
    settings.write_text(before.replace('"temperature": 1.0', '"temperature": 2.0'))
    assert settings.read_text() != before
    with pytest.raises(InputError, match=r"ie_model\.json: changed since the model was loaded"):
        copy.deepcopy(extractor)
    with pytest.raises(InputError, match=r"ie_model\.json: not as it was when .* was pickled"):
        pickle.loads(pickled)
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="loads its model from the same path"):
        pickle.loads(pickled)


def test_copies_of_what_was_made_in_memory_are_refused(tiny_model):
    extractor = Extractor.from_pretrained(tiny_model, "torch")
    other = extractor.with_engine(extractor.engine)
    for copied in (pickle.dumps, copy.deepcopy):
        with pytest.raises(InputError, match="was made in memory"):
            copied(other)


def test_copies_work_in_spawned_processes(tiny_model):
    extractor = Extractor.from_pretrained(tiny_model, "auto", threads=1)
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(answers, extractor).result() == answers(extractor)


@pytest.mark.slow
def test_copies_work_in_joblib(tiny_model):
    joblib = pytest.importorskip("joblib")
    extractor = Extractor.from_pretrained(tiny_model, "auto", threads=1)
    jobs = (joblib.delayed(answers)(extractor, text) for text in (TEXT, "Kirkuk"))
    assert joblib.Parallel(2)(jobs) == [answers(extractor), answers(extractor, "Kirkuk")]
