"""A body that passes through is answered as if pydantic had read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import pytest
from apps import JSON, app_on, http
from fake_server import FakeServer
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from offgil import (
    AsyncClient,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidArgument,
    ProtocolViolation,
)
from offgil._exceptions import FieldViolation
from offgil._options import ClientOptions
from offgil._reference import process
from offgil.fastapi._models import ProcessNumbersBody
from offgil.fastapi._passthrough import _answer
from offgil.fastapi._transfer import TRANSFER_TIMEOUT, Transfer
from offgil.testing import FakeClient

PATH = "/process-numbers-rust"
BODIES: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"{}",
    b'{"numbers":null}',
    b'{"numbers":5}',
    b'{"numbers":[]}',
    b'{"numbers":[1,"a"]}',
    b'{"numbers":["3",3.0,true]}',
    b'{"numbers":[1.5]}',
    b'{"numbers":[9223372036854775808]}',
    b'{"numbers":[-9223372036854775809]}',
    b'{"numbers":[[1]]}',
    b'{"numbers":[NaN]}',
    b'{"numbers":[1e400]}',
    b'{"numbers":[1],"numbers":[2]}',
    b'{"numbers":[1],"extra":{"a":[1]}}',
    b'{"numb\\u0065rs":[1]}',
    b' \n{"numbers" : [ 1 ] } ',
    b'{"numbers":[1],"rounds":0}',
    b'{"numbers":[1],"rounds":1000001}',
    b'{"numbers":[1],"rounds":"x"}',
    b"[" * 100_000,
    b'{"numbers":[1],"\xff":1}',
    '{"numbers":[1]}'.encode("utf-16"),
    b'\xef\xbb\xbf{"numbers":[1]}',
    b'{"numbers":[' + b"1" * 5000 + b"]}",
    b'{"numbers":["a"]' + b" " * 300_000 + b"}",
    b'{"numbers":["3"]' + b" " * 300_000 + b"}",
]
TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/vnd.api+json",
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "garbage",
    None,
]


def reference() -> FastAPI:
    app = FastAPI()

    @app.exception_handler(RequestValidationError)
    async def without_input(_: Request, error: RequestValidationError) -> JSONResponse:
        detail = [{key: fault[key] for key in ("type", "loc", "msg")} for fault in error.errors()]
        return JSONResponse({"detail": detail}, 422)

    @app.post(PATH)
    async def process_numbers(body: ProcessNumbersBody) -> dict[str, Any]:
        results = process(body.numbers, body.rounds)
        return {"original_count": len(results), "processed_result": results}

    return app


async def answers(body: bytes, content_type: str | None) -> list[tuple[int, Any]]:
    headers = {} if content_type is None else {"content-type": content_type}
    found = []
    for app in (app_on(FakeClient()), reference()):
        async with http(app) as client:
            answer = await client.post(PATH, content=body, headers=headers)
            found.append((answer.status_code, answer.json()))
    return found


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:30]))
async def test_answers_as_pydantic_alone_would(body: bytes) -> None:
    ours, pydantics = await answers(body, "application/json")
    assert ours == pydantics
    assert ours[0] < 500


@pytest.mark.parametrize("content_type", TYPES)
async def test_content_types_are_fastapis(content_type: str | None) -> None:
    ours, pydantics = await answers(b'{"numbers":[1]}', content_type)
    assert ours == pydantics


async def test_another_content_type_is_read_no_further_than_needed() -> None:
    read = 0

    async def upload() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 100_000
            yield b"x" * 100_000

    async with http(app_on(FakeClient())) as client:
        answer = await client.post(PATH, content=upload(), headers={"content-type": "text/plain"})
    assert answer.status_code == 422
    assert read < 1_300_000


async def test_small_bodies_go_in_one_message_and_large_ones_in_a_stream() -> None:
    fake = FakeClient()
    async with http(app_on(fake)) as client:
        for size in (1, 300_000, 3_000_000):
            body = b'{"rounds":0,"numbers":[1]' + b" " * size + b"}"
            answer = await client.post(PATH, content=body, headers=JSON)
            assert answer.json() == {"original_count": 1, "processed_result": [1]}
            assert answer.headers["content-type"] == "application/json"
    assert fake.calls == ["InvokeJson", "InvokeJson", "InvokeJsonStream"]


async def test_a_refused_body_is_called_typed_if_pydantic_accepts_it() -> None:
    fake = FakeClient()
    body = '{"numbers":[1],"rounds":0}'.encode("utf-16")
    async with http(app_on(fake)) as client:
        answer = await client.post(PATH, content=body, headers=JSON)
    assert answer.json() == {"original_count": 1, "processed_result": [1]}
    assert fake.calls == ["InvokeJson", "ProcessNumbers"]


async def test_a_large_bad_body_gets_the_one_fault_that_was_located() -> None:
    fake = FakeClient()
    body = b'{"numbers":[1,null]' + b" " * 2_000_000 + b"}"
    async with http(app_on(fake)) as client:
        answer = await client.post(PATH, content=body, headers=JSON)
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert fault.keys() == {"type", "loc", "msg"}
    assert (fault["type"], fault["loc"]) == ("int_type", ["body", "numbers", 1])
    assert fake.calls == ["InvokeJsonStream"]


async def test_only_an_invalid_argument_falls_back() -> None:
    fake = FakeClient()
    fake.fail_with(ProtocolViolation("broken"))
    async with http(app_on(fake)) as client:
        answer = await client.post(PATH, content=b'{"numbers":[1]}', headers=JSON)
    assert answer.status_code == 502
    assert fake.calls == ["InvokeJson"]


async def test_a_refusal_that_pydantic_does_not_share_is_a_422_after_all() -> None:
    fake = FakeClient()
    fields = (FieldViolation("numbers", "too many"),)
    fake.fail_with(InvalidArgument("m", fields=fields, metadata={"type": "too_long"}))
    async with http(app_on(fake)) as client:
        answer = await client.post(PATH, content=b'{"numbers":[1]}', headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {"type": "too_long", "loc": ["body", "numbers"], "msg": "too many"}
    ]


async def test_a_handler_of_the_app_for_validation_errors_is_respected() -> None:
    app = app_on(FakeClient())

    @app.exception_handler(RequestValidationError)
    async def teapot(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"count": len(error.errors())}, 418)

    async with http(app) as client:
        answer = await client.post(PATH, content=b'{"numbers":["a","b"]}', headers=JSON)
    assert (answer.status_code, answer.json()) == (418, {"count": 2})


async def test_an_error_after_the_first_byte_breaks_the_connection() -> None:
    class Breaking(FakeClient):
        async def _exchange(self, exchange: Any, chunks: Any, on_start: Any = None) -> Any:
            yield b'{"original_count":'
            raise ProtocolViolation("broken off")

    transport = httpx.ASGITransport(app=app_on(Breaking()))
    body = b'{"numbers":[1]' + b" " * 2_000_000 + b"}"
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises((RuntimeError, ProtocolViolation, ExceptionGroup)):
            await client.post(PATH, content=body, headers=JSON)


async def test_kernels_take_json_strictly() -> None:
    async with http(app_on(FakeClient())) as client:
        good = await client.post("/kernels/sum_squares", json={"a": 3, "b": 4})
        assert good.json() == {"a": 3, "b": 4, "sum_of_squares": 25}
        bad = await client.post("/kernels/sum_squares", json={"a": 3, "b": "4"})
        assert bad.status_code == 422
        assert bad.json()["detail"][0]["loc"] == ["body", "b"]
        unknown = await client.post("/kernels/nothing", json={})
        assert unknown.status_code == 404
        assert isinstance(unknown.json()["detail"], str)
        plain = await client.post("/kernels/sum_squares", content=b'{"a":3,"b":4}')
        assert plain.status_code == 415


class Patient(FakeClient):
    """A fake that reads its whole upload and then answers, if it answers at all."""

    def __init__(self, *, answers: bool = True) -> None:
        super().__init__()
        self._answers = answers
        self.timeouts: list[float] = []
        self.was_left = False

    def with_options(self, **options: Any) -> Patient:
        if "timeout" in options:
            self.timeouts.append(options["timeout"])
        return self

    async def _exchange(self, exchange: Any, chunks: Any, on_start: Any = None) -> Any:
        try:
            async for _ in chunks:
                pass
            if not self._answers:
                await asyncio.Event().wait()
            yield b"{}"
        finally:
            self.was_left = True


async def upload(pause: float) -> AsyncIterator[bytes]:
    yield b" " * 2_000_000
    await asyncio.sleep(pause)
    yield b"{}"


async def parts() -> AsyncIterator[list[bytes]]:
    yield [b"{", b"}"]


async def test_a_slow_upload_does_not_count_against_the_deadline() -> None:
    fake = Patient()
    fake._options = ClientOptions(timeout=0.2)
    async with http(app_on(fake)) as client:
        answer = await client.post(PATH, content=upload(0.6), headers=JSON)
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert fake.timeouts == [TRANSFER_TIMEOUT + 0.2]


async def test_a_kernel_that_does_not_answer_a_stream_is_a_504() -> None:
    fake = Patient(answers=False)
    fake._options = ClientOptions(timeout=0.2)
    async with http(app_on(fake)) as client, asyncio.timeout(20):
        answer = await client.post(PATH, content=upload(0), headers=JSON)
    assert answer.status_code == 504
    assert fake.was_left


async def test_a_server_that_takes_no_more_of_a_body_is_a_504() -> None:
    class Stuck(Patient):
        async def _exchange(self, exchange: Any, chunks: Any, on_start: Any = None) -> Any:
            await anext(chunks)
            await asyncio.Event().wait()
            yield b""

    fake = Stuck()
    fake._options = ClientOptions(timeout=0.2)
    async with http(app_on(fake)) as client, asyncio.timeout(20):
        answer = await client.post(PATH, content=upload(0), headers=JSON)
    assert answer.status_code == 504


async def test_a_server_that_stops_answering_breaks_off_the_answer() -> None:
    async def results() -> AsyncGenerator[memoryview, None]:
        yield memoryview(b"second")
        yield memoryview(b"third")
        await asyncio.Event().wait()

    answer = Transfer(parts(), 0.2).rest(results())
    assert bytes(await anext(answer)) == b"second"
    await asyncio.sleep(0.4)  # a slow reader is not the server's fault
    assert bytes(await anext(answer)) == b"third"
    with pytest.raises(DeadlineExceeded, match=r"waiting for 0\.2 s"):
        await anext(answer)


async def test_a_body_that_is_wholly_in_memory_survives_the_loss_of_the_server(
    server: FakeServer, client: AsyncClient
) -> None:
    app = app_on(client)
    body = b'{"rounds":0,"numbers":[1]' + b" " * 900_000 + b"}"
    server.failures = [ConnectionFailed("draining", reason="DRAINING")] * 2
    async with http(app) as browser:
        answer = await browser.post(PATH, content=body, headers=JSON)
    assert answer.json() == {"original_count": 1, "processed_result": [1]}
    assert len(server.calls) == 3


async def test_a_download_that_ends_early_ends_the_call() -> None:
    was_left = False

    async def results() -> AsyncGenerator[memoryview, None]:
        nonlocal was_left
        try:
            yield memoryview(b"second")
            yield memoryview(b"third")
        finally:
            was_left = True

    kept = results()  # so that nothing but the pass-through closes it
    first = await anext(kept)
    answer = _answer(first, Transfer(parts(), 10), kept)
    assert bytes(await anext(answer)) == b"second"
    assert not was_left
    await answer.aclose()
    assert was_left
