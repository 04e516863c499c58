"""The server is absent, or dies: the caller sees a correct answer or a 503, never a wrong one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from offgil import Client
from offgil._proto.offgil.v1 import compute_pb2

from arithmetic import answer_to
from conftest import Start
from processes import PATIENCE, App, Server, clean_environment, is_alive, wait_for
from relay import Relay

NUMBERS = [-(2**63), -2, -1, 0, 1, 2**63 - 1]
MANY = [1_000_000_000_000 + index % 50 for index in range(40_000)]
CONNECT_TIMEOUT = 1.0
# What a busy machine may add to the connect timeout; the deadline of a call is far beyond.
MARGIN = 6.0


def absent(start: Start[App], folder: Path, target: str) -> App:
    """Returns an app whose server is not there."""
    environment = clean_environment(
        OFFGIL_TARGET=target, OFFGIL_CONNECT_TIMEOUT=str(CONNECT_TIMEOUT), OFFGIL_TIMEOUT="60"
    )
    return start(App(folder, environment=environment))


def check_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_an_absent_server_is_a_503_until_it_comes(
    start: Start[App], serve: Start[Server], tmp_path: Path, kind: str
) -> None:
    server = Server(tmp_path)
    app = absent(start, tmp_path, server.target if kind == "tcp" else server.unix_target)
    calls: list[Callable[[], httpx.Response]] = [
        lambda: app.post("/process-numbers-rust", json={"numbers": NUMBERS}),
        lambda: app.post("/process-numbers-rust", json={"numbers": MANY}),
        lambda: app.post("/kernels/sum_squares", json={"a": 3, "b": 4}),
        lambda: app.get("/sum-squares-rust"),
        lambda: app.get("/kernels"),
    ]
    for call in calls:
        began = time.monotonic()
        check_unavailable(call())
        assert time.monotonic() - began < CONNECT_TIMEOUT + MARGIN
    assert app.get("/livez").status_code == 200
    assert app.get("/readyz").status_code == 503
    assert app.get("/docs").status_code == 200
    assert app.get("/openapi.json").status_code == 200

    serve(server)
    wait_for(lambda: app.answers("/readyz", 200), "the app finds the server")
    assert [call().status_code for call in calls] == [200] * len(calls)
    assert app.post("/process-numbers-rust", json={"numbers": NUMBERS}).json() == answer_to(NUMBERS)
    wait_for(
        lambda: "/kernels/sum_squares" in app.get("/openapi.json").json()["paths"],
        "the document has the kernels",
    )


def test_a_server_that_stops_and_comes_back_needs_no_restart_of_the_app(
    start: Start[App], serve: Start[Server], tmp_path: Path
) -> None:
    server = serve(Server(tmp_path))
    app = absent(start, tmp_path, server.target)
    for _ in range(2):
        assert app.get("/sum-squares-rust").status_code == 200
        server.sigterm()
        assert server.wait() == 0
        check_unavailable(app.get("/sum-squares-rust"))
        assert app.get("/readyz").status_code == 503
        server = serve(Server(tmp_path, port=server.port))
        wait_for(lambda: app.answers("/readyz", 200), "the app finds the server")
    assert app.get("/sum-squares-rust").status_code == 200


def test_every_answer_is_correct_or_a_503_while_the_embedded_server_is_killed(
    start: Start[App], tmp_path: Path
) -> None:
    app = start(App(tmp_path))
    over = threading.Event()
    datasets = (NUMBERS, MANY, NUMBERS)
    served = [0] * len(datasets)

    def call_on(caller: int) -> None:
        numbers = datasets[caller]
        expected = answer_to(numbers)
        with httpx.Client(base_url=app.url, timeout=PATIENCE) as http:
            while not over.is_set():
                try:
                    answer = http.post("/process-numbers-rust", json={"numbers": numbers})
                except httpx.RemoteProtocolError:
                    # A streamed answer whose server died breaks off: nobody takes it for whole.
                    assert len(numbers) > len(NUMBERS)
                    continue
                if answer.status_code == 200:
                    assert answer.json() == expected
                    served[caller] += 1
                else:
                    check_unavailable(answer)

    def all_served_since(before: list[int]) -> bool:
        # A caller that met a wrong answer has ended, and is heard at once.
        for caller in callers:
            if caller.done():
                caller.result()
        return all(now > then for now, then in zip(served, before, strict=True))

    with ThreadPoolExecutor() as pool:
        callers = [pool.submit(call_on, caller) for caller in range(len(datasets))]
        try:
            pids = {app.sidecar().pid}
            for _ in range(4):
                app.sidecar().kill()
                wait_for(lambda: has_another(app, pids), "the server is restarted")
                pids.add(app.sidecar().pid)
                everybody = partial(all_served_since, served.copy())
                wait_for(everybody, "the new server serves every caller")
        finally:
            over.set()
        for caller in callers:
            caller.result(PATIENCE)
    assert len(pids) == 5
    assert app.post("/process-numbers-rust", json={"numbers": NUMBERS}).json() == answer_to(NUMBERS)


def has_another(app: App, pids: set[int]) -> bool:
    alive = [process.pid for process in app.sidecars() if is_alive(process.pid)]
    return len(alive) == 1 and alive[0] not in pids


@pytest.mark.parametrize("numbers", [NUMBERS, MANY], ids=["small", "large"])
def test_a_call_in_flight_survives_the_death_of_the_embedded_server(
    start: Start[App], tmp_path: Path, numbers: list[int]
) -> None:
    app = start(App(tmp_path))
    sidecar: psutil.Process = app.sidecar()
    with ThreadPoolExecutor() as pool:
        sidecar.suspend()
        call: Future[httpx.Response] = pool.submit(
            app.post, "/process-numbers-rust", json={"numbers": numbers}
        )
        wait_for(lambda: app.in_flight() == 1, "the call is in flight")
        sidecar.kill()
        answer = call.result(PATIENCE)
    if answer.status_code == 200:
        assert answer.json() == answer_to(numbers)
    else:
        check_unavailable(answer)
    wait_for(lambda: app.answers("/readyz", 200), "the server is restarted")
    answer = app.post("/process-numbers-rust", json={"numbers": numbers})
    assert answer.json() == answer_to(numbers)


def test_a_call_in_flight_is_retried_on_the_server_that_comes_back(
    serve: Start[Server], tmp_path: Path
) -> None:
    server = serve(Server(tmp_path))
    request = compute_pb2.SumSquaresRequest(a=61_712_013, b=-1)
    with (
        Relay(server.port) as relay,
        Client(relay.target, connect_timeout=PATIENCE) as client,
        ThreadPoolExecutor() as pool,
    ):
        assert client.sum_squares(3, 4) == 25
        server.freeze()
        call = pool.submit(client.sum_squares, request.a, request.b)
        relay.wait_until_sent(request.SerializeToString())
        server.sigkill()
        server.wait()
        serve(Server(tmp_path, port=server.port))
        assert call.result(PATIENCE) == 61_712_013**2 + 1


@pytest.mark.parametrize("numbers", [NUMBERS, MANY], ids=["small", "large"])
def test_every_call_keeps_its_deadline_while_the_server_hangs(
    start: Start[App], tmp_path: Path, numbers: list[int]
) -> None:
    environment = clean_environment(OFFGIL_TIMEOUT="0.5", OFFGIL_CONNECT_TIMEOUT="0.5")
    app = start(App(tmp_path, environment=environment))
    sidecar = app.sidecar()
    sidecar.suspend()
    try:
        # The second call begins when the connection still holds what the first one sent.
        assert app.post("/process-numbers-rust", json={"numbers": numbers}).status_code == 504
        assert app.get("/sum-squares-rust").status_code == 504
        assert app.get("/livez").status_code == 200
        assert app.get("/readyz").status_code == 503
    finally:
        sidecar.resume()
    wait_for(lambda: app.answers("/readyz", 200), "the server answers again")
    assert app.get("/sum-squares-rust").status_code == 200
