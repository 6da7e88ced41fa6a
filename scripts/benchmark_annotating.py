"""How soon the page of `ie-model annotate` reacts to a key: from the key to the painted frame.

    python scripts/benchmark_annotating.py --characters 20000 --spans 500

One document, half of its spans annotated, half suggested, in headless Chromium at the size of a
laptop's window. Each key is pressed as a person does; the time runs from the event to the frame in
which its effect is painted (`key`), and to the frame in which the lists beside the text are as well
(`lists`). Saves and checks run meanwhile, as ever. Both are times on the clock, which other work on
the machine makes longer; `cpu` is what the page's main thread computed for a key in all, lists and
the answer to the save included. Needs Playwright and Debian's chromium.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Page, sync_playwright

from ie_model.annotating import Session, create_app, open_storage
from ie_model.annotating.adviser import Adviser
from ie_model.documents import Document, Entity

LABELS = ("ACTOR", "LOCATION", "QUANTITY", "OPERATION", "DATE")

# What a person does again and again; `move` changes nothing that is saved.
KEYS = {
    "move": ["n", "j", "j", "k", "ArrowRight", "Shift+ArrowRight", "ArrowRight", "Escape"],
    "decide": ["n", "a", "a", "x", "a", "x"],
    "change": ["j", "1", "3", "e", "Shift+E", "u", "Shift+U"],
    "select": ["ArrowRight", "ArrowRight", "Shift+ArrowRight", "2", "x", "u"],
}

MEASURE = """() => {
    window.times = [];
    const painted = (run) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = run;
        port2.postMessage(0);
    });
    window.addEventListener('keydown', (event) => {
        if (['Shift', 'Control', 'Alt'].includes(event.key)) return;
        const row = { began: event.timeStamp };
        window.times.push(row);
        painted(() => {
            row.key = performance.now() - row.began;
            setTimeout(() => painted(() => { row.lists = performance.now() - row.began }));
        });
    }, true);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--characters", type=int, default=20_000)
    parser.add_argument("--spans", type=int, default=500)
    parser.add_argument("--lines", type=int, default=60, help="of the text; 1: a single one")
    parser.add_argument("--rounds", type=int, default=8, help="of all keys")
    parser.add_argument("--screenshot", type=Path)
    arguments = parser.parse_args()
    document = make_document(arguments.characters, arguments.spans, arguments.lines)
    with tempfile.TemporaryDirectory() as folder:
        storage, lock = open_storage(Path(folder) / "out.jsonl")
        session = Session([document], storage, LABELS)
        app = create_app(session, Adviser(session, None, by_value=False), "secret")
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with sync_playwright() as playwright:
            path = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.goto(f"http://127.0.0.1:{port}/#secret")
            page.locator("#text mark").first.wait_for()
            found = press_all(page, arguments.rounds) | {"cpu": cpu_times(page)}
            if arguments.screenshot:
                page.screenshot(path=arguments.screenshot)
            version = browser.version
            browser.close()
        server.should_exit = True
        thread.join()
        lock.release()
    shape = {"characters": len(document.text), "spans": arguments.spans, "lines": arguments.lines}
    print(json.dumps({"document": shape, "chromium": version, **found}, indent=2))


def make_document(characters: int, spans: int, lines: int) -> Document:
    """Words of a few letters; every second span is annotated, the others are suggestions."""
    rng = random.Random(0)
    words: list[str] = []
    size = 0
    while size < characters:
        words.append("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))))
        size += len(words[-1]) + 1
    breaks = {round(len(words) * k / lines) for k in range(1, lines)}
    text, starts = "", []
    for number, word in enumerate(words):
        starts.append(len(text))
        text += word + ("\n" if number in breaks else " ")
    text = text[:characters].rstrip()
    every = (len(starts) - 10) // spans
    entities = []
    for number in range(spans):
        start = starts[number * every]
        end = start + len(words[number * every])
        score = None if number % 2 else round(rng.uniform(0.4, 0.99), 3)
        entities.append(Entity(start, end, LABELS[number % 5], score))
    return Document(text, tuple(entities), "long")


def press_all(page: Page, rounds: int) -> dict[str, Any]:
    """Press the keys and read the times, in milliseconds."""
    page.wait_for_timeout(4000)  # the browser has just been started, and is busy with itself
    page.evaluate(MEASURE)
    kinds: list[str] = []
    pressed: list[str] = []
    for _ in range(rounds):
        for kind, keys in KEYS.items():
            page.keyboard.press("Escape")
            kinds.append("move")
            pressed.append("Escape")
            for key in keys:
                page.wait_for_timeout(60)
                page.keyboard.press(key)
                kinds.append(kind)
                pressed.append(key)
    page.wait_for_timeout(1000)
    rows = page.evaluate("window.times")
    assert len(rows) == len(kinds), f"{len(rows)} keys were seen, {len(kinds)} pressed"
    slowest = sorted(range(len(rows)), key=lambda i: -rows[i]["key"])[:5]
    result: dict[str, Any] = {
        "keys": len(rows),
        "slowest": [[number, pressed[number], round(rows[number]["key"], 1)] for number in slowest],
    }
    for measure in ("key", "lists"):
        by_kind = {
            kind: summary([r[measure] for r, k in zip(rows, kinds, strict=True) if k == kind])
            for kind in KEYS
        }
        result[measure] = {"all": summary([r[measure] for r in rows]), **by_kind}
    return result


def cpu_times(page: Page) -> dict[str, Any]:
    """What the main thread computes for each kind of key, in milliseconds of CPU time."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    result: dict[str, Any] = {}
    for kind, keys in KEYS.items():
        page.keyboard.press("Escape")
        times = []
        for key in keys:
            page.wait_for_timeout(600)
            before = spent()
            page.keyboard.press(key)
            page.wait_for_timeout(600)
            times.append(spent() - before)
        result[kind] = summary(times)
    return result


def summary(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum."""
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "max": round(ordered[-1], 1),
    }


if __name__ == "__main__":
    main()
