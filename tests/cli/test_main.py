import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml

import ie_model
from ie_model.cli import main as cli


def run(monkeypatch, capsys, *arguments, stdin=None):
    """Exit code, standard output and standard error of a command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["ie-model", *map(str, arguments)])
    if stdin is not None:
        import io

        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    captured = capsys.readouterr()
    return stopped.value.code, captured.out, captured.err


@pytest.fixture
def invoke(monkeypatch, capsys):
    def call(*arguments, stdin=None):
        return run(monkeypatch, capsys, *arguments, stdin=stdin)

    return call


TEXT = "Iraqi federal police cleared Hawija on Tuesday."


def test_cli_predict_table_and_jsonl(invoke, tiny_model):
    code, out, _ = invoke("predict", tiny_model, "--text", TEXT, "--engine", "torch")
    assert code == 0
    assert "Iraqi federal police" in out
    assert "ACTOR" in out
    code, out, _ = invoke(
        "predict", tiny_model, "--text", TEXT, "--to", "jsonl", "--engine", "torch"
    )
    row = json.loads(out)
    assert row["entities"][0]["text"] == "Iraqi federal police"
    assert row["text"] == TEXT


def test_cli_predict_stdin_and_files(invoke, tiny_model, tmp_path):
    file = tmp_path / "news.txt"
    file.write_text(TEXT + "\n\n" + TEXT)
    code, out, _ = invoke(
        "predict", tiny_model, file, "-", "--to", "jsonl", "--engine", "torch",
        stdin="Kirkuk ist nicht Zürich".encode(),
    )  # fmt: skip
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[0]["text"] == TEXT + "\n\n" + TEXT
    assert rows[1]["id"] == "stdin"
    code, _, err = invoke("predict", tiny_model, "-", stdin=b"caf\xe9")
    assert code == 2
    assert "standard input:1: byte 3 (0xe9) is not UTF-8" in err


def test_cli_predict_html_is_escaped(invoke, tiny_model, tmp_path):
    page = tmp_path / "page.html"
    text = "<script>alert(1)</script> Hawija"
    code, _, _ = invoke(
        "predict", tiny_model, "--text", text, "--to", "html", "-o", page, "--engine", "torch"
    )
    assert code == 0
    html = page.read_text()
    assert "<script>alert" not in html
    assert "&lt;" in html


@pytest.mark.parametrize("target", ["folder", "file.txt/page.html", "file.txt/deep/page.html"])
def test_cli_outputs_that_cannot_be_written_are_named(invoke, tiny_model, tmp_path, target):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("x")
    output = tmp_path / target
    code, _, err = invoke(
        "predict", tiny_model, "--text", TEXT, "-o", output, "--engine", "torch"
    )  # fmt: skip
    assert code == 2
    assert f"error: {output}: cannot be written: " in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file.txt", "folder"]


def test_cli_outputs_never_replace_what_is_read(invoke, tiny_model, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(TEXT)
    for arguments in (
        ("predict", tiny_model, file, "-o", file),
        ("evaluate", tiny_model, tmp_path, "-o", file),
        ("next", tiny_model, tmp_path / "*.txt", "-o", file),
        ("compare", tiny_model, file, "--gold", tmp_path, "--json", file),
        ("bench", tiny_model, file, "--json", file),
    ):
        code, _, err = invoke(*arguments)
        assert code == 2
        assert f"{file}: is read from and cannot be written to" in err
    assert file.read_text() == TEXT


def test_cli_one_file_is_never_two_outputs(invoke, tiny_model, tmp_path):
    """`bench -o x -o x` would measure for minutes and keep the plot alone."""
    config, space, gold = (tmp_path / name for name in ("c.yaml", "s.yaml", "gold.jsonl"))
    for file in (config, space, gold):
        file.write_text("")
    table = tmp_path / "t.csv"
    for name in ("link.png", "x.html"):
        (tmp_path / name).symlink_to(tmp_path / "x.json")
    for arguments in (
        ("tune", config, space, "--table", table, "--study", table),
        ("tune", config, space, "-o", tmp_path / "a.yaml", "--study", tmp_path / "." / "a.yaml"),
        ("bench", tiny_model, "-o", tmp_path / "x.json", "--plot", tmp_path / "link.png"),
        ("evaluate", tiny_model, gold, "-o", tmp_path / "x.json", "--errors", tmp_path / "x.html"),
    ):
        code, _, err = invoke(*arguments)
        assert (code, "named for two outputs" in err) == (2, True), err
    (tmp_path / "x.png").write_text("")
    code, _, err = invoke("bench", tiny_model, tmp_path / "x.png", "--plot", tmp_path / "x.png")
    assert (code, "is read from and cannot be written to" in err) == (2, True), err


def test_cli_results_never_replace_files_of_a_model(invoke, tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "link.json").symlink_to(model / "config.json")
    before = {file: file.read_bytes() for file in model.iterdir() if file.is_file()}
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps({"text": TEXT, "entities": []}))
    for output, *arguments in (
        ("model/config.json", "bench", model, gold),
        ("link.json", "bench", model),
        ("model/ie_model.json", "predict", model, gold),
        ("model/tokenizer.json", "evaluate", model, gold),
        ("model/config.json", "next", model, gold),
    ):
        code, _, err = invoke(*arguments, "-o", tmp_path / output)
        assert (code, f"belongs to the model {model}; name another file" in err) == (2, True)
    assert {file: file.read_bytes() for file in before} == before
    assert invoke("predict", model, gold, "-o", model / "found.jsonl")[0] == 0


def test_cli_predict_takes_an_empty_article_as_a_document(invoke, tiny_model, tmp_path):
    for name, text in (("empty", ""), ("blank", " \n"), ("news", TEXT)):
        (tmp_path / f"{name}.txt").write_text(text)
    files = [tmp_path / f"{name}.txt" for name in ("empty", "blank", "news")]
    code, out, err = invoke("predict", tiny_model, *files, "--to", "jsonl", "--engine", "torch")
    assert code == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["id"], row["text"]) for row in rows] == [
        ("empty", ""), ("blank", " \n"), ("news", TEXT)
    ]  # fmt: skip
    assert [bool(row["entities"]) for row in rows] == [False, False, True]


def test_cli_a_format_that_is_not_told_can_be_named(invoke, tiny_model, tmp_path):
    file = tmp_path / "a.md"
    file.write_text(TEXT)
    for command in ("predict", "next"):
        output = ("-o", tmp_path / "next.jsonl") if command == "next" else ()
        code, _, err = invoke(command, tiny_model, file, "--engine", "torch", *output)
        assert code == 2
        assert "name the format with --from" in err
        code, out, _ = invoke(command, tiny_model, file, "--from", "text", *output)
        assert code == 0
        assert "a: " in out


def test_cli_evaluate_writes_metrics(invoke, tiny_model, tmp_path):
    gold = tmp_path / "gold.txt"
    gold.write_text(
        "[[ACTOR|Iraqi federal police]] cleared [[LOCATION|Hawija]] on [[DATE|Tuesday]].\n"
    )
    target, errors = tmp_path / "metrics.json", tmp_path / "errors.html"
    asked = ("evaluate", tiny_model, gold, "--from", "markup", "-o", target)
    code, out, _ = invoke(*asked, "--errors", errors, "--engine", "torch")
    assert code == 0
    assert "truncated 0" in out
    assert "1,000 resamples of 1 paragraph\n" in out
    written = json.loads(target.read_text())
    assert written["span"]["micro"]["f1"] == 1.0
    assert written["intervals"]["micro"]["f1"][0] < 1.0
    assert "No document has an error" in errors.read_text()
    code, _, err = invoke(*asked, "--errors", target, "--engine", "torch")
    assert code == 2
    assert ".html or .jsonl" in err


def test_cli_train_dry_run_and_run(invoke, tiny_config, tmp_path):
    config = tiny_config()
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml())
    code, out, _ = invoke("train", file, "training.epochs=2", "--dry-run")
    assert code == 0
    assert re.search(
        r"(?m)^data: 8 documents, 8 windows, .*^updates: 2 .*^time: about \d", out, re.S
    )
    assert "epochs" not in out
    code, out, _ = invoke("train", file, "training.epochs=2", "--dry-run", "--verbose")
    settings, _, counts = out.partition("\n\n")[2].partition("\n{")
    assert yaml.safe_load(settings)["training"]["epochs"] == 2
    assert json.loads("{" + counts)["steps"] == 2
    assert not config.output_dir.exists()
    code, out, _ = invoke("train", file, "training.max_steps=1")
    assert code == 0
    assert (config.output_dir / "model.safetensors").is_file()


def test_cli_train_of_several_processes_the_first_one_prints(
    invoke, tiny_config, tmp_path, monkeypatch
):
    # Under torchrun each of them printed the whole overview, and the end.
    file = tmp_path / "config.yaml"
    file.write_text(tiny_config().to_yaml())
    monkeypatch.setattr("ie_model.training.is_first_process", lambda: False)
    for more in ("--dry-run", "training.max_steps=1"):
        assert invoke("train", file, more)[:2] == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "missing.yaml"], "missing.yaml: no such config file"),
        (["predict", "nowhere", "--text", "x"], "nowhere: no such model directory"),
        (["predict", "."], "nothing to extract from"),
        (["predict", ".", "Police left Hawija."], "no such file or folder; --text takes a text"),
        (["predict", ".", "Police left. " * 30], "Police l: no such file or folder; --text"),
        (["predict", ".", "--text", "x", "--to", "xml"], "use table, html, json, jsonl, csv"),
        (["evaluate", "nowhere", "gold"], "nowhere: no such model directory"),
        (["nonsense"], "No such command"),
        (["train"], "Missing argument"),
        (["train", "default", "--epochs", "3"], "have no dashes: training.epochs=3"),
    ],
)
def test_cli_mistakes_are_one_error_and_exit_code_2(
    invoke, monkeypatch, tmp_path, arguments, message
):
    monkeypatch.chdir(tmp_path)
    code, out, err = invoke(*arguments)
    assert code == 2
    assert message in out + err
    assert "Traceback" not in err


def test_cli_unexpected_failures_exit_with_1_and_debug_shows_them(invoke, monkeypatch, tiny_model):
    from ie_model.inference.extractor import Extractor

    def broken(*args, **kwargs):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(Extractor, "from_pretrained", broken)
    code, _, err = invoke("predict", tiny_model, "--text", "x")
    assert code == 1
    assert "boom" in err
    assert "--debug" in err
    with pytest.raises(ZeroDivisionError):
        run_debug(monkeypatch, tiny_model)


def run_debug(monkeypatch, tiny_model):
    monkeypatch.setattr(
        sys, "argv", ["ie-model", "predict", str(tiny_model), "--text", "x", "--debug"]
    )
    cli.main()


def test_cli_help_of_every_command_shows_an_example(invoke):
    import typer

    group = typer.main.get_command(cli.app)
    commands = [(name, c) for name, c in group.commands.items() if not hasattr(c, "commands")]
    for name, c in group.commands.items():
        commands += [(f"{name} {sub}", s) for sub, s in getattr(c, "commands", {}).items()]
    assert len(commands) >= 3
    for name, command in commands:
        assert "Example" in (command.help or ""), name


def test_cli_imports_no_torch_for_help_or_for_the_package():
    code = "import sys, ie_model, ie_model.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_cli_public_names_resolve():
    import ie_model

    for name in ie_model.__all__:
        assert getattr(ie_model, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        ie_model.nothing  # noqa: B018


@pytest.mark.parametrize("options", [["--version"], ["-q", "--version"], ["--version", "train"]])
def test_cli_version_needs_no_command(invoke, options):
    """It was a usage error: the check that a command is there came first."""
    assert invoke(*options) == (0, f"{ie_model.__version__}\n", "")


def test_cli_init_writes_a_project(invoke, tmp_path):
    code, out, _ = invoke("init", tmp_path / "news")
    assert code == 0
    assert "train configs/default.yaml" in out
    assert (tmp_path / "news" / "configs" / "custom_labels.yaml").is_file()
    code, _, err = invoke("init", tmp_path / "news")
    assert code == 2
    assert "nothing is overwritten" in err
