"""What a server delivers: waiting times, throughput, and whether it stays sound for long.

    python scripts/benchmark_serving.py runs/default
    python scripts/benchmark_serving.py runs/default --baseline
    python scripts/benchmark_serving.py runs/default --soak 50000 --clients 16

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
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving_client import Connection, Server, start, until_ready
from serving_soak import Soak
from serving_stand_ins import Echo

from ie_model import Extractor
from ie_model.export.benchmark.measuring import sample_texts

STAND_INS = str(Path(__file__).with_name("serving_stand_ins.py"))


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


def soak(command: Sequence[str], extractor: Any, requests: int, clients: int) -> int:
    """Soak a server and print what came of it; how many faults there were."""
    server = start(*command)
    try:
        began = time.perf_counter()
        soaked = Soak(server, extractor, requests)
        asyncio.run(soaked.run(clients))
        seconds = time.perf_counter() - began
    finally:
        server.stop()
    print(f"{soaked.report()}\nseconds: {seconds:.0f}")
    return len(soaked.faults)


def compare_with_pipe(
    name: str, command: Sequence[str], extractor: Extractor, options: argparse.Namespace
) -> None:
    """Print a line for each number of clients of one server."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--paragraphs", type=int, default=1000, help="for pipe, before and after")
    parser.add_argument("--baseline", action="store_true", help="measure the plain server too")
    parser.add_argument("--soak", type=int, metavar="REQUESTS", help="the long mixed run instead")
    parser.add_argument("--echo", action="store_true", help="soak the server without its model")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, help="of the engine; by default one a CPU")
    parser.add_argument("--wait-ms", default="3")
    options = parser.parse_args()
    ours = ["-m", "ie_model", "--quiet", "serve", options.model, "--port", "0",
            "--engine", options.engine, "--precision", options.precision,
            "--wait-ms", options.wait_ms]  # fmt: skip
    if options.threads:
        ours += ["--threads", str(options.threads)]
    extractor: Any = Extractor.from_pretrained(
        options.model, options.engine, precision=options.precision, threads=options.threads
    )
    if options.soak:
        # A machine that stands still for a while is no fault of the server's.
        command = [*ours, "--timeout", "600"]
        if options.echo:
            command, extractor = [STAND_INS, "echo", options.model], Echo(extractor)
        raise SystemExit(1 if soak(command, extractor, options.soak, max(options.clients)) else 0)
    extractor.predict(sample_texts()[0])
    compare_with_pipe("ie-model serve", ours, extractor, options)
    if options.baseline:
        command = [STAND_INS, "pipeline", options.model]
        compare_with_pipe("pipeline server", command, extractor, options)
    extractor.close()


if __name__ == "__main__":
    main()
