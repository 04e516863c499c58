"""The app observes how late its event loop is."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import REGISTRY

from offgil._loop_lag import observing_loop_lag

NAME = "offgil_event_loop_lag_seconds"


def sample(suffix: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(NAME + suffix, labels) or 0.0


def late() -> float:
    return sample("_count") - sample("_bucket", le="0.1")


async def test_a_loop_that_was_blocked_is_late() -> None:
    before = late()
    async with observing_loop_lag():
        await asyncio.sleep(0.01)  # the task sleeps now
        time.sleep(0.3)
        async with asyncio.timeout(10):
            while late() == before:
                await asyncio.sleep(0.01)


async def test_a_loop_is_observed_again_and_again() -> None:
    count = sample("_count")
    async with observing_loop_lag(), asyncio.timeout(10):
        while sample("_count") < count + 2:
            await asyncio.sleep(0.01)


async def test_nothing_runs_on_afterwards() -> None:
    before = asyncio.all_tasks()
    async with observing_loop_lag():
        assert len(asyncio.all_tasks()) == len(before) + 1
    assert asyncio.all_tasks() == before
