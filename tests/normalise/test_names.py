"""One name for the mentions of one document that are the same, by exact rules."""

from __future__ import annotations

import pytest

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.normalise import NAMES, name_document, name_key, read_names


def named(text: str, *mentions: str, label: str = "ACTOR", **options) -> list[str]:
    """The names of mentions, found one behind the other in the text."""
    entities, at = [], 0
    for mention in mentions:
        at = text.index(mention, at)
        entities.append(Entity(at, at + len(mention), label))
        at += len(mention)
    done = name_document(Document(text, tuple(entities)), **options)
    return [e.meta["name"] for e in done.entities]


@pytest.mark.parametrize(
    ("mention", "key"),
    [
        ("the Army's", "army"),
        ("the\r\n> Free Syrian\n   Army's", "free syrian army"),
        ("Pesh-\nmerga", "pesh-merga"),
        ("The U.S.", "us"),
        ("U.S", "us"),
        ("Taliban’s", "taliban"),
        ("forces'", "forces"),
        ("“Houthis”", "houthis"),
        ("Mosul", "mosul"),
        ("the", "the"),
    ],
)
def test_name_key_leaves_out_what_makes_no_difference(mention, key):
    assert name_key(mention) == key


def test_names_abbreviation_in_brackets_is_the_full_name_everywhere():
    text = "The Popular Mobilization Forces (PMF) advanced. The PMF's men, and PMF guns."
    names = named(text, "The Popular Mobilization Forces", "PMF", "The PMF's", "PMF")
    assert names == ["Popular Mobilization Forces"] * 4


def test_names_abbreviation_before_its_full_name():
    text = "PMF (Popular Mobilization Forces) advanced."
    assert named(text, "PMF", "Popular Mobilization Forces") == ["Popular Mobilization Forces"] * 2


def test_names_in_brackets_that_are_no_abbreviation_stay_apart():
    text = "Colonel Haddad (Northern Shield) spoke."
    assert named(text, "Colonel Haddad", "Northern Shield") == ["Colonel Haddad", "Northern Shield"]


def test_names_surname_after_the_full_name():
    text = "Qasem Haddad spoke. Haddad then left, and Haddad's men too."
    assert named(text, "Qasem Haddad", "Haddad", "Haddad's") == ["Qasem Haddad"] * 3


def test_names_surname_of_two_people_is_left_alone():
    text = "Qasem Haddad met Omar Haddad. Haddad left."
    assert named(text, "Qasem Haddad", "Omar Haddad", "Haddad")[2] == "Haddad"


def test_names_surname_before_any_full_name_is_of_the_same_spelling():
    text = "Haddad left. Qasem Haddad spoke. Haddad came back."
    names = named(text, "Haddad", "Qasem Haddad", "Haddad")
    assert names == ["Qasem Haddad"] * 3  # one spelling has one name in a document


def test_names_generic_last_words_are_no_surnames():
    text = "The Iraqi Army advanced. The army fired."
    assert named(text, "The Iraqi Army", "The army") == ["Iraqi Army", "army"]


def test_names_table_and_its_capitals():
    text = "US, U.S. and the United States; America; us"
    names = named(text, "US", "U.S.", "the United States", "America", "us")
    assert names == ["United States"] * 5  # "us" is the spelling of US, which is there too


def test_names_table_entry_of_two_letters_needs_capitals():
    assert named("is it", "is") == ["is"]
    assert named("IS fled", "IS") == ["Islamic State"]


def test_names_table_of_the_user(tmp_path):
    file = tmp_path / "names.tsv"
    file.write_text("# ours\nSAA\tSyrian Arab Army\n\n", encoding="utf-8")
    table = read_names(file)
    assert named("SAA and US", "SAA", "US", table=table) == ["Syrian Arab Army", "United States"]
    assert len(table) == len(NAMES) + 1
    file.write_text("SAA Syrian Arab Army\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1: expected a spelling, a tab and a name"):
        read_names(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_names(tmp_path / "none.tsv")


def test_names_of_two_labels_stay_apart():
    text = "Washington said so in Washington."
    entities = (Entity(0, 10, "ACTOR"), Entity(22, 32, "LOCATION"), Entity(11, 15, "OTHER"))
    done = name_document(Document(text, entities))
    assert [e.meta.get("name") for e in done.entities] == ["Washington", "Washington", None]
