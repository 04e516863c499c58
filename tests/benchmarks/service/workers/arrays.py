"""Times of one array, there and back, by several ways in turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import offgil_bench_pyo3
from offgil import AsyncClient, MessageTooLarge
from offgil.sidecar import Sidecar

from benchmarks.service.arrays import (
    CHUNKED,
    FRESH,
    POOL,
    PYO3,
    TCP,
    UNIX,
    WARM,
    draw,
    in_chunks,
)
from benchmarks.service.reference import ROUNDS
from benchmarks.service.series import rotated
from benchmarks.service.workers import answer
from processes import free_port

Array = Any
Way = Callable[[Array], Awaitable[Array]]
PROCESSES = 2
# Seconds that one way may take in a turn, but for its first call.
TURN = 0.5


async def main(count: int, rounds: int, calls: int) -> dict[str, list[float]]:
    """Returns the median seconds of a call in each round; no figures for a way that refuses."""
    array = draw(count)
    expected = offgil_bench_pyo3.process_numbers_numpy(array, ROUNDS)
    port = free_port()
    with (
        Sidecar(listen=f"127.0.0.1:{port}") as sidecar,
        ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool,
    ):
        async with (
            AsyncClient(sidecar.target) as unix,
            AsyncClient(f"dns:///127.0.0.1:{port}") as tcp,
        ):
            ways = _ways(unix, tcp, pool, array)
            figures: dict[str, list[float]] = {way: [] for way in ways}
            for way in [way for way in ways if not await _works(ways[way], array, expected, way)]:
                del ways[way]
            names = list(ways)
            for turn in range(rounds):
                for way in rotated(names, turn):
                    figures[way].append(await _turn(ways[way], array, calls))
            return figures


def _ways(
    unix: AsyncClient, tcp: AsyncClient, pool: ProcessPoolExecutor, array: Array
) -> dict[str, Way]:
    call = offgil_bench_pyo3.process_numbers_numpy
    loop = asyncio.get_running_loop()
    warm = np.zeros_like(array)

    async def copy_warm(x: Array) -> Array:
        np.copyto(warm, x)
        return warm

    async def copy_fresh(x: Array) -> Array:
        fresh = np.empty_like(x)
        np.copyto(fresh, x)
        return fresh

    return {
        UNIX: lambda x: unix.process_numbers(x, ROUNDS),
        TCP: lambda x: tcp.process_numbers(x, ROUNDS),
        CHUNKED: lambda x: in_chunks(unix, x),
        PYO3: lambda x: asyncio.to_thread(call, x, ROUNDS),
        POOL: lambda x: loop.run_in_executor(pool, call, x, ROUNDS),
        FRESH: copy_fresh,
        WARM: copy_warm,
    }


async def _works(way: Way, array: Array, expected: Array, name: str) -> bool:
    try:
        result = await way(array)
    except MessageTooLarge:
        return False
    np.testing.assert_array_equal(result, array if name in (FRESH, WARM) else expected)
    return True


async def _turn(way: Way, array: Array, calls: int) -> float:
    seconds: list[float] = []
    end = time.perf_counter() + TURN
    while len(seconds) < calls:
        began = time.perf_counter()
        await way(array)
        seconds.append(time.perf_counter() - began)
        if time.perf_counter() > end:
            break
    return float(np.median(seconds))


if __name__ == "__main__":
    answer(main)
