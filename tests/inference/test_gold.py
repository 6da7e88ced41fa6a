import pytest

from ie_model import Document, Entity, Extractor, InputError, evaluate


@pytest.fixture(scope="module")
def extractor(tiny_model):
    return Extractor.from_pretrained(tiny_model, "torch", precision="fp32")


def test_evaluation_gold_that_cuts_a_token_counts_as_missed(extractor):
    text = "Iranians cleared Hawija"
    gold = [Document(text, (Entity(0, 4, "LOCATION"), Entity(17, 23, "LOCATION")), "d")]
    metrics = evaluate(extractor, gold)
    assert metrics["span"]["micro"]["support"] == 2
    assert metrics["span"]["micro"]["correct"] <= 1
    assert metrics["ledger"]["gold_seen"] == 2
    assert metrics["ledger"]["gold_lost"] == 1
    assert metrics["ledger"]["lost_entities"][0] == {
        "document": "d", "start": 0, "end": 4, "label": "LOCATION", "text": "",
    }  # fmt: skip


def test_evaluation_long_gold_is_seen_to_its_end(extractor):
    sentence = "Iraqi federal police cleared Hawija on Tuesday. "
    at = range(0, 150 * len(sentence), len(sentence))
    gold = [Document(sentence * 150, tuple(Entity(a, a + 20, "ACTOR") for a in at), "long")]
    metrics = evaluate(extractor, gold)
    assert metrics["ledger"]["gold_seen"] == 150
    assert metrics["ledger"]["truncated"] == 0
    assert metrics["span"]["labels"]["ACTOR"]["support"] == 150
    assert metrics["ledger"]["windows"] > 10


def test_evaluation_label_the_model_does_not_have(extractor):
    gold = [Document("tank", (Entity(0, 4, "WEAPON"),), "d9")]
    with pytest.raises(InputError, match="'d9', offset 0: label 'WEAPON' is not one of"):
        evaluate(extractor, gold)


def test_evaluation_gold_without_a_single_entity_is_refused(extractor, tmp_path):
    (tmp_path / "a.txt").write_text("Iraqi federal police cleared Hawija.\n")
    with pytest.raises(InputError, match=r"no entity is annotated in these 1 documents.*--text-"):
        evaluate(extractor, tmp_path)
    with pytest.raises(InputError, match=r"the gold documents: expected Documents.*found Document"):
        evaluate(extractor, Document("Hawija", (Entity(0, 6, "LOCATION"),)))


def test_evaluation_takes_documents_that_can_be_read_once(extractor):
    gold = [Document("cleared Hawija", (Entity(8, 14, "LOCATION"),), "d")]
    assert evaluate(extractor, iter(gold))["span"] == evaluate(extractor, gold)["span"]


def test_evaluation_reads_files(extractor, tmp_path):
    file = tmp_path / "gold.txt"
    file.write_text("[[ACTOR|Iraqi federal police]] cleared [[LOCATION|Hawija]].\n")
    metrics = evaluate(extractor, file, format="markup")
    assert metrics["span"]["micro"]["support"] == 2
