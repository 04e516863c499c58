"""`client.run` and `client.kernels`: any kind of value goes out packed and comes back alike."""

from __future__ import annotations

import array
import enum
import inspect
import pickle
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy
import pytest

from offgil import AsyncClient, Client, InvalidArgument, NotFound, Results
from offgil.testing import FakeClient


class Echo(NamedTuple):
    """The results of `echo`."""

    x: list[float]
    flag: bool


def echo(x: list[float], flag: bool = True) -> Echo:
    """Gives back what it takes."""
    return Echo(x, flag)


def transpose(m: list[list[int]]) -> list[list[int]]:
    """Swaps rows and columns."""
    return [list(row) for row in zip(*m, strict=True)]


@pytest.fixture
def fake() -> FakeClient:
    fake = FakeClient()
    fake.add_kernel("echo", echo)
    fake.add_kernel("transpose", transpose)
    return fake


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([1.5, 2], list),
        ((1.5, 2.0), list),
        (iter([1.5, 2.0]), list),
        (numpy.array([1.5, 2.0]), numpy.ndarray),
        (numpy.array([1.5, 2.0], dtype=">f8"), numpy.ndarray),
        (numpy.array([1.5, 0.0, 2.0])[::2], numpy.ndarray),
        (numpy.array([1.5, 2.0], dtype=numpy.float16), numpy.ndarray),
        (array.array("d", [1.5, 2.0]), array.array),
        (memoryview(array.array("d", [1.5, 2.0])), array.array),
    ],
    ids=repr,
)
async def test_arrays_come_back_in_the_kind_of_the_argument(
    fake: FakeClient, given: Any, kind: type
) -> None:
    x: Any = (await fake.run("echo", x=given)).x
    assert [*x] == [1.5, 2.0]
    assert type(x) is kind


async def test_a_single_result_comes_bare_and_several_can_be_unpacked(fake: FakeClient) -> None:
    assert await fake.run("transpose", m=[[1, 2], [3, 4], [5, 6]]) == [[1, 3, 5], [2, 4, 6]]
    x, flag = await fake.run("echo", x=[1.0], flag=False)
    assert (x, flag) == ([1.0], False)


async def test_matrices_keep_their_shape(fake: FakeClient) -> None:
    matrix = numpy.asfortranarray(numpy.arange(6).reshape(2, 3))
    result = await fake.run("transpose", m=matrix)
    assert result.dtype == numpy.int64
    assert result.tolist() == matrix.T.tolist()
    result[0, 0] = 7  # a result is the caller's own


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([1.0, "2"], "x[1]"),
        ("text", "x"),
        (numpy.array(["a"]), "x"),
        (numpy.zeros((1, 1, 1)), "x"),
        ([2**63], "x[0]"),
        ([[1.0], [1.0, 2.0]], "x[1]"),
        (object(), "x"),
        (None, "x"),
    ],
    ids=repr,
)
async def test_what_is_no_array_is_refused_by_name(
    fake: FakeClient, given: Any, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await fake.run("echo", x=given)
    assert [violation.field for violation in caught.value.fields] == [field]


async def test_enums_and_scalars_of_numpy_are_scalars(client: AsyncClient) -> None:
    class Number(enum.Enum):
        THREE = 3

    assert (await client.run("sum_squares", a=Number.THREE, b=numpy.int8(4))).sum_of_squares == 25


def test_results_are_named_equal_and_picklable() -> None:
    results = Results(count=2, x=numpy.array([1.0, 2.0]))
    assert results == Results(count=2, x=numpy.array([1.0, 2.0]))
    assert results != Results(count=3, x=numpy.array([1.0, 2.0]))
    assert pickle.loads(pickle.dumps(results)) == results
    assert results._asdict()["count"] == 2
    assert len(repr(Results(x=list(range(1000))))) < 100
    with pytest.raises(AttributeError, match="count"):
        _ = results.cuont


async def test_kernels_are_functions_with_signature_and_docstring(client: AsyncClient) -> None:
    kernels = await client.kernels
    assert "process_numbers" in dir(kernels)
    function = kernels.process_numbers
    assert list(inspect.signature(function).parameters) == ["numbers", "rounds"]
    assert inspect.signature(function).parameters["rounds"].default == 1000
    assert "Applies f" in (inspect.getdoc(function) or "")
    assert (await function([1, 2], rounds=0)).processed_result == [1, 2]
    with pytest.raises(TypeError):
        await function()
    with pytest.raises(NotFound, match="did you mean 'process_numbers'"):
        await kernels.proces_numbers([1])


async def test_a_kernel_needs_no_catalogue_before_it_is_called(client: AsyncClient) -> None:
    assert (await client.kernels.sum_squares(3, 4)).sum_of_squares == 25


@pytest.fixture
def sync_client(server: Any) -> Iterator[Client]:
    with Client(server.target) as connected:
        yield connected


def test_the_synchronous_client_has_the_same_kernels(sync_client: Client) -> None:
    assert sync_client.kernels.sum_squares(3, b=4).sum_of_squares == 25
    assert {"process_numbers", "sum_squares"} <= set(dir(sync_client.kernels))
    with pytest.raises(AttributeError, match="did you mean"):
        sync_client.kernels.sum_square(3, 4)
