import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from ie_model import Extractor, distill, evaluate
from ie_model.errors import InputError
from ie_model.training.distillation import distillation_config, read_student
from ie_model.training.preparation import prepare
from ie_model.training.run import train
from ie_model.training.teachers import Teachers
from tests.conftest import SENTENCES

PLAIN = [s.replace("]]", "").split("[[") for s in SENTENCES]
TEXTS = ["".join(part.split("|")[-1] for part in parts) for parts in PLAIN]


@pytest.fixture
def texts(tmp_path):
    """The eight sentences without their annotations, a document each."""
    file = tmp_path / "plain.jsonl"
    rows = [json.dumps({"id": str(i), "text": t}) for i, t in enumerate(TEXTS)]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def student(tiny_config, **training):
    """A student whose own annotations are one sentence without a mention of interest."""
    config = tiny_config(**training)
    file = config.data.train[0].path.with_name("poor.txt")
    file.write_text("[[DATE|August]] it is.\n", encoding="utf-8")
    sources = [config.data.train[0].model_copy(update={"path": file})]
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"train": sources}),
            "model": config.model.model_copy(update={"dropout": 0.0}),
        }
    )


@pytest.mark.slow
def test_distillation_student_learns_from_a_teacher_with_another_tokenizer(
    tiny_config, byte_model, texts
):
    gold = tiny_config().data.train[0].path
    config = student(tiny_config, epochs=60, learning_rate=0.01)
    alone = evaluate(train(config).model_dir, gold)["span"]["micro"]["f1"]
    result = distill(config, [byte_model], [texts])
    taught = evaluate(result.model_dir, gold)["span"]["micro"]["f1"]
    assert alone < 0.3
    assert taught > 0.9
    origin = Extractor.from_pretrained(result.model_dir).settings.origin
    assert len(origin["teachers"]) == 1
    assert origin["ledger"]["unlabelled"] == len(TEXTS)
    card = (result.model_dir / "README.md").read_text()
    assert "Distilled: 1 teacher\n" in card
    assert "8 of the documents, which have no annotations" in card


def test_distillation_soft_targets_are_the_mean_of_the_teachers(
    tiny_config, tiny_model, byte_model, texts
):
    def soft(*teachers):
        ready = prepare(distillation_config(student(tiny_config), teachers, [texts]))
        table, tags = ready.windows.table, len(ready.labels.tags)
        return [np.array(row["soft"]).reshape(-1, tags) for row in table], table["share"]

    one, shares = soft(tiny_model)
    two, _ = soft(byte_model)
    both, _ = soft(tiny_model, byte_model)
    assert np.allclose(shares, [0.5] + [1.0] * len(TEXTS))
    for a, b, mean in zip(one, two, both, strict=True):
        assert np.allclose((a + b) / 2, mean, atol=2e-3)
        assert np.allclose(mean.sum(axis=1), 1, atol=5e-3)


def test_distillation_teachers_are_asked_once(tiny_config, tiny_model, texts, monkeypatch):
    config = distillation_config(student(tiny_config), [tiny_model], [texts])
    first = prepare(config)
    calls = []
    original = Extractor.logits

    def counted(self, items):
        calls.append(len(items))
        return original(self, items)

    monkeypatch.setattr(Extractor, "logits", counted)
    warmer = config.distillation.model_copy(update={"temperature": 3.0})
    prepare(config.model_copy(update={"distillation": warmer}))
    assert calls == []
    stored = sorted((config.data.cache_dir / "teachers").rglob("*.npz"))
    stored[0].write_bytes(stored[0].read_bytes()[:100])  # as a full disk would leave it
    again = prepare(config)
    assert len(calls) == 1
    assert again.windows.fingerprint == first.windows.fingerprint
    for a, b in zip(again.windows.table, first.windows.table, strict=True):
        assert np.array_equal(a["soft"], b["soft"])


def test_distillation_runs_that_share_a_cache_answer_side_by_side(
    tiny_model, tmp_path, monkeypatch
):
    # One lock for the whole cache let two seeds' teachers work in turns only. (Of sixteen locks
    # these texts have different ones.)
    original = Extractor.logits
    extractor = Extractor.from_pretrained(tiny_model, "torch")
    encoded = {text: [extractor.logits([text])[0][0]] for text in TEXTS}
    asked, go_on = threading.Event(), threading.Event()
    done = []

    def slow_with_the_first(self, items):
        if items == TEXTS[:1]:
            asked.set()
            assert go_on.wait(60)
        return original(self, items)

    def ask(*wanted):
        teachers = Teachers([tiny_model], extractor.label_set, 1.0, tmp_path)
        for text in wanted:
            teachers.soft_targets([text], encoded[text])
            done.append(text)

    monkeypatch.setattr(Extractor, "logits", slow_with_the_first)
    slow = threading.Thread(target=ask, args=TEXTS[:1])
    slow.start()
    assert asked.wait(60)
    other = threading.Thread(target=ask, args=(TEXTS[1], TEXTS[5]))
    other.start()
    other.join(60)
    before = list(done)
    go_on.set()
    slow.join()
    other.join()
    assert before == [TEXTS[1], TEXTS[5]]
    assert done == [*before, TEXTS[0]]


def test_distillation_teacher_without_a_tokenizer_is_refused(tiny_config, tiny_model, tmp_path):
    folder = tmp_path / "teacher"
    shutil.copytree(tiny_model, folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"teacher: no tokenizer\.json in it"):
        prepare(distillation_config(student(tiny_config), [folder]))


def test_distillation_warns_of_text_that_the_result_is_measured_on(
    tiny_config, tiny_model, texts, caplog
):
    # The eight sentences are the test file, and the teacher marks them for the student.
    config = student(tiny_config)
    data = config.data.model_copy(update={"test": tiny_config().data.train})
    prepare(distillation_config(config.model_copy(update={"data": data}), [tiny_model]))
    assert "too good" not in caplog.text
    prepare(distillation_config(config.model_copy(update={"data": data}), [tiny_model], [texts]))
    assert "data.test: 8 of 8 documents are (nearly) the same as training" in caplog.text


def test_distillation_teachers_keep_to_the_threads_of_the_training(
    tiny_config, tiny_model, monkeypatch
):
    # They took every CPU of the process, whatever training.threads said.
    monkeypatch.setattr("ie_model.inference.engines.torch.THREADS", 2)
    monkeypatch.setattr("ie_model.inference.engines.torch.available_cpus", lambda: 2)
    original, seen = Extractor.logits, []

    def counted(self, items):
        seen.append(torch.get_num_threads())
        return original(self, items)

    monkeypatch.setattr(Extractor, "logits", counted)
    prepare(distillation_config(tiny_config(threads=1), [tiny_model]))
    assert set(seen) == {1}


def test_distillation_teachers_are_asked_anew_when_units_are_cut_otherwise(
    tiny_config, tiny_model, monkeypatch
):
    config = distillation_config(tiny_config(), [tiny_model])
    before = prepare(config).windows.fingerprint
    assert prepare(config).windows.fingerprint == before
    monkeypatch.setattr("ie_model.training.teachers.RULES", 99)
    assert prepare(config).windows.fingerprint != before


def test_distillation_loss_without_share_is_that_of_the_annotations(tiny_config, tiny_model):
    config = tiny_config(epochs=3)
    plain = train(config).losses
    section = config.distillation.model_copy(update={"weight": 0.0, "teachers": [tiny_model]})
    other = train(config.model_copy(update={"distillation": section})).losses
    assert np.allclose([x for _, x in plain], [x for _, x in other], rtol=1e-4)


@pytest.mark.slow
def test_distillation_resumed_after_an_interruption_gives_the_same_weights(
    tiny_config, tiny_model, texts, killed
):
    from safetensors.numpy import load_file

    config = student(tiny_config, epochs=4, batch_windows=2, checkpoint_every=3)
    whole = load_file(distill(config, [tiny_model], [texts]).model_dir / "model.safetensors")
    killed(distillation_config(config, [tiny_model], [texts]), 8)
    folder = distill(config, [tiny_model], [texts], resume=True).model_dir
    resumed = load_file(folder / "model.safetensors")
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)


def test_distillation_student_of_the_command(tiny_config, tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="nothing: no such model directory"):
        read_student(Path("distilled"), teachers=["nothing"])
    # Away from a checkout, where there is no configs/distilled.yaml.
    assert read_student(Path("distilled"), teachers=[tiny_model]).distillation.weight == 0.7
    (tmp_path / "c.yaml").write_text(tiny_config().to_yaml())
    with pytest.raises(InputError, match="at least one teacher"):
        read_student(tmp_path / "c.yaml")
    read = read_student(tmp_path / "c.yaml", ["training.epochs=3"], [tiny_model], ["news"])
    assert (read.training.epochs, read.distillation.teachers) == (3, [tiny_model])


def test_distillation_mistakes_are_named(tiny_config, tiny_model, texts, tmp_path):
    with pytest.raises(InputError, match="at least one teacher"):
        distill(tiny_config(), [], [texts])
    with pytest.raises(InputError, match="teachers: expected paths, such as a list, found str"):
        distill(tiny_config(), "runs/accurate")
    with pytest.raises(InputError, match="unlabelled: expected paths, such as a list"):
        distill(tiny_config(), [tiny_model], texts)
    with pytest.raises(InputError, match="no such model directory"):
        distill(tiny_config(), [tmp_path / "nothing"], [texts])
    with pytest.raises(InputError, match="no such file"):
        distill(tiny_config(), [tiny_model], [tmp_path / "nothing.jsonl"])
    bioes = tiny_config().model_copy(update={"scheme": "BIOES"})
    with pytest.raises(InputError, match="set scheme: BIO"):
        distill(bioes, [tiny_model], [texts])
    section = tiny_config().distillation.model_copy(update={"unlabelled": tiny_config().data.train})
    with pytest.raises(InputError, match="teach nothing unless"):
        train(tiny_config().model_copy(update={"distillation": section}))
