"""Documents that come from Python in place of files."""

import datasets
import numpy as np
import pytest
from safetensors.numpy import load_file

from ie_model import read_documents, train
from ie_model.config.loading import parse_config
from ie_model.corpus.formats.hf_dataset import to_dataset
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.training.inputs import weighted
from ie_model.training.preparation import prepare


def without_corpora(config):
    """The config as a notebook would have it: no file is named."""
    values = config.model_dump(mode="json")
    values["data"] = {"cache_dir": values["data"]["cache_dir"]}
    return parse_config(values)


@pytest.fixture
def documents(tiny_config):
    return list(read_documents(tiny_config().data.train[0].path))


def test_inputs_documents_and_datasets_in_memory_train_as_files_do(tiny_config, documents):
    config = without_corpora(tiny_config())
    expected = load_file(train(tiny_config()).model_dir / "model.safetensors")
    rows = to_dataset(documents)
    tensors = rows.with_format("numpy")  # the rows of one were no rows that can be read
    for given in (documents, [(1.0, d) for d in documents], rows, tensors):
        found = load_file(train(config, documents=given).model_dir / "model.safetensors")
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_inputs_dev_may_be_a_dataset(tiny_config, documents):
    ready = prepare(
        without_corpora(tiny_config(early_stopping=2)), documents, to_dataset(documents)
    )
    assert [d.text for d in ready.dev] == [d.text for d in documents]


def test_inputs_what_can_be_read_once_is_streamed(tiny_config, documents):
    ready = prepare(without_corpora(tiny_config()), (d for d in documents))
    assert ready.windows.ledger.documents == len(documents)


def test_inputs_faulty_documents_are_named(tiny_config):
    config = without_corpora(tiny_config())
    with pytest.raises(InputError, match=r"data\.train: names no corpus to train on"):
        prepare(config)
    faulty = Document("Police left", (Entity(0, 6, "WEAPON"),), "d7")
    with pytest.raises(InputError, match=r"document 'd7': .*WEAPON"):
        prepare(config, [faulty])
    with pytest.raises(InputError, match=r"document 'd7': .*WEAPON"):
        prepare(config, [Document("Hawija", (Entity(0, 6, "LOCATION"),), "a")], [faulty])
    with pytest.raises(InputError, match="expected a Config, found str; load_config"):
        train("default")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gold.jsonl", "expected Documents, such as a list, found str"),
        (Document("Hawija"), "found Document"),
        (["Hawija"], "item 0: expected a Document, found str"),
        ([("2", Document("Hawija"))], "the weight a number of at least 0, found '2'"),
        ([(-1, Document("Hawija"))], "at least 0, found -1"),
        ([(Document("Hawija"), 2)], "the weight a number"),
        ([Document("Hawija", (Entity(0.0, 6.0, "LOCATION"),))], "whole numbers"),
    ],
)
def test_inputs_that_are_no_documents_are_named(given, message):
    """ValueError: not enough values to unpack (expected 2, got 1)."""
    with pytest.raises(InputError, match=f"the documents given.*{message}"):
        list(weighted(given, ["LOCATION"]))


def test_inputs_of_several_data_sets_one_must_be_chosen(documents):
    several = datasets.DatasetDict({"train": to_dataset(documents)})
    with pytest.raises(InputError, match=r"give one of them: DatasetDict\['train'\]"):
        weighted(several, ["LOCATION"])
