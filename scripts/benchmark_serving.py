"""What a server delivers: waiting times, throughput, and whether it stays sound for long.

    python scripts/benchmark_serving.py runs/default
    python scripts/benchmark_serving.py runs/default --baseline
    python scripts/benchmark_serving.py runs/default --soak 50000

The first form asks for single paragraphs with 1, 8 and 64 clients, each of which waits for its
answer before it asks again, and compares the throughput with that of `Extractor.pipe`.
`--baseline` adds a plain server around the Hugging Face pipeline of the same model. `--soak` sends
requests of mixed sizes, bad bodies and clients that hang up; every answer is compared with what
was asked and with what the extractor says itself. Clients and server share the machine's CPUs.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ie_model import Document, Extractor
from ie_model.export.benchmark.measuring import sample_texts
from ie_model.serving import create_app
from ie_model.serving.served import Served
from ie_model.serving.server import address_of, listen, run

PATH = "/v1/predict"


@dataclass
class Server:
    """A server process and where it listens."""

    process: subprocess.Popen[str]
    host: str
    port: int

    def resident_mib(self, part: str = "VmRSS") -> float:
        """Its resident set, or a part of it such as RssFile, files that are mapped (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{part}:\s*(\d+) kB", status)
        return int(found.group(1)) / 1024 if found else float("nan")

    def cpu_seconds(self) -> float:
        """What it has used of the CPUs, all threads together (Linux)."""
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it as a service manager would."""
        self.process.terminate()
        self.process.wait(60)


def start(*command: str) -> Server:
    """Run a server that says `serving at http://HOST:PORT` when it listens."""
    process = subprocess.Popen(
        [sys.executable, *command], stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://([\d.]+):(\d+)", line):
            # Nobody reads further lines: the servers are told to write none.
            return Server(process, found[1], int(found[2]))
    raise SystemExit(f"the server ended with {process.wait()}")


class Connection:
    """As little HTTP/1.1 as a client needs, so that the clients leave the CPUs to the server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.writer: asyncio.StreamWriter | None = None

    async def send(self, body: bytes, path: str = PATH) -> asyncio.StreamReader:
        """Send one request, over the connection there is."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(
                self.server.host, self.server.port, limit=2**24
            )
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        await self.writer.drain()
        return self.reader

    async def ask(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        reader = await self.send(body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"content-length: (\d+)", head)
        assert length is not None, head
        answer = await reader.readexactly(int(length[1]))
        if "connection: close" in head:
            self.close()
        return int(head.split()[1]), answer

    def close(self) -> None:
        """Hang up, whatever is under way."""
        if self.writer is not None:
            self.writer.close()
        self.writer = None


async def until_ready(server: Server) -> None:
    """Ask until the model answers; anything but "not yet" ends the run."""
    connection = Connection(server)
    while (asked := await connection.ask(b'{"text": "Are you there?"}'))[0] == 503:
        await asyncio.sleep(0.2)
    connection.close()
    if asked[0] != 200:
        raise SystemExit(f"the server answered {asked[0]}: {asked[1].decode()}")


def paragraphs() -> Iterator[str]:
    """Sample paragraphs for ever, each with a number of its own in it."""
    for number, text in enumerate(itertools.cycle(sample_texts())):
        yield f"{text} Report {number}."


@dataclass
class Measured:
    """Answers a second, CPU milliseconds an answer, and waiting times in ms."""

    rate: float
    cpu: float
    p50: float = float("nan")
    p99: float = float("nan")


async def load(server: Server, clients: int, seconds: float) -> Measured:
    """Single paragraphs from so many clients; the CPU time is the server's alone."""
    await until_ready(server)
    texts = paragraphs()
    waited: list[float] = []
    warm = time.perf_counter() + seconds / 4
    end = warm + seconds
    used = 0.0

    async def client() -> None:
        nonlocal used
        connection = Connection(server)
        while (began := time.perf_counter()) < end:
            status, _ = await connection.ask(json.dumps({"text": next(texts)}).encode())
            assert status == 200, status
            now = time.perf_counter()
            if warm <= now < end:
                used = used or server.cpu_seconds()
                waited.append(1000 * (now - began))
        connection.close()

    async def cpu_at_end() -> float:
        await asyncio.sleep(end - time.perf_counter())
        return server.cpu_seconds()

    at_end = asyncio.create_task(cpu_at_end())
    await asyncio.gather(*(client() for _ in range(clients)))
    last = await at_end
    if len(waited) < 2:
        raise SystemExit(f"{len(waited)} answers in {seconds:g} s: give more --seconds")
    cuts = statistics.quantiles(waited, n=100)
    cpu = 1000 * (last - used) / len(waited)
    return Measured(len(waited) / seconds, cpu, cuts[49], cuts[98])


def pipe(extractor: Extractor, count: int) -> Measured:
    """`Extractor.pipe` over so many paragraphs, from the first asked to the last answered."""
    began, used = time.perf_counter(), time.process_time()
    for _ in extractor.pipe(itertools.islice(paragraphs(), count)):
        pass
    seconds = time.perf_counter() - began
    return Measured(count / seconds, 1000 * (time.process_time() - used) / count)


@dataclass
class Soak:
    """What came of a long mixed run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)


async def soak(server: Server, extractor: Extractor, requests: int, clients: int) -> Soak:
    """Mixed requests, each answer compared with the extractor's own."""
    await until_ready(server)
    texts = sample_texts()[:200]
    known = {
        document.text: [(e.start, e.end, e.label) for e in document.entities]
        for document in extractor.pipe(texts)
    }
    result = Soak()
    numbers = iter(range(requests))
    steps = max(requests // 20, 1)

    async def client(seed: int) -> None:
        chance = random.Random(seed)
        connection = Connection(server)
        for number in numbers:
            if number % steps == 0:
                result.resident.append(server.resident_mib())
                counts = ", ".join(f"{name} {n:,}" for name, n in sorted(result.outcomes.items()))
                print(
                    f"after {number:,} requests: {result.resident[-1]:.0f} MiB "
                    f"({server.resident_mib('RssFile'):.0f} of mapped files), faults "
                    f"{len(result.faults)}, {counts}",
                    file=sys.stderr, flush=True,
                )  # fmt: skip
            await one(connection, chance, number)
        connection.close()

    async def one(connection: Connection, chance: random.Random, number: int) -> None:
        kind = chance.choices(("one", "many", "bad", "gone"), (70, 15, 10, 5))[0]
        if kind == "bad":
            body = chance.choice([b"{", b"[]", b'{"text": 5}', b'{"text": "a", "x": 1}', b"\xff"])
            status, _ = await connection.ask(body)
            if status != 422:
                result.faults.append(f"{number}: a bad body got {status}")
            result.outcomes["bad body, refused"] += 1
            return
        count = 1 if kind == "one" else chance.randint(2, 40)
        rows = [
            {"text": chance.choice(texts), "id": f"{number}.{i}", "meta": {"n": number}}
            for i in range(count)
        ]
        body = json.dumps({"documents": rows}).encode()
        if kind == "gone":
            await connection.send(body)
            await asyncio.sleep(chance.random() / 50)
            connection.close()
            result.outcomes["hung up"] += 1
            return
        status, answer = await connection.ask(body)
        if status == 503:
            result.outcomes["told to come again"] += 1
            return
        if fault := compare(rows, status, answer):
            result.faults.append(f"{number}: {fault}")
        result.outcomes["answered"] += 1
        result.outcomes["documents"] += count

    def compare(rows: list[dict[str, Any]], status: int, answer: bytes) -> str:
        if status != 200:
            return f"status {status}"
        got = json.loads(answer)["documents"]
        if [(d["id"], d["text"], d["meta"]) for d in got] != [
            (r["id"], r["text"], r["meta"]) for r in rows
        ]:
            return "other documents than asked"
        for d in got:
            if [(e["start"], e["end"], e["label"]) for e in d["entities"]] != known[d["text"]]:
                result.outcomes["documents with other entities"] += 1
        return ""

    await asyncio.gather(*(client(seed) for seed in range(clients)))
    result.resident.append(server.resident_mib())
    return result


def serve_baseline(model: str) -> None:
    """The server one writes in ten minutes: FastAPI around the pipeline, a thread a request."""
    import socket

    import uvicorn
    from fastapi import Body, FastAPI
    from transformers import pipeline

    find = pipeline("token-classification", model, aggregation_strategy="simple")
    app = FastAPI()

    @app.post(PATH)
    def predict(text: str = Body(embed=True)) -> dict[str, Any]:
        return {
            "entities": [
                {
                    "start": e["start"], "end": e["end"], "label": e["entity_group"],
                    "score": float(e["score"]),
                }
                for e in find(text)
            ]
        }  # fmt: skip

    listener = socket.create_server(("127.0.0.1", 0))
    print(f"serving at http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    config = uvicorn.Config(app, log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


class Echo:
    """A loaded model that gives documents back as they are: what is left is the server's own."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._extractor, name)

    def predict(self, documents: list[Document]) -> list[Document]:
        """In the server."""
        return documents

    def pipe(self, texts: list[str]) -> list[Document]:
        """In the client, which compares with it."""
        return [Document(text) for text in texts]


def serve_echo(model: str) -> None:
    echo: Any = Echo(Extractor.from_pretrained(model, min_score=0.0))
    with listen("127.0.0.1", 0) as listener:
        print(f"serving at {address_of(listener)}", file=sys.stderr, flush=True)
        run(create_app([Served("echo", echo)]), listener, 30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--paragraphs", type=int, default=1000, help="for pipe, before and after")
    parser.add_argument("--baseline", action="store_true", help="measure the plain server too")
    parser.add_argument("--soak", type=int, metavar="REQUESTS", help="the long mixed run instead")
    parser.add_argument("--echo", action="store_true", help="soak the server without its model")
    parser.add_argument("--serve-echo", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve-baseline", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, help="of the engine; by default one a CPU")
    parser.add_argument("--wait-ms", default="3")
    options = parser.parse_args()
    if options.serve_baseline:
        serve_baseline(options.model)
        return
    if options.serve_echo:
        serve_echo(options.model)
        return
    ours: tuple[str, ...] = ("-m", "ie_model", "--quiet", "serve", options.model, "--port", "0",
            "--engine", options.engine, "--precision", options.precision,
            "--wait-ms", options.wait_ms)  # fmt: skip
    if options.threads:
        ours = (*ours, "--threads", str(options.threads))
    extractor: Any = Extractor.from_pretrained(
        options.model, options.engine, precision=options.precision, threads=options.threads
    )
    if options.soak:
        # A machine that stands still for a while is no fault of the server's.
        ours = (*ours, "--timeout", "600")
        if options.echo:
            ours, extractor = (__file__, options.model, "--serve-echo"), Echo(extractor)
        server = start(*ours)
        try:
            began = time.perf_counter()
            result = asyncio.run(soak(server, extractor, options.soak, max(options.clients)))
            seconds = time.perf_counter() - began
        finally:
            server.stop()
        for name, count in sorted(result.outcomes.items()):
            print(f"{name}: {count:,}")
        print(f"faults: {len(result.faults)}", *result.faults[:10], sep="\n  ")
        shown = ", ".join(f"{mib:.0f}" for mib in result.resident)
        print(f"resident set, MiB: {shown}\nseconds: {seconds:.0f}")
        raise SystemExit(1 if result.faults else 0)
    extractor.predict(sample_texts()[0])
    commands: dict[str, tuple[str, ...]] = {"ie-model serve": ours}
    if options.baseline:
        commands["pipeline server"] = (__file__, options.model, "--serve-baseline")
    for name, command in commands.items():
        server = start(*command)
        try:
            for clients in options.clients:
                # Side by side in time: what else runs on the machine meets both alike.
                before = pipe(extractor, options.paragraphs)
                row = asyncio.run(load(server, clients, options.seconds))
                after = pipe(extractor, options.paragraphs)
                rate, cpu = (before.rate + after.rate) / 2, (before.cpu + after.cpu) / 2
                print(
                    f"{name}, {clients} clients: {row.rate:,.0f}/s, {row.rate / rate:.0%} of pipe "
                    f"({rate:,.0f}/s); p50 {row.p50:.1f} ms, p99 {row.p99:.1f} ms; CPU "
                    f"{row.cpu:.2f} ms a paragraph, pipe {cpu:.2f}",
                    flush=True,
                )
        finally:
            server.stop()
    extractor.close()


if __name__ == "__main__":
    main()
