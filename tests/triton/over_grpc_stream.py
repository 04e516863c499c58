"""`tritonclient.grpc` and its asyncio form stream: an error in the middle concerns itself alone."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.grpc.aio import InferenceServerClient as AsyncInferenceServerClient

from triton.kernels import check_error, read, run

TOLD = read()
PATIENCE = 30
COUNT = 40
# The requests that are wrong, one in a way of its own each.
WRONG = {7: "numbers", 8: "rounds", 20: "no version", 39: "no kernel"}


def request(index: int) -> dict[str, Any]:
    """Returns the arguments of a request; its one number is its index, its work uneven."""
    values = np.array([index] * (1 if index % 5 else 5_000), dtype=np.int64)
    numbers = InferInput("numbers", [len(values)], "INT64").set_data_from_numpy(values)
    made: dict[str, Any] = {
        "model_name": "process_numbers",
        "inputs": [numbers],
        "request_id": f"id-{index}",
        "parameters": {"rounds": 0},
    }
    match WRONG.get(index):
        case "numbers":
            made["inputs"] = []
        case "rounds":
            made["parameters"] = {"rounds": -1}
        case "no version":
            made["model_version"] = "2"
        case "no kernel":
            made["model_name"] = "nothing"
    return made


def check(answers: list[tuple[Any, Any]]) -> None:
    """Fails unless each request was answered in its turn, right or with its own error."""
    assert len(answers) == COUNT
    for index, (result, error) in enumerate(answers):
        if index in WRONG:
            assert result is None
            check_error(error, None, WRONG[index])
            continue
        assert error is None, error
        assert result.get_response().id == f"id-{index}"
        assert set(result.as_numpy("processed_result").tolist()) == {index}


def streams_with_threads() -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with InferenceServerClient(TOLD.grpc) as client:
        client.start_stream(lambda result, error: answers.put((result, error)))
        for index in range(COUNT):
            client.async_stream_infer(**request(index))
        check([answers.get(timeout=PATIENCE) for _ in range(COUNT)])
        client.stop_stream()
    assert answers.empty()


def streams_one_after_the_other() -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with InferenceServerClient(TOLD.grpc) as client:
        for _ in range(2):
            client.start_stream(lambda result, error: answers.put((result, error)))
            collected = []
            for index in range(COUNT):
                client.async_stream_infer(**request(index))
                # The answer comes while the stream is open for more.
                collected.append(answers.get(timeout=PATIENCE))
            client.stop_stream()
            check(collected)


def answers_futures() -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with InferenceServerClient(TOLD.grpc) as client:
        client.async_infer(
            callback=lambda result, error: answers.put((result, error)), **request(1)
        )
        result, error = answers.get(timeout=PATIENCE)
    assert error is None
    assert result.as_numpy("processed_result").tolist() == [1]


def streams_with_asyncio() -> None:
    asyncio.run(_stream_with_asyncio())


async def _stream_with_asyncio() -> None:
    async def requests() -> AsyncIterator[dict[str, Any]]:
        for index in range(COUNT):
            yield request(index)

    async with AsyncInferenceServerClient(TOLD.grpc) as client:
        check([answer async for answer in client.stream_infer(requests())])


def calls_with_asyncio() -> None:
    asyncio.run(_call_with_asyncio())


async def _call_with_asyncio() -> None:
    async with AsyncInferenceServerClient(TOLD.grpc) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("ema")
        assert (await client.get_server_metadata()).name == "offgil"
        assert (await client.get_model_metadata("ema")).name == "ema"
        assert (await client.get_model_config("ema")).config.name == "ema"
        assert len((await client.get_inference_statistics("ema")).model_stats) == 1
        models = (await client.get_model_repository_index()).models
        assert len(models) == len(TOLD.kernels)
        indices = [x for x in range(COUNT) if x not in WRONG]
        answers = await asyncio.gather(*(client.infer(**request(index)) for index in indices))
        for index, answer in zip(indices, answers, strict=True):
            assert answer.get_response().id == f"id-{index}"
            assert set(answer.as_numpy("processed_result").tolist()) == {index}


if __name__ == "__main__":
    run(
        [
            streams_with_threads,
            streams_one_after_the_other,
            answers_futures,
            streams_with_asyncio,
            calls_with_asyncio,
        ]
    )
