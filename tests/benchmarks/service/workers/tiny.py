"""Times of one tiny call, by the client and by the stub under it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from offgil import AsyncClient
from offgil._proto.offgil.v1.compute_pb2 import SumSquaresRequest
from offgil.sidecar import Sidecar

from benchmarks.service.workers import answer

WARM_UP = 200


async def main(calls: int) -> dict[str, float]:
    """Returns median seconds."""
    request = SumSquaresRequest(a=5, b=10)
    with Sidecar() as sidecar:
        async with AsyncClient(sidecar.target) as client:
            return {
                "client": await _time(lambda: client.sum_squares(5, 10), calls),
                "stub": await _time(lambda: client.stub.SumSquares(request, timeout=30), calls),
            }


async def _time(call: Callable[[], Awaitable[Any]], calls: int) -> float:
    seconds = []
    for _ in range(WARM_UP + calls):
        began = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - began)
    return median(seconds[WARM_UP:])


if __name__ == "__main__":
    answer(main)
