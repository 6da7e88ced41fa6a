"""The page at / in a real browser."""

from __future__ import annotations

import json

import pytest

from ie_model.serving import Limits
from ie_model.serving.served import Served
from tests.serving.conftest import FakeExtractor, live

TEXT = "😀 UN saw <b>NATO</b> & MAYBE 12 <img src=x onerror=alert(document)> on Tuesday"


@pytest.fixture(scope="module")
def address():
    with live(Served("one", FakeExtractor()), limits=Limits(body_bytes=5000)) as address:
        yield address


@pytest.fixture
def page(browser, address):
    """The page; whatever it asks elsewhere, and every fault of its script, fails the test."""
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if "Content Security" in m.text else None)
    page.on("dialog", lambda dialog: faults.append("a dialog opened"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.set_default_timeout(60_000)
    yield page
    assert faults == []
    outside = [u for u in asked if not u.startswith((address, "data:", f"blob:{address}"))]
    assert outside == []
    context.close()


def ask(page, text=TEXT):
    page.get_by_label("Text", exact=False).first.fill(text)
    page.get_by_role("button", name="Find entities").click()
    page.locator("#result").wait_for()


def marks(page):
    """The marked mentions, without their labels."""
    return page.locator("#marked mark").evaluate_all(
        "all => all.map(m => m.textContent.slice(0, -m.querySelector('.tag').textContent.length))"
    )


def test_page_marks_mentions_and_escapes_everything(page):
    ask(page)
    assert marks(page) == ["UN", "NATO", "MAYBE", "12", "Tuesday"]
    assert page.locator("#marked b, #marked img").count() == 0
    tags = page.locator("#marked .tag")
    shown = page.locator("#marked").evaluate(
        "n => { const c = n.cloneNode(true); c.querySelectorAll('.tag').forEach(t => t.remove());"
        " return c.textContent }"
    )
    assert shown == TEXT
    assert tags.first.text_content() == "ACTOR 0.90"
    assert page.locator("#status").text_content() == "5 entities"
    assert page.locator("#rows tr").count() == 5
    assert page.locator("#rows tr").first.locator("td").last.text_content() == "2–4"


def test_page_score_and_labels_filter_without_asking_again(page):
    ask(page)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    score = page.get_by_label("Score at least")
    score.focus()
    page.keyboard.press("End")
    assert marks(page) == []
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    assert page.locator("#score-shown").text_content() == "0.80"
    assert marks(page) == ["UN", "NATO", "12", "Tuesday"]
    page.get_by_label("ACTOR").focus()
    page.keyboard.press("Space")
    assert marks(page) == ["12", "Tuesday"]
    assert page.locator("#status").text_content() == "2 entities of 5 shown"
    assert asked == []


def test_page_starts_with_the_models_own_thresholds(browser):
    with live(Served("one", FakeExtractor({"ACTOR": 0.5}))) as address:
        page = browser.new_page()
        page.goto(address)
        ask(page, "MAYBE UN")
        assert page.get_by_label("own thresholds").is_checked()
        assert marks(page) == ["UN"]
        page.get_by_label("own thresholds").uncheck()
        assert marks(page) == ["MAYBE", "UN"]
        page.close()


def test_page_shows_values_seen_from_the_day_given(page):
    pytest.importorskip("pint")
    pytest.importorskip("dateparser")
    page.get_by_label("Written on").fill("2018-12-05")
    ask(page)
    values = page.locator("#rows td:nth-child(4)").all_text_contents()
    assert values == ["", "", "", "12", "2018-12-04"]
    assert "2018-12-04" in page.locator("#marked mark").last.get_attribute("title")


def test_page_download_and_copy_hold_what_is_shown(page):
    ask(page)
    page.get_by_label("QUANTITY").uncheck()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    assert started.value.suggested_filename == "text.json"
    saved = json.loads(started.value.path().read_text(encoding="utf-8"))
    assert saved["text"] == TEXT
    assert [TEXT[e["start"] : e["end"]] for e in saved["entities"]] == [
        "UN", "NATO", "MAYBE", "Tuesday",
    ]  # fmt: skip
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as JSON").click()
    page.get_by_text("Copied.").wait_for()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == saved


def test_page_works_with_the_keyboard_alone(page):
    page.keyboard.press("Tab")  # the link to the interface
    page.keyboard.press("Tab")
    page.keyboard.type("UN saw 12")
    page.keyboard.press("Control+Enter")
    page.locator("#result").wait_for()
    assert marks(page) == ["UN", "12"]
    assert page.evaluate("document.activeElement.id") == "found"
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.type"))
    assert reached[:6] == ["score", "checkbox", "checkbox", "checkbox", "copy", "download"]


def test_page_opens_and_takes_dropped_files(page, tmp_path):
    file = tmp_path / "report.txt"
    file.write_text("\ufeffNATO 7", encoding="utf-8")
    page.locator("#file").set_input_files(file)
    page.locator("#result").wait_for()
    assert marks(page) == ["NATO", "7"]
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    assert started.value.suggested_filename == "report.json"
    page.evaluate(
        """() => {
            const files = new DataTransfer();
            files.items.add(new File(["UN 99"], "dropped.txt"));
            document.dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true}));
        }"""
    )
    page.locator("#marked mark", has_text="99").wait_for()
    file.write_bytes(b"\xff\xfe\x00")
    page.locator("#file").set_input_files(file)
    page.get_by_role("alert").get_by_text("no text in UTF-8").wait_for()
    file.write_text("x" * 6000)
    page.locator("#file").set_input_files(file)
    page.get_by_role("alert").get_by_text("larger than").wait_for()


def test_page_says_what_the_server_refuses(page):
    page.get_by_role("button", name="Find entities").click()
    page.get_by_role("alert").get_by_text("There is no text yet").wait_for()
    page.get_by_label("Text", exact=False).first.fill("x" * 6000)
    page.get_by_role("button", name="Find entities").click()
    page.get_by_role("alert").get_by_text("larger than the 5,000 bytes").wait_for()
    ask(page)
    assert page.get_by_role("alert").text_content() == ""


def test_page_asks_for_the_key_where_the_server_does(browser):
    with live(Served("one", FakeExtractor()), keys=("secret",)) as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_label("Key").fill("secret")
        ask(page, "UN")
        assert marks(page) == ["UN"]
        page.close()


def test_page_fits_a_phone(browser, address):
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(address)
    ask(page, TEXT + " W" + "O" * 200)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    page.goto(f"{address}/docs")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()
