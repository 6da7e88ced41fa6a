"""Folders of ``save_to_disk``: of others, damaged, and with more in them than they say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from ie_model.corpus.reading import read_documents
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from tests.faults.hostile import FUZZ, check, damaged, reshaped

pa = pytest.importorskip("pyarrow")

FILE = "data-00000-of-00001.arrow"


def save(folder, table, options=None, name=FILE, features=None):
    folder.mkdir(exist_ok=True)
    with pa.ipc.new_stream(folder / name, table.schema, options=options) as writer:
        writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": FILE}]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or {}}))
    return folder


def test_dataset_with_a_column_of_images_opens_nothing_that_its_rows_name(tmp_path):
    """The library decodes each column of a row: it opened the file, or asked for the address."""
    picture = [{"bytes": None, "path": str(tmp_path / "missing.png")}]
    table = pa.table({"text": ["a b"], "entities": pa.array([[]], pa.list_(pa.int8())),
                      "picture": picture})  # fmt: skip
    save(tmp_path / "d", table, features={"picture": {"_type": "Image"}})
    (document,) = read_documents(tmp_path / "d")
    assert document.text == "a b"


@pytest.mark.parametrize("name", ["../d2/" + FILE, "missing.arrow", "", "a\0b", 5])
def test_dataset_that_names_a_file_outside_itself_is_refused(tmp_path, name):
    table = pa.table({"text": ["a b"], "entities": pa.array([[]], pa.list_(pa.int8()))})
    save(tmp_path / "d2", table)
    folder = save(tmp_path / "d", table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(InputError, match="no file of this folder"):
        list(read_documents(folder))
    (folder / "dataset_dict.json").write_text('{"splits": ["../d2"]}')
    with pytest.raises(InputError, match="names no splits"):
        list(read_documents(folder))


def test_dataset_that_is_packed_is_refused_before_it_is_unpacked(tmp_path):
    packed = pa.ipc.IpcWriteOptions(compression="zstd")
    table = pa.table({"text": ["x" * 1000] * 9, "entities": pa.nulls(9, pa.list_(pa.int8()))})
    with pytest.raises(InputError, match="is packed"):
        list(read_documents(save(tmp_path / "d", table, packed)))
    said_once = pa.table({"text": table["text"].dictionary_encode(), "entities": table["entities"]})
    with pytest.raises(InputError, match="is packed"):
        list(read_documents(save(tmp_path / "e", said_once)))


def test_dataset_with_a_list_of_nothing_a_billion_times_is_refused(tmp_path):
    nothing = pa.ListArray.from_arrays([0, 1 << 30], pa.nulls(1 << 30))
    folder = save(tmp_path / "d", pa.table({"text": ["a"], "entities": nothing}))
    assert (folder / FILE).stat().st_size < 2000
    with pytest.raises(InputError, match="elements that take no room"):
        list(read_documents(folder))


def test_dataset_takes_any_damage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "d"
    gold = Document("Iraqi police.", (Entity(0, 5, "ACTOR", text="Iraqi"),), "a", {"x": "y"})
    write_documents([gold, gold], folder, "datasets")
    sound = {name: (folder / name).read_bytes() for name in ("state.json", "dataset_info.json")}
    arrow = (folder / FILE).read_bytes()

    @FUZZ
    @given(
        data=st.one_of(st.just(arrow), damaged(arrow)),
        state=reshaped(json.loads(sound["state.json"])),
        info=reshaped(json.loads(sound["dataset_info.json"])),
        which=st.integers(0, 3),
    )
    def fuzz(data, state, info, which):
        (folder / FILE).write_bytes(data)
        for k, (name, value) in enumerate([("state.json", state), ("dataset_info.json", info)]):
            text = json.dumps(value).encode() if which == k + 1 else sound[name]
            (folder / name).write_bytes(text)
        check("datasets folder", lambda: list(read_documents(folder, "datasets")))

    fuzz()
