"""A long run of mixed requests to a server, each answer compared with the extractor's own."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from typing import Any

from serving_client import Connection, Server, until_ready

from ie_model.export.benchmark.measuring import sample_texts

KINDS = {"one": 70, "many": 15, "bad": 10, "gone": 5}
"""Of a hundred requests: single documents, lists, bad bodies, clients that hang up."""

BAD_BODIES = [b"{", b"[]", b'{"text": 5}', b'{"text": "a", "x": 1}', b"\xff"]


class Soak:
    """Requests to a server that is ready, and what came of them.

    Args:
        server: where they go.
        extractor: anything with ``pipe``; its answers are the right ones.
        total: how many requests in all.
    """

    def __init__(self, server: Server, extractor: Any, total: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self.faults: list[str] = []
        self.resident: list[float] = []
        self._server, self._total = server, total
        self._texts = sample_texts()[:200]
        self._known = {
            document.text: [(e.start, e.end, e.label) for e in document.entities]
            for document in extractor.pipe(self._texts)
        }

    async def run(self, clients: int) -> None:
        """Send all requests from so many clients."""
        await until_ready(self._server)
        numbers = iter(range(self._total))
        steps = max(self._total // 20, 1)

        async def client(seed: int) -> None:
            rng = random.Random(seed)
            connection = Connection(self._server)
            for number in numbers:
                if number % steps == 0:
                    self._look(number)
                await self._request(connection, rng, number)
            connection.close()

        await asyncio.gather(*(client(seed) for seed in range(clients)))
        self.resident.append(self._server.resident_mib())

    def report(self) -> str:
        """Outcomes, the first faults and the resident set over time."""
        lines = [f"{name}: {count:,}" for name, count in sorted(self.outcomes.items())]
        lines += [f"faults: {len(self.faults)}", *(f"  {fault}" for fault in self.faults[:10])]
        shown = ", ".join(f"{mib:.0f}" for mib in self.resident)
        return "\n".join([*lines, f"resident set, MiB: {shown}"])

    def _look(self, number: int) -> None:
        self.resident.append(self._server.resident_mib())
        counts = ", ".join(f"{name} {n:,}" for name, n in sorted(self.outcomes.items()))
        print(
            f"after {number:,} requests: {self.resident[-1]:.0f} MiB "
            f"({self._server.resident_mib('RssFile'):.0f} of mapped files), faults "
            f"{len(self.faults)}, {counts}",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    async def _request(self, connection: Connection, rng: random.Random, number: int) -> None:
        (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
        if kind == "bad":
            status, _ = await connection.ask(rng.choice(BAD_BODIES))
            if status != 422:
                self.faults.append(f"{number}: a bad body got {status}")
            self.outcomes["bad body, refused"] += 1
            return
        count = 1 if kind == "one" else rng.randint(2, 40)
        rows = [
            {"text": rng.choice(self._texts), "id": f"{number}.{i}", "meta": {"n": number}}
            for i in range(count)
        ]
        body = json.dumps({"documents": rows}).encode()
        if kind == "gone":
            await connection.send(body)
            await asyncio.sleep(rng.random() / 50)
            connection.close()
            self.outcomes["hung up"] += 1
            return
        status, answer = await connection.ask(body)
        if status == 503:
            self.outcomes["told to come again"] += 1
            return
        if fault := self._compare(rows, status, answer):
            self.faults.append(f"{number}: {fault}")
        self.outcomes["answered"] += 1
        self.outcomes["documents"] += count

    def _compare(self, rows: list[dict[str, Any]], status: int, answer: bytes) -> str:
        """What is wrong with an answer, or nothing."""
        if status != 200:
            return f"status {status}"
        got = json.loads(answer)["documents"]
        if [(d["id"], d["text"], d["meta"]) for d in got] != [
            (r["id"], r["text"], r["meta"]) for r in rows
        ]:
            return "other documents than asked"
        for d in got:
            if [(e["start"], e["end"], e["label"]) for e in d["entities"]] != self._known[
                d["text"]
            ]:
                self.outcomes["documents with other entities"] += 1
        return ""
