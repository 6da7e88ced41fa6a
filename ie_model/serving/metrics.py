"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_DOCUMENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self.requests = Counter(
            "ie_model_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "ie_model_request_seconds", "From a request's first byte to its answer.", ["route"],
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self.refused = Counter(
            "ie_model_refused", "Requests turned away.", ["reason"], registry=self._registry
        )
        self.abandoned = Counter(
            "ie_model_abandoned", "Requests whose client left.", registry=self._registry
        )
        self.documents = Counter(
            "ie_model_documents", "Documents answered.", ["model"], registry=self._registry
        )
        self.failed = Counter(
            "ie_model_failed_documents", "Documents that failed.", ["model"],
            registry=self._registry,
        )  # fmt: skip
        self.characters = Counter(
            "ie_model_characters", "Characters answered.", ["model"], registry=self._registry
        )
        self.batch_documents = Histogram(
            "ie_model_batch_documents", "Documents in a batch.", ["model"], buckets=_DOCUMENTS,
            registry=self._registry,
        )  # fmt: skip
        self.under_way = Gauge(
            "ie_model_requests_under_way", "Requests begun and not ended.", registry=self._registry
        )
        self._waiting = Gauge(
            "ie_model_waiting_characters", "Characters in the queue.", ["model"],
            registry=self._registry,
        )  # fmt: skip
        self._ready = Gauge("ie_model_ready", "1 when warm.", ["model"], registry=self._registry)

    def watch(self, model: str, waiting: Callable[[], float], ready: Callable[[], float]) -> None:
        """Read a model's queue and state whenever the metrics are asked for."""
        self._waiting.labels(model).set_function(waiting)
        self._ready.labels(model).set_function(ready)

    def render(self) -> bytes:
        """All of them in the text format."""
        return generate_latest(self._registry)
