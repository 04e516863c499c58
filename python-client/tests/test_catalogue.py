"""The catalogue says of each kernel what a caller must know."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from catalogue import kernels
from fake_server import FakeServer
from fastapi import FastAPI
from httpx import ASGITransport
from httpx import AsyncClient as HttpClient

from offgil import AsyncClient, Kernel, Parameter, ProtocolViolation, Result
from offgil._catalogue import kernels_from_proto
from offgil._fake_kernels import kernel_to_proto
from offgil._proto.offgil.v1 import compute_pb2
from offgil.fastapi import create_router, get_client

INT64 = compute_pb2.ValueType(element=compute_pb2.ELEMENT_TYPE_INT64)


def described(**fields: Any) -> Kernel:
    kernel = compute_pb2.KernelDescription(name="k", **fields)
    (read,) = kernels_from_proto(compute_pb2.ListKernelsResponse(kernels=[kernel]))
    return read


def parameter(**fields: Any) -> Parameter:
    description = compute_pb2.ParameterDescription(name="p", **fields)
    return described(parameters=[description]).parameters[0]


def test_every_kernel_of_the_fakes_survives_the_wire() -> None:
    for fake in kernels().values():
        (read,) = kernels_from_proto(
            compute_pb2.ListKernelsResponse(kernels=[kernel_to_proto(fake.kernel)])
        )
        assert repr(read) == repr(fake.kernel)  # NaN is not equal to itself


def test_reads_choices_and_whether_names_are_free() -> None:
    text = compute_pb2.ValueType(element=compute_pb2.ELEMENT_TYPE_STRING)
    assert parameter(type=text, choices=["mean", "max"]).choices == ("mean", "max")
    free = parameter(type=INT64, variadic=True)
    assert (free.variadic, free.required, free.default) == (True, False, None)
    assert (parameter(type=INT64).choices, parameter(type=INT64).variadic) == ((), False)


def test_reads_floats_that_are_no_numbers() -> None:
    float64 = compute_pb2.ValueType(element=compute_pb2.ELEMENT_TYPE_FLOAT64)
    read = parameter(
        type=float64,
        default_json='"NaN"',
        minimum_json='"-Infinity"',
        maximum_json='"Infinity"',
    )
    assert math.isnan(read.default)
    assert (read.minimum, read.maximum) == (-math.inf, math.inf)
    whole = parameter(type=float64, default_json="1").default
    assert (type(whole), whole) == (float, 1.0)
    vector = compute_pb2.ValueType(element=compute_pb2.ELEMENT_TYPE_FLOAT64, rank=1)
    assert parameter(type=vector, default_json='[1, "Infinity"]').default == [1.0, math.inf]
    assert parameter(type=float64, default_json="null").default is None


def test_reads_an_example() -> None:
    assert described(example_json='{"x": [1, "NaN"]}').example == {"x": [1, "NaN"]}
    assert described().example is None
    assert hash(described(example_json="{}"))


def test_a_type_of_a_newer_server_is_unknown() -> None:
    newer = compute_pb2.ValueType(rank=1)
    newer.element = 99  # type: ignore[assignment]
    result = compute_pb2.ResultDescription(name="y", type=newer)
    assert described(results=[result]).results == (Result("y", "", "unknown", 1),)


@pytest.mark.parametrize(
    "kernel",
    [
        compute_pb2.KernelDescription(name=""),
        compute_pb2.KernelDescription(name="a b"),
        compute_pb2.KernelDescription(name="k", example_json="[1]"),
        compute_pb2.KernelDescription(name="k", example_json="{"),
        compute_pb2.KernelDescription(
            name="k", parameters=[compute_pb2.ParameterDescription(name="p")] * 2
        ),
        compute_pb2.KernelDescription(name="k", results=[compute_pb2.ResultDescription(name="1")]),
    ],
    ids=str,
)
async def test_a_malformed_catalogue_is_a_violation(
    server: FakeServer,
    client: AsyncClient,
    kernel: compute_pb2.KernelDescription,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("offgil._reference.kernel_to_proto", lambda _: kernel)
    server.kernels = dict(list(server.kernels.items())[:1])
    with pytest.raises(ProtocolViolation, match="ListKernels is malformed"):
        await client.list_kernels()


async def test_the_app_shows_all_of_it_as_json(server: FakeServer, client: AsyncClient) -> None:
    server.kernels = kernels()
    app = FastAPI()
    app.include_router(create_router())
    app.dependency_overrides[get_client] = lambda: client
    async with HttpClient(transport=ASGITransport(app), base_url="http://app") as http:
        answer = await http.get("/kernels")
    assert answer.status_code == 200
    shown = {kernel["name"]: kernel for kernel in json.loads(answer.text)}
    assert shown["ema"]["example"] == {"x": [1, 2], "alpha": 0.5}
    assert shown["sort"]["example"] is None
    assert shown["evaluate"]["parameters"][1]["variadic"] is True
    parameters = {x["name"]: x for x in shown["rolling"]["parameters"]}
    assert parameters["statistic"]["choices"] == ["mean", "max"]
    assert parameters["fill"]["default"] == "NaN"
    assert (parameters["window"]["minimum"], parameters["window"]["maximum"]) == (1, None)
