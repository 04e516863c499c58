"""The server's log: one line for each call, with what an operator needs and nothing of the data."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest
from offgil import AsyncClient, Client, InvalidArgument, NotFound, OutOfRange

from conftest import Start
from processes import PATIENCE, App, Server, clean_environment, free_port, server_binary, wait_for

SECRET = 4_611_686_018_427_387_847
TINY_CALLS, WRONG_CALLS = 5_000, 20
STAGES = {"queue_us", "decode_us", "compute_us", "encode_us"}


def only_call(server: Server, request_id: str) -> dict[str, Any]:
    found = wait_for(
        lambda: [x for x in server.calls() if x["request_id"] == request_id], "the call is logged"
    )
    (line,) = found
    return line


def test_writes_one_json_line_for_a_call(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    with Client(server.target, metadata=(("x-request-id", "one"),)) as client:
        client.process_numbers([1, 2, 3])
        line = only_call(server, "one")
        assert line["method"] == "offgil.v1.ComputeService/ProcessNumbers"
        assert (line["kernel"], line["n"], line["code"]) == ("process_numbers", 3, 0)
        assert line["micros"] > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])
        assert line["level"] == "INFO"
        client.with_options(metadata=(("x-request-id", "two"),)).run("sum_squares", a=3, b=4)
        line = only_call(server, "two")
        assert line["method"] == "offgil.v1.ComputeService/Invoke"
        assert (line["kernel"], line["code"]) == ("sum_squares", 0)
        for chunk in client.with_options(
            metadata=(("x-request-id", "three"),)
        ).process_numbers_stream([[1, 2], [3]]):
            assert chunk
        line = only_call(server, "three")
        assert line["method"] == "offgil.v1.ComputeService/ProcessNumbersStream"
        assert (line["kernel"], line["code"]) == ("process_numbers", 0)
    # Every line of the log is JSON.
    for text in server.log.splitlines():
        assert isinstance(json.loads(text), dict)


def test_logs_the_code_of_an_error(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    with Client(server.target) as client:

        def named(name: str) -> Client:
            return client.with_options(metadata=(("x-request-id", name),))

        with pytest.raises(InvalidArgument):
            named("a").process_numbers([1], rounds=1_000_001)
        with pytest.raises(NotFound):
            named("b").run("nope")
        with pytest.raises(OutOfRange):
            named("c").sum_squares(2**62, 2**62)
    assert only_call(server, "a")["code"] == 3
    assert only_call(server, "b")["code"] == 5
    assert only_call(server, "c")["code"] == 11


def test_holds_nothing_of_the_data(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path, "--log", "trace"))
    with Client(server.target, metadata=(("x-request-id", "secret"),)) as client:
        client.process_numbers([SECRET], rounds=0)
        client.run("process_numbers", numbers=[SECRET], rounds=0)
        list(client.process_numbers_stream([[SECRET]], rounds=0))
        with pytest.raises(InvalidArgument):
            client.invoke_json("process_numbers", b'{"numbers":[%d,"a secret text"]}' % SECRET)
        with pytest.raises(OutOfRange):
            client.sum_squares(SECRET, SECRET)
    wait_for(
        lambda: len([x for x in server.calls() if x["request_id"] == "secret"]) == 5,
        "the calls are logged",
    )
    assert str(SECRET) not in server.log
    assert "a secret text" not in server.log


def test_says_what_took_the_time_of_a_slow_call_and_nothing_of_its_data(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path, "--slow-call", "1ms"))
    with Client(server.target, metadata=(("x-request-id", "slow"),)) as client:
        answer = client.run("process_numbers", numbers=[SECRET] * 8, rounds=1_000_000)
    line = only_call(server, "slow")
    assert (line["level"], line["message"]) == ("WARN", "slow call")
    assert (line["kernel"], line["n"], line["code"]) == ("process_numbers", 8, 0)
    # Nothing else, so nothing of the call.
    described = {"timestamp", "level", "message", "target", "request_id"}
    counted = {"method", "kernel", "n", "code", "micros"}
    assert line.keys() == described | counted | STAGES
    assert all(isinstance(line[stage], int) for stage in STAGES)
    assert 1_000 <= line["compute_us"] <= sum(line[stage] for stage in STAGES) <= line["micros"]
    for number in (SECRET, *answer.processed_result):
        assert str(number) not in server.log


async def test_accounts_for_the_tiny_calls_that_have_no_line(
    start: Start[Server], tmp_path: Path
) -> None:
    server = await asyncio.to_thread(start, Server(tmp_path))
    before = len(server.calls())
    async with AsyncClient(server.target, batching=False) as client:
        asked = 0

        async def fail(request_id: str) -> None:
            nonlocal asked
            asked += 1
            named = client.with_options(metadata=(("x-request-id", request_id),))
            with pytest.raises(OutOfRange):
                await named.sum_squares(2**62, 2**62)

        async def succeed() -> None:
            nonlocal asked
            asked += 1
            assert await client.sum_squares(3, 4) == 25

        calls = [succeed() for _ in range(TINY_CALLS)]
        for n in range(WRONG_CALLS):
            calls.insert(n * TINY_CALLS // WRONG_CALLS, fail(f"wrong-{n}"))
        await asyncio.gather(*calls)
        # A call ends a moment after its answer, and the next line says how many had none.
        async with asyncio.timeout(PATIENCE):
            while True:
                await fail("after")
                lines = server.calls()[before:]
                skipped = sum(line.get("skipped", 0) for line in lines)
                if len(lines) + skipped == asked:
                    break
    print(f"{asked} calls, {len(lines)} lines, {skipped} without one")
    assert skipped > 0
    wrong = [line for line in lines if line["request_id"].startswith("wrong-")]
    assert {line["request_id"] for line in wrong} == {f"wrong-{n}" for n in range(WRONG_CALLS)}
    assert len(wrong) == WRONG_CALLS
    assert {line["code"] for line in wrong} == {11}


def test_can_be_told_to_log_less(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path, "--log", "info,offgil::call=warn"))
    with Client(server.target) as client:
        client.sum_squares(3, 4)
    server.sigterm()
    assert server.wait() == 0
    assert server.calls() == []
    assert "stopping" in server.log


def test_writes_text_when_asked(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path, "--log-format", "text"))
    with Client(server.target, metadata=(("x-request-id", "plain"),)) as client:
        client.process_numbers([1, 2])
    (line,) = wait_for(lambda: re.findall(r"^.*plain.*$", server.log, re.MULTILINE), "the line")
    for part in ("INFO", "ProcessNumbers", "process_numbers", "n=2", "code=0", "micros="):
        assert part in line
    assert "{" not in server.log
    assert "\x1b" not in server.log


def test_writes_text_on_a_terminal() -> None:
    terminal, its_end = os.openpty()
    port = free_port()
    command = [str(server_binary()), "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=its_end, env=clean_environment()) as server:
        os.close(its_end)
        try:
            with Client(f"dns:///127.0.0.1:{port}", connect_timeout=PATIENCE) as client:
                client.sum_squares(3, 4)
            shown = b""
            while b"SumSquares" not in shown:
                assert select.select([terminal], [], [], PATIENCE)[0], shown
                shown += os.read(terminal, 65_536)
        finally:
            server.terminate()
            assert server.wait(PATIENCE) == 0
            os.close(terminal)
    assert b"INFO" in shown
    assert b'"level"' not in shown


def test_the_app_shows_the_log_of_its_server(app: App) -> None:
    before = len(app.calls("SumSquares"))
    app.get("/sum-squares-rust")
    wait_for(lambda: len(app.calls("SumSquares")) == before + 1, "the call is logged")
