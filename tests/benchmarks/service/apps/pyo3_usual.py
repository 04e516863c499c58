"""PyO3 as usually written: a literal loop under the GIL, in the thread pool, and a dict back."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from offgil_bench_pyo3 import process_numbers_usual

from benchmarks.service.apps.floor import add_floor
from benchmarks.service.apps.models import Numbers

app = FastAPI()
add_floor(app)


@app.post("/process-numbers")
async def process_numbers(body: Numbers):  # type: ignore[no-untyped-def]
    """Applies f to each number."""
    results = await run_in_threadpool(process_numbers_usual, body.numbers, body.rounds)
    return {"original_count": len(body.numbers), "processed_result": results}
