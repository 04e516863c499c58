"""The paths under /v2 speak the Open Inference Protocol."""

from __future__ import annotations

import json
import struct
from typing import Any

import httpx
import pytest
from apps import app_on, http

from offgil import (
    ConnectionFailed,
    DeadlineExceeded,
    InferenceBody,
    InvalidArgument,
    KernelFailed,
    OffgilError,
    Overloaded,
)
from offgil._exceptions import FieldViolation
from offgil.fastapi._inference import MAX_BODY_BYTES
from offgil.testing import FakeClient

SQUARES: dict[str, Any] = {"id": "q", "parameters": {"a": 3, "b": 4}}
NUMBERS = {"name": "numbers", "shape": [2], "datatype": "INT64"}


async def call(
    method: str, path: str, fake: FakeClient | None = None, **options: Any
) -> httpx.Response:
    async with http(app_on(fake or FakeClient())) as client:
        return await client.request(method, path, **options)


async def infer(
    body: dict[str, Any] | bytes, fake: FakeClient | None = None, **options: Any
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    path = "/v2/models/sum_squares/infer"
    return await call("POST", path, fake, content=content, **options)


async def test_json_goes_in_and_out_with_the_id() -> None:
    answer = await infer(SQUARES)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "inference-header-content-length" not in answer.headers
    told = answer.json()
    assert (told["id"], told["model_name"], told["model_version"]) == ("q", "sum_squares", "1")
    assert [output["data"] for output in told["outputs"]] == [[3], [4], [25]]


@pytest.mark.parametrize("version", ["", "/versions/1"])
async def test_binary_tensors_go_in_and_out(version: str) -> None:
    tensor = {**NUMBERS, "parameters": {"binary_data_size": 16}}
    wish = {"name": "processed_result", "parameters": {"binary_data": True}}
    header = json.dumps({"inputs": [tensor], "parameters": {"rounds": 1}, "outputs": [wish]})
    answer = await call(
        "POST",
        f"/v2/models/process_numbers{version}/infer",
        content=header.encode() + struct.pack("<2q", 1, 2),
        headers={"Inference-Header-Content-Length": str(len(header))},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    (output,) = json.loads(answer.content[:length])["outputs"]
    assert output["parameters"] == {"binary_data_size": 16}
    assert struct.unpack("<2q", answer.content[length:]) == (4, 6)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (
            InvalidArgument("a: missing", fields=(FieldViolation("a", "missing"),)),
            422,
            "a: missing",
        ),
        (KernelFailed("it panicked"), 500, "it panicked"),
        (Overloaded("busy", retry_after=7), 503, "busy"),
        (ConnectionFailed("no 10.0.0.7:1"), 503, "the compute server cannot be reached"),
        (DeadlineExceeded("late"), 504, "late"),
    ],
)
async def test_errors_have_the_form_of_the_protocol(
    error: OffgilError, status: int, message: str
) -> None:
    fake = FakeClient()
    fake.fail_with(error)
    answer = await infer(SQUARES, fake)
    assert (answer.status_code, answer.json()) == (status, {"error": message})
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_errors_keep_that_form_in_an_app_with_one_of_its_own() -> None:
    async def teapot(*_: Any) -> Any:
        raise AssertionError("the app was asked")

    fake = FakeClient()
    fake.fail_with(InvalidArgument("wrong"))
    app = app_on(fake, exception_handlers={OffgilError: teapot})
    async with http(app) as client:
        answer = await client.post("/v2/models/sum_squares/infer", json=SQUARES)
    assert (answer.status_code, answer.json()) == (422, {"error": "wrong"})


@pytest.mark.parametrize("length", ["x", "-1", "", "1.5", "٣", "99999999999", "4294967296"])
async def test_a_header_length_that_is_none_is_refused(length: str) -> None:
    headers = {b"Inference-Header-Content-Length": length.encode()}
    answer = await infer(SQUARES, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_compressed_body_is_refused_unread(encoding: str) -> None:
    fake = FakeClient()
    answer = await infer(SQUARES, fake, headers={"content-encoding": encoding})
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "identity"
    assert encoding in answer.json()["error"]
    assert fake.calls == []


async def test_a_body_that_says_it_is_not_compressed_is_read() -> None:
    assert (await infer(SQUARES, headers={"content-encoding": "identity"})).status_code == 200


async def test_a_body_over_the_limit_is_refused() -> None:
    fake = FakeClient()
    answer = await infer(b" " * (MAX_BODY_BYTES + 1), fake)
    assert answer.status_code == 413
    assert str(MAX_BODY_BYTES) in answer.json()["error"]
    assert fake.calls == []


async def test_tells_what_it_is_and_that_it_lives() -> None:
    told = (await call("GET", "/v2")).json()
    assert told["name"] == "offgil"
    assert "binary_tensor_data" in told["extensions"]
    assert (await call("GET", "/v2/health/live")).json() == {"live": True}


@pytest.mark.parametrize(
    ("path", "answers"),
    [
        ("/v2/health/ready", [{"ready": True}, {"ready": False}]),
        (
            "/v2/models/sum_squares/ready",
            [{"name": "sum_squares", "ready": True}, {"error": "busy"}],
        ),
    ],
)
async def test_ready_follows_the_server(path: str, answers: list[Any]) -> None:
    fake = FakeClient()
    ready = await call("GET", path, fake)
    fake.fail_with(Overloaded("busy"))
    not_ready = await call("GET", path, fake)
    assert [ready.status_code, not_ready.status_code] == [200, 503]
    assert [ready.json(), not_ready.json()] == answers


@pytest.mark.parametrize("version", ["", "/versions/1"])
async def test_describes_a_model(version: str) -> None:
    told = (await call("GET", f"/v2/models/process_numbers{version}")).json()
    assert told["versions"] == ["1"]
    assert {"name": "numbers", "datatype": "INT64", "shape": [-1]} in told["inputs"]
    assert {"name": "rounds", "datatype": "INT64", "shape": [1]} in told["inputs"]
    assert {"name": "processed_result", "datatype": "INT64", "shape": [-1]} in told["outputs"]
    config = (await call("GET", f"/v2/models/process_numbers{version}/config")).json()
    inputs = {x["name"]: (x["data_type"], x["dims"], x["optional"]) for x in config["input"]}
    assert inputs == {
        "numbers": ("TYPE_INT64", [-1], False),
        "rounds": ("TYPE_INT64", [1], True),
    }
    assert config["max_batch_size"] == 0


@pytest.mark.parametrize("what", ["", "/ready", "/config"])
@pytest.mark.parametrize("model", ["nothing", "sum_squares/versions/2"])
async def test_what_there_is_not_is_a_404(model: str, what: str) -> None:
    answer = await call("GET", f"/v2/models/{model}{what}")
    assert answer.status_code == 404
    assert answer.json()["error"]


@pytest.mark.parametrize("model", ["nothing", "sum_squares/versions/2"])
async def test_what_there_is_not_cannot_be_run(model: str) -> None:
    answer = await call("POST", f"/v2/models/{model}/infer", json=SQUARES)
    assert answer.status_code == 404
    assert answer.json()["error"]


async def test_lists_the_models() -> None:
    names = [kernel.name for kernel in await FakeClient().list_kernels()]
    index = (await call("POST", "/v2/repository/index")).json()
    assert index == [
        {"name": name, "version": "1", "state": "READY", "reason": ""} for name in names
    ]


@pytest.mark.parametrize("model", ["stats", "sum_squares/stats", "sum_squares/versions/1/stats"])
async def test_says_where_statistics_are(model: str) -> None:
    answer = await call("GET", f"/v2/models/{model}")
    assert answer.status_code == 501
    assert "ModelStatistics" in answer.json()["error"]


async def test_a_length_that_is_none_is_refused_before_it_is_sent() -> None:
    fake = FakeClient()
    for length in (-1, 2**32):
        with pytest.raises(InvalidArgument):
            await fake.invoke_inference("sum_squares", b"{}", header_bytes=length)
    assert fake.calls == []
    answer = await fake.invoke_inference("sum_squares", b'{"parameters":{"a":3,"b":4}}')
    assert isinstance(answer, InferenceBody)
    assert answer.header_bytes is None
