"""WebAnno TSV: one layer for a whole corpus, and what is not read is counted."""

import pytest

from ie_model.corpus import Account, read_located
from ie_model.errors import InputError

ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"


def write(path, header: list[str], *cells: str) -> None:
    """``Oslo waits .`` with further cells for each of its tokens."""
    rows = [
        f"1-{i}\t{place}\t{word}\t{more}"
        for i, (place, word, more) in enumerate(
            zip(("0-4", "5-10", "11-12"), ("Oslo", "waits", "."), cells, strict=True), 1
        )
    ]
    lines = ["#FORMAT=WebAnno TSV 3.3", *header, "", "", "#Text=Oslo waits .", *rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path, **options: str) -> tuple[list[list[str]], dict[str, int]]:
    account = Account()
    documents = [document for _, document in read_located(path, account=account, **options)]
    return [[e.label for e in d.entities] for d in documents], dict(account.counts)


def test_webanno_document_without_the_layer_has_no_entities(tmp_path):
    write(tmp_path / "a.tsv", [f"#T_SP={ENTITY}|value"], "LOC\t", "_\t", "_\t")
    write(tmp_path / "b.tsv", [], "", "", "")
    write(tmp_path / "c.tsv", ["#T_SP=webanno.custom.Rhetoric|move"], "_\t", "Claim\t", "_\t")
    other = {"annotation of layer webanno.custom.Rhetoric": 1}
    assert read(tmp_path) == ([["LOC"], [], []], other)
    assert read(tmp_path, layer="NamedEntity") == ([["LOC"], [], []], other)
    assert read(tmp_path / "b.tsv") == ([[]], {})


def test_webanno_of_several_custom_layers_none_is_guessed(tmp_path):
    write(tmp_path / "a.tsv", ["#T_SP=webanno.custom.Place|kind"], "LOC\t", "_\t", "_\t")
    write(tmp_path / "b.tsv", ["#T_SP=webanno.custom.Rhetoric|move"], "_\t", "Claim\t", "_\t")
    with pytest.raises(InputError, match=r"custom\.Place .*a\.tsv.*custom\.Rhetoric .*b\.tsv"):
        read(tmp_path)
    assert read(tmp_path, layer="Place")[0] == [["LOC"], []]


def test_webanno_counts_features_and_relations(tmp_path):
    header = [
        f"#T_SP={ENTITY}|identifier|value",
        f"#T_RL=webanno.custom.Owns|kind|BT_{ENTITY}",
    ]
    write(tmp_path / "a.tsv", header, "Q585\tLOC\tbuys\t1-1\t", *["_\t_\t_\t_\t"] * 2)
    assert read(tmp_path) == (
        [["LOC"]],
        {f"feature identifier of layer {ENTITY}": 1, "relation of layer webanno.custom.Owns": 1},
    )


def test_webanno_identifier_is_no_label(tmp_path):
    write(tmp_path / "a.tsv", [f"#T_SP={ENTITY}|identifier"], "Q585\t", "_\t", "_\t")
    assert read(tmp_path) == ([["NamedEntity"]], {f"feature identifier of layer {ENTITY}": 1})
    assert read(tmp_path, feature="identifier") == ([["Q585"]], {})
