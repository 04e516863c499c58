"""`client.kernels` has a function for each kernel, which looks like one written by hand."""

from __future__ import annotations

import inspect
import pydoc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy
import pytest
from catalogue import kernels
from fake_server import FakeServer, free_port

from offgil import (
    AsyncClient,
    Client,
    ConnectionFailed,
    InvalidArgument,
    NotFound,
    Parameter,
    Results,
)
from offgil._fake_kernels import FakeKernel
from offgil._proto.offgil.v1 import compute_pb2


@pytest.fixture
def server(server: FakeServer) -> FakeServer:
    server.kernels |= kernels()
    return server


@pytest.fixture
def blocking(server: FakeServer) -> Iterator[Client]:
    with Client(server.target, timeout=10) as connected:
        yield connected


def methods(server: FakeServer) -> list[str]:
    return [method for method, _ in server.calls]


# === Calls ===


async def test_calls_a_kernel_by_its_name(client: AsyncClient) -> None:
    assert await client.kernels.ema([1.0, 2.0], alpha=0.5) == [1.0, 1.5]
    assert await client.kernels.ema([1.0, 2.0], 0.5) == [1.0, 1.5]
    assert await client.kernels.ema(alpha=0.5, x=[1.0, 2.0]) == [1.0, 1.5]
    values, permutation = await client.kernels.sort(numpy.array([3.0, 1.0]))
    assert (values.tolist(), permutation.tolist()) == ([1.0, 3.0], [1, 0])


def test_calls_a_kernel_without_asyncio(blocking: Client) -> None:
    assert blocking.kernels.ema([1.0, 2.0], alpha=0.5) == [1.0, 1.5]
    assert blocking.kernels.sort([3.0, 1.0]) == Results(values=[1.0, 3.0], permutation=[1, 0])


async def test_leaves_defaults_to_the_server(server: FakeServer, client: AsyncClient) -> None:
    seen: list[list[str]] = []

    def answer(request: Any) -> compute_pb2.InvokeResponse:
        seen.append([argument.name for argument in request.arguments])
        return compute_pb2.InvokeResponse()

    server.invoke = answer
    await client.kernels.ema([1.0])
    assert seen == [["x"]]


async def test_further_arguments_may_have_any_name(client: AsyncClient) -> None:
    evaluate = client.kernels.evaluate
    assert await evaluate("a + b", a=[1.0, 2.0], b=[3.0, 4.0]) == [4.0, 6.0]
    assert await evaluate("vectors + self", vectors=[1.0], self=[2.0]) == [3.0]


async def test_a_keyword_of_python_gets_an_underscore(client: AsyncClient) -> None:
    rolling = client.kernels.rolling
    assert await rolling([1.0], 1, lambda_=0.5) == [1.0]
    assert await rolling([1.0], 1, **{"lambda": 0.5}) == [1.0]
    with pytest.raises(InvalidArgument) as caught:
        await rolling([1.0], 1, lambda_=2.0)
    assert caught.value.fields[0].field == "lambda"
    result = await client.kernels.summary([[1.0]])
    assert (result.count, result.lambda_) == (1, 0.5)


async def test_a_kernel_with_the_name_of_a_keyword(server: FakeServer, client: AsyncClient) -> None:
    ema = server.kernels["ema"]
    server.kernels["lambda"] = FakeKernel(replace(ema.kernel, name="lambda"), ema.function)
    assert await client.kernels.lambda_([1.0]) == [1.0]


# === What is wrong is a TypeError, as of any function ===


@pytest.mark.parametrize(
    ("positional", "keywords", "message"),
    [
        ((), {}, r"ema\(\) missing a required argument: 'x'"),
        (([1.0], 0.5, 3), {}, r"ema\(\) too many positional arguments"),
        (([1.0],), {"x": [1.0]}, r"ema\(\) multiple values for argument 'x'"),
        (
            ([1.0],),
            {"alhpa": 0.5},
            r"ema\(\) got an unexpected keyword argument 'alhpa'; did you mean 'alpha'\?",
        ),
        (([1.0],), {"zzz": 0.5}, r"got an unexpected keyword argument 'zzz'$"),
    ],
)
async def test_wrong_arguments_are_type_errors(
    client: AsyncClient,
    blocking: Client,
    positional: tuple[Any, ...],
    keywords: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(TypeError, match=message) as caught:
        await client.kernels.ema(*positional, **keywords)
    assert caught.value.__cause__ is None
    with pytest.raises(TypeError, match=message):
        blocking.kernels.ema(*positional, **keywords)


async def test_a_required_parameter_behind_a_default_is_keyword_only(client: AsyncClient) -> None:
    with pytest.raises(TypeError, match="too many positional"):
        await client.kernels.rolling([1.0], 1, "mean", 0.0, 0.5)


async def test_an_unknown_kernel_shows_at_the_call(client: AsyncClient) -> None:
    function = client.kernels.emma
    with pytest.raises(NotFound, match="no kernel 'emma'; did you mean 'ema'") as caught:
        await function([1.0])
    assert caught.value.reason == "KERNEL_NOT_FOUND"


def test_an_unknown_kernel_is_no_attribute(server: FakeServer, blocking: Client) -> None:
    with pytest.raises(AttributeError, match="no kernel 'emma'; did you mean 'ema'"):
        _ = blocking.kernels.emma
    assert not hasattr(blocking.kernels, "zzz")
    assert hasattr(blocking.kernels, "ema")


# === The catalogue is fetched when it is needed ===


async def test_the_catalogue_is_fetched_once_for_all_options(
    server: FakeServer, client: AsyncClient
) -> None:
    await client.kernels.ema([1.0])
    await client.with_options(timeout=5).kernels.sort([1.0])
    await client.kernels.ema([1.0])
    assert methods(server) == ["ListKernels", "Invoke", "Invoke", "Invoke"]


async def test_a_copy_fetches_the_catalogue_for_all(
    server: FakeServer, client: AsyncClient
) -> None:
    await client.with_options(timeout=5).kernels.ema([1.0])
    await client.kernels.ema([1.0])
    assert methods(server).count("ListKernels") == 1


async def test_the_namespace_uses_the_options_of_its_client(
    server: FakeServer, client: AsyncClient
) -> None:
    await client.with_options(metadata=(("x-request-id", "r-7"),)).kernels.ema([1.0])
    assert [metadata.get("x-request-id") for _, metadata in server.calls] == ["r-7", "r-7"]


async def test_finds_the_kernels_of_a_server_that_took_the_place(
    server: FakeServer, client: AsyncClient, blocking: Client
) -> None:
    ema = server.kernels.pop("ema")
    await client.kernels
    assert "ema" not in dir(blocking.kernels)
    server.kernels["ema"] = ema
    assert await client.kernels.ema([1.0]) == [1.0]
    assert blocking.kernels.ema([1.0]) == [1.0]

    longer = (*ema.kernel.parameters, Parameter("extra", "", "int64", 0, False, 1))
    newer = FakeKernel(replace(ema.kernel, parameters=longer), lambda x, **_: x)
    server.kernels["ema"] = newer
    assert await client.kernels.ema([1.0], extra=2) == [1.0]
    assert blocking.kernels.ema([1.0], extra=2) == [1.0]


def test_an_unreachable_server_is_a_failed_connection() -> None:
    target = f"dns:///127.0.0.1:{free_port()}"
    with Client(target, connect_timeout=0.1) as client:
        with pytest.raises(ConnectionFailed):
            _ = client.kernels.ema
        assert dir(client.kernels) == []
        assert "not known yet" in repr(client.kernels)
    assert dir(client.kernels) == []  # nor when it is closed


# === help, completion, signatures ===


async def test_completion_lists_the_kernels(client: AsyncClient, blocking: Client) -> None:
    expected = sorted({*kernels(), "process_numbers", "sum_squares"})
    assert dir(blocking.kernels) == expected
    assert dir(client.kernels) == []
    assert dir(await client.kernels) == expected
    assert "ema, evaluate" in repr(client.kernels)


async def test_looking_for_a_protocol_asks_nobody(
    server: FakeServer, client: AsyncClient, blocking: Client
) -> None:
    for namespace in (client.kernels, blocking.kernels):
        for name in ("_repr_html_", "_ipython_display_", "__array__", "__wrapped__"):
            assert not hasattr(namespace, name)
    assert server.calls == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ema", "(x: FloatVector, alpha: float = 0.3) -> FloatVector"),
        ("sort", "(x: FloatVector) -> offgil.Results"),
        ("evaluate", "(expression: str, **vectors: FloatVector) -> FloatVector"),
        (
            "rolling",
            "(x: FloatVector, window: int, statistic: Literal['mean', 'max'] = 'mean', "
            "fill: float = nan, *, lambda_: float, exact: bool = False) -> FloatVector",
        ),
        (
            "summary",
            "(a: FloatMatrix, mask: BoolVector = [True], data: IntVector = [1, 2], "
            "rows: IntMatrix = [[1]]) -> offgil.Results",
        ),
    ],
)
async def test_a_function_has_a_signature(
    client: AsyncClient, blocking: Client, name: str, expected: str
) -> None:
    await client.kernels
    for namespace in (client.kernels, blocking.kernels):
        function = getattr(namespace, name)
        assert str(inspect.signature(function)) == expected
        assert (function.__name__, function.__qualname__) == (name, f"kernels.{name}")
    assert inspect.iscoroutinefunction(getattr(client.kernels, name))
    assert not inspect.iscoroutinefunction(getattr(blocking.kernels, name))


async def test_help_tells_what_a_caller_must_know(client: AsyncClient, blocking: Client) -> None:
    text = pydoc.plain(pydoc.render_doc(blocking.kernels.rolling))
    for line in (
        "rolling(x: FloatVector, window: int, ",
        "A statistic over a window.",
        "Args:",
        "x (vector of float64): The series.",
        "window (int64; at least 1)",
        "statistic (string; one of 'mean', 'max'; default 'mean')",
        "lambda_ (float64; at most 1.0): Out of order.",
        "Returns:",
    ):
        assert line in text
    ema = inspect.getdoc((await client.kernels).ema)
    assert ema is not None
    assert "alpha (float64; default 0.3; from 0.0 to 1.0): The weight." in ema
    assert ema.endswith("Returns:\n    vector of float64: The averages.")
    assert "**vectors (vector of float64): By name." in blocking.kernels.evaluate.__doc__
    assert "permutation (vector of int64): Where each was." in blocking.kernels.sort.__doc__
    assert "count (int64): How many." in blocking.kernels.summary.__doc__


async def test_a_function_of_an_unknown_catalogue_says_so(client: AsyncClient) -> None:
    assert "await client.kernels" in client.kernels.ema.__doc__
