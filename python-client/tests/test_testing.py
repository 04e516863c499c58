"""The fake stands in for the client."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy
import pytest
from numpy.typing import NDArray

from offgil import (
    AsyncClient,
    InvalidArgument,
    NotFound,
    OutOfRange,
    Overloaded,
    Parameter,
    Result,
    Results,
)
from offgil.testing import FakeClient

EXTRAS = {"add_kernel", "calls", "fail_with"}


def test_has_the_public_surface_of_the_client() -> None:
    fake = FakeClient()
    public = {name for name in dir(AsyncClient("h:1")) if not name.startswith("_")}
    assert {name for name in dir(fake) if not name.startswith("_")} == public | EXTRAS
    for name in public:
        member = getattr(AsyncClient, name)
        if callable(member):
            assert inspect.signature(getattr(FakeClient, name)) == inspect.signature(member)


async def test_computes_without_a_server() -> None:
    async with FakeClient() as fake:
        assert await fake.process_numbers([1, -1, 2**63 - 1], rounds=1) == [4, 0, 0]
        assert await fake.sum_squares(3, 4) == 25
        assert isinstance((await fake.batch_sum_squares([(2**62, 2**62)]))[0], OutOfRange)
        assert [x async for x in fake.process_numbers_stream([[1], [2]], rounds=1)] == [[4], [6]]
        chunks = [x async for x in fake.invoke_json_stream("sum_squares", [b'{"a":1,"b":2}'])]
        assert b"".join(chunks) == b'{"a":1,"b":2,"sum_of_squares":5}'
        assert (await fake.run("sum_squares", a=1, b=2)).sum_of_squares == 5
        assert len(await fake.list_kernels()) == 2
        await fake.wait_until_ready()


async def test_checks_arguments_as_the_client_does() -> None:
    with pytest.raises(InvalidArgument):
        await FakeClient().sum_squares(2**63, 0)


async def test_fails_when_told_and_tells_what_was_called() -> None:
    fake = FakeClient()
    fake.fail_with(Overloaded("busy"))
    with pytest.raises(Overloaded):
        await fake.with_options(timeout=1).sum_squares(3, 4)
    assert not await fake.check_health()
    fake.fail_with(None)
    assert await fake.sum_squares(3, 4) == 25
    assert fake.calls == ["SumSquares", "SumSquares"]


def test_has_no_stub() -> None:
    with pytest.raises(RuntimeError, match="no stub"):
        _ = FakeClient().stub


# === Kernels of a test ===


class Sorted(NamedTuple):
    values: list[float]
    permutation: list[int]


class Statistic(enum.Enum):
    MEAN = "mean"
    MAX = "max"


def ema(x: list[float], alpha: float = 0.3) -> list[float]:
    """Exponential moving average."""
    return [alpha * value for value in x]


def sort(x: Sequence[float]) -> Sorted:
    return Sorted(sorted(x), sorted(range(len(x)), key=x.__getitem__))


def mean(rows: list[list[float]], how: Literal["rows", "all"] = "all") -> float:
    return sum(map(sum, rows)) / sum(map(len, rows))


def rolling(x: list[int], statistic: Statistic = Statistic.MEAN, lambda_: int = 1) -> list[int]:
    return [value * lambda_ for value in x]


def total(**vectors: list[float]) -> list[float]:
    return [sum(column) for column in zip(*vectors.values(), strict=True)]


def anything(x, y=None):  # type: ignore[no-untyped-def] # as a hurried test has it
    return x


def doubled(x: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
    return numpy.asarray(x) * 2


@pytest.fixture
def fake() -> FakeClient:
    client = FakeClient()
    for function in (ema, sort, mean, rolling, total, anything, doubled):
        client.add_kernel(function.__name__, function)
    return client


async def test_runs_functions_as_kernels(fake: FakeClient) -> None:
    assert await fake.run("ema", x=[1.0, 2.0], alpha=2) == [2.0, 4.0]
    assert await fake.run("ema", x=[1, 2], alpha=0.5) == [0.5, 1.0]
    assert await fake.kernels.ema([1.0], 0.5) == [0.5]
    averages = await fake.kernels.ema(numpy.array([1.0, 2.0]), alpha=0.5)
    numpy.testing.assert_array_equal(averages, numpy.array([0.5, 1.0]), strict=True)
    assert await fake.run("sort", x=[3.0, 1.0]) == Results(values=[1.0, 3.0], permutation=[1, 0])
    assert await fake.run("mean", rows=[[1.0, 2.0], [3.0, 4.0]]) == 2.5
    assert await fake.run("rolling", x=[1], **{"lambda": 3}) == [3]
    assert await fake.kernels.rolling([1], lambda_=3, statistic=Statistic.MAX) == [3]
    assert await fake.run("total", a=[1.0], b=[2.0]) == [3.0]
    assert await fake.run("anything", x="text") == "text"
    assert await fake.run("doubled", x=[1.0]) == [2.0]
    assert set(fake.calls) == {"Invoke", "ListKernels"}


async def test_runs_functions_by_json(fake: FakeClient) -> None:
    answer = await fake.invoke_json("sort", b'{"x":[3,"NaN",1]}')
    assert answer.startswith(b'{"values":[')
    assert b'"NaN"' in answer
    assert await fake.invoke_json("ema", b'{"x":[1],"alpha":2}') == b'{"result":[2.0]}'
    assert await fake.invoke_json("ema", b'{"x":["1"],"z":0}', lax=True) == b'{"result":[0.3]}'
    chunks = [x async for x in fake.invoke_json_stream("ema", [b'{"x":', b"[1]}"])]
    assert b"".join(chunks) == b'{"result":[0.3]}'


async def test_lists_what_was_added(fake: FakeClient) -> None:
    kernels = {kernel.name: kernel for kernel in await fake.list_kernels()}
    assert list(kernels) == sorted(kernels)
    assert kernels["ema"].documentation == "Exponential moving average."
    assert kernels["ema"].parameters == (
        Parameter("x", "", "float64", 1),
        Parameter("alpha", "", "float64", 0, required=False, default=0.3),
    )
    assert kernels["ema"].results == (Result("result", "", "float64", 1),)
    assert kernels["sort"].results == (
        Result("values", "", "float64", 1),
        Result("permutation", "", "int64", 1),
    )
    rows, how = kernels["mean"].parameters
    assert (rows.element, rows.rank) == ("float64", 2)
    assert (how.element, how.choices, how.default) == ("string", ("rows", "all"), "all")
    _, statistic, weight = kernels["rolling"].parameters
    assert (statistic.choices, statistic.default) == (("mean", "max"), "mean")
    assert weight.name == "lambda"
    (vectors,) = kernels["total"].parameters
    assert (vectors.variadic, vectors.element, vectors.rank) == (True, "float64", 1)
    assert [x.element for x in kernels["anything"].parameters] == ["unspecified"] * 2
    assert [x.required for x in kernels["anything"].parameters] == [True, False]


async def test_a_description_may_be_given(fake: FakeClient) -> None:
    fake.add_kernel(
        "split",
        lambda x, at: (x[:at], x[at:]),
        documentation="Splits.",
        parameters=[
            Parameter("x", "The numbers.", "int64", 1),
            Parameter("at", "Where.", "int64", 0, minimum=0, maximum=9),
        ],
        results=[Result("head", "", "int64", 1), Result("tail", "", "int64", 1)],
        example={"x": [1], "at": 0},
    )
    head, tail = await fake.kernels.split([1, 2, 3], 1)
    assert (head, tail) == ([1], [2, 3])
    for at in (-1, 10):
        with pytest.raises(InvalidArgument, match="at: must be at"):
            await fake.run("split", x=[1], at=at)
    split = {kernel.name: kernel for kernel in await fake.list_kernels()}["split"]
    assert (split.documentation, split.example) == ("Splits.", {"x": [1], "at": 0})


@pytest.mark.parametrize(
    ("kernel", "arguments", "field", "kind"),
    [
        ("ema", {}, "x", "missing"),
        ("ema", {"x": [1.0], "beta": 1}, "beta", "extra_forbidden"),
        ("ema", {"x": 1.0}, "x", "list_type"),
        ("ema", {"x": [1.0], "alpha": "a"}, "alpha", "float_type"),
        ("ema", {"x": [1.0], "alpha": True}, "alpha", "float_type"),
        ("ema", {"x": [1.0], "alpha": [0.5]}, "alpha", "float_type"),
        ("ema", {"x": [True]}, "x[0]", "float_type"),
        ("mean", {"rows": [1.0]}, "rows[0]", "list_type"),
        ("mean", {"rows": [[1.0]], "how": "some"}, "how", "enum"),
        ("mean", {"rows": [[1.0]], "how": 1}, "how", "string_type"),
        ("rolling", {"x": [1.5]}, "x[0]", "int_type"),
        ("total", {"a": 1.0}, "a", "list_type"),
        ("sum_squares", {"a": 1.5, "b": 1}, "a", "int_type"),
        ("process_numbers", {"numbers": [1], "rounds": -1}, "rounds", "greater_than_equal"),
    ],
)
async def test_checks_the_arguments_of_any_kernel(
    fake: FakeClient, kernel: str, arguments: dict[str, Any], field: str, kind: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await fake.run(kernel, **arguments)
    assert [violation.field for violation in caught.value.fields] == [field]
    assert caught.value.type == kind


async def test_an_added_kernel_belongs_to_its_fake_alone(fake: FakeClient) -> None:
    assert await fake.with_options(timeout=1).run("ema", x=[1.0]) == [0.3]
    with pytest.raises(NotFound):
        await FakeClient().run("ema", x=[1.0])
    fake.add_kernel("sum_squares", lambda a, b: 0)
    assert await fake.run("sum_squares", a=1, b=1) == 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: None, "returned no value for result"),
        (lambda: {"other": 1}, r"returned \['other'\], not \['result'\]"),
    ],
)
async def test_a_function_that_returns_no_result_is_an_error_of_the_test(
    fake: FakeClient, function: Callable[..., Any], message: str
) -> None:
    fake.add_kernel("wrong", function)
    with pytest.raises(TypeError, match=message):
        await fake.run("wrong")


def test_a_kernel_takes_its_arguments_by_name(fake: FakeClient) -> None:
    with pytest.raises(TypeError, match="by name"):
        fake.add_kernel("wrong", lambda *numbers: 0)
