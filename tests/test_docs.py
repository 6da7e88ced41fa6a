"""The documentation says what is there: links, paths, pages, rooms, versions."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import ie_model

ROOT = Path(__file__).parents[1]
OURS = re.compile(r"https://github\.com/ie-model/ie-model/(?:blob|tree)/main/([^\s)#\"]+)")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "annotations").glob("*.md")]
)


def links(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?m)^\[[^\]]+\]: (\S+)", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as MkDocs and GitHub both make them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\s-]", "", h.replace("`", "")).strip().lower() for h in headings)
    return {re.sub(r"\s", "-", h) for h in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_docs_links_lead_somewhere(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        if own := OURS.match(target):
            assert (ROOT / own[1]).exists(), target
        elif "://" not in target:
            file = (page.parent / path) if path else page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), target


def test_docs_readme_links_work_on_an_index_page():
    for target in links(ROOT / "README.md"):
        assert target.startswith(("https://", "#")), target


def test_docs_navigation_lists_every_page():
    class Loader(yaml.SafeLoader):
        """MkDocs' own tags mean nothing here."""

    Loader.add_multi_constructor("!", lambda *_: None)
    Loader.add_multi_constructor("tag:yaml.org,2002:python", lambda *_: None)
    nav = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"]

    def listed(entry):
        if isinstance(entry, str):
            return [entry]
        inner = entry.values() if isinstance(entry, dict) else entry
        return [page for part in inner for page in listed(part)]

    pages = [page for page in listed(nav) if "://" not in page]
    assert sorted(pages) == sorted(p.name for p in (ROOT / "docs").glob("*.md"))


def test_docs_index_names_every_page():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in text, page.name


def test_docs_install_says_what_every_extra_costs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table = (ROOT / "docs" / "install.md").read_text(encoding="utf-8").partition("## Extras")[2]
    rows = [row.split("|")[1:3] for row in table.splitlines() if row.startswith("| `")]
    named = {name for names, _ in rows for name in re.findall("`(.+?)`", names)}
    assert named == set(project["optional-dependencies"])
    assert all(re.fullmatch(r" \d+ MB ", size) for _, size in rows)


def test_docs_architecture_names_files_that_exist():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:ie_model|tests|docs)/[\w./]+)`", text)
    assert len(paths) > 40
    for path in paths:
        assert (ROOT / path).exists(), path


def test_docs_architecture_names_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {f.parent.name for f in (ROOT / "ie_model").glob("*/__init__.py")}
    assert rooms == set(re.findall(r"\[`(\w+)/`\]", text))


def test_docs_reference_names_every_public_name():
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for name in set(ie_model.__all__) - {"__version__"}:
        assert f"::: ie_model.{name}\n" in text, name


def test_docs_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert project["version"] == ie_model.__version__ == citation["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {ie_model.__version__} - " in changes


def test_install_is_a_plain_path_that_type_checkers_follow(tmp_path):
    """An editable install by import hook worked in Python and nowhere else."""
    found = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.path, sep='\\n')"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert any((Path(p) / "ie_model" / "py.typed").is_file() for p in found.stdout.splitlines())


@pytest.mark.slow
def test_install_reveals_types_from_any_folder(tmp_path):
    (tmp_path / "use.py").write_text(
        "from ie_model import Document, Extractor\n\n\n"
        "def f(e: Extractor) -> Document:\n    return e.predict('a')\n\n\nreveal_type(f)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "use.py",
         "--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "def (e: ie_model.inference.extractor.Extractor) -> ie_model" in done.stdout, done.stdout


@pytest.mark.slow
def test_docs_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?://(?!github)', page)


def test_docs_reliability_names_tests_that_are_there():
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"
