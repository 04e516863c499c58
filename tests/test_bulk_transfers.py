"""Large arrays and long streams: complete or an error, in bounded memory, whatever breaks."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import numpy
import offgil
import psutil
import pytest
from offgil import AsyncClient, Client

from conftest import Start
from processes import PATIENCE, App, Server
from raw_http import connect
from relay import Relay

COUNT = 1_000_000
# More than the longest message holds.
LONG = 70 * 1024 * 1024 // 8
MIB = 1024 * 1024
CHUNK = numpy.arange(MIB // 8)
JSON = {"content-type": "application/json"}


# So many bytes go out although nobody reads them.
UNDER_WAY = 50_000


async def sent_by_a_tiny_call(client: AsyncClient, relay: Relay) -> int:
    """Connects a client, and returns how many bytes had gone out at least."""
    await client.sum_squares(3, 4)
    return relay.wait_until_sent(b"", 1)


async def test_an_array_longer_than_a_message_comes_back(server: Server) -> None:
    numbers = numpy.arange(LONG)
    async with AsyncClient(server.unix_target) as client:
        assert numpy.array_equal(await client.process_numbers(numbers, rounds=0), numbers)
    with Client(server.target) as blocking:
        plain = array("q", range(COUNT))
        assert blocking.process_numbers(plain, rounds=0) == plain
        assert numpy.array_equal(blocking.process_numbers(numbers, rounds=0), numbers)


async def test_a_large_array_is_computed_as_a_small_one(server: Server) -> None:
    numbers = numpy.random.default_rng(1).integers(-(2**63), 2**63 - 1, COUNT)
    async with AsyncClient(server.target) as client:
        results = await client.process_numbers(numbers)
        for start in (0, 65_535, COUNT - 1000):
            part = numbers[start : start + 1000]
            assert numpy.array_equal(
                results[start : start + 1000], await client.process_numbers(part)
            )


async def test_a_transfer_begins_anew_when_its_server_is_lost(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path))
    numbers = numpy.arange(LONG)
    with Relay(server.port) as relay:
        async with AsyncClient(relay.target, connect_timeout=20) as client:
            start_of_transfer = await sent_by_a_tiny_call(client, relay)
            server.freeze()
            call = asyncio.create_task(client.process_numbers(numbers, rounds=0))
            await asyncio.to_thread(relay.wait_until_sent, b"", start_of_transfer + UNDER_WAY)
            server.sigkill()
            server.wait()
            start(Server(tmp_path, port=server.port))
            assert numpy.array_equal(await call, numbers)


async def test_a_transfer_that_is_cut_off_is_an_error(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    with Relay(server.port) as relay:
        async with AsyncClient(relay.target, connect_timeout=0.2) as client:
            start_of_transfer = await sent_by_a_tiny_call(client, relay)
            server.freeze()
            whole = asyncio.create_task(client.process_numbers(numpy.arange(COUNT), rounds=0))
            await asyncio.to_thread(relay.wait_until_sent, b"", start_of_transfer + UNDER_WAY)
            server.sigkill()
            server.wait()
            with pytest.raises(offgil.ConnectionFailed):
                await whole


async def test_a_stream_that_is_cut_off_is_no_result(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    received = 0

    def endless() -> Iterator[numpy.ndarray]:
        while True:
            yield CHUNK

    async with AsyncClient(server.target, connect_timeout=0.2) as client:
        with pytest.raises(offgil.ConnectionFailed):
            async for results in client.process_numbers_stream(endless(), rounds=0):
                assert numpy.array_equal(results, CHUNK)
                received += 1
                if received == 5:
                    server.sigkill()
    assert received >= 5
    server.wait()


async def test_a_slow_reader_takes_no_more_memory(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    offered = 400
    taken = 0

    def source() -> Iterator[numpy.ndarray]:
        nonlocal taken
        while taken < offered:
            taken += 1
            yield CHUNK

    async with AsyncClient(server.target, timeout=PATIENCE) as client:
        await client.process_numbers(CHUNK, rounds=0)
        own, other = psutil.Process(), psutil.Process(server.pid)
        before = own.memory_info().rss, other.memory_info().rss
        stream = client.process_numbers_stream(source(), rounds=0)
        await anext(stream)
        seen = -1
        while seen != taken:  # until nothing moves any more
            seen = taken
            await asyncio.sleep(1)
        assert taken < offered / 4
        grown = own.memory_info().rss - before[0], other.memory_info().rss - before[1]
        assert max(grown) < 128 * MIB, grown
        # Others are served meanwhile, and the stream goes on.
        assert await client.sum_squares(3, 4) == 25
        rest = 0
        async for results in stream:
            assert len(results) == len(CHUNK)
            rest += 1
        assert rest == offered - 1


def test_slow_http_readers_take_no_memory_of_the_app(start: Start[App], tmp_path: Path) -> None:
    app = start(App(tmp_path))
    numbers = [1_234_567_890_123_456_789] * COUNT  # 20 MB up and down as JSON
    body = json.dumps({"numbers": numbers, "rounds": 0})
    for _ in range(3):
        assert post(app, body).json()["processed_result"] == numbers
    own, sidecar = psutil.Process(app.pid), app.sidecar()
    before = own.memory_info().rss, sidecar.memory_info().rss
    with ExitStack() as stack:
        answers = []
        for _ in range(6):
            reader = stack.enter_context(closing(HTTPConnection("127.0.0.1")))
            reader.sock = connect(app, receive_buffer=65_536)
            reader.request("POST", "/process-numbers-rust", body, JSON)
            answers.append(reader.getresponse())  # reads the head and no more
        time.sleep(1)  # for more to come, if something did not wait for the readers
        grown = own.memory_info().rss - before[0], sidecar.memory_info().rss - before[1]
        # The app holds what is under way, some windows for each; the server the answers.
        assert grown[0] < len(answers) * 8 * MIB, grown
        assert grown[1] < len(answers) * 40 * MIB, grown
        began = time.monotonic()
        assert app.get("/sum-squares-rust?a=3&b=4").json()["sum_of_squares"] == 25
        assert time.monotonic() - began < 1
        for answer in answers:
            assert answer.status == 200
            assert json.load(answer)["processed_result"] == numbers


def post(app: App, body: str) -> httpx.Response:
    return app.post("/process-numbers-rust", content=body, headers=JSON)
