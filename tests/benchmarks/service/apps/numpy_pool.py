"""NumPy in the thread pool: the literal loop over rounds, each of them over all numbers."""

from __future__ import annotations

import numpy as np
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from benchmarks.service.apps.floor import add_floor
from benchmarks.service.apps.models import Numbers, Processed

MODULUS = 1_000_000_007

app = FastAPI()
add_floor(app)


@app.post("/process-numbers")
async def process_numbers(body: Numbers) -> Processed:
    """Applies f to each number."""
    results = await run_in_threadpool(process, body.numbers, body.rounds)
    return Processed(original_count=len(results), processed_result=results)


def process(numbers: list[int], rounds: int) -> list[int]:
    """Applies f to each number; `fmod` keeps the sign as Rust does, and int64 wraps."""
    x = np.array(numbers, dtype=np.int64)
    for _ in range(rounds):
        x += 1
        x *= 2
        np.fmod(x, MODULUS, out=x)
    results: list[int] = x.tolist()
    return results
