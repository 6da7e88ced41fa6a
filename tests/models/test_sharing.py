import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from ie_model import Extractor
from ie_model.errors import InputError
from ie_model.models.directory import read_settings, weights_digest, write_settings
from ie_model.models.names import find_model, installed_models
from ie_model.models.sharing import copy_for_sharing, package
from tests.models.hub import COMMIT, local_hub

TEXT = "Iraqi federal police cleared Hawija on Tuesday."


@pytest.fixture
def model(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "news", ignore=shutil.ignore_patterns("open*"))
    (folder / "plan.json").write_text("{}")
    return folder


def texts(folder):
    return {
        p: p.read_text(encoding="utf-8")
        for p in folder.rglob("*")
        if p.suffix in (".json", ".yaml", ".md") and p.name != "tokenizer.json"
    }


def test_sharing_leaves_no_absolute_path_behind(model, tmp_path, tiny_backbone):
    settings = read_settings(model)
    assert settings.origin["backbone"] == str(tiny_backbone)  # there is something to leave out
    # What begins with a stroke is no path in a text or in a label.
    settings.origin["example"] = "/s/ the army"
    write_settings(model, settings)
    copy_for_sharing(model, tmp_path / "shared", name="news")
    for file, text in texts(tmp_path / "shared").items():
        assert str(tmp_path) not in text, file
        assert str(tiny_backbone.parent) not in text, file
        assert not re.search(r'"/(tmp|home|root|Users)/', text), file
    config = yaml.safe_load((tmp_path / "shared" / "config.yaml").read_text())
    assert config["data"]["train"][0]["path"] == "sentences.txt"
    assert read_settings(tmp_path / "shared").origin["example"] == "/s/ the army"
    assert not (tmp_path / "shared" / "plan.json").exists()
    assert (tmp_path / "shared" / "model.safetensors").stat().st_mode & 0o777 == 0o644


def test_sharing_copy_answers_as_the_model_does(model, tmp_path):
    copy_for_sharing(model, tmp_path / "shared", name="news", license="mit")
    mine, theirs = (
        Extractor.from_pretrained(f, "torch").predict(TEXT) for f in (model, tmp_path / "shared")
    )
    assert mine.entities
    assert mine == theirs
    card = (tmp_path / "shared" / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "mit"
    assert 'from_pretrained("news")' in card


def test_sharing_never_follows_a_link_out_of_the_model(model, tmp_path):
    """A model of somebody else's with LICENSE -> ~/.ssh/id_rsa took the key to the hub."""
    (tmp_path / "key").write_text("secret")
    (model / "LICENSE").symlink_to(tmp_path / "key")
    with pytest.raises(InputError, match=r"LICENSE: is a link to .*key"):
        copy_for_sharing(model, tmp_path / "copy", name="news")
    (model / "LICENSE").unlink()
    (model / "LICENSE").symlink_to("README.md")
    copy_for_sharing(model, tmp_path / "second", name="news")


def test_sharing_takes_exports_and_no_conversions(model, tmp_path):
    (model / "openvino" / "cache").mkdir(parents=True)
    for name in ("int8.xml", "int8.bin", "int8.json", "fp32.xml", "cache/1.blob"):
        (model / "openvino" / name).write_text("{}")
    copy_for_sharing(model, tmp_path / "shared", name="news")
    kept = sorted(p.name for p in (tmp_path / "shared" / "openvino").iterdir())
    assert kept == ["int8.bin", "int8.json", "int8.xml"]
    # Exports are taken for those of other weights when this changes.
    assert weights_digest(tmp_path / "shared") == weights_digest(model)


def test_package_wheel_is_found_by_name(model, tmp_path, monkeypatch):
    wheel = package(model, tmp_path / "dist", name="My.News-Model", version="1.2")
    assert wheel.name == "ie_model_my_news_model-1.2-py3-none-any.whl"
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--disable-pip-version-check", "--target", site, wheel],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr  # pip has checked RECORD against the files
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path / "dist")
    assert installed_models() == ["My.News-Model"]
    found = Extractor.from_pretrained("My.News-Model", "torch")
    assert found.predict(TEXT).entities == (
        Extractor.from_pretrained(model, "torch").predict(TEXT).entities
    )
    assert "ie_model_my_news_model" not in sys.modules  # a model is data, nothing of it runs
    (tmp_path / "dist" / "My.News-Model").mkdir()  # a folder here comes first
    assert find_model("My.News-Model") == Path("My.News-Model")


def test_package_is_the_same_twice_and_says_what_it_is(model, tmp_path):
    one, two = (package(model, tmp_path / d, license="mit") for d in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as wheel:
        told = wheel.read("ie_model_news-0.1.0.dist-info/METADATA").decode()
        assert "\nLicense-Expression: mit\n" in told
        assert "\nRequires-Dist: ie-model\n" in told
        assert wheel.testzip() is None


@pytest.mark.parametrize(
    ("options", "message"),
    [({"name": "1/2"}, "a package name has letters"), ({"version": "new"}, "numbers with dots")],
)
def test_package_names_that_cannot_be_are_refused(model, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        package(model, tmp_path / "dist", **options)
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("config.json", "{", r"config\.json: cannot be read"),
     ("tokenizer_config.json", "[]", r"tokenizer_config\.json: cannot be read"),
     ("README.md", "\ufeff\udcff", "cannot be shared without a card"),
     ("metrics.json", '{"training": 3}', "cannot be shared without")],
)  # fmt: skip
def test_sharing_a_damaged_model_is_refused(model, tmp_path, name, text, message):
    """A card that could not be made anew went along as it was, with places of this machine."""
    (model / name).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=message):
        package(model, tmp_path / "dist")
    assert not list(tmp_path.glob("dist/*.whl"))


def test_hub_that_cannot_be_reached_is_one_clear_error(model):
    script = "import sys; from ie_model import models; models.push(sys.argv[1], 'org/news')"
    done = subprocess.run(
        [sys.executable, "-c", script, model], capture_output=True, text=True, check=False,
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0",
             "HF_TOKEN": "hf_local", "NO_PROXY": "*", "no_proxy": "*"},
    )  # fmt: skip
    assert "RunError: org/news: not uploaded" in done.stderr


def test_package_needs_a_model_directory(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="not a model directory"):
        package(tmp_path / "empty", tmp_path / "dist")


def test_names_that_are_nothing_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="nothing: no such model directory"):
        Extractor.from_pretrained("nothing")
    with pytest.raises(InputError, match="runs/other: no such model directory"):
        Extractor.from_pretrained("runs/other")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        InputError, match=r"not in the Hugging Face cache .* hf download org/absent"
    ):
        Extractor.from_pretrained("org/absent")


_SCRIPT = """
import sys
from ie_model import models
from ie_model.errors import InputError

print(models.push(sys.argv[1], "org/news", license="mit"))
try:
    models.find_model("org/news")
except InputError as error:
    print(error)
print(models.find_model("org/news", allow_download=True))
print(models.find_model("org/news"))
try:
    models.push(sys.argv[1], "news")
except InputError as error:
    print(error)
"""


def test_hub_push_and_back_again(model, tmp_path):
    with local_hub() as hub:
        environment = {
            **os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_local", "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "*", "no_proxy": "*",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, model],
            capture_output=True, text=True, env=environment, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.stderr, hub.asked)
        address, refused, fetched, cached, bad = done.stdout.splitlines()
    assert COMMIT in address
    assert hub.created[0]["name"] == "news"
    assert hub.created[0].get("private") or hub.created[0].get("visibility") == "private"
    assert "nothing is fetched unless asked for" in refused
    assert fetched == cached
    assert "organisation/model" in bad
    assert b"license: mit" in hub.files["README.md"]
    # The card said from_pretrained("news"), which finds nothing.
    assert b'from_pretrained("org/news", allow_download=True)' in hub.files["README.md"]
    assert b'"token-classification", "org/news"' in hub.files["README.md"]
    for name, content in hub.files.items():
        if name != "tokenizer.json":
            assert str(tmp_path).encode() not in content, name
    assert json.loads(hub.files["ie_model.json"])["labels"]
    assert Extractor.from_pretrained(fetched, "torch").predict(TEXT).entities
