"""The arrays that are sent, and how those are that one message cannot hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from offgil import AsyncClient

from benchmarks.service.reference import ROUNDS

UNIX = "offgil"
TCP = "offgil over TCP"
CHUNKED = "offgil, stream of 1 MiB chunks"
PYO3 = "PyO3 with NumPy, in a thread"
POOL = "ProcessPoolExecutor"
FRESH, WARM = "memcpy into a new array", "memcpy into the same array"
CHUNK = 1024 * 1024 // 8
SEED = 1


def draw(count: int) -> Any:
    """Returns so many random numbers."""
    return np.random.default_rng(SEED).integers(1, 10**9, count, dtype=np.int64)


async def in_chunks(client: AsyncClient, array: Any) -> Any:
    """Sends an array in chunks, and returns the results as one array."""
    results = np.empty_like(array)
    done = 0
    chunks = (array[start : start + CHUNK] for start in range(0, len(array), CHUNK))
    async for part in client.process_numbers_stream(chunks, ROUNDS):
        results[done : done + len(part)] = part
        done += len(part)
    assert done == len(array)
    return results
