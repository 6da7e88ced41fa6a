"""The spaCy component in real pipelines: saved, pickled, in processes, beside other components."""

import pickle
import shutil
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from ie_model import Extractor, InputError

spacy = pytest.importorskip("spacy")
component = pytest.importorskip("ie_model.spacy_component")

TEXT = "Iraqi federal police cleared Hawija on Tuesday."
TEXTS = [TEXT, "", "Coalition strikes in Syria on Monday.", "  \n", "nothing here", TEXT]


@pytest.fixture(scope="module")
def extractor(tiny_model):
    return Extractor.from_pretrained(tiny_model, "torch", precision="fp32", threads=1)


@pytest.fixture
def make(tiny_model):
    def pipeline(**config):
        nlp = spacy.blank("en")
        given = {"model": str(tiny_model), "engine": "torch", "precision": "fp32", "threads": 1}
        nlp.add_pipe("ie_model", config={**given, **config})
        return nlp

    return pipeline


def found(doc):
    return [(e.text, e.label_, round(e._.ie_score, 4)) for e in doc.ents]


def test_spacy_entry_point_leads_to_the_factory():
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    module, _, name = project["project"]["entry-points"]["spacy_factories"]["ie_model"].partition(
        ":"
    )
    assert getattr(import_module(module), name) is component.make_component
    assert spacy.blank("en").has_factory("ie_model")


def test_spacy_entities_are_those_of_the_extractor(make, extractor):
    nlp = make()
    expected = [
        [(e.text, e.label, round(e.score, 4)) for e in d.entities] for d in extractor.predict(TEXTS)
    ]
    assert [found(nlp(text)) for text in TEXTS] == expected
    assert [found(doc) for doc in nlp.pipe(TEXTS, batch_size=2)] == expected
    assert any(expected)
    with_context = list(nlp.pipe([(text, k) for k, text in enumerate(TEXTS)], as_tuples=True))
    assert [k for _, k in with_context] == list(range(len(TEXTS)))
    assert nlp.pipe_labels["ie_model"] == list(extractor.labels)
    assert nlp(TEXT)._.ie_entities[0]["label"] == "ACTOR"


def test_spacy_stream_goes_through_the_extractors_batches(make, extractor, monkeypatch):
    nlp = make()
    calls = []
    whole = Extractor.pipe
    monkeypatch.setattr(Extractor, "pipe", lambda *a, **k: calls.append(k) or whole(*a, **k))
    assert len(list(nlp.pipe(TEXTS * 3, batch_size=1))) == len(TEXTS) * 3
    assert calls == [{"on_error": "yield"}]


def test_spacy_span_group_with_scores_and_other_entities_left_alone(make):
    nlp = make(spans_key="sc", min_score={"DATE": 1.0})
    doc = nlp(TEXT)
    assert not doc.ents
    assert [(s.text, s.label_) for s in doc.spans["sc"]] == [
        ("Iraqi federal police", "ACTOR"), ("Hawija", "LOCATION"),
    ]  # fmt: skip
    scores = doc.spans["sc"].attrs["scores"]
    assert [s._.ie_score for s in doc.spans["sc"]] == pytest.approx(list(scores))

    nlp = make()
    ruler = nlp.add_pipe("entity_ruler", before="ie_model")
    ruler.add_patterns(
        [{"label": "VERB", "pattern": "cleared"}, {"label": "X", "pattern": "police"}]
    )
    assert [(e.text, e.label_) for e in nlp(TEXT).ents] == [
        ("Iraqi federal police", "ACTOR"), ("cleared", "VERB"), ("Hawija", "LOCATION"),
        ("Tuesday", "DATE"),
    ]  # fmt: skip


def test_spacy_entities_within_one_token_are_named_not_lost(make):
    nlp = make()
    doc = spacy.tokens.Doc(nlp.vocab, words=["Hawija/Kirkuk/Syria"])
    with pytest.warns(UserWarning, match="share a token with a surer one"):
        nlp(doc)
    assert len(doc.ents) == 1
    assert len(doc._.ie_entities) > 1


def test_spacy_values_are_seen_from_the_documents_date(make):
    pytest.importorskip("pint")
    nlp = make(normalise=True)
    doc = nlp.make_doc("The army cleared Hawija on Tuesday.")
    doc._.ie_date = "2018-12-13"
    values = {e.label_: e._.ie_value for e in nlp(doc).ents}
    assert values["DATE"]["start"] == "2018-12-11"
    docs = spacy.tokens.DocBin(store_user_data=True, docs=[doc])
    (again,) = spacy.tokens.DocBin().from_bytes(docs.to_bytes()).get_docs(nlp.vocab)
    assert {e.label_: e._.ie_value for e in again.ents} == values


def test_spacy_saved_pipeline_holds_its_model(make, tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    nlp = make(model=str(folder))
    expected = found(nlp(TEXT))
    nlp.to_disk(tmp_path / "pipeline")
    packed, pickled = nlp.to_bytes(), pickle.dumps(nlp)
    assert found(pickle.loads(pickled)(TEXT)) == expected
    blank = make(model=str(folder))
    shutil.rmtree(folder)
    (tmp_path / "pipeline").rename(tmp_path / "elsewhere")
    assert found(spacy.load(tmp_path / "elsewhere")(TEXT)) == expected
    blank.from_bytes(packed)
    assert found(blank(TEXT)) == expected
    assert found(pickle.loads(pickle.dumps(blank))(TEXT)) == expected
    assert found(spacy.load(tmp_path / "elsewhere", exclude=[])(TEXT)) == expected


def test_spacy_model_that_is_not_there_is_named(make, tmp_path):
    nlp = make(model=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="nowhere: no such model directory"):
        nlp(TEXT)


def test_spacy_failing_document_goes_to_the_error_handler(make, monkeypatch):
    nlp = make()
    encoder = nlp.get_pipe("ie_model").extractor.encoder
    whole = encoder.encode

    def encode(texts):
        if any("poison" in text for text in texts):
            raise RuntimeError("out of memory")
        return whole(texts)

    monkeypatch.setattr(encoder, "encode", encode)
    with pytest.raises(InputError, match="out of memory"):
        list(nlp.pipe([TEXT, "poison", TEXT]))
    failed = []
    nlp.set_error_handler(lambda name, proc, docs, error: failed.extend(d.text for d in docs))
    assert [doc.text for doc in nlp.pipe([TEXT, "poison", "x"])] == [TEXT, "x"]
    assert failed == ["poison"]


@pytest.mark.slow
def test_spacy_several_processes_give_the_same_entities(make):
    nlp = make()
    expected = [found(nlp(text)) for text in TEXTS]
    assert [found(doc) for doc in make().pipe(TEXTS, n_process=2, batch_size=2)] == expected
