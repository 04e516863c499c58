"""A pool of processes, with the server's own kernels in the workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context

import offgil_bench_pyo3
from fastapi import FastAPI

from benchmarks.service.apps.floor import add_floor
from benchmarks.service.apps.models import Numbers, Processed

WORKERS = 2


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Runs the workers."""
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)
add_floor(app)


@app.post("/process-numbers")
async def process_numbers(body: Numbers) -> Processed:
    """Applies f to each number."""
    call = offgil_bench_pyo3.process_numbers
    loop = asyncio.get_running_loop()
    results = await loop.run_in_executor(app.state.pool, call, body.numbers, body.rounds)
    return Processed(original_count=len(results), processed_result=results)
