import random
import time

import pytest
from hypothesis import given, settings, strategies as st

from ie_model import Document, Entity, Extractor, InputError
from tests.conftest import SENTENCES

TEXTS = [s.replace("[[", "").replace("]]", "").split("|")[-1] for s in SENTENCES]


@pytest.fixture(scope="module")
def extractor(tiny_model):
    return Extractor.from_pretrained(tiny_model, "torch", precision="fp32")


def keys(documents):
    return [[e.key for e in d.entities] for d in documents]


def test_extractor_predict_of_one_and_of_a_list(extractor):
    text = "Iraqi federal police cleared Hawija on Tuesday."
    document = extractor.predict(text)
    assert isinstance(document, Document)
    assert document.text is text
    assert [(e.text, e.label) for e in document.entities] == [
        ("Iraqi federal police", "ACTOR"), ("Hawija", "LOCATION"), ("Tuesday", "DATE"),
    ]  # fmt: skip
    assert all(0 < e.score <= 1 for e in document.entities)
    words = extractor.predict(["Paris", "London"])  # two texts, not one sentence
    assert [d.text for d in words] == ["Paris", "London"]
    assert extractor.predict([]) == []


def test_extractor_documents_keep_id_and_meta(extractor):
    given_ = Document("Hawija", (Entity(0, 3, "DATE"),), "doc-7", {"k": 1})
    found = extractor.predict(given_)
    assert (found.id, found.meta) == ("doc-7", {"k": 1})
    assert Entity(0, 3, "DATE") not in found.entities


def test_extractor_one_by_one_equals_list_equals_shuffled(extractor):
    texts = [t * n for n in (1, 3, 20) for t in TEXTS] + ["", " ", "\n"]
    alone = keys(extractor.predict(t) for t in texts)
    assert keys(extractor.predict(texts)) == alone
    assert keys(extractor.pipe(iter(texts))) == alone
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    shuffled = keys(extractor.predict([texts[i] for i in order]))
    assert [shuffled[order.index(i)] for i in range(len(texts))] == alone


@settings(max_examples=60)
@given(st.lists(st.text(max_size=80), max_size=6))
def test_extractor_entities_index_the_callers_own_string(extractor, texts):
    documents = extractor.predict(texts)
    assert [d.text for d in documents] == texts
    for document in documents:
        assert document.check(extractor.labels) == []
        end = 0
        for e in document.entities:
            assert e.start >= end
            assert document.text[e.start : e.end] == e.text == e.text.strip()
            end = e.end
    assert keys([extractor.predict(t) for t in texts]) == keys(documents)


def test_extractor_long_documents_are_never_truncated(extractor):
    text = " ".join(["Iraqi federal police cleared Hawija on Tuesday."] * 200)
    found = extractor.predict(text).entities
    assert sum(e.text == "Hawija" for e in found) > 180
    assert found[-1].start > len(text) - 60


def test_extractor_lines_do_not_disturb_each_other(extractor):
    lines = TEXTS[:4]
    whole = extractor.predict("\n\n".join(lines))
    at, expected = 0, []
    for line in lines:
        shifted = [(e.start + at, e.end + at, e.label) for e in extractor.predict(line).entities]
        expected += shifted
        at += len(line) + 2
    assert [e.key for e in whole.entities] == expected


def test_extractor_error_raises_or_is_yielded_in_place(extractor):
    items = ["Hawija", 7, "bad \ud800", None, "Kirkuk"]
    for item, message in ((7, "expected a str or Document, found int"), ("x\ud800", "offset 1")):
        with pytest.raises(InputError, match=message):
            extractor.predict([item])
    documents = list(extractor.pipe(items, on_error="yield"))
    assert [d.error is not None for d in documents] == [False, True, True, True, False]
    assert [d.id for d in documents] == ["0", "1", "2", "3", "4"]
    assert documents[4].entities == extractor.predict("Kirkuk").entities
    with pytest.raises(InputError, match="on_error"):
        extractor.pipe(["x"], on_error="ignore")


def test_extractor_texts_in_other_things_are_named_with_the_way_to_them(extractor, tmp_path):
    """A data frame was read as the names of its columns, without a word."""
    table = pytest.importorskip("pandas").DataFrame({"text": ["Hawija"]})
    for holder, message in (
        (table, "a table, DataFrame .give its column of texts"),
        ({"text": "Hawija"}, "dict .give its text"),
        (b"Hawija", "bytes .decode it first"),
        (tmp_path, "Path .read it first"),
    ):
        with pytest.raises(InputError, match=message):
            extractor.predict(holder)
        with pytest.raises(InputError, match=message):
            extractor.predict([holder])
    assert [d.text for d in extractor.pipe(table["text"])] == ["Hawija"]
    with pytest.raises(InputError, match=r"found str; to load a model by its folder.*from_pretr"):
        Extractor("runs/default")


@pytest.mark.parametrize("text", [None, b"Hawija", 3])
def test_extractor_document_whose_text_is_no_str_comes_back_in_its_place(extractor, text):
    items = ["Hawija", Document(text, id="odd", meta={"k": 1}), "Hawija"]
    found = list(extractor.pipe(items, on_error="yield"))
    assert [bool(d.error) for d in found] == [False, True, False]
    assert "document 'odd': its text is no str" in found[1].error
    assert (found[1].id, found[1].meta) == ("odd", {"k": 1})
    with pytest.raises(InputError, match="document 'odd'"):
        extractor.predict(items)


@pytest.mark.parametrize("max_wait", [None, 10.0])
def test_extractor_interrupt_of_a_short_source_is_not_lost(extractor, max_wait):
    """Read in a thread of its own, a source that was interrupted ended as if it were complete."""

    def source():
        yield "Hawija"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(extractor.pipe(source(), max_wait=max_wait))


def test_extractor_message_of_a_bad_item_says_how_to_go_on(extractor):
    """The stream was over, and nothing said that it need not be."""
    for bad, named in (("half \ud83d here", "document '1'"), (None, "item 1")):
        stream = extractor.pipe(["Hawija", bad, "Kirkuk"])
        assert next(stream).id == "0"
        with pytest.raises(InputError, match=named + r".*pipe\(\.\.\., on_error='yield'\)"):
            next(stream)


def test_extractor_progress_counts_answers(extractor, capsys):
    assert len(list(extractor.pipe(["Hawija", "Kirkuk"], progress=True))) == 2
    assert "2/2" in capsys.readouterr().err
    assert len(list(extractor.pipe(iter(["Hawija"]), progress=True))) == 1
    assert "1 documents" in capsys.readouterr().err


@pytest.mark.parametrize("max_wait", [None, 0.0, 0.05])
def test_extractor_answers_a_slow_source_while_it_goes_on(extractor, max_wait):
    """It used to read 32 batches before the first answer, however long that took."""
    answered = []

    def slow():
        for k in range(4):
            time.sleep(0.15)  # longer than PATIENCE
            if max_wait is not None:  # this is a thread of its own, and can wait for answers
                until = time.monotonic() + 60
                while len(answered) < k:
                    assert time.monotonic() < until, "no answer before the next document comes"
                    time.sleep(0.01)
            yield f"Report {k}: Iraqi federal police cleared Hawija."
        assert answered

    extractor.predict("warm")
    for document in extractor.pipe(slow(), max_wait=max_wait):
        answered.append(document.id)
    assert answered == ["0", "1", "2", "3"]
    with pytest.raises(InputError, match=r"max_wait is -1"):
        extractor.pipe([], max_wait=-1)


@pytest.mark.parametrize("items", [None, 3, {"text": "Hawija"}, b"Hawija"])
def test_extractor_what_holds_no_texts_is_refused(extractor, items):
    for call in (extractor.predict, extractor.pipe):
        with pytest.raises(
            InputError, match=f"such as a list, found {type(items).__name__}.*; predict"
        ):
            call(items)


def test_extractor_pipe_does_not_take_a_text_for_its_letters(extractor):
    for text in ("Hawija", Document("Hawija")):
        with pytest.raises(InputError, match=f"found {type(text).__name__}; predict"):
            extractor.pipe(text)


def test_extractor_repr_says_which_model_runs_how(extractor, tiny_model):
    one = f"{str(tiny_model)!r}, engine='torch', precision='fp32'"
    assert repr(extractor) == f"Extractor({one})"
    both = Extractor.from_pretrained([tiny_model, tiny_model], "torch", precision="fp32")
    assert repr(both) == f"Extractor([({one}), ({one})])"


def test_extractor_answers_what_came_before_an_error(extractor):
    def breaks():
        yield from ("Hawija", "Kirkuk", "Syria")
        raise OSError("the disk is gone")

    for items, error in ((["Hawija", "Kirkuk", "Syria", None], InputError), (breaks(), OSError)):
        stream = extractor.pipe(items)
        assert [next(stream).text for _ in range(3)] == ["Hawija", "Kirkuk", "Syria"]
        with pytest.raises(error):
            next(stream)


def test_extractor_pipe_is_lazy(extractor):
    drawn = []

    def endless():
        while True:
            drawn.append(1)
            yield "Iraqi federal police cleared Hawija on Tuesday. " * 50

    stream = extractor.pipe(endless())
    next(stream)
    assert len(drawn) < 5000
    stream.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "nowhere", "no such model directory"),
        (lambda p: p, "not a model directory of this package"),
    ],
)
def test_extractor_folder_that_is_no_model(tmp_path, make, message):
    with pytest.raises(InputError, match=message):
        Extractor.from_pretrained(make(tmp_path))


def test_extractor_damaged_settings_are_named(tmp_path, tiny_model):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "ie_model.json").write_text("{")
    with pytest.raises(InputError, match=r"ie_model\.json: damaged"):
        Extractor.from_pretrained(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, r"config\.json: cannot be read"),
        ("config.json", '{"id2label": {"0": "O"}}', "names 11 tags, config.json 1"),
        ("tokenizer.json", "{", r"tokenizer\.json: damaged"),
        ("tokenizer.json", None, r"no tokenizer\.json in it; save a fast tokenizer there"),
        ("model.safetensors", "short", "holds no model that can be loaded"),
    ],
)
@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_extractor_damaged_files_are_named(tmp_path, tiny_model, engine, file, content, message):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(InputError, match=message):
        Extractor.from_pretrained(folder, engine)


def test_extractor_min_score_that_cannot_be_is_refused(tiny_model):
    with pytest.raises(InputError, match=r"min_score: the model has no label 'ACTR'"):
        Extractor.from_pretrained(tiny_model, "torch", min_score={"ACTR": 0.9})
    for models in (tiny_model, [tiny_model, tiny_model]):
        with pytest.raises(InputError, match="min_score is 5: scores lie between 0 and 1"):
            Extractor.from_pretrained(models, "torch", min_score=5)


def test_extractor_threads_of_one_do_not_bind_the_next(tiny_model):
    import torch

    from ie_model.models.devices import THREADS
    from ie_model.models.hardware import available_cpus

    Extractor.from_pretrained(tiny_model, "torch", threads=1)
    assert torch.get_num_threads() == 1
    Extractor.from_pretrained(tiny_model, "torch")
    assert torch.get_num_threads() == min(THREADS, available_cpus())


def test_extractor_applies_stored_calibration_thresholds_and_min_score(tmp_path, tiny_model):
    import json
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    text = "Iraqi federal police cleared Hawija on Tuesday."
    plain = Extractor.from_pretrained(folder, "torch").predict(text).entities
    settings = json.loads((folder / "ie_model.json").read_text())
    settings["calibration"] = {"knots": {"scores": [0.0, 1.0], "probabilities": [0.0, 0.5]}}
    settings["thresholds"] = {"DATE": 0.9}
    (folder / "ie_model.json").write_text(json.dumps(settings))
    halved = Extractor.from_pretrained(folder, "torch").predict(text).entities
    assert [e.label for e in halved] == ["ACTOR", "LOCATION"]
    assert halved[0].score == pytest.approx(plain[0].score / 2, abs=1e-6)
    lenient = Extractor.from_pretrained(folder, "torch", min_score=0.0).predict(text)
    assert [e.key for e in lenient.entities] == [e.key for e in plain]
    strict = Extractor.from_pretrained(folder, "torch", min_score={"ACTOR": 0.9}).predict(text)
    assert [e.label for e in strict.entities] == ["LOCATION"]


def test_extractor_normalise_adds_values(tiny_model):
    pytest.importorskip("pint")
    pytest.importorskip("dateparser")
    extractor = Extractor.from_pretrained(tiny_model, "torch", normalise=True)
    document = Document("The army cleared Hawija on Tuesday.", meta={"date": "2018-12-13"})
    (date,) = [e for e in extractor.predict(document).entities if e.label == "DATE"]
    assert date.meta["value"]["start"] == "2018-12-11"
