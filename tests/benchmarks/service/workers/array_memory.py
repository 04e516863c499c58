"""The memory of one array, there and back: of the client and of its embedded server."""

from __future__ import annotations

import os

from offgil import AsyncClient, MessageTooLarge
from offgil.sidecar import Sidecar

from benchmarks.service import memory
from benchmarks.service.arrays import draw, in_chunks
from benchmarks.service.reference import ROUNDS
from benchmarks.service.workers import answer

CALLS = 5


async def main(count: int, chunked: bool) -> dict[str, float] | None:
    """Returns the peaks over what was there before, as multiples of the array; None if refused."""
    with Sidecar() as sidecar:
        async with AsyncClient(sidecar.target) as client:
            await client.process_numbers(draw(1), ROUNDS)
            assert sidecar.pid is not None
            pids = {"client": os.getpid(), "server": sidecar.pid}
            before = {name: memory.resident(pid) for name, pid in pids.items()}
            array = draw(count)
            for pid in pids.values():
                memory.reset(pid)
            for _ in range(CALLS):
                try:
                    results = await _call(client, array, chunked)
                except MessageTooLarge:
                    return None
                assert len(results) == count
                del results
            return {
                name: (memory.peak(pid) - before[name]) / array.nbytes for name, pid in pids.items()
            }


async def _call(client: AsyncClient, array: object, chunked: bool) -> list[int]:
    call = in_chunks(client, array) if chunked else client.process_numbers(array, ROUNDS)
    results: list[int] = await call
    return results


if __name__ == "__main__":
    answer(main)
