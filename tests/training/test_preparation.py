"""What a run says of its data before the first update."""

import pytest

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.training.preparation import prepare
from ie_model.training.run import train
from tests.conftest import SENTENCES


def with_sources(config, **files):
    """The config with corpora of markup: data.dev and data.test by name."""
    source = config.data.train[0]
    parts = {part: [source.model_copy(update={"path": file})] for part, file in files.items()}
    return config.model_copy(update={"data": config.data.model_copy(update=parts)})


def markup(folder, name, *lines):
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def test_preparation_a_label_without_examples_is_named(tiny_config, caplog):
    config = tiny_config().model_copy(update={"labels": [*tiny_config().labels, "WEAPON"]})
    ready = prepare(config)
    assert "hold no example of WEAPON;" in caplog.text
    assert ready.describe()["entities"] == {
        "ACTOR": 7, "LOCATION": 7, "QUANTITY": 4, "OPERATION": 3, "DATE": 5, "WEAPON": 0,
    }  # fmt: skip
    again = prepare(config)  # from the cache
    assert again.windows.ledger.entities == ready.windows.ledger.entities
    caplog.clear()
    prepare(tiny_config())
    assert "no example" not in caplog.text
    # An entity that cuts a token teaches nothing.
    document = Document("Iranians left", (Entity(0, 4, "LOCATION"), Entity(9, 13, "ACTOR")), "d")
    prepare(tiny_config(), documents=[(1.0, document)])
    assert "hold no example of LOCATION, QUANTITY," in caplog.text


def test_preparation_a_run_prints_the_entities_of_each_label(tiny_config, caplog):
    with caplog.at_level("INFO"):
        train(tiny_config(max_steps=1))
    assert "entities: ACTOR 7, LOCATION 7, QUANTITY 4, OPERATION 3, DATE 5" in caplog.text


def test_preparation_held_out_documents_that_are_trained_on_are_counted(
    tiny_config, tmp_path, caplog
):
    new = "[[ACTOR|Troops]] of the army left for the first time in seven days."
    dev = markup(tmp_path, "dev.txt", SENTENCES[0].replace("police", "POLICE"), new)
    test = markup(tmp_path, "test.txt", SENTENCES[1], SENTENCES[2], new)
    config = with_sources(tiny_config(), dev=dev, test=test)
    ready = prepare(config)
    assert "data.dev: 1 of 2 documents are (nearly) the same as training" in caplog.text
    assert "data.test: 2 of 3 documents" in caplog.text
    assert ready.describe()["test_documents"] == 3
    caplog.clear()
    document = Document("Troops left", (Entity(0, 6, "ACTOR"),), "d")
    prepare(config, documents=[(1.0, document)])
    assert "the same as" not in caplog.text


@pytest.mark.parametrize("part", ["dev", "test"])
def test_preparation_held_out_documents_must_be_annotated(tiny_config, tmp_path, part):
    plain = markup(tmp_path, "plain.txt", "Nothing is marked here.")
    with pytest.raises(InputError, match=rf"data\.{part}: no entity is annotated in these 1 doc"):
        prepare(with_sources(tiny_config(), **{part: plain}))
