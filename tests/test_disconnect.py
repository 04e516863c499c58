"""When the HTTP client leaves, the gRPC call behind its request is cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from offgil._proto.offgil.v1 import compute_pb2

from arithmetic import answer_to
from conftest import Start
from processes import App, Server, WebApp, clean_environment, wait_for
from raw_http import post, request
from relay import Relay

MARKER = b"1234567890123456789"


def body(count: int) -> bytes:
    """Returns a body that begins with the number that the relay looks for."""
    return b'{"numbers":[' + MARKER + b",1" * count + b"]}"


# Enough work for the cancellation to overtake it.
SMALL = body(100_000)
TENSOR = (
    b'{"inputs":[{"name":"numbers","datatype":"INT64","shape":[100001],"data":['
    + MARKER
    + b",1" * 100_000
    + b"]}]}"
)
# Over 1 MiB a body is streamed to the server.
LARGE = body(600_000)
SQUARES = compute_pb2.SumSquaresRequest(a=123_456_789, b=-987_654_321).SerializeToString()


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    with Relay(server.port) as running:
        yield running


@pytest.fixture
def server(start: Start[Server], tmp_path: Path) -> Server:
    return start(Server(tmp_path))


@pytest.fixture
def app(start: Start[App], relay: Relay, tmp_path: Path) -> App:
    return start(App(tmp_path, environment=clean_environment(OFFGIL_TARGET=relay.target)))


def check_cancelled(server: Server, app: WebApp, method: str) -> None:
    cancelled = wait_for(
        lambda: [call for call in server.calls(method) if call["code"] == 1], "the call is logged"
    )
    assert len(cancelled) == 1
    # Nothing is left behind, and the next call works.
    wait_for(lambda: app.in_flight() == 0, "the request has ended")
    assert app.post("/process-numbers-rust", json={"numbers": [1]}).json() == answer_to([1])


@pytest.mark.parametrize(
    ("message", "method", "rest"),
    [
        (post("/process-numbers-rust", SMALL), "InvokeJson", 200_000),
        (post("/kernels/process_numbers", SMALL), "InvokeJson", 200_000),
        (post("/v2/models/process_numbers/infer", TENSOR), "InvokeInference", 200_000),
    ],
    ids=["seed route", "kernel route", "model"],
)
def test_cancels_the_call_in_flight(
    server: Server, app: App, relay: Relay, message: bytes, method: str, rest: int
) -> None:
    assert app.post("/process-numbers-rust", json={"numbers": []}).status_code == 200
    with server.frozen():
        with request(app, message):
            sent = relay.wait_until_sent(MARKER, rest)
        relay.wait_until_cancelled(sent)
    check_cancelled(server, app, method)


def test_cancels_a_call_that_takes_no_time(server: Server, app: App, relay: Relay) -> None:
    message = b"GET /sum-squares-rust?a=123456789&b=-987654321 HTTP/1.1\r\nHost: x\r\n\r\n"
    # The server may have finished before it reads the cancellation, so the log says nothing here.
    with server.frozen():
        with request(app, message):
            sent = relay.wait_until_sent(SQUARES)
        relay.wait_until_cancelled(sent)
        wait_for(lambda: app.in_flight() == 0, "the request has ended")


def test_cancels_the_stream_of_an_upload_that_breaks_off(
    server: Server, app: App, relay: Relay
) -> None:
    head = (
        b"POST /process-numbers-rust HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    half = LARGE[:-100]
    # Over 1 MiB has come, so the stream to the server is open; the last chunk never comes.
    with request(app, head + f"{len(half):x}\r\n".encode() + half + b"\r\n"):
        sent = relay.wait_until_sent(MARKER)
    relay.wait_until_cancelled(sent)
    check_cancelled(server, app, "InvokeJsonStream")


def test_an_upload_that_breaks_off_before_anything_was_computed_leaves_no_trace(
    server: Server, app: App
) -> None:
    wait_for(lambda: server.calls("ListKernels"), "the app knows the kernels")
    calls = len(server.calls())
    with request(app, post("/process-numbers-rust", SMALL)[:-5]):
        wait_for(lambda: app.in_flight() == 1, "the request has begun")
    wait_for(lambda: app.in_flight() == 0, "the request has ended")
    assert len(server.calls()) == calls


def test_cancels_the_call_to_the_embedded_server(start: Start[App], tmp_path: Path) -> None:
    app = start(App(tmp_path))
    sidecar = app.sidecar()
    sidecar.suspend()
    try:
        with request(app, post("/process-numbers-rust", SMALL)):
            wait_for(lambda: app.in_flight() == 1, "the call is in flight")
        # The server answers nothing, so only a cancellation ends the request.
        wait_for(lambda: app.in_flight() == 0, "the request has ended")
    finally:
        sidecar.resume()
    wait_for(
        lambda: [call for call in app.calls("InvokeJson") if call["code"] == 1],
        "the server has noticed",
    )
    assert app.post("/process-numbers-rust", json={"numbers": [1]}).json() == answer_to([1])
