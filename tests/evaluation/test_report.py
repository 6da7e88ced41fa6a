"""The report page: complete in itself, everything in it, nothing in it runs."""

from __future__ import annotations

import html.parser
import re
import shutil
import subprocess

import pytest

from ie_model.documents import Document, Entity
from ie_model.evaluation.out_of_fold import OofRun
from ie_model.evaluation.report import render_report, write_report
from tests.evaluation.synthetic_run import FILLER, make_run

EVIL = "<script>alert(1)</script>"


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and visible text; notes tags that do not nest."""

    void = frozenset({"meta", "link", "br", "hr", "img", "input"})
    # SVG shapes close themselves; the parser reports that as start and end.

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.words, self.open, self.crossed = [], [], [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, k, v) for k, v in attrs]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.void:
            return
        if not self.open or self.open[-1] != tag:
            self.crossed.append(tag)
        else:
            self.open.pop()

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "my-run"
    make_run(folder, fractions=(0.25, 0.5, 0.75), planted=4)
    return OofRun(folder)


@pytest.fixture(scope="module")
def page(run):
    return render_report(run)


def test_report_holds_every_section(page, run):
    parsed = Page(page)
    ids = {v for _, k, v in parsed.attributes if k == "id"}
    assert ids >= {
        "labels", "errors", "calibration", "curve", "seen", "worst", "suspects", "data", "config",
    }  # fmt: skip
    text = " ".join("".join(parsed.words).split())
    assert "my-run" in text
    assert "expected calibration error" in text
    assert "one more article" in text
    assert run.protocol.data["fingerprint"] in text
    assert parsed.tags.count("svg") == 2


def test_report_is_well_formed(page):
    parsed = Page(page)
    assert parsed.crossed == []
    assert parsed.open == []
    places = [v for _, k, v in parsed.attributes if k == "points"]
    assert len(places) > 10
    assert all(re.fullmatch(r"(-?[\d.]+,-?[\d.]+ ?)+", v) for v in places)


def test_report_needs_no_network_and_no_script(page):
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert not re.search(r"https?://", page)
    assert not any(k.startswith("on") for _, k, _ in parsed.attributes)
    assert {v for _, k, v in parsed.attributes if k == "src"} == set()
    links = {v for _, k, v in parsed.attributes if k == "href"}
    assert all(v.startswith(("#", "data:,")) for v in links)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page


def evil_run(folder):
    """A run whose texts, ids, labels and config all try to get out."""
    documents = []
    for i in range(4):
        text = f"{FILLER[i]} {EVIL} & 'more' \"quotes\" of {i} here\n" * 3
        at = text.index(EVIL)
        entities = (Entity(at, at + len(EVIL), "ACTOR"),)
        documents.append(Document(text, entities, f'"><img src=x onerror=alert({i})>'))
    make_run(folder, documents=documents, fractions=(0.5, 0.75), noise=2.5)
    for file in folder.rglob("*.json*"):
        source = file.read_text(encoding="utf-8")
        source = source.replace("DATE", "<b/onmouseover=alert(2)>")
        source = source.replace('"epochs"', '"<script>alert(3)</script>"')
        file.write_text(source, encoding="utf-8")
    return folder


def test_report_escapes_every_string_from_data(tmp_path):
    folder = evil_run(tmp_path / "run<i>x")
    other = evil_run(tmp_path / "other<i>")
    file = other / "crossval.json"
    file.write_text(file.read_text().replace(": 3", f': "{EVIL}"'), encoding="utf-8")
    page = render_report(OofRun(folder), OofRun(other))
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert "img" not in parsed.tags
    assert "i" in parsed.tags  # the bars
    assert not any(k.startswith("on") for _, k, _ in parsed.attributes)
    assert parsed.crossed == []
    text = "".join(parsed.words)
    assert EVIL in text  # shown, as text
    assert '"><img src=x onerror=alert(0)>' in text
    assert "<b/onmouseover=alert(2)>" in text
    assert "run<i>x" in text


def test_report_against_another_run_shows_the_difference(run, tmp_path):
    other = tmp_path / "other"
    make_run(other, planted=4, noise=2.2)
    file = other / "crossval.json"
    file.write_text(file.read_text().replace('"epochs": 3', '"epochs": 9'), encoding="utf-8")
    text = "".join(Page(render_report(run, OofRun(other))).words)
    assert "training.epochs" in text
    assert "Compared with other" in text
    unlike = tmp_path / "unlike"
    make_run(unlike, articles=11)
    text = "".join(Page(render_report(run, OofRun(unlike))).words)
    assert "Scores are not compared" in text


def test_report_of_few_documents_says_what_the_intervals_are(tmp_path):
    make_run(tmp_path / "r", articles=2, seeds=(0,))
    text = " ".join("".join(Page(render_report(OofRun(tmp_path / "r"))).words).split())
    assert "resampling" in text
    assert "paragraphs" in text


def test_report_without_any_prediction_or_error(tmp_path):
    make_run(tmp_path / "perfect", noise=0.0, seeds=(0,))
    text = "".join(Page(render_report(OofRun(tmp_path / "perfect"))).words)
    assert "No document has an error." in text
    empty = [Document(f"{FILLER[i]} nothing here {i}\n", (), f"e{i}") for i in range(2)]
    make_run(tmp_path / "empty", documents=empty, noise=0.0, seeds=(0,))
    text = "".join(Page(render_report(OofRun(tmp_path / "empty"))).words)
    assert "No span was predicted" in text


@pytest.mark.slow
def test_report_opens_in_chromium_without_a_console_message(run, tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    file = tmp_path / "report.html"
    write_report(run, file)
    result = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr", "--window-size=1000,2000",
            f"--screenshot={tmp_path / 'shot.png'}", file.as_uri(),
        ],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert (tmp_path / "shot.png").stat().st_size > 20_000
    assert "CONSOLE" not in result.stderr
