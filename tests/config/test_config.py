import os
import stat
from pathlib import Path

import pytest

from ie_model.config.loading import _check_shipped_corpora, load_config
from ie_model.config.schema import differences
from ie_model.config.shipped import PRESETS, write_project
from ie_model.errors import InputError

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def write(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


BASE = "data: {train: [{path: gold.jsonl}]}\n"


def test_config_differences_take_a_whole_number_for_itself():
    # An older model's config says 3 where a field is a float now.
    before, now = ({"training": {"epochs": n, "warmup": 0.1}} for n in (3, 3.0))
    assert differences(before, now) == []
    now["training"]["epochs"] = 1.5
    assert differences(before, now) == [("training.epochs", "3", "1.5")]


def test_config_scientific_notation_without_a_dot_is_a_number(tmp_path):
    # PyYAML reads 3e-5 as a string.
    file = write(tmp_path, "c.yaml", BASE + "training: {learning_rate: 3e-5}\n")
    assert load_config(file).training.learning_rate == pytest.approx(3e-5)


def test_config_unknown_key_names_the_nearest(tmp_path):
    file = write(tmp_path, "c.yaml", BASE + "training: {learnig_rate: 0.1}\n")
    with pytest.raises(InputError) as caught:
        load_config(file)
    assert str(caught.value) == (
        f"{file}: training.learnig_rate: unknown key; did you mean 'learning_rate'?"
    )


def test_config_unknown_key_in_a_list_of_sources(tmp_path):
    file = write(tmp_path, "c.yaml", "data: {train: [{path: a, wieght: 2}]}\n")
    with pytest.raises(InputError, match=r"data\.train\.0\.wieght.*'weight'"):
        load_config(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASE + "training: {epochs: ten}", "training.epochs"),
        (BASE + "training: {epochs: 0}", "training.epochs: must be more than 0, found 0"),
        (BASE + "training: {learning_rate: .inf}", "must be a finite number, found inf"),
        (BASE + "labels: [A, A]", "declared twice"),
        ("data: {train: [{format: brat}]}", "data.train.0.path: required and not given"),
        ("- a\n- b", "must be a YAML mapping"),
        ("", "found nothing"),
        ("a: [", "line 1"),
        (BASE + "training: {seed: -1}", "training.seed: must be at least 0, found -1"),
        (BASE + "training:\n  epochs: 1\n  epochs: 2", "line 4: not valid YAML: the key 'epochs'"),
        (BASE + "labels: [ACTOR, NO]", "labels.1: must be text, found false; quote it"),
        (BASE + "labels: ACTOR", "labels: must be a list, found 'ACTOR'; write [ACTOR]"),
        (BASE + "labels: [A, O]", "label 'O' is the tag of what has no label"),
        (BASE + "output_dir: ''", "output_dir: is empty; leave the key out"),
        ("data: {train: ['']}", "data.train.0.path: is empty"),
        ("data:", "data: must be a section (KEY: VALUE), found nothing; leave the key out"),
        (BASE + "output_dir: 3", "output_dir: must be a path, found 3"),
        (BASE + "touching: maybe", "touching: must be true or false, found 'maybe'"),
        (BASE + "scheme: IOB", "scheme: must be 'BIO' or 'BIOES', found 'IOB'"),
        (BASE + "training: {early_stopping: true}", "early_stopping: takes a number, found true"),
        (BASE + "training: {class_weights: {A: -1}}", "class_weights.A: must be at least 0"),
        (BASE + "model: {layers: two}", "model.layers: must be a whole number or a list, found"),
        (BASE + "model: {layers: [3, 1]}", "layers: layer numbers must rise, found [3, 1]"),
        (BASE + "encoding: {letter_case: 2}", "must be true or false or 'auto', found 2"),
        ("extends: [a, b]", "'extends' must be one file name"),
        ("extends: missing.yaml", "missing.yaml: no such config file"),
    ],
)
def test_config_mistakes_are_one_line_with_file_and_key(tmp_path, text, message):
    file = write(tmp_path, "c.yaml", text)
    with pytest.raises(InputError) as caught:
        load_config(file)
    assert message in str(caught.value)
    assert "more problem" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_config_a_corpus_may_be_a_plain_path(tmp_path):
    (tmp_path / "sub").mkdir()
    file = write(tmp_path / "sub", "c.yaml", "data: {train: [gold.jsonl], test: [{path: t}]}\n")
    assert load_config(file).data.train[0].path == tmp_path / "sub" / "gold.jsonl"
    weighted = load_config(file, ["data.train.0.weight=2"])  # "'0' is a value, not a section"
    assert weighted.data.train[0].weight == 2
    given = load_config(file, ["data.dev=[dev.jsonl]"])
    assert given.data.dev[0].path == Path("dev.jsonl")


def test_config_a_key_given_twice_in_an_override_is_named(tmp_path):
    file = write(tmp_path, "c.yaml", BASE)
    with pytest.raises(InputError, match="override training: the key 'epochs' is given twice"):
        load_config(file, ["training={epochs: 1, epochs: 2}"])


def test_config_extends_merges_by_key_and_keeps_paths_of_the_base(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path, "base.yaml", BASE + "training: {epochs: 3, seed: 7}\n")
    file = write(tmp_path / "sub", "top.yaml", "extends: ../base.yaml\ntraining: {epochs: 4}\n")
    config = load_config(file)
    assert (config.training.epochs, config.training.seed) == (4, 7)
    assert config.data.train[0].path.resolve() == (tmp_path / "gold.jsonl").resolve()


def test_config_of_another_file_with_the_same_values_is_equal(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("labels: [A]\n")
    first, second = (load_config(tmp_path / name) for name in ("a.yaml", "b.yaml"))
    assert first == second
    changed = first.model_copy(update={"scheme": "BIOES"})
    with pytest.raises(InputError) as error, changed.named(), changed.named():
        raise InputError("b: c")
    assert str(error.value) == f"{tmp_path / 'a.yaml'}: b: c"  # once is enough


def test_config_an_empty_mapping_clears_that_of_the_base(tmp_path):
    write(tmp_path, "base.yaml", BASE + "model: {backbone: mpnet, added_tokens: {IS: isis}}\n")
    kept = write(tmp_path, "kept.yaml", "extends: base.yaml\nmodel: {added_tokens: {US: usa}}\n")
    cleared = write(tmp_path, "cleared.yaml", "extends: base.yaml\nmodel: {added_tokens: {}}\n")
    assert load_config(kept).model.added_tokens == {"IS": "isis", "US": "usa"}
    assert load_config(cleared).model.added_tokens == {}
    assert load_config(cleared).model.backbone == "mpnet"


def test_config_circle_of_extends_is_an_error(tmp_path):
    write(tmp_path, "a.yaml", "extends: b.yaml\n")
    write(tmp_path, "b.yaml", "extends: a.yaml\n")
    with pytest.raises(InputError, match="circle"):
        load_config(tmp_path / "a.yaml")


def test_config_overrides(tmp_path):
    file = write(tmp_path, "c.yaml", BASE)
    config = load_config(
        file, ["training.learning_rate=2e-4", "labels=[X, Y]", "data.train.0.weight=2"]
    )
    assert config.training.learning_rate == pytest.approx(2e-4)
    assert config.labels == ["X", "Y"]
    assert config.data.train[0].weight == 2
    assert load_config(file, {"training.epochs": 2}).training.epochs == 2


@pytest.mark.parametrize(
    "override", ["training.epochs", "=3", "labels.x=1", "data.train.9.weight=1"]
)
def test_config_bad_overrides_are_named(tmp_path, override):
    with pytest.raises(InputError, match="override"):
        load_config(write(tmp_path, "c.yaml", BASE + "labels: [A]\n"), [override])


def test_config_resolved_yaml_reads_back_equal(tmp_path):
    config = load_config(write(tmp_path, "c.yaml", BASE), ["training.class_weights={O: 0.5}"])
    again = load_config(write(tmp_path, "r.yaml", config.to_yaml()))
    assert again.training == config.training
    assert again.labels == config.labels


def test_config_resolved_yaml_may_stand_in_another_folder(tmp_path, monkeypatch):
    # A model directory's config.yaml is read again by export: with the data paths of a config
    # that was named relative to the working directory, it found nothing.
    (tmp_path / "configs").mkdir()
    (tmp_path / "run").mkdir()
    write(
        tmp_path / "configs",
        "c.yaml",
        "data: {train: [{path: ../gold, format: brat, options: {text_dir: ../texts}}]}\n"
        "distillation: {teachers: [runs/a], unlabelled: [{path: ../news}]}\n",
    )
    monkeypatch.chdir(tmp_path)
    config = load_config("configs/c.yaml", ["data.train.0.weight=2"])
    moved = load_config(write(tmp_path / "run", "config.yaml", config.to_yaml()))
    source = moved.data.train[0]
    assert source.path.resolve() == tmp_path / "gold"
    assert Path(source.options["text_dir"]).resolve() == tmp_path / "texts"
    assert moved.distillation.unlabelled[0].path.resolve() == tmp_path / "news"
    assert moved.distillation.teachers == [tmp_path / "runs" / "a"]


@pytest.mark.parametrize("file", CONFIGS, ids=lambda f: f.name)
def test_config_every_shipped_file_loads(file):
    assert load_config(file).labels


@pytest.mark.parametrize("name", ["default", "default.yaml"])
def test_config_shipped_one_is_known_by_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default").mkdir()  # a folder of that name is no config
    config = load_config(name, ["training.epochs=2"])
    assert config.training.epochs == 2
    assert all(source.path.exists() for source in config.data.train)


def test_config_file_here_comes_before_the_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default.yaml").write_text("data: {train: [mine.jsonl]}\nlabels: [X]\n")
    assert load_config("default.yaml").labels == ["X"]


def test_config_own_one_extends_a_shipped_one(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("extends: default\noutput_dir: runs/mine\n")
    assert load_config(file).model.added_tokens["IS"] == "isis"
    with pytest.raises(InputError, match=r"mine: no such config file; did you mean .*mine\.yaml\?"):
        load_config(tmp_path / "mine")
    file.write_text("extends: defaults\n")
    with pytest.raises(InputError, match="defaults: no such config file"):
        load_config(file)


def test_config_shipped_one_whose_corpus_is_absent_says_so(tmp_path):
    with pytest.raises(InputError, match=r"re3d: its corpus re3d.jsonl.*data\.train\.0\.path=FILE"):
        _check_shipped_corpora(
            "re3d", load_config(write(tmp_path, "c.yaml", "data: {train: [../x/re3d.jsonl]}\n"))
        )
    assert load_config("re3d", [f"data.train.0.path={tmp_path}"]).data.train[0].path == tmp_path


def test_config_message_away_from_the_checkout_names_the_way(tmp_path, monkeypatch):
    """It named a file of the checkout and no way to it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"'custom_labels' alone is the shipped one.*init"):
        load_config("configs/custom_labels.yaml")


def test_config_project_is_complete_and_never_overwritten(tmp_path):
    written = write_project(tmp_path / "news")
    assert all((tmp_path / "news" / name).exists() for name in written)
    shipped = {file.name for file in (PRESETS / "configs").glob("*.yaml")}
    assert {file.name for file in (tmp_path / "news" / "configs").glob("*.yaml")} == shipped
    config = load_config(tmp_path / "news" / "configs" / "default.yaml")
    assert all(tmp_path in source.path.resolve().parents for source in config.data.train)
    assert not [p for p in (tmp_path / "news").rglob("*") if p.is_symlink() or ".init" in p.name]
    (tmp_path / "news" / "README.md").write_text("mine")
    with pytest.raises(InputError, match="nothing is overwritten"):
        write_project(tmp_path / "news")
    assert (tmp_path / "news" / "README.md").read_text() == "mine"


def test_project_is_written_with_the_modes_of_new_files(tmp_path):
    """Those of the installed package, which may be read-only, came along."""
    before = os.umask(0o077)
    try:
        write_project(tmp_path / "news")
    finally:
        os.umask(before)
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.rglob("*")
    }  # fmt: skip
    assert modes == {(True, 0o700), (False, 0o600)}
