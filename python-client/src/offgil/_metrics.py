"""Prometheus metrics of the app: an ASGI middleware and the route that shows them.

With several workers every process writes its numbers to files in ``PROMETHEUS_MULTIPROC_DIR``, and
whichever worker is asked adds them up.
"""

from __future__ import annotations

import functools
import os
import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from offgil._config import MULTIPROCESS_VARIABLE

__all__ = ["MetricsMiddleware", "forget_process", "show_metrics"]

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# They double the output, and multi-process mode has none.
disable_created_metrics()  # type: ignore[no-untyped-call]

REQUESTS = Counter(
    "offgil_http_requests",
    "HTTP requests answered, by route, method and status.",
    ("route", "method", "status"),
)
LATENCY = Histogram(
    "offgil_http_request_duration_seconds",
    "Time from a request to the last byte of its answer.",
    ("route", "method"),
    buckets=BUCKETS,
)
IN_FLIGHT = Gauge(
    "offgil_http_requests_in_flight",
    "HTTP requests being answered.",
    multiprocess_mode="livesum",
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class MetricsMiddleware:
    """Counts and times every HTTP request."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request of the app and records it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # what the server answers if the app fails before it answers

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        IN_FLIGHT.inc()
        began = time.perf_counter()
        try:
            await self._app(scope, receive, watch)
        finally:
            IN_FLIGHT.dec()
            # The pattern of the route and known methods only: a client must not be able to
            # create time series at will.
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in METHODS else "other"
            latency, requests = _series(route, method, status)
            latency.observe(time.perf_counter() - began)
            requests.inc()


@functools.cache
def _series(route: str, method: str, status: int) -> tuple[Histogram, Counter]:
    # To find them takes longer than to add to them; there are only as many as routes and answers.
    return LATENCY.labels(route, method), REQUESTS.labels(route, method, str(status))


async def show_metrics(request: Request) -> Response:
    """Shows the metrics of all workers in the text format of Prometheus."""
    registry = REGISTRY
    if MULTIPROCESS_VARIABLE in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def forget_process() -> None:
    """Removes this worker's share of what is in flight, because the worker ends."""
    if MULTIPROCESS_VARIABLE in os.environ:
        mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
