"""SIGTERM and Ctrl-C stop cleanly: requests in flight are answered, and nothing stays behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from offgil import Client

from arithmetic import answer_to, process_number
from conftest import Start
from processes import PATIENCE, App, Server, accepts, clean_environment, is_alive, wait_for

STOP_SIGNALS = [signal.SIGTERM, signal.SIGINT]


def socket_folder(sidecar: psutil.Process) -> Path:
    command = sidecar.cmdline()
    return Path(command[command.index("--uds") + 1]).parent


# === The server ===


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda x: x.name)
def test_an_idle_server_stops(start: Start[Server], tmp_path: Path, number: signal.Signals) -> None:
    server = start(Server(tmp_path))
    server.signal(number)
    assert server.wait() == 0
    assert not server.socket.exists()
    assert not accepts(server.port)
    server.check_log()


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda x: x.name)
def test_a_server_answers_the_call_in_flight_before_it_stops(
    start: Start[Server], tmp_path: Path, number: signal.Signals
) -> None:
    server = start(Server(tmp_path))

    def chunks() -> Iterator[list[int]]:
        yield [1, 2]
        # The answer to the first chunk has come, so the call is in flight.
        wait_for(lambda: results, "the first results")
        server.signal(number)
        wait_for(lambda: "stopping" in server.log, "the server drains")
        wait_for(lambda: not accepts(server.port), "it takes no new connection")
        yield [3]

    results: list[list[int]] = []
    with Client(server.target) as client:
        for chunk in client.process_numbers_stream(chunks()):
            results.append(chunk)
    assert results == [[process_number(1), process_number(2)], [process_number(3)]]
    assert server.wait() == 0


def test_a_server_cuts_off_what_outlasts_its_drain_timeout(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path, "--drain-timeout", "200ms"))

    def chunks() -> Iterator[list[int]]:
        yield [1]
        wait_for(lambda: results, "the first results")
        server.sigterm()
        server.wait()
        yield [2]

    results: list[list[int]] = []
    with (
        Client(server.target) as client,
        pytest.raises(Exception, match=r".") as caught,
    ):
        for chunk in client.process_numbers_stream(chunks()):
            results.append(chunk)
    assert type(caught.value).__name__ == "ConnectionFailed"
    assert results == [[process_number(1)]]
    # The caller may learn that its call is over before the server has ended.
    assert server.wait() == 1


# === The app ===


def stop_by_group(app: App, number: signal.Signals) -> None:
    os.killpg(app.pid, number)


def stop_by_pid(app: App, number: signal.Signals) -> None:
    app.signal(number)


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda x: x.name)
@pytest.mark.parametrize("stop", [stop_by_pid, stop_by_group], ids=["pid", "group"])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_app_stops_with_its_server(
    start: Start[App], tmp_path: Path, number: signal.Signals, stop: object, workers: int
) -> None:
    app = start(App(tmp_path, "--workers", str(workers)))
    assert app.get("/readyz").status_code == 200
    sidecar = app.sidecar()
    folder = socket_folder(sidecar)
    assert folder.stat().st_mode & 0o777 == 0o700
    processes = app.children()
    assert callable(stop)
    stop(app, number)
    assert app.wait() == 0
    assert not is_alive(sidecar.pid)
    assert not folder.exists()
    # The tracker of Python's multiprocessing goes a moment after the process that it tracks.
    wait_for(lambda: not any(is_alive(process.pid) for process in processes), "all are gone")
    assert not accepts(int(app.url.rpartition(":")[2]))
    app.check_log()


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda x: x.name)
def test_the_app_answers_the_requests_in_flight_before_it_stops(
    start: Start[App], tmp_path: Path, number: signal.Signals
) -> None:
    app = start(App(tmp_path))
    sidecar = app.sidecar()
    with ThreadPoolExecutor() as pool:
        sidecar.suspend()
        small = pool.submit(app.post, "/process-numbers-rust", json={"numbers": [1, 2]})
        large = pool.submit(app.post, "/process-numbers-rust", json={"numbers": [7] * 200_000})
        wait_for(lambda: app.in_flight() == 2, "the calls are in flight")
        stop_by_group(app, number)
        wait_for(lambda: "Shutting down" in app.log, "the app stops")
        sidecar.resume()
        assert small.result(PATIENCE).json() == answer_to([1, 2])
        assert large.result(PATIENCE).json() == answer_to([7] * 200_000)
    assert app.wait() == 0
    assert not is_alive(sidecar.pid)
    app.check_log()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_server_leaves_when_the_app_is_killed(
    start: Start[App], tmp_path: Path, workers: int
) -> None:
    app = start(App(tmp_path, "--workers", str(workers)))
    sidecar, children = app.sidecar(), app.children()
    app.sigkill()
    assert app.wait() == -signal.SIGKILL
    wait_for(lambda: not is_alive(sidecar.pid), "the server leaves by itself")
    # What uvicorn's workers do then is their own affair, but the tests leave nothing behind.
    for child in children:
        if is_alive(child.pid):
            child.kill()


def test_two_workers_share_one_server_and_both_serve(start: Start[App], tmp_path: Path) -> None:
    app = start(App(tmp_path, "--workers", "2"))
    workers = wait_for(lambda: serving_workers(app), "both workers serve")
    assert len(app.sidecars()) == 1
    for frozen in workers:
        frozen.suspend()
        try:
            # Only the other one can answer now.
            answer = app.post("/process-numbers-rust", json={"numbers": [1, 2, 3]})
        finally:
            frozen.resume()
        assert answer.json() == answer_to([1, 2, 3])
    # The metrics are those of both.
    wait_for(
        lambda: 'route="/process-numbers-rust",status="200"} 2.0' in app.get("/metrics").text,
        "both requests are counted",
    )
    assert len(app.sidecars()) == 1


def serving_workers(app: App) -> list[psutil.Process]:
    if app.log.count("Application startup complete") < 2:
        return []
    workers = [x for x in app.children() if any("spawn_main" in part for part in x.cmdline())]
    assert len(workers) == 2
    return workers


def test_an_app_with_a_server_of_its_own_choice_starts_none(
    start: Start[App], serve: Start[Server], tmp_path: Path
) -> None:
    server = serve(Server(tmp_path))
    app = start(App(tmp_path, environment=clean_environment(OFFGIL_TARGET=server.target)))
    assert app.get("/sum-squares-rust").json()["sum_of_squares"] == 125
    assert app.sidecars() == []
    app.sigterm()
    assert app.wait() == 0
    # The server is not the app's to stop.
    assert is_alive(server.pid)
    assert len(server.calls("SumSquares")) == 1
