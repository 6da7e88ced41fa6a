"""The page in a real browser, with keys, pointer and fingers."""

from __future__ import annotations

import httpx
import pytest

from ie_model.annotating import adjudication, read_suspects
from ie_model.annotating.guidelines import read_guidelines
from ie_model.corpus import read_documents
from ie_model.documents import Document, Entity
from tests.annotating.conftest import (
    SECRET,
    TEXTS,
    FakeModel,
    client_of,
    documents,
    live,
    sitting,
    work,
)
from tests.annotating.test_session import row, suspects_file
from tests.serving.conftest import wait_until

pytestmark = pytest.mark.slow
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
expect.set_options(timeout=60_000)


@pytest.fixture
def faults():
    """Whatever a page asks elsewhere, and every fault of its script; fails the test."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def opened(browser, faults):
    """Opens pages at an address; ``number`` is the document they are to show first."""
    contexts = []

    def open_page(address, number=0, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console", lambda m: faults.append(m.text) if "Content Security" in m.text else None
        )
        page.on("dialog", lambda dialog: faults.append("a dialog opened"))
        page.on("request", lambda r: None if r.url.startswith((address, "data:"))
                else faults.append(r.url))  # fmt: skip
        # The browser's own documents, as that of a server that is gone, have no such storage.
        page.add_init_script(
            "if (location.protocol.startsWith('http'))"
            f" sessionStorage.getItem('at') ?? sessionStorage.setItem('at', {number})"
        )
        page.goto(f"{address}/#{SECRET}")
        page.locator("#text .piece").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def address(output):
    with sitting(output) as session, live(session, output=str(output)) as address:
        yield address


@pytest.fixture
def helped(output):
    """With a model that suggests."""
    with sitting(output) as session, live(session, FakeModel()) as address:
        yield address


def marks(page, kind="entity"):
    """The marked mentions of a kind, without their labels."""
    return page.locator(f"#text mark.{kind}").evaluate_all(
        """all => all.map(m => { const c = m.cloneNode(true);
            c.querySelectorAll('.tag').forEach(t => t.remove()); return c.textContent })"""
    )


def shown_text(page):
    return page.locator("#text").evaluate(
        """n => { const c = n.cloneNode(true); c.querySelectorAll('.tag').forEach(t => t.remove());
            return [...c.children].map(line => line.textContent).join('\\n') }"""
    )


def settled(page):
    expect(page.locator("#saved")).to_have_text("Saved")


def saved(path):
    """``id -> [(mention, label)]`` of what is on disk."""
    return {d.id: [(e.text, e.label) for e in d.entities] for d in read_documents(path)}


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def select(page, start, end):
    """Drag the pointer from one place of the text to another."""
    boxes = page.evaluate(
        """([start, end]) => {
            const walker = document.createTreeWalker(document.getElementById('text'), 4, t =>
                t.parentElement.closest('.tag') ? 2 : 1);
            const boxes = []; let at = 0;
            while (walker.nextNode()) for (let i = 0; i < walker.currentNode.length; i++, at++)
                if (at === start || at === end - 1) {
                    const r = document.createRange();
                    r.setStart(walker.currentNode, i); r.setEnd(walker.currentNode, i + 1);
                    const b = r.getBoundingClientRect(); boxes.push([b.left, b.right, b.top + 8]);
                }
            return boxes }""",
        [start, end],
    )
    (left, _, top), (_, right, bottom) = boxes[0], boxes[-1]
    page.mouse.move(left + 1, top)
    page.mouse.down()
    page.mouse.move(right - 1, bottom)
    page.mouse.up()


def test_page_shows_text_as_it_is_and_escapes_everything(opened, address):
    page = opened(address, 2)
    assert shown_text(page) == TEXTS["three"]
    assert page.locator("#text b").count() == 0
    page = opened(address, 0)
    assert shown_text(page) == TEXTS["one"]


def test_page_labels_a_selection_drawn_out_to_whole_words(opened, address, output):
    page = opened(address)
    select(page, 4, 7)  # "orc" of "forces"
    press(page, "1")
    settled(page)
    assert marks(page) == ["forces"]
    assert saved(output) == {"one": [("forces", "ACTOR")]}
    press(page, "Escape", "w")
    select(page, 15, 18)
    press(page, "2")
    settled(page)
    assert saved(output)["one"][1] == ("Mos", "LOCATION")
    page.get_by_role("button", name="Remove").click()
    settled(page)
    assert marks(page) == ["forces"]


def test_page_offsets_are_right_behind_wide_characters(opened, address, output):
    page = opened(address)
    start = TEXTS["one"].encode("utf-16-le").index("twice".encode("utf-16-le")) // 2 - 1
    select(page, start, start + 5)
    press(page, "3")
    settled(page)
    assert saved(output) == {"one": [("twice", "DATE")]}


def test_page_works_with_the_keyboard_alone(opened, address, output):
    page = opened(address)
    press(page, "ArrowRight", "Shift+ArrowRight", "1")  # UN forces
    assert marks(page) == ["UN forces"]
    press(page, "Shift+E")  # ends a word earlier
    press(page, "Escape", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "2")
    assert marks(page) == ["UN", "Mosul"]
    press(page, "Alt+e", "Alt+Shift+E", "3")  # a character more, one less, another label
    settled(page)
    assert saved(output)["one"] == [("UN", "ACTOR"), ("Mosul", "DATE")]
    press(page, "k", "x")
    settled(page)
    assert saved(output)["one"] == [("Mosul", "DATE")]
    press(page, "d")
    page.get_by_role("heading", name="two").wait_for()
    press(page, ",")
    page.get_by_role("heading", name="one").wait_for()
    assert page.locator("#state").is_visible()
    press(page, "u")
    assert not page.locator("#state").is_visible()
    press(page, "Shift+U")
    press(page, "?")
    page.get_by_role("dialog", name="Keys").wait_for()
    press(page, "Escape", "o")
    page.get_by_role("dialog", name="Documents").wait_for()
    page.keyboard.type("three")
    press(page, "Tab", "Enter")
    page.get_by_role("heading", name="three").wait_for()
    press(page, "d")
    page.get_by_text("2 of 3 documents done").wait_for()


def test_page_undoes_and_does_again(opened, address, output):
    page = opened(address)
    press(page, "ArrowRight", "1", "Escape", "ArrowRight", "ArrowRight", "2")
    assert marks(page) == ["UN", "forces"]
    press(page, "u")
    assert marks(page) == ["UN"]
    press(page, "Control+z")
    assert marks(page) == []
    press(page, "Shift+U", "Control+Shift+Z")
    settled(page)
    assert saved(output)["one"] == [("UN", "ACTOR"), ("forces", "LOCATION")]
    press(page, "u")
    settled(page)
    assert saved(output)["one"] == [("UN", "ACTOR")]


def test_page_suggestions_are_accepted_rejected_and_corrected(opened, helped, output):
    page = opened(helped, 2)
    assert marks(page, "suggestion") == ["NATO", "MAYBE", "UN"]
    press(page, "n", "a", "x", "s")  # NATO yes, MAYBE no, UN -> the UN
    settled(page)
    assert marks(page, "suggestion") == []
    assert saved(output)["three"] == [("NATO", "ACTOR"), ("the UN", "ACTOR")]
    page.locator("#checks").get_by_text("begins with the article").wait_for()
    assert page.locator("#text mark.warning").count() == 1
    page.reload()
    page.locator("#text mark").first.wait_for()
    assert marks(page, "suggestion") == []
    press(page, "d")
    page.get_by_role("heading", name="one").wait_for()
    press(page, "Shift+A")
    settled(page)
    assert saved(output)["one"] == [("UN", "ACTOR"), ("NATO", "ACTOR")]


def test_page_asks_before_suggestions_are_left_out(opened, helped, output):
    page = opened(helped, 2)
    press(page, "d")
    page.locator("#act").get_by_text("3 undecided").wait_for()
    assert not output.exists()
    press(page, "d")
    page.get_by_role("heading", name="one").wait_for()
    settled(page)
    assert saved(output) == {"three": []}


def test_page_of_two_browsers_loses_nothing(opened, address, output):
    first, second = opened(address), opened(address)
    press(first, "ArrowRight", "1")
    settled(first)
    press(second, "ArrowRight", "ArrowRight", "2")
    second.get_by_role("alert").get_by_text("nothing was overwritten").wait_for()
    assert marks(second) == ["UN"]
    assert saved(output)["one"] == [("UN", "ACTOR")]
    assert "LOCATION “forces” added" in second.locator("#conflict-text").text_content()
    second.get_by_role("button", name="Put my change in again").click()
    settled(second)
    assert saved(output)["one"] == [("UN", "ACTOR"), ("forces", "LOCATION")]
    press(second, "u")
    settled(second)
    assert saved(output)["one"] == [("UN", "ACTOR")]


def test_page_shows_what_another_page_did_when_it_is_looked_at(opened, address):
    page = opened(address)
    with client_of(address) as client:
        answer = client.put("/api/documents/0", json={"revision": 1, **work((0, 2, "DATE"))})
        assert answer.status_code == 200
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.locator("#text mark").wait_for()
    assert marks(page) == ["UN"]


def test_page_saves_what_was_made_while_the_server_was_out_of_reach(opened, address, output):
    page = opened(address)
    page.route("**/api/documents/*", lambda route: route.abort())
    press(page, "ArrowRight", "1")
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    press(page, "Escape", "ArrowRight", "ArrowRight", "2")
    assert not output.exists()
    page.unroute("**/api/documents/*")
    settled(page)
    assert saved(output)["one"] == [("UN", "ACTOR"), ("forces", "LOCATION")]
    assert page.locator("#fault").text_content() == ""


def test_page_keeps_what_is_wrong_in_a_file_until_somebody_decides(opened, output):
    wrong = (Entity(0, 2, "ACTOR"), Entity(60, 999, "DATE"))
    with (
        sitting(output, [Document(TEXTS["one"], wrong, "one")]) as session,
        live(session) as address,
    ):
        page = opened(address)
        page.locator("#checks").get_by_text("outside a text").wait_for()
        press(page, "j", "2")  # the other one is relabelled
        settled(page)
        assert [e.key for e in next(read_documents(output)).entities] == [
            (0, 2, "LOCATION"), (60, 999, "DATE"),
        ]  # fmt: skip
        press(page, "j", "1")
        page.locator("#act").get_by_text("outside of the text: remove it").wait_for()
        press(page, "x")
        settled(page)
        assert saved(output)["one"] == [("UN", "LOCATION")]
        assert page.locator("#fault").text_content() == ""


def test_page_takes_back_what_the_server_refuses(opened, address, output):
    page = opened(address)
    page.route("**/api/documents/*", lambda route: route.fulfill(
        status=422, content_type="application/json", body='{"error": "No."}'))  # fmt: skip
    press(page, "ArrowRight", "1")
    page.get_by_role("alert").get_by_text("Taken back. No.").wait_for()
    assert marks(page) == []
    page.unroute("**/api/documents/*")
    press(page, "Escape", "ArrowRight", "2")
    settled(page)
    assert saved(output)["one"] == [("UN", "LOCATION")]


def test_page_says_that_it_is_of_another_run(browser, address):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{address}/#wrong")
    page.get_by_role("alert").get_by_text("printed last").wait_for()
    page.close()


def test_page_counts_and_checks_everything(opened, address):
    page = opened(address)
    press(page, "ArrowRight", "1", "Escape", "ArrowRight", "ArrowRight", "1")
    settled(page)
    page.locator("summary", has_text="Counts").click()
    expect(page.locator("#counts tr").first).to_have_text("ACTOR22")
    press(page, "c")
    page.get_by_role("dialog", name="Check of all documents").wait_for()
    assert "1 document annotated, 2 entities" in page.locator("#check-summary").text_content()


def test_page_shows_guidelines_as_text(opened, output, tmp_path):
    file = tmp_path / "g.md"
    file.write_text(
        "# Rules\n\n- <img src=x onerror=alert(1)> *span*\n- [x](https://example.org)\n"
    )
    with sitting(output) as session, live(session, guidelines=read_guidelines(file)) as address:
        page = opened(address)
        guide = page.locator("#guide")
        assert guide.locator("h1").text_content() == "Rules"
        assert guide.locator("li").first.text_content() == "<img src=x onerror=alert(1)> span"
        assert guide.locator("img").count() == 0
        assert guide.locator("a").get_attribute("rel") == "noopener noreferrer"


def test_page_reviews_suspects(opened, output, tmp_path):
    gold = [
        Document(TEXTS["one"], (Entity(0, 2, "DATE"), Entity(15, 20, "LOCATION")), "one"),
        Document(TEXTS["two"], id="two"),
    ]
    file = suspects_file(
        tmp_path / "s.json", ("one", row(0, 2, "DATE"), row(0, 2, "ACTOR")),
        ("one", row(15, 20, "LOCATION"), None), ("one", None, row(24, 31, "DATE")),
    )  # fmt: skip
    with (
        sitting(output, gold, review=read_suspects(file, gold)) as session,
        live(session) as address,
    ):
        page = opened(address)
        press(page, "n")
        assert "annotated: DATE “UN”" in page.locator("#act").text_content()
        press(page, "b", "a")  # the models' label, then the annotation
        page.get_by_role("button", name="models: DATE").click()
        settled(page)
        assert marks(page, "first") == marks(page, "second") == []
        press(page, "d")
        page.get_by_text("2 of 2 documents done").wait_for()
    assert saved(output)["one"] == [("UN", "ACTOR"), ("Mosul", "LOCATION"), ("Tuesday", "DATE")]
    assert not next(read_documents(output)).unannotated


def test_page_settles_where_two_annotators_differ(opened, output):
    text = TEXTS["one"]
    first = [Document(text, (Entity(0, 2, "ACTOR"), Entity(15, 20, "LOCATION")), "one")]
    second = [Document(text, (Entity(0, 9, "ACTOR"), Entity(15, 20, "ACTOR")), "one")]
    found, review = adjudication(first, second, ("ann", "ben"))
    with sitting(output, found, review=review) as session, live(session) as address:
        page = opened(address)
        assert "ann" in page.locator("#text .tag").first.text_content()
        press(page, "n", "b")  # ben's span
        press(page, "3")  # neither label: a date
        settled(page)
        press(page, "d")
        page.get_by_text("1 of 1 document done").wait_for()
    assert saved(output)["one"] == [("UN forces", "ACTOR"), ("Mosul", "DATE")]


def test_page_fits_a_phone_and_works_with_fingers(opened, helped, output):
    page = opened(helped, 2, viewport={"width": 360, "height": 740}, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#text mark", has_text="NATO").tap()
    # "Accept all" is there as well, and was what the finger met before this one had been drawn.
    page.locator("#act").get_by_role("button", name="Accept").tap()
    settled(page)
    assert saved(output)["three"] == [("NATO", "ACTOR")]


def test_page_is_named_for_screen_readers(opened, helped):
    page = opened(helped, 2)
    assert page.get_by_role("application", name="Text").count() == 1
    assert page.get_by_role("toolbar").count() == 2
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button')].filter(b => !b.textContent.trim()).length"
    )
    assert unnamed == 0
    press(page, "n")
    page.get_by_role("status").get_by_text("ACTOR? 0.90 NATO").wait_for()
    press(page, "a")
    expect(page.locator("#spans [aria-current]")).to_contain_text("MAYBE")


def test_page_holds_no_secret_before_it_is_given(address):
    assert SECRET not in httpx.get(address).text


def test_page_shows_a_long_line_in_parts(opened, output):
    """A text of one line; what is laid out anew for a key is a part of it."""
    text = "".join(f"Sentence {i} 😀 is said by NATO. " for i in range(130)).strip()
    with sitting(output, [Document(text, id="long")]) as session, live(session) as address:
        page = opened(address)
        assert shown_text(page) == text
        sizes = page.locator("#text .part").evaluate_all("a => a.map(p => p.textContent.length)")
        assert len(sizes) >= 3
        assert max(sizes) <= 1500
        units = text.encode("utf-16-le")
        edge = sizes[0] + sizes[1]  # a selection over the edge of two parts
        page.locator("#text .part").nth(2).scroll_into_view_if_needed()
        select(page, edge - 6, edge + 8)
        press(page, "1")
        settled(page)
        (entity,) = next(read_documents(output)).entities
        assert entity.text == "NATO. Sentence"
        assert text[entity.start : entity.end] == entity.text
        assert units[2 * edge - 12 :].startswith(entity.text.encode("utf-16-le"))
        press(page, "e", "Shift+E", "Shift+E", "Alt+E")
        settled(page)
        assert saved(output) == {"long": [("NATO. ", "ACTOR")]}


HOSTILE = (
    "<b>\r\nUN\x00 left\u202e Mosul\u202c in e\u0301tat\u0300.\n"
    "👩\u200d👩\u200d👧 met 🇮🇶🇩🇪 and \U00020000\U00020001 نص می\u200cخواهم\u2028end\n\n"
    + "𝐀" * 900
    + " TAIL"
)


def test_page_gives_exact_offsets_in_every_text(opened, output):
    """Words one after the other with the keyboard: what is marked is what is in the file."""
    with sitting(output, [Document(HOSTILE, id="x")]) as session, live(session) as address:
        page = opened(address)
        for number in range(25):
            press(page, "ArrowRight", str(number % 3 + 1))
        settled(page)
        (document,) = read_documents(output)
    assert document.text == HOSTILE
    assert document.check() == []
    words = [e.text for e in document.entities]
    for word in ("b", "UN", "e\u0301tat\u0300", "👩\u200d👩\u200d👧", "🇮🇶", "🇩🇪",
                 "\U00020000\U00020001", "می\u200cخواهم", "end", "𝐀" * 900, "TAIL"):  # fmt: skip
        assert word in words
    assert not any("\n" in word or "<b>" in word for word in words)


def test_page_moves_edges_by_whole_characters(opened, output):
    given = [Document("xe\u0301👩\u200d👧y UN", (Entity(0, 1, "ACTOR"),), "x")]
    with sitting(output, given) as session, live(session) as address:
        page = opened(address)
        press(page, "j")
        for end in (3, 6, 7, 8):
            press(page, "Alt+e")
            settled(page)
            assert [e.end for d in read_documents(output) for e in d.entities] == [end]


def test_page_draws_anew_only_what_a_key_changes(opened, output):
    text = "\n".join(f"Line {i} is of NATO and the UN." for i in range(60))
    with (
        sitting(output, [Document(text, id="x")]) as session,
        live(session, FakeModel()) as address,
    ):
        page = opened(address)
        page.evaluate("window.held = [...document.querySelectorAll('#text mark')]")
        gone = "window.held.filter(m => !m.isConnected).length"
        press(page, "n", "n", "j", "k", "Escape", "n")
        assert page.evaluate(gone) == 0
        press(page, "a")
        settled(page)
        assert 0 < page.evaluate(gone) <= 2


def test_page_saves_into_the_next_run(opened, output):
    """The server ends with something unsaved; the address of the next run saves it."""
    given = [*documents(), Document("Another one of the UN.", id="four")]
    with sitting(output, given) as session, live(session) as address:
        page = opened(address)
        press(page, "ArrowRight", "1")
        settled(page)
    press(page, "Escape", "ArrowRight", "ArrowRight", "2")
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    assert saved(output)["one"] == [("UN", "ACTOR")]
    port = int(address.rpartition(":")[2])
    with sitting(output, given[::-1]) as session, live(session, port=port, secret="new") as again:
        assert again == address
        page.get_by_role("alert").get_by_text("in this window").wait_for()
        page.evaluate("location.hash = 'new'")
        wait_until(lambda: saved(output)["one"] == [("UN", "ACTOR"), ("forces", "LOCATION")])
        expect(page.locator("#fault")).to_have_text("")
        expect(page.locator("#conflict")).to_be_hidden()


def test_page_overwrites_nothing_of_the_next_run(opened, output):
    """What another page did in between is shown, and asked about."""
    with sitting(output) as session, live(session) as address:
        page = opened(address)
    press(page, "ArrowRight", "1")
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    port = int(address.rpartition(":")[2])
    with sitting(output) as session, live(session, port=port, secret="new"):
        with client_of(address, "new") as client:
            change = {"revision": 1, **work((15, 20, "LOCATION"))}
            assert client.put("/api/documents/0", json=change).status_code == 200
        page.evaluate("location.hash = 'new'")
        page.locator("#conflict").wait_for()
        assert saved(output)["one"] == [("Mosul", "LOCATION")]
        page.get_by_role("button", name="Put my change in again").click()
        wait_until(lambda: saved(output)["one"] == [("UN", "ACTOR"), ("Mosul", "LOCATION")])


def test_page_keeps_what_is_needed_in_sight_on_a_phone(opened, output):
    text = "\n".join(f"Line {i} is of NATO and the UN." for i in range(80))
    with (
        sitting(output, [Document(text, id="x")]) as session,
        live(session, FakeModel()) as address,
    ):
        page = opened(address, viewport={"width": 360, "height": 740}, has_touch=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.evaluate("window.scrollTo(0, 900)")
        for found in (
            page.locator("#labels .label").first, page.locator("#progress"),
            page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Done"),
            page.locator("#act button").first,
        ):  # fmt: skip
            box = found.bounding_box()
            assert box is not None
            assert 0 <= box["y"] <= 740 - box["height"]
            assert 0 <= box["x"] <= 360 - box["width"]
        covered = page.evaluate(
            "document.getElementById('act').getBoundingClientRect().top"
            " - document.getElementById('labels').getBoundingClientRect().bottom"
        )
        assert covered > 450  # of 740 are left for the text
