"""Choice of what to annotate next."""

from __future__ import annotations

import pytest

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.evaluation.next_documents import as_task, rank_documents, uncertainty

FILL = " ".join(f"word{i}" for i in range(120))


def doc(text, *scores, id="a", **more):
    entities = tuple(Entity(i, i + 1, "ACTOR", s) for i, s in enumerate(scores))
    return Document(text, entities, id, **more)


def test_next_uncertain_documents_come_first():
    documents = [doc(f"{i} {FILL[i:]}", s, id=str(i)) for i, s in enumerate((0.9, 0.2, 0.6))]
    assert [c.document.id for c in rank_documents(documents, 1)] == ["1"]
    assert len(rank_documents(documents, 10)) == 3


def test_next_does_not_take_the_same_story_twice():
    story, other = "siege of the old city " * 30, "harvest of wheat begins late " * 30
    documents = [
        doc(story, 0.1, id="story"),
        doc(story + "again", 0.11, id="reprint"),
        doc(other, 0.6, id="other"),
    ]
    chosen = rank_documents(documents, 3)
    assert [c.document.id for c in chosen] == ["story", "other", "reprint"]
    assert chosen[2].novelty < 0.2
    # Annotated already: the story is known before anything is chosen.
    assert rank_documents(documents, 1, [doc(story)])[0].document.id == "other"


def test_next_passes_over_texts_that_are_annotated_or_chosen():
    known, new = "siege of the old city " * 30, "harvest of wheat begins late " * 30
    documents = [doc(known, 0.1, id="known"), doc(new, 0.6, id="new"), doc(new, 0.7, id="again")]
    assert [c.document.id for c in rank_documents(documents, 3, [doc(known)])] == ["new"]
    # They leave their places in the pool to others.
    assert [c.document.id for c in rank_documents(documents, 1, [doc(known)], pool=1)] == ["new"]
    # Other white space is the same text, too.
    assert not rank_documents(documents[:1], 1, [doc(known.replace(" ", "\n"))])


def test_next_documents_that_share_an_id_are_told_apart(caplog):
    documents = [
        doc(f"{i} {FILL[200 * i :]}", i / 10, id=id_) for i, id_ in enumerate(("a", "a", "a-2"))
    ]
    ids = [c.document.id for c in rank_documents(documents, 3)]
    assert sorted(ids) == ["a", "a-2", "a-3"]
    assert "two documents are called 'a'; the second is 'a-3' in the tasks" in caplog.text


def test_next_uncertainty_is_per_word_but_a_caption_does_not_win():
    caption, article = doc("Police raid", 0.5), doc(FILL * 2, *[0.5] * 20)
    assert uncertainty(article) > uncertainty(caption)
    assert uncertainty(caption) == pytest.approx(0.5)


def test_next_keeps_only_the_pool_in_memory():
    def stream():
        for i in range(5000):
            yield doc(f"number {i} {FILL}", i / 5000, id=str(i))

    chosen = rank_documents(stream(), 2, pool=10)
    assert all(int(c.document.id) < 10 for c in chosen)


def test_next_passes_over_failed_and_empty_documents():
    documents = [doc("x", error="failed", id="f"), doc("  ", id="e"), doc(FILL, 0.5, id="g")]
    assert [c.document.id for c in rank_documents(documents, 5)] == ["g"]
    assert rank_documents([], 5) == []


def test_next_task_says_why():
    (chosen,) = rank_documents([doc(FILL, 0.5, id="g", meta={"url": "u"})], 1)
    task = as_task(chosen, 1)
    assert task.meta["url"] == "u"
    assert task.meta["annotate_next"]["rank"] == 1
    assert task.entities == chosen.document.entities


def test_next_refuses_annotations_and_bad_counts():
    with pytest.raises(InputError, match="without a score"):
        rank_documents([doc(FILL, None)], 1)
    with pytest.raises(InputError, match="count"):
        rank_documents([], 0)
