"""Cross-validation of a tiny random model: the artefact, resuming, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ie_model import Extractor
from ie_model.config.loading import parse_config
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.evaluation.crossval import cross_validate, predict_part, read_data
from ie_model.evaluation.out_of_fold import OofRun, Part, read_part
from ie_model.labels import LabelSet
from ie_model.metrics.spans import score_documents

SENTENCES = [
    "iraqi police cleared hawija on monday .",
    "iraqi army cleared kirkuk on tuesday .",
    "coalition forces said the operation in syria is one of two .",
]
LABELS = {"iraqi police": "ACTOR", "iraqi army": "ACTOR", "coalition": "ACTOR",
          "hawija": "LOCATION", "kirkuk": "LOCATION", "syria": "LOCATION",
          "monday": "DATE", "tuesday": "DATE"}  # fmt: skip


def annotated(text, id_):
    entities = []
    for surface, label in LABELS.items():
        at = text.find(surface)
        while at >= 0:
            entities.append(Entity(at, at + len(surface), label))
            at = text.find(surface, at + 1)
    return Document(text, (), id_).with_entities(entities)


def write(folder, name, documents):
    file = folder / name
    file.write_text("".join(json.dumps(d.to_dict()) + "\n" for d in documents), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory, bert_tokenizer):
    from transformers import BertConfig, BertModel, set_seed

    folder = tmp_path_factory.mktemp("backbone")
    set_seed(0)
    config = BertConfig(
        vocab_size=len(bert_tokenizer), hidden_size=32, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=64, max_position_embeddings=256,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    bert_tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def config(tmp_path_factory, backbone):
    folder = tmp_path_factory.mktemp("data")
    articles = [
        annotated("\n".join(SENTENCES[i:] + SENTENCES[:i] + [f"article {i} ends"] * 2), f"a{i}")
        for i in range(3)
    ]
    authored = [annotated(s + " said the army", f"x{i}") for i, s in enumerate(SENTENCES)]
    return parse_config(
        {
            "labels": ["ACTOR", "LOCATION", "DATE"],
            "data": {
                "train": [
                    {"path": write(folder, "articles.jsonl", articles)},
                    {"path": write(folder, "authored.jsonl", authored), "train_only": True},
                ],
                "cache_dir": str(folder / "cache"),
            },
            "model": {"backbone": backbone},
            "training": {"epochs": 8, "learning_rate": 0.01, "threads": 1, "device": "cpu"},
        }
    )


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    target = tmp_path_factory.mktemp("runs") / "run"
    cross_validate(config, target, seeds=[0, 1], fractions=[0.5])
    return OofRun(target)


def test_crossval_predicts_every_article_once_with_each_seed(run, config):
    assert run.missing == []
    assert run.protocol.parts[0] == Part(0, 0, 1.0)
    assert len(run.protocol.parts) == 2 * 3 * 2
    for seed in (0, 1):
        found = run.predictions(seed)
        assert [p.gold.id for p in found] == ["a0", "a1", "a2"]  # authored ones never
        for p in found:
            assert p.logits.shape == (len(p.units.starts), 7)
            assert p.gold.text == p.predicted.text
            assert [d.key for d in p.gold.entities] == [
                d.key for d in annotated(p.gold.text, "").entities
            ]


def test_crossval_metrics_are_those_of_the_stored_documents(run):
    metrics = json.loads((run.path / "metrics.json").read_text())
    each = [score_documents(*run.pairs(s), run.labels)["span"]["micro"]["f1"] for s in (0, 1)]
    assert metrics["span"]["micro"]["f1"] == pytest.approx(np.mean(each))
    assert metrics["seeds"]["micro"]["high"] == pytest.approx(max(each))
    assert metrics["intervals"]["unit"] == "paragraph"
    seen, unseen = metrics["seen"]["micro"], metrics["unseen"]["micro"]
    total = metrics["span"]["micro"]
    for figure in ("support", "predicted", "correct"):
        assert seen[figure] + unseen[figure] == pytest.approx(total[figure])
    assert seen["support"] > 0
    assert total["predicted"] > 0  # or the tests here would compare nothing with nothing


def test_crossval_stored_logits_give_the_stored_entities(run):
    from ie_model.inference.decoding import decode

    for p in run.predictions(1, 0.5):
        (entities,) = decode([p.logits], [p.units], [p.gold.text], run.label_set)
        assert [e.key for e in entities] == [e.key for e in p.predicted.entities]
        for a, b in zip(entities, p.predicted.entities, strict=True):
            assert a.score == pytest.approx(b.score, abs=1e-6)


def test_crossval_less_training_data_for_smaller_fractions(run):
    whole = run.part_metrics(Part(0, 0, 1.0))["training"]
    half = run.part_metrics(Part(0, 0, 0.5))["training"]
    assert half["characters"] < whole["characters"]
    assert half["entities"] < whole["entities"]


def test_crossval_goes_on_where_it_stopped(run, config, monkeypatch):
    import shutil

    from ie_model.evaluation import crossval

    gone = Part(1, 2, 1.0)
    before = (run.part_folder(gone) / "oof.jsonl").read_text()
    shutil.rmtree(run.part_folder(gone))
    trained = []
    real = crossval.train
    monkeypatch.setattr(crossval, "train", lambda c, **k: trained.append(c) or real(c, **k))
    with pytest.raises(InputError, match="incomplete, seed1-fold2-100"):
        run.predictions(1)
    steps = []
    cross_validate(
        config, run.path, seeds=[0, 1], fractions=[0.5], progress=lambda *a: steps.append(a)
    )
    assert len(trained) == 1
    assert trained[0].training.seed == 1
    assert steps == [(11, 12, "seed1-fold2-100"), (12, 12, "")]
    assert (run.part_folder(gone) / "oof.jsonl").read_text() == before  # same seed, same answers
    leftovers = {p.name for p in run.path.iterdir()}
    assert leftovers == {"crossval.json", "folds.json", "metrics.json", "parts"}


def test_crossval_seeds_and_fractions_may_be_added(run, config, tmp_path, monkeypatch):
    import shutil

    from ie_model.evaluation import crossval

    trained = []

    def stops(settings, **_):
        trained.append(settings.training.seed)
        raise KeyboardInterrupt

    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    monkeypatch.setattr(crossval, "train", stops)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(config, copy, seeds=[0, 1, 2], fractions=[0.25, 0.5])
    assert trained == [2]
    grown = OofRun(copy)
    assert grown.protocol.seeds == (0, 1, 2)
    assert grown.protocol.fractions == (0.25, 0.5, 1.0)
    assert len(grown.missing) == 3 * 3 * 3 - 12
    assert not (copy / "metrics.json").exists()


def test_crossval_refuses_to_mix_two_runs(run, config, tmp_path):
    with pytest.raises(InputError, match=r"seeds\.1 was 1, is not set\. Undo the change"):
        cross_validate(config, run.path, seeds=[0], fractions=[0.5])
    with pytest.raises(InputError, match=r"something else: folds\.documents was .* is 2\. Undo"):
        cross_validate(config, run.path, seeds=[0, 1], folds=2, fractions=[0.5])
    slower = config.training.model_copy(update={"learning_rate": 0.5})
    with pytest.raises(InputError, match=r"config\.training\.learning_rate was 0\.01, is 0\.5\."):
        cross_validate(config.model_copy(update={"training": slower}), run.path, seeds=[0, 1],
                       fractions=[0.5])  # fmt: skip
    other = config.model_copy(update={"labels": ["ACTOR", "LOCATION", "DATE", "QUANTITY"]})
    with pytest.raises(InputError, match=r"config\.labels\.3 was not set, is QUANTITY; "):
        cross_validate(other, run.path, seeds=[0, 1], fractions=[0.5])
    dev = config.data.model_copy(update={"dev": config.data.train})
    with pytest.raises(InputError, match=r"config\.data\.dev was \[\], is not set"):
        cross_validate(config.model_copy(update={"data": dev}), run.path, seeds=[0, 1],
                       fractions=[0.5])  # fmt: skip
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not a cross-validation run"):
        cross_validate(config, tmp_path)


def test_crossval_train_only_corpora_are_not_enough(config):
    only = config.data.train[1]
    data = config.data.model_copy(update={"train": [only]})
    with pytest.raises(InputError, match="every corpus in data"):
        read_data(config.model_copy(update={"data": data}))


def test_crossval_refuses_teachers_who_may_know_the_test_documents(config, tmp_path):
    section = config.distillation.model_copy(update={"teachers": [tmp_path / "teacher"]})
    with pytest.raises(InputError, match="a teacher may have learned from the documents"):
        cross_validate(config.model_copy(update={"distillation": section}), tmp_path / "run")


def test_crossval_refuses_several_processes(config, tmp_path, monkeypatch):
    # Each trained in a folder of its own, and all but the first found no model in theirs.
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="runs in one process; start it without torchrun"):
        cross_validate(config, tmp_path / "run")


def test_crossval_from_a_trained_model_warns_and_knows_which(
    config, tiny_model, tmp_path, monkeypatch, caplog
):
    import shutil

    from ie_model.evaluation import crossval

    def stops(*_, **__):
        raise KeyboardInterrupt

    backbone = tmp_path / "trained"
    shutil.copytree(tiny_model, backbone)
    model = config.model.model_copy(update={"backbone": str(backbone)})
    warm = config.model_copy(update={"model": model})
    monkeypatch.setattr(crossval, "train", stops)
    for _ in range(2):  # the second goes on with the first
        with pytest.raises(KeyboardInterrupt):
            cross_validate(warm, tmp_path / "run")
    assert "trained is a trained model; if it learned from documents that" in caplog.text
    (backbone / "model.safetensors").write_bytes(b"another model in the same place")
    with pytest.raises(InputError, match=r"data\.backbone_fingerprint was"):
        cross_validate(warm, tmp_path / "run")


def test_crossval_bad_arguments_are_refused_before_training(config, tmp_path):
    with pytest.raises(InputError, match="fractions lie between"):
        cross_validate(config, tmp_path / "r", fractions=[25, 100])
    with pytest.raises(InputError, match="must be given and differ"):
        cross_validate(config, tmp_path / "r", seeds=[1, 1])
    with pytest.raises(InputError, match="seeds are whole numbers from 0"):
        cross_validate(config, tmp_path / "r", seeds=[1, -1])
    half = config.training.model_copy(update={"precision": "fp16"})
    with pytest.raises(InputError, match="fp16 needs a CUDA GPU"):
        cross_validate(config.model_copy(update={"training": half}), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_crossval_damaged_run_is_named(run, tmp_path):
    import shutil

    with pytest.raises(InputError, match="no such run folder"):
        OofRun(tmp_path / "absent")
    with pytest.raises(InputError, match="not a cross-validation run"):
        OofRun(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    part = OofRun(copy).part_folder(Part(0, 0, 1.0))
    (part / "units.safetensors").write_bytes(b"cut short")
    with pytest.raises(InputError, match="damaged part"):
        read_part(part, LabelSet.declare(["ACTOR", "LOCATION", "DATE"]))
    (copy / "crossval.json").write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        OofRun(copy)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tags", ["O", 1]), ("labels", []), ("tags", ["O", "B-XCTOR"]), ("seeds", []),
     ("folds", [[1.5]]), ("fractions", "x"), ("config", 3), ("format_version", "1")],
)  # fmt: skip
def test_crossval_protocol_that_no_run_writes_is_named(run, tmp_path, name, value):
    """It ended in a `KeyError` or `AttributeError` of the commands that read the run."""
    values = json.loads((run.path / "crossval.json").read_text())
    (tmp_path / "crossval.json").write_text(json.dumps(values | {name: value}))
    with pytest.raises(InputError, match=r"crossval\.json: damaged"):
        OofRun(tmp_path)


def test_crossval_protocol_that_would_be_read_for_ever_is_named(tmp_path):
    for text in ("[" * 100_000, '{"a": ' + "9" * 10_000 + "}"):
        (tmp_path / "crossval.json").write_text(text)
        with pytest.raises(InputError, match=r"crossval\.json: damaged"):
            OofRun(tmp_path)
    (tmp_path / "parts/seed0-fold0-100").mkdir(parents=True)
    for name in ("oof.jsonl", "units.safetensors"):
        (tmp_path / "parts/seed0-fold0-100" / name).symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"damaged part .*no ordinary one"):
        read_part(tmp_path / "parts/seed0-fold0-100", LabelSet.declare(["ACTOR"]))


def test_crossval_part_with_labels_of_another_run_is_named(run, tmp_path):
    part = run.part_folder(run.protocol.parts[0])
    with pytest.raises(InputError, match=r"damaged part .* has a label"):
        read_part(part, LabelSet.declare(["PERSON", "PLACE", "DAY"]))


@pytest.mark.slow
def test_crossval_kept_models_serve_the_other_commands(config, tmp_path):
    from typer.testing import CliRunner

    from ie_model.cli.main import app
    from ie_model.inference.extractor import Extractor

    cross_validate(config, tmp_path / "run", keep_models=True)
    a, b = (str(tmp_path / "run" / "models" / f"seed0-fold{i}-100") for i in (0, 1))
    gold = write(tmp_path, "gold.jsonl", [annotated("\n".join(SENTENCES), "g")])

    def call(*arguments):
        result = CliRunner().invoke(app, list(map(str, arguments)))
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    assert "B - A" in call("compare", a, b, "--gold", gold)
    call("calibrate", tmp_path / "run", a, "--keep-all")
    tasks = tmp_path / "tasks.jsonl"
    call("next", a, gold, "-n", 3, "-o", tasks, "--engine", "torch")
    (task,) = [json.loads(line) for line in tasks.read_text().splitlines()]
    assert task["meta"]["annotate_next"]["rank"] == 1
    predicted = Extractor.from_pretrained(a, "torch").predict(SENTENCES[0])
    assert all(0 <= e.score <= 1 for e in predicted.entities)


def test_crossval_judges_what_the_model_would_say(tiny_model):
    extractor = Extractor.from_pretrained(tiny_model, "torch")
    text = "Iraqi federal police cleared Hawija on Tuesday."
    test = [Document(text, (Entity(40, 47, "DATE"),), "d")]
    (everything,) = predict_part(extractor, test, [])
    assert [e.label for e in everything.predicted.entities] == ["ACTOR", "LOCATION", "DATE"]
    extractor.settings = replace(extractor.settings, thresholds={"DATE": 1.0})
    (kept,) = predict_part(extractor, test, [])
    assert [e.label for e in kept.predicted.entities] == ["ACTOR", "LOCATION"]
    assert [e.key for e in kept.predicted.entities] == [
        e.key for e in extractor.predict(text).entities
    ]
    assert (kept.logits == everything.logits).all()
