"""Servers to measure `ie-model serve` against: the plain one, and ours without its model.

    python scripts/serving_stand_ins.py pipeline runs/default
    python scripts/serving_stand_ins.py echo runs/default

Each says `serving at http://HOST:PORT` on standard error when it listens, and nothing after that.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from serving_client import PATH

from ie_model import Document, Extractor
from ie_model.serving import create_app
from ie_model.serving.served import Served
from ie_model.serving.server import address_of, listen, run


def serve_pipeline(model: str) -> None:
    """FastAPI around the Hugging Face pipeline, a thread a request."""
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
    print(f"serving at {address_of(listener)}", file=sys.stderr, flush=True)
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
    """The server of the package around an :class:`Echo`."""
    echo: Any = Echo(Extractor.from_pretrained(model, min_score=0.0))
    with listen("127.0.0.1", 0) as listener:
        print(f"serving at {address_of(listener)}", file=sys.stderr, flush=True)
        run(create_app([Served("echo", echo)]), listener, 30)


if __name__ == "__main__":
    {"pipeline": serve_pipeline, "echo": serve_echo}[sys.argv[1]](sys.argv[2])
