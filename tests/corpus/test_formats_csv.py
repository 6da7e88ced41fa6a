"""Tables of documents: a row a document or a row an entity, in the dialects of spreadsheets."""

import json

import pytest

from ie_model.corpus.folders import find_files
from ie_model.corpus.formats.detect import detect_format
from ie_model.corpus.reading import read_documents
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError

DOCUMENTS = [
    Document(
        'IS left "Mosul",\r\nthen; Homs.\n',
        (
            Entity(0, 2, "ACTOR", 0.25, "IS", {"note": "x"}),
            Entity(9, 14, "LOCATION", None, "Mosul"),
            Entity(9, 14, "LOCATION", None, "Mosul"),
            Entity(0, 14, "EVENT", None, 'IS left "Mosul'),
        ),
        "a",
        {"year": 2018, "source": {"name": "wire"}},
    ),
    Document("Nothing\rhappened; =1+1 \u2028", (), "b"),
    Document("", (), "c", {"empty": True}),
]


def table(tmp_path, text, name="a.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def entities(document):
    return [(*e.key, e.score, e.meta) for e in document.entities]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("rows", ["documents", "entities"])
@pytest.mark.parametrize("dialect", [{}, {"bom": True, "decimal": ","}, {"delimiter": ";"}])
def test_csv_gives_back_what_it_was_given(tmp_path, name, rows, dialect):
    if name == "a.tsv" and "delimiter" in dialect:
        with pytest.raises(InputError, match="no option 'delimiter'"):
            write_documents(DOCUMENTS, tmp_path / name, rows=rows, **dialect)
        return
    path = tmp_path / name
    write_documents(DOCUMENTS, path, rows=rows, **dialect)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") == bool(dialect.get("bom"))
    assert detect_format(path) == name[2:]
    back = list(read_documents(path))
    assert [(d.id, d.text, d.meta) for d in back] == [(d.id, d.text, d.meta) for d in DOCUMENTS]
    assert [entities(d) for d in back] == [entities(d) for d in DOCUMENTS]


def test_csv_of_a_spreadsheet_is_read(tmp_path):
    path = table(
        tmp_path,
        "\ufeffsep=;\r\nid;text;start;end;label;score;source;note;\r\n"
        "1;IS left Mosul.;0,0;2,0;ACTOR;0,75;wire;sure;\r\n"
        "2;Nothing.;;;;;wire;;\r\n"
        "1;;8;13.0;LOCATION;9,5E-1;wire;;\r\n"
        ";;;;;;;;\r\n",
    )
    first, second = read_documents(path)
    assert (first.id, first.text, first.meta) == ("1", "IS left Mosul.", {"source": "wire"})
    assert entities(first) == [
        (0, 2, "ACTOR", 0.75, {"note": "sure"}), (8, 13, "LOCATION", 0.95, {})
    ]  # fmt: skip
    assert (second.text, second.entities, second.meta) == ("Nothing.", (), {"source": "wire"})


def test_csv_rows_without_ids_are_grouped_by_text(tmp_path):
    path = table(tmp_path, "text,start,end,label\nA b,0,1,X\nC d,2,3,X\nA b,2,3,Y\n")
    assert [(d.id, d.text, [e.label for e in d.entities]) for d in read_documents(path)] == [
        ("a:2", "A b", ["X", "Y"]),
        ("a:3", "C d", ["X"]),
    ]


@pytest.mark.parametrize(
    "cell",
    [
        json.dumps([{"start": 0, "end": 2, "label": "ACTOR"}]),
        "[[0, 2, 'ACTOR']]",
        "[(0, 2, 'ACTOR')]",
        "[{'start': 0, 'end': 2, 'label': 'ACTOR', 'score': None}]",
    ],
)
def test_csv_lists_as_json_or_as_python_shows_them(tmp_path, cell):
    doubled = cell.replace('"', '""')
    path = table(tmp_path, f'body,found\nIS left,"{doubled}"\nIS,\n')
    first, second = read_documents(path, "csv", text_column="body", entities_column="found")
    assert entities(first) == [(0, 2, "ACTOR", None, {})]
    assert second.entities == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("body;day\nIS;x\n", r"a\.csv:1: no column 'text'.*text_column=NAME.*delimiter=;"),
        ("body,day\nIS,x\n", r"a\.csv:1: no column 'text'; its columns: body, day;"),
        ("text,text\nIS,x\n", r"a\.csv:1: two columns are called 'text'"),
        ("text,day\nIS,x,y\n", r"a\.csv:2: 3 fields where the header has 2"),
        ('text\n"IS\n', r"a\.csv:2: no row of a table"),
        ('text,entities\n"a\nb",\nIS,[1\n', r"a\.csv:4, row 3, column 'entities': not JSON"),
        ("text,entities\nIS,7\n", r"a\.csv:2, column 'entities': expected a list"),
        ("text,entities\nIS,[7]\n", r"a\.csv:2, column 'entities', entity 0: expected an object"),
        ("text,start,end\nIS,0,2\n", r"a\.csv:1: .*no column 'label'"),
        ("text,start,end,label\nIS,0,2,\n", r"a\.csv:2, column 'label': an entity without"),
        ("text,start,end,label\nIS,0,,A\n", r"a\.csv:2, column 'end': expected a whole number"),
        ("text,start,end,label\nIS,0.5,2,A\n", r"column 'start': .* found '0\.5'"),
        ("text,start,end,label,score\nIS,0,2,A,x\n", r"column 'score': expected a number"),
        ("id,text,start,end,label\n1,IS,0,2,A\n1,x,0,1,A\n", r"a\.csv:3, column 'text': another"),
        ("text,spans\nIS,\"[{'start': 0}]\"\n", r"a\.csv:2, column 'spans': .*_column=spans"),
    ],
)  # fmt: skip
def test_csv_faults_are_named_by_line_and_column(tmp_path, text, message):
    path = table(tmp_path, text)
    with pytest.raises(InputError, match=message):
        list(read_documents(path, "csv"))


def test_csv_tables_of_something_else_do_not_stop_a_folder(tmp_path, caplog):
    table(tmp_path, "name;url\nwire;x\n", "sources.csv")
    table(tmp_path, "text\nIS left\n", "b.csv")
    table(tmp_path, "IS\tB-ACTOR\nleft\tO\n", "c.tsv")
    assert [d.text for d in read_documents(tmp_path)] == ["IS left", "IS left"]
    assert "table without a column 'text'" in caplog.text
    assert len(find_files(tmp_path, "csv")) == 2


def test_csv_columns_without_a_name_are_counted(tmp_path, caplog):
    path = table(tmp_path, ",text,label\n0,IS left,war\n")
    (document,) = read_documents(path)
    assert document.meta == {"label": "war"}
    assert "column without a name" in caplog.text


def test_csv_gives_training_files_and_lines_gives_texts(tmp_path):
    path = table(tmp_path, "IS left\n\n Mosul \r\n", "a.txt")
    assert [(d.id, d.text) for d in read_documents(path, "lines")] == [
        ("a:1", "IS left"),
        ("a:3", " Mosul "),
    ]
    with pytest.raises(InputError, match="cannot hold entities"):
        write_documents([], path, "lines")
    with pytest.raises(InputError, match="parquet is read as datasets"):
        list(read_documents(path, "parquet"))
