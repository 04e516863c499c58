"""A long stream of numbers: how long it takes, and what memory the two sides need for it."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import numpy as np
from offgil import AsyncClient
from offgil._proto.offgil.v1.compute_pb2 import ProcessNumbersRequest
from offgil.sidecar import Sidecar

from benchmarks.service import memory
from benchmarks.service.arrays import CHUNK, draw
from benchmarks.service.reference import ROUNDS, literal
from benchmarks.service.workers import answer

UNARY_COUNT = 1_000_000
# How many results are compared with those of a loop in Python.
SAMPLE = 10
# Seconds that the longest stream may take.
PATIENCE = 600.0


async def main(total: int, unary: int) -> dict[str, float]:
    """Sends so many bytes as a stream, and so many in unary calls.

    Returns:
        Bytes per second of both, and of arrays that the client sends in pieces; and in bytes, the
        memory of the client before it began, and the peaks of both sides.
    """
    with Sidecar() as sidecar:
        async with AsyncClient(sidecar.target) as client:
            await client.wait_until_ready()
            assert sidecar.pid is not None
            chunk = draw(CHUNK)
            before = memory.resident(os.getpid())
            pids = {"client": os.getpid(), "server": sidecar.pid}
            for pid in pids.values():
                memory.reset(pid)
            figures = {"stream": await _stream(client, chunk, total), "before": float(before)}
            figures |= {name: float(memory.peak(pid)) for name, pid in pids.items()}
            if unary:
                array = draw(UNARY_COUNT)
                figures["unary"] = await _rate(lambda: _unary(client, array), unary)
                figures["arrays"] = await _rate(
                    lambda: client.process_numbers(array, ROUNDS), unary
                )
            return figures


async def _stream(client: AsyncClient, chunk: Any, total: int) -> float:
    count = total // chunk.nbytes

    def chunks() -> Iterator[Any]:
        for _ in range(count):
            yield chunk

    received = 0
    patient = client.with_options(timeout=PATIENCE)
    began = time.perf_counter()
    async for results in patient.process_numbers_stream(chunks(), ROUNDS):
        if received == 0:
            assert results[:SAMPLE].tolist() == [literal(x) for x in chunk[:SAMPLE].tolist()]
        received += int(results.nbytes)
    seconds = time.perf_counter() - began
    assert received == count * chunk.nbytes
    return received / seconds


async def _unary(client: AsyncClient, array: Any) -> Any:
    request = ProcessNumbersRequest(packed_numbers=array.tobytes(), rounds=ROUNDS)
    response = await client.stub.ProcessNumbers(request)
    return np.frombuffer(response.packed_results, dtype="<i8")


async def _rate(call: Callable[[], Awaitable[Any]], total: int) -> float:
    results = await call()
    assert results.size == UNARY_COUNT
    calls: int = max(total // results.nbytes, 1)
    began = time.perf_counter()
    for _ in range(calls):
        await call()
    seconds = time.perf_counter() - began
    return float(calls * results.nbytes) / seconds


if __name__ == "__main__":
    answer(main)
