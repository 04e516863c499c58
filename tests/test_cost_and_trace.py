"""What a call costs is told to its caller, and the trace of a request to the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from offgil import AsyncClient, CallCost, Client, InvalidArgument

from conftest import Start
from processes import App, Server, Uvicorn, clean_environment, wait_for
from relay import Relay

# Work that takes each stage more than a microsecond.
NUMBERS = list(range(20_000))
JSON_BODY = {"numbers": NUMBERS}
METRIC = r"(queue|decode|compute|encode);dur=\d+\.\d{3}"
SERVER_TIMING = re.compile(rf"{METRIC}(, {METRIC})*")
IDS = "af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
INFERENCE = {
    "inputs": [{"name": "x", "shape": [3], "datatype": "FP64", "data": [1.0, 2.0, 4.0]}],
    "parameters": {"alpha": 0.5},
}
OWN_APP = """
from fastapi import FastAPI
from offgil.fastapi import OffgilDep, lifespan

app = FastAPI(lifespan=lifespan)

@app.get("/own")
async def own(compute: OffgilDep) -> int:
    return await compute.sum_squares(3, 4)
"""


async def test_a_call_tells_where_its_time_went(client: AsyncClient) -> None:
    costs: list[CallCost] = []
    telling = client.with_options(on_cost=costs.append)
    await telling.run("sort", x=[float(number) for number in NUMBERS])
    async for _ in telling.process_numbers_stream([NUMBERS]):
        pass
    with pytest.raises(InvalidArgument):
        await telling.invoke_json("sort", b'{"x":[' + b"1," * 20_000 + b"]}")
    sorting, stream, refused = costs
    assert min(sorting.queue, sorting.compute) > 0
    assert stream.compute > 0
    assert refused.compute == 0
    assert all(0 <= seconds < 30 for cost in costs for seconds in astuple(cost))


def test_so_does_the_synchronous_client(server: Server) -> None:
    costs: list[CallCost] = []
    with Client(server.target, on_cost=costs.append) as client:
        client.run("sort", x=[float(number) for number in NUMBERS])
        list(client.process_numbers_stream([NUMBERS]))
    assert len(costs) == 2
    assert all(cost.compute > 0 for cost in costs)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/process-numbers-rust", JSON_BODY),
        ("/kernels/sort", {"x": NUMBERS}),
        ("/v2/models/ema/infer", INFERENCE),
    ],
)
def test_an_http_answer_tells_it_as_server_timing(app: App, path: str, body: Any) -> None:
    answer = app.post(path, json=body)
    assert answer.status_code == 200, answer.text
    timing = answer.headers["server-timing"]
    assert SERVER_TIMING.fullmatch(timing), timing
    assert "queue" in timing or "compute" in timing


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    with Relay(server.port) as running:
        yield running


def parent(number: int, flags: str = "01") -> str:
    return f"00-{number:x}{IDS}-{flags}"


def check_traces(relay: Relay, get: Callable[[dict[str, str]], Any]) -> None:
    """Checks what an app sends for requests with a trace of their own, and for wrong ones."""
    wrong = parent(1, "0g"), parent(2).upper(), parent(3) + "-more"
    for value in wrong:
        get({"traceparent": value, "tracestate": "wrong=1"})
    state = "right=1"
    get({"traceparent": parent(4), "tracestate": state})
    relay.wait_until_sent(parent(4).encode())
    relay.wait_until_sent(state.encode())
    for value in wrong:
        assert not relay.has_sent(value[:40].encode())
    assert not relay.has_sent(b"wrong=1")


@pytest.mark.parametrize("path", ["/sum-squares-rust?a=3&b=4", "/kernels"])
def test_the_trace_of_a_request_goes_to_the_server(
    start: Start[App], tmp_path: Path, relay: Relay, path: str
) -> None:
    app = start(App(tmp_path, environment=clean_environment(OFFGIL_TARGET=relay.target)))

    def get(headers: dict[str, str]) -> None:
        assert app.get(path, headers=headers).status_code == 200

    check_traces(relay, get)


def test_so_does_that_of_an_app_of_ones_own(
    start: Start[Uvicorn], tmp_path: Path, relay: Relay
) -> None:
    (tmp_path / "own_app.py").write_text(OWN_APP)
    environment = clean_environment(OFFGIL_TARGET=relay.target)
    app = start(Uvicorn(tmp_path, "own_app:app", environment=environment))

    def get(headers: dict[str, str]) -> None:
        assert app.get("/own", headers=headers).json() == 25

    check_traces(relay, get)
    app.sigterm()
    app.wait()  # uvicorn hands the signal on, so this is not 0
    app.check_log()


def test_calls_of_recorded_traces_go_by_themselves(
    start: Start[App], serve: Start[Server], tmp_path: Path
) -> None:
    server = serve(Server(tmp_path))
    app = start(App(tmp_path, environment=clean_environment(OFFGIL_TARGET=server.target)))

    def get(number: int) -> int:
        headers = {"traceparent": parent(number)}
        return app.get("/sum-squares-rust?a=3&b=4", headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(get, [number % 15 + 1 for number in range(80)])) == {200}
    wait_for(lambda: len(server.calls("/SumSquares")) == 80, "every call is logged")
    assert server.calls("/BatchSumSquares") == []


def test_workers_tell_together_how_late_their_loops_are(start: Start[App], tmp_path: Path) -> None:
    app = start(App(tmp_path, "--workers", "2"))
    count = re.compile(r"^offgil_event_loop_lag_seconds_count (\S+)$", re.MULTILINE)

    def observations() -> float:
        found = count.search(app.get("/metrics").text)
        return float(found[1]) if found else 0.0

    wait_for(lambda: observations() >= 4, "both loops are observed")
