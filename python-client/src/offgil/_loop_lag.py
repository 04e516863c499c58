"""How late the event loop of the app is: a Prometheus histogram.

A loop that something blocks runs everything else late; so a task that asks to be woken every 100 ms
observes by how much it was woken too late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Histogram

__all__ = ["observing_loop_lag"]

INTERVAL = 0.1
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LAG = Histogram(
    "offgil_event_loop_lag_seconds",
    "How much later than it asked for a task was woken that sleeps for 0.1 s at a time.",
    buckets=BUCKETS,
)


@asynccontextmanager
async def observing_loop_lag() -> AsyncIterator[None]:
    """Observes the lag of the running event loop while the body runs."""
    observing = asyncio.create_task(_observe())
    try:
        yield
    finally:
        observing.cancel()
        await asyncio.wait([observing])


async def _observe() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL
        await asyncio.sleep(INTERVAL)
        LAG.observe(max(loop.time() - due, 0.0))
