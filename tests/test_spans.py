"""The trace of an HTTP request goes through the client into the spans that a collector receives."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from offgil import Client, NotFound

from conftest import Start
from processes import ROOT, App, Process, Server, accepts, clean_environment, free_port, wait_for

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SAMPLED, UNSAMPLED = (f"00-{TRACE}-{SPAN}-{flags}" for flags in ("01", "00"))
SERVER_KIND = 2
NOT_FOUND = 5


class Receiver(Process):
    """A collector in a process of its own."""

    clean_exits = (0, -signal.SIGTERM)

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        script = ROOT / "tests/otlp_receiver.py"
        super().__init__([sys.executable, script, str(self.port)], folder)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        return accepts(self.port)

    def spans(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]


@pytest.fixture
def receiver(start: Start[Process], tmp_path: Path) -> Receiver:
    running = Receiver(tmp_path)
    start(running)
    return running


@pytest.fixture
def server(receiver: Receiver, serve: Start[Process], tmp_path: Path) -> Server:
    # The collector is asked every half second instead of every five.
    environment = clean_environment(OTEL_BSP_SCHEDULE_DELAY="500")
    running = Server(tmp_path, "--otlp-endpoint", receiver.endpoint, environment=environment)
    serve(running)
    return running


def metadata(traceparent: str) -> tuple[tuple[str, str], ...]:
    return (("traceparent", traceparent), ("x-request-id", "the-request"))


def test_a_call_has_a_span_in_the_trace_of_its_caller(receiver: Receiver, server: Server) -> None:
    with Client(server.target, metadata=metadata(SAMPLED)) as client:
        client.run("ema", x=[1.0, 2.0] * 50_000, alpha=0.5)
        with pytest.raises(NotFound):
            client.run("nothing")
    spans = wait_for(lambda: found if len(found := receiver.spans()) == 2 else [], "two spans")
    by_code = {span["attributes"]["rpc.grpc.status_code"]: span for span in spans}
    assert by_code.keys() == {0, NOT_FOUND}
    for span in spans:
        assert (span["trace"], span["parent"]) == (TRACE, SPAN)
        assert (span["kind"], span["service"]) == (SERVER_KIND, "offgil-server")
        assert span["name"] == "offgil.v1.ComputeService/Invoke"
        assert span["attributes"]["offgil.request_id"] == "the-request"
    attributes = by_code[0]["attributes"]
    assert (attributes["offgil.kernel"], attributes["offgil.count"]) == ("ema", 100_000)
    stages = [attributes[f"offgil.{x}_us"] for x in ("queue", "decode", "compute", "encode")]
    assert 0 < sum(stages) <= by_code[0]["nanoseconds"] / 1_000


def test_a_request_over_http_and_its_call_are_of_one_trace(
    receiver: Receiver, server: Server, start: Start[App], tmp_path: Path
) -> None:
    app = start(App(tmp_path, environment=clean_environment(OFFGIL_TARGET=server.target)))
    app.post("/process-numbers-rust", json={"numbers": [1]}, headers={"traceparent": SAMPLED})
    app.post(
        "/process-numbers-rust",
        json={"numbers": [1] * 600_000},
        headers={"traceparent": SAMPLED},
    )
    spans = wait_for(lambda: found if len(found := receiver.spans()) == 2 else [], "two spans")
    names = [span["name"].rpartition("/")[2] for span in spans]
    assert names == ["InvokeJson", "InvokeJsonStream"]
    assert {(span["trace"], span["parent"]) for span in spans} == {(TRACE, SPAN)}


def test_calls_without_a_sampled_trace_have_none_and_the_last_spans_are_sent_at_the_end(
    receiver: Receiver, server: Server
) -> None:
    for traceparent in (UNSAMPLED, "nonsense"):
        with Client(server.target, metadata=metadata(traceparent)) as client:
            client.sum_squares(1, 2)
    with Client(server.target) as client:
        client.sum_squares(1, 2)
    with Client(server.target, metadata=metadata(SAMPLED)) as client:
        client.sum_squares(3, 4)
    server.sigterm()
    assert server.wait() == 0
    (span,) = wait_for(receiver.spans, "a span")
    assert span["name"].endswith("SumSquares")


def test_a_collector_that_is_gone_harms_no_call(receiver: Receiver, server: Server) -> None:
    receiver.sigkill()
    receiver.wait()
    with Client(server.target, metadata=metadata(SAMPLED)) as client:
        for _ in range(200):
            assert client.sum_squares(3, 4) == 25
    server.sigterm()
    assert server.wait() == 0
