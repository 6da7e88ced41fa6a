"""A server process and a plain client, for what measures `ie-model serve`."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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
