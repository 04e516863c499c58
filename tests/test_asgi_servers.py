"""The ready-made app under each ASGI server that one would deploy it with."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from arithmetic import answer_to
from conftest import Start
from processes import AsgiServer, Granian, Process, Uvicorn, wait_for
from raw_http import post, request

# Over 1 MiB as JSON, so that the body goes in pieces.
MANY = list(range(300_000))
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module", params=[Uvicorn, Granian])
def app(
    request: pytest.FixtureRequest,
    shared_start: Start[Process],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsgiServer:
    asgi_server: type[AsgiServer] = request.param
    running = asgi_server(tmp_path_factory.mktemp("asgi"), "offgil.app:app")
    shared_start(running)
    return running


def test_answers_calls_of_every_kind(app: AsgiServer) -> None:
    assert app.post("/process-numbers-rust", json={"numbers": [1, 2]}).json() == answer_to([1, 2])
    squares = app.get("/sum-squares-rust?a=3&b=4").json()
    assert squares == {"a": 3, "b": 4, "sum_of_squares": 25}
    assert app.post("/kernels/sort", json={"x": [2.0, 1.0]}).json()["values"] == [1.0, 2.0]
    assert app.get("/readyz").status_code == 200
    assert app.post("/process-numbers-rust", json={"numbers": ["x"]}).status_code == 422


def test_answers_a_large_body_in_pieces_with_and_without_its_length(app: AsgiServer) -> None:
    body = json.dumps({"numbers": MANY, "rounds": 0}).encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 100_003):
            yield body[start : start + 100_003]

    for content in (body, pieces()):
        answer = app.post("/process-numbers-rust", content=content, headers=JSON)
        assert answer.status_code == 200
        assert answer.json()["processed_result"] == MANY


def test_a_large_body_with_a_fault_is_a_422(app: AsgiServer) -> None:
    body = json.dumps({"numbers": [*MANY, None]}).encode()
    answer = app.post("/process-numbers-rust", content=body, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "numbers", len(MANY)]


def test_a_client_that_leaves_ends_its_request(app: AsgiServer) -> None:
    message = post("/process-numbers-rust", b'{"numbers":[1,2,3]}')
    sidecar = app.sidecar()
    sidecar.suspend()
    try:
        with request(app, message):
            wait_for(lambda: app.in_flight() == 1, "the call is in flight")
        # The server answers nothing, so only a cancellation ends the request.
        wait_for(lambda: app.in_flight() == 0, "the request has ended")
    finally:
        sidecar.resume()
    assert app.post("/process-numbers-rust", json={"numbers": [1]}).json() == answer_to([1])
