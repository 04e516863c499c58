"""PyO3 at its best: the server's own kernels without the GIL on all cores, and a typed response."""

from __future__ import annotations

import offgil_bench_pyo3
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.service.apps.floor import add_floor
from benchmarks.service.apps.models import Numbers, Processed, SumOfSquares

app = FastAPI()
add_floor(app)


@app.post("/process-numbers")
async def process_numbers(body: Numbers) -> Processed:
    """Applies f to each number."""
    call = offgil_bench_pyo3.process_numbers
    results = await run_in_threadpool(call, body.numbers, body.rounds)
    return Processed(original_count=len(results), processed_result=results)


@app.get("/sum-squares")
async def sum_squares(a: int, b: int) -> SumOfSquares:
    """Returns a² + b²; so short a call needs no thread."""
    result = offgil_bench_pyo3.sum_squares(a, b)
    return SumOfSquares(a=a, b=b, sum_of_squares=result)


async def sum_plain_squares(request: Request) -> Response:
    """Does the same without FastAPI."""
    a, b = int(request.query_params["a"]), int(request.query_params["b"])
    text = f'{{"a":{a},"b":{b},"sum_of_squares":{offgil_bench_pyo3.sum_squares(a, b)}}}'
    return Response(text, media_type="application/json")


app.add_route("/sum-squares-plain", sum_plain_squares)
