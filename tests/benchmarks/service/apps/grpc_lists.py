"""Plain grpc.aio: a straightforward client of the same server, with lists and no batches."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
from fastapi import FastAPI
from offgil._proto.offgil.v1.compute_pb2 import ProcessNumbersRequest, SumSquaresRequest
from offgil._proto.offgil.v1.compute_pb2_grpc import ComputeServiceStub

from benchmarks.service.apps.floor import add_floor
from benchmarks.service.apps.models import Numbers, Processed, SumOfSquares

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
OPTIONS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the channel to ``COMPUTE_ADDRESS``."""
    async with grpc.aio.insecure_channel(os.environ["COMPUTE_ADDRESS"], OPTIONS) as channel:
        app.state.stub = ComputeServiceStub(channel)
        yield


app = FastAPI(lifespan=lifespan)
add_floor(app)


@app.post("/process-numbers")
async def process_numbers(body: Numbers) -> Processed:
    """Applies f to each number."""
    request = ProcessNumbersRequest(numbers=body.numbers, rounds=body.rounds)
    response = await app.state.stub.ProcessNumbers(request)
    return Processed(original_count=len(body.numbers), processed_result=list(response.results))


@app.get("/sum-squares")
async def sum_squares(a: int, b: int) -> SumOfSquares:
    """Returns a² + b²."""
    response = await app.state.stub.SumSquares(SumSquaresRequest(a=a, b=b))
    return SumOfSquares(a=a, b=b, sum_of_squares=response.sum_of_squares)
