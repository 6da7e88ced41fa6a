"""Parquet files that unpack to more than they look like, read as a corpus and as input."""

from __future__ import annotations

import pytest

from ie_model.corpus.parquet_sizes import MOST_ROWS, rows_at_once
from ie_model.corpus.reading import read_documents
from ie_model.errors import InputError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.parquet"


def store(file, table, **options):
    pq.write_table(table, file, compression="zstd", dictionary_pagesize_limit=1 << 30, **options)
    return pq.ParquetFile(file)


def one_string(rows: int, size: int):
    """An Arrow array that says the same long string in each row, by its number."""
    numbers = pa.array([0] * rows, pa.int32())
    return pa.DictionaryArray.from_arrays(numbers, ["x" * size])


def test_corpus_that_unpacks_to_a_thousand_times_its_size_is_refused(file):
    """The reader of corpora looked at no page, and unpacked a thousand rows at once."""
    store(file, pa.table({"text": ["x" * 2_800_000] * 100, "entities": [[]] * 100}),
          use_dictionary=False)  # fmt: skip
    with pytest.raises(InputError, match=r"'text' unpacks .* to 267 MiB"):
        next(read_documents(file))


def test_corpus_of_one_string_meant_in_every_row_is_read_by_few_rows(file):
    stored = store(file, pa.table({"text": one_string(500, 2_000_000), "entities": [[]] * 500}))
    assert file.stat().st_size < 10_000
    assert rows_at_once(file, stored, ["text", "entities"]) == 33
    assert sum(len(d.text) for d in read_documents(file)) == 500 * 2_000_000


def test_list_of_one_string_meant_in_every_element_is_refused(file):
    """Some kilobytes stood for two gigabytes in one row, and the pages looked small."""
    words = pa.ListArray.from_arrays([0, 1000], one_string(1000, 2_000_000))
    stored = store(file, pa.table({"tokens": words, "ner_tags": [["O"] * 1000]}))
    assert file.stat().st_size < 10_000
    with pytest.raises(InputError, match=r"a row of the column 'tokens\..*' unpacks to 1907 MiB"):
        next(read_documents(file))
    with pytest.raises(InputError, match="unpacks to 1907 MiB"):
        rows_at_once(file, stored, ["tokens"])
    assert rows_at_once(file, stored, ["ner_tags"]) == MOST_ROWS


def test_row_of_millions_of_empty_entities_is_refused(file):
    nothing = pa.nulls(6_000_000, pa.int8())
    entities = pa.ListArray.from_arrays(
        [0, 6_000_000], pa.StructArray.from_arrays([nothing, nothing], ["start", "end"])
    )
    store(file, pa.table({"text": ["a"], "entities": entities}), write_statistics=False)
    with pytest.raises(InputError, match=r"a row of the column 'entities\..*' unpacks to"):
        next(read_documents(file))


def test_lists_that_many_rows_share_are_read(file):
    """Words repeat: a page of their dictionary, times all words, says nothing of one row."""
    rows = [[f"word{k}" * 9 for k in range(200)] for _ in range(500)]
    stored = store(file, pa.table({"tokens": rows, "ner_tags": [["O"] * 200] * 500}))
    assert rows_at_once(file, stored, ["tokens", "ner_tags"]) == MOST_ROWS
    assert sum(1 for _ in read_documents(file)) == 500


def test_column_with_a_point_in_its_name_is_looked_at_too(file):
    stored = store(file, pa.table({"a.text": one_string(500, 2_000_000)}))
    assert rows_at_once(file, stored, ["a.text"]) == 33


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": ["a b"], "entities": [[{"start": 0, "end": 1, "label": "A", "meta": "{"}]]},
         "row 1: 'meta' is not JSON"),
        ({"text": ["a b"], "entities": [[]], "meta": ["[" * 100_000]}, "row 1: 'meta' is not JSON"),
        ({"text": ["a b"], "entities": [5]}, "row 1: 'entities' must be a list"),
        ({"text": ["a b"], "entities": [{"start": [0], "end": [1, 2]}]}, "not of one length"),
        ({"text": ["a b"], "entities": [{"start": 0}]}, "row 1: 'entities' must be a list"),
        ({"text": ["a b"], "entities": [[{"start": 0, "end": 1, "label": "A", "meta": 5}]]},
         "entity 0: 'meta' must be an object"),
    ],
)  # fmt: skip
def test_corpus_with_values_of_another_kind_is_refused_with_its_row(file, columns, said):
    """Each ended the reader with an exception of Python's own."""
    store(file, pa.table(columns))
    with pytest.raises(InputError, match=said):
        list(read_documents(file))


def test_two_columns_of_one_name_are_refused(file):
    columns = [pa.array(["a"]), pa.array(["b"]), pa.array([[]], pa.list_(pa.int8()))]
    table = pa.Table.from_arrays(columns, ["text", "text", "entities"])
    store(file, table)
    with pytest.raises(InputError, match="two columns are called 'text'"):
        list(read_documents(file))
