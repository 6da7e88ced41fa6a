import errno
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ie_model import Extractor, evaluate, read_documents
from ie_model.config.loading import load_config
from ie_model.documents import Document, Entity
from ie_model.encoding.letter_case import token_ids
from ie_model.errors import InputError, RunError
from ie_model.training.batches import LengthGroupedBatches
from ie_model.training.preparation import prepare
from ie_model.training.run import train

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_training_thirty_steps_overfit_eight_sentences(tiny_config):
    config = tiny_config(
        max_steps=30, epochs=30, batch_tokens=4096, learning_rate=0.02, warmup=0.05
    )
    config = config.model_copy(update={"model": config.model.model_copy(update={"dropout": 0.0})})
    result = train(config)
    assert result.steps == 30
    assert result.losses[-1][1] < 0.1 < result.losses[0][1]
    metrics = evaluate(result.model_dir, config.data.train[0].path)
    assert metrics["span"]["micro"]["f1"] > 0.95


def test_training_same_seed_same_weights_and_another_seed_others(tiny_config):
    first = weights(train(tiny_config(seed=1)).model_dir)
    again = weights(train(tiny_config(seed=1)).model_dir)
    other = weights(train(tiny_config(seed=2)).model_dir)
    assert same(first, again)
    assert not same(first, other)


def test_training_half_an_epoch_is_half_of_its_updates(tiny_config):
    half = train(tiny_config(epochs=1.5, batch_windows=2))
    cut = train(tiny_config(epochs=2, batch_windows=2, max_steps=half.steps))
    assert half.steps == cut.steps == 6  # four batches of two windows are an epoch
    assert same(weights(half.model_dir), weights(cut.model_dir))


def test_training_model_directory_is_an_ordinary_one(tiny_model):
    from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

    model = AutoModelForTokenClassification.from_pretrained(tiny_model)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    assert model.config.id2label[1] == "B-ACTOR"
    found = pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="first"
    )("Iraqi federal police cleared Hawija on Tuesday.")
    assert [f["entity_group"] for f in found] == ["ACTOR", "LOCATION", "DATE"]
    assert not [f for f in tiny_model.iterdir() if f.suffix in (".bin", ".pt", ".pth", ".pkl")]
    settings = json.loads((tiny_model / "ie_model.json").read_text())
    assert settings["origin"]["ledger"]["truncated"] == 0
    assert settings["origin"]["versions"]["torch"]
    card = (tiny_model / "README.md").read_text()
    assert "ACTOR" in card
    assert "seed 0" in card
    assert load_config(tiny_model / "config.yaml").training.epochs == 60


def test_training_nan_loss_is_one_error_and_leaves_no_model(tiny_config, monkeypatch):
    import torch

    from ie_model.training import loss as module

    monkeypatch.setattr(
        module, "cross_entropy", lambda logits, *a, **k: logits.sum() * torch.tensor(float("nan"))
    )
    config = tiny_config()
    with pytest.raises(RunError, match=r"the loss became nan at step 1; lower training.learning"):
        train(config)
    assert not config.output_dir.exists()


def test_training_full_disk_keeps_the_old_model(tiny_config, monkeypatch):
    from transformers import PreTrainedModel

    config = tiny_config(seed=5)
    before = weights(train(config).model_dir)

    def full(self, folder, **kwargs):
        (Path(folder) / "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", full)
    with pytest.raises(RunError, match=r"could not be saved.*No space left"):
        train(tiny_config(seed=6))
    assert same(weights(config.output_dir), before)
    left = {p.name for p in config.output_dir.parent.iterdir()}
    assert not [name for name in left if name.endswith(".tmp")]


def test_training_refuses_to_replace_what_is_not_a_model(tiny_config):
    config = tiny_config()
    config.output_dir.mkdir()
    (config.output_dir / "thesis.docx").write_text("precious")
    with pytest.raises(InputError, match="not a model directory"):
        train(config)
    assert (config.output_dir / "thesis.docx").read_text() == "precious"


def test_training_dev_fraction_holds_documents_out(tiny_config):
    config = tiny_config()
    config = config.model_copy(
        update={"data": config.data.model_copy(update={"dev_fraction": 0.25})}
    )
    given = [(1.0, d) for d in read_documents(config.data.train[0].path)]
    for documents in (None, given):
        ready = prepare(config, documents)
        assert len(ready.dev) == 2
        assert ready.windows.ledger.documents == 6


def with_test(config, path):
    """The config with a file of test documents."""
    source = config.data.train[0].model_copy(update={"path": path})
    return config.model_copy(update={"data": config.data.model_copy(update={"test": [source]})})


@pytest.mark.parametrize(
    ("text", "message"), [(None, "no such"), ("[[ACTORR|Police]] left.", "ACTORR")]
)
def test_training_faulty_test_documents_are_found_before_the_first_update(
    tiny_config, tmp_path, monkeypatch, text, message
):
    from ie_model.training.trainer import SpanTrainer

    monkeypatch.setattr(SpanTrainer, "training_step", lambda *_: pytest.fail("it trained"))
    file = tmp_path / "test.txt"
    if text:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        train(with_test(tiny_config(), file))


@pytest.mark.slow
def test_training_test_scores_come_into_the_saved_model(tiny_config, tmp_path, monkeypatch):
    file = tmp_path / "test.txt"
    file.write_text("[[ACTOR|Police]] left.\n", encoding="utf-8")
    config = with_test(tiny_config(), file)
    folder = train(config).model_dir
    told = json.loads((folder / "metrics.json").read_text())
    assert told["test"]["span"]["micro"]["support"] == 1
    assert "scores on the test documents (1)" in (folder / "README.md").read_text()

    def fails(*_):
        raise RunError("no engine")

    monkeypatch.setattr("ie_model.training.writing.evaluate", fails)
    with pytest.raises(RunError, match="no engine"):
        train(with_test(tiny_config(seed=7), file))
    assert Extractor.from_pretrained(folder, "torch").settings.origin["seed"] == 7
    told = json.loads((folder / "metrics.json").read_text())
    assert told["training"]["steps"] == 1
    assert "test" not in told


def test_training_span_that_cuts_a_token_is_masked_counted_and_listed(tiny_config):
    document = Document("Iranians left", (Entity(0, 4, "LOCATION"), Entity(9, 13, "ACTOR")), "d")
    ready = prepare(tiny_config(), documents=[(1.0, document)])
    assert ready.windows.ledger.to_dict()["gold_lost"] == 1
    assert ready.windows.ledger.lost[0][0] == "d"
    labels = ready.windows.table[0]["labels"]
    assert [x for x in labels if x != -100] == [1]  # "left" alone; "Iranians" is masked


def test_training_whole_words_hold_from_training_to_answers(tiny_config):
    config = tiny_config(epochs=1)
    words = config.encoding.model_copy(update={"whole_words": True})
    result = train(config.model_copy(update={"encoding": words}))
    extractor = Extractor.from_pretrained(result.model_dir, "torch")
    (encoded,) = extractor.encoder.encode(["in Iran-backed @hands"])
    assert len(encoded.starts) == 3


def test_training_min_score_is_the_threshold_of_every_label(tiny_config):
    config = tiny_config().model_copy(update={"min_score": 0.195})
    folder = train(config).model_dir
    text = " ".join(d.text for d in read_documents(config.data.train[0].path))
    everything = Extractor.from_pretrained(folder, "torch", min_score=0).predict(text).entities
    sure = Extractor.from_pretrained(folder, "torch").predict(text).entities
    assert 0 < len(sure) < len(everything)
    assert sure == tuple(e for e in everything if e.score >= 0.195)


def test_training_encodes_sources_once(tiny_config, monkeypatch):
    from ie_model.training import encoded as dataset

    config = tiny_config()
    first = prepare(config)
    monkeypatch.setattr(dataset, "_write", lambda *a: pytest.fail("encoded again"))
    again = prepare(config)
    assert again.windows.fingerprint == first.windows.fingerprint
    for column, values in first.windows.table[0].items():
        assert np.array_equal(again.windows.table[0][column], values)
    assert again.windows.ledger == first.windows.ledger


def test_training_window_longer_than_the_model_is_refused(tiny_config):
    config = tiny_config()
    encoding = config.encoding.model_copy(update={"window": 1024})
    with pytest.raises(InputError, match=r"1024 tokens, but .* takes 514 at most"):
        prepare(config.model_copy(update={"encoding": encoding}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no documents in it"),
        ("no entities here\n", "no entity that can be learned"),
        ("[[WEAPON|tanks]] roll\n", "label 'WEAPON' is not one of"),
    ],
)
def test_training_faulty_corpora_are_named(tiny_config, text, message):
    config = tiny_config()
    config.data.train[0].path.write_text(text)
    with pytest.raises(InputError, match=message):
        train(config)
    assert not config.output_dir.exists()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Most configs read the same documents."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.slow
@pytest.mark.parametrize("file", CONFIGS, ids=lambda f: f.name)
def test_training_every_shipped_config_runs_a_step(file, tmp_path, cache, tiny_backbone):
    config = load_config(
        file,
        {
            "output_dir": str(tmp_path / "model"),
            "data.cache_dir": str(cache),
            "model.backbone": str(tiny_backbone),
            "model.attention": None,
            "model.layers": None,  # the tiny backbone has two
            "training.max_steps": 1,
            "training.epochs": 1,
            "training.device": "cpu",
            "training.precision": "fp32",
            "training.threads": 1,
            "training.loggers": [],
        },
    )
    for source in config.data.train:
        if "shared" in source.path.parts and not source.path.exists():
            pytest.skip(f"{source.path} is not there")
    result = train(config)
    assert result.steps == 1
    assert Extractor.from_pretrained(result.model_dir, "torch").predict("x").entities is not None


def test_training_batches_are_whole_shuffled_and_of_equal_number():
    random = np.random.default_rng(0)
    lengths = random.integers(5, 200, 400).astype(np.int32)
    weights = np.ones(400, np.float32)
    plan = LengthGroupedBatches(lengths, weights, tokens=1000, windows=8, epochs=5, world=3)
    epochs = [plan.batches(e) for e in range(5)]
    assert {len(batches) for batches in epochs} == {len(plan)}
    assert len(plan) % 3 == 0
    for batches in epochs:
        assert sorted(i for b in batches for i in b) == list(range(400))
        for batch in batches:
            assert len(batch) <= 8
            assert max(lengths[batch]) * len(batch) <= 1000 or len(batch) == 1
        means = [lengths[b].mean() for b in batches]
        assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.4  # not sorted
        waste = 1 - sum(lengths) / sum(max(lengths[b]) * len(b) for b in batches)
        assert waste < 0.15
    assert epochs[0] != epochs[1]
    assert plan.batches(0) == epochs[0]


def test_training_batches_follow_the_weights():
    weights = np.array([2, 1, 0.5, 0], np.float32)
    plan = LengthGroupedBatches(np.full(4, 9, np.int32), weights, tokens=100, epochs=200)
    seen = np.zeros(4)
    for epoch in range(200):
        for batch in plan.batches(epoch):
            for row in batch:
                seen[row] += 1
    assert seen[0] == 400
    assert seen[1] == 200
    assert 70 < seen[2] < 130
    assert seen[3] == 0


def test_training_batches_when_chance_leaves_every_window_out():
    weights = np.array([0.1, 0.1], np.float32)
    plan = LengthGroupedBatches(np.full(2, 9, np.int32), weights, tokens=100, epochs=20)
    assert len(plan) >= 1
    seen = [row for epoch in range(20) for batch in plan.batches(epoch) for row in batch]
    assert {0, 1} == set(seen)
    with pytest.raises(InputError, match="no training window has a weight above 0"):
        LengthGroupedBatches(np.full(2, 9, np.int32), 0 * weights, tokens=100)


def test_training_more_steps_than_epochs_have_batches_of_one_number(tiny_config):
    config = tiny_config(max_steps=60, batch_windows=1)
    source = config.data.train[0].model_copy(update={"weight": 0.5})
    ready = prepare(config.model_copy(
        update={"data": config.data.model_copy(update={"train": [source]})}
    ))  # fmt: skip
    epochs = -(-60 // len(ready.plan.batches))
    assert {len(ready.plan.batches.batches(epoch)) for epoch in range(epochs)} == {
        len(ready.plan.batches)
    }


def test_training_augmented_copies_train_beside_their_originals(tiny_config):
    config = tiny_config()
    augment = config.data.augment.model_copy(update={"copies": 2, "replace_mentions": 1.0})
    data = config.data.model_copy(update={"augment": augment})
    source = data.train[0].model_copy(update={"weight": 3.0})
    ready = prepare(config.model_copy(update={"data": data.model_copy(update={"train": [source]})}))
    assert 8 < ready.windows.ledger.documents <= 24
    assert set(ready.windows.weights.tolist()) == {3.0}
    # Two corpora may use the same ids: a copy has the weight of its own original.
    names = ("Iraq", "Syria", "Hawija", "Kirkuk")
    pairs = [
        (weight, Document(f"{who} in {name}", (Entity(10, 10 + len(name), "LOCATION"),), str(i)))
        for weight, who in ((3.0, "police"), (0.25, "troops"))
        for i, name in enumerate(names)
    ]
    ready = prepare(config.model_copy(update={"data": data}), pairs)
    found = ready.windows.weights.tolist()
    assert len(found) > len(pairs)
    police = ready.vocabulary.tokenizer.convert_tokens_to_ids("police")
    for row, weight in zip(ready.windows.table, found, strict=True):
        assert weight == (3.0 if police in token_ids(row["input_ids"]) else 0.25)


def test_training_rule_for_a_label_that_does_not_occur_is_told(tiny_config, caplog):
    config = tiny_config()
    source = config.data.train[0].model_copy(update={"labels": {"ACTR": "ACTOR"}})
    data = config.data.model_copy(update={"train": [source]})
    prepare(config.model_copy(update={"data": data}))
    assert "no entity is labelled 'ACTR', which was to be renamed" in caplog.text


def test_training_source_options_rename_filter_and_flatten(tiny_config, tmp_path):
    import json

    file = tmp_path / "crowd.jsonl"
    rows = [
        {"start": 0, "end": 12, "label": "Org", "confidence": 1},
        {"start": 0, "end": 5, "label": "Nat", "confidence": 1},
        {"start": 16, "end": 22, "label": "Place", "confidence": 0.2},
    ]
    file.write_text(json.dumps({"id": "c", "text": "Iraqi forces in Hawija.", "entities": rows}))
    config = tiny_config()
    source = config.data.train[0].model_copy(
        update={"path": file, "format": "jsonl", "labels": {"Org": "ACTOR", "Place": "LOCATION"}}
    )

    def with_source(**changes):
        data = config.data.model_copy(update={"train": [source.model_copy(update=changes)]})
        return config.model_copy(update={"data": data})

    with pytest.raises(InputError, match="'Nat' is not one of"):
        prepare(with_source())
    labels = {**source.labels, "Nat": "ACTOR"}
    with pytest.raises(InputError, match="overlaps"):
        prepare(with_source(labels=labels))
    both = prepare(with_source(labels=labels, flatten="longest"))
    assert both.windows.ledger.gold == 2
    confident = prepare(with_source(labels={**labels, "Nat": None}, min_confidence=0.5))
    assert confident.windows.ledger.gold == 1


def test_training_added_tokens_tell_words_apart_by_case(tiny_config):
    config = tiny_config()
    model = config.model.model_copy(update={"added_tokens": {"IS": "isis", "US": "u s"}})
    result = train(config.model_copy(update={"model": model}))
    extractor = Extractor.from_pretrained(result.model_dir, "torch")
    (upper,), (lower,), (inside,) = (
        extractor.encoder.encode([text])[0].windows for text in ("IS", "is", "ISIS")
    )
    assert upper.input_ids.tolist() != lower.input_ids.tolist()
    assert upper.input_ids[1] not in inside.input_ids
    (text,) = extractor.encoder.encode(["the IS-held town is US"])
    assert text.starts.tolist() == [0, 4, 6, 7, 12, 17, 20]
