"""CoNLL files as other projects write them: numbers, comments, empty cells, blanks in tokens."""

import pytest

from ie_model.corpus import Account
from ie_model.corpus.reading import read_documents, read_located
from ie_model.errors import InputError


def read(tmp_path, text, name="a.conll", **options):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return [
        (d.text, [(e.text, e.label) for e in d.entities]) for d in read_documents(path, **options)
    ]


@pytest.mark.parametrize("separator", ["\t", " "])
@pytest.mark.parametrize("base", [0, 1])
def test_conll_a_column_that_counts_the_words_is_passed_over(tmp_path, separator, base):
    rows = [("Finn", "_", "B-PER"), ("left", "_", "O")]
    sentence = "\n".join(separator.join([str(base + i), *row]) for i, row in enumerate(rows))
    assert read(tmp_path, f"{sentence}\n\n{sentence}\n") == [("Finn left", [("Finn", "PER")])] * 2


def test_conll_u_words_joined_in_writing_are_counted_once(tmp_path):
    text = (
        "# sent_id = 1\n1-2\tzum\t_\t_\n1\tzu\t_\tO\n2\tdem\t_\tO\n2.1\tx\t_\tO\n3\tSee\t_\tB-L\n"
    )
    assert read(tmp_path, text) == [("zu dem See", [("See", "L")])]


def test_conll_words_that_are_numbers_are_words(tmp_path):
    text = "1\tx\tO\n2\tx\tB-Q\n\nmen\tx\tO\nleft\tx\tO\n"
    assert read(tmp_path, text) == [("1 2", [("2", "Q")]), ("men left", [])]


def test_conll_comments_are_passed_over_and_words_with_a_number_sign_kept(tmp_path):
    text = "# id 4c2a domain=en\nHaifa _ _ B-LOC\n#Oslo _ _ B-LOC\n# _ _ O\n\n# x\nleft _ _ O\n"
    found = read(tmp_path, text)
    assert [mention for _, mentions in found for mention, _ in mentions] == ["Haifa", "#Oslo"]
    assert "#" in found[0][0].split()
    tab = "#\thttp://example.org [2014]\n1\tOslo\tB-LOC\tO\n2\twartet\tO\tO\n"
    assert read(tmp_path, tab, tag_column=2) == [("Oslo wartet", [("Oslo", "LOC")])]
    account = Account()
    list(read_located(tmp_path / "a.conll", account=account))
    assert ("tag in the column before the last, which is read (option tag_column=-2)", 1) in [
        (entry.kind, entry.number) for entry in account
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Amir _ I-PER\nBin Hassan _ I-PER\n", "a.conll:2: 4 columns .* have 3"),
        ("Anna\tB-PER\n\tO\n", "a.conll:2: the token in column 0 is empty"),
        ("Anna\tB-PER\n\u00a0\tO\n", "a.conll:2: the token in column 0 is empty"),
        ("Anna\tB-PER\nleft\t \tO\nOslo\t\n", "a.conll:3: 1 columns"),
    ],
)
def test_conll_faulty_rows_are_refused_by_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_conll_tabs_at_line_ends_are_nothing(tmp_path):
    assert read(tmp_path, "Anna\tB-PER\t\nleft\tO\t\n") == [("Anna left", [("Anna", "PER")])]


def test_conll_iob1_has_b_only_behind_a_chunk_of_its_label(tmp_path):
    right = "a\tI-P\nb\tI-P\nc\tO\nd\tI-L\ne\tB-L\n"
    assert len(read(tmp_path, right, scheme="IOB1")[0][1]) == 3
    for wrong in ("a\tB-P\n", "a\tI-P\nb\tO\nc\tB-P\n", "a\tI-P\nb\tB-L\n"):
        with pytest.raises(InputError, match="IOB1"):
            read(tmp_path, wrong, scheme="IOB1")


def test_conll_columns_in_a_text_file_are_no_article(tmp_path):
    with pytest.raises(InputError, match="--from: conll"):
        read(tmp_path, "Oslo LOC\nwaits O\n", "a.txt")
    assert read(tmp_path, "Oslo waits\nfor rain\n", "a.txt") == [("Oslo waits\nfor rain\n", [])]
