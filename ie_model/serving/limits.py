"""What a server accepts, how long it works on it, and how a request is turned away."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ie_model.errors import InputError


class Refusal(Exception):
    """A request that gets no answer: an HTTP status and one sentence for who sent it.

    ``reason`` is one word for the metrics; ``retry_after`` is in seconds.
    """

    def __init__(
        self, status: int, reason: str, sentence: str, retry_after: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.reason, self.sentence = status, reason, sentence
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server takes on.

    Args:
        body_bytes: of one request.
        documents: in one request.
        characters: of all documents of one request together.
        queue_characters: waiting for each model; a request beyond them is told to come again.
        requests: under way at a time, uploads included; more are told to come again.
        timeout: seconds for a body to arrive, and then for its answer.
        wait_ms: how long a request may wait for others to share a batch with; only while the
            model is at work anyway.

    Raises:
        InputError: a limit below 1 (``wait_ms``: below 0).
    """

    body_bytes: int = 4 * 2**20
    documents: int = 256
    characters: int = 500_000
    queue_characters: int = 2_000_000
    requests: int = 512
    timeout: float = 30.0
    wait_ms: float = 3.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), 0 if field.name == "wait_ms" else 1
            if not value >= least:
                raise InputError(f"{field.name} is {value}: give a number of at least {least}")
