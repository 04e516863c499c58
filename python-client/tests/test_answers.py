"""Results come back in the kind of the arguments."""

from __future__ import annotations

import array
import struct
from typing import Any

import numpy
import pytest

from offgil import ProtocolViolation, Results
from offgil._answers import unpack_results, unpack_value
from offgil._arguments import Kind
from offgil._elements import ELEMENTS, Element
from offgil._proto.offgil.v1 import compute_pb2


def named(element: int, shape: tuple[int, ...], data: bytes) -> compute_pb2.NamedValue:
    # A number that is no ElementType stands for one of a newer server.
    packed = compute_pb2.Array(shape=shape, data=data)
    packed.element = element  # type: ignore[assignment]
    return compute_pb2.NamedValue(name="y", array=packed)


def sample(element: Element, shape: tuple[int, ...]) -> compute_pb2.NamedValue:
    data = struct.pack(f"<6{element.format}", 1, 0, 1, 1, 0, 1)
    return named(element.number, shape, data)


@pytest.mark.parametrize("element", ELEMENTS.values(), ids=lambda element: element.name)
def test_arrays_of_every_type_in_every_kind(element: Element) -> None:
    vector, matrix = sample(element, (6,)), sample(element, (2, 3))
    flat, rows = [1, 0, 1, 1, 0, 1], [[1, 0, 1], [1, 0, 1]]

    as_list = unpack_value(vector, Kind.LIST)
    assert (as_list, unpack_value(matrix, Kind.LIST)) == (flat, rows)
    python = {"b": bool, "f": float}.get(numpy.dtype(element.name).kind, int)
    assert {type(x) for x in as_list} == {python}

    as_array, view = unpack_value(vector, Kind.BUFFER), unpack_value(matrix, Kind.BUFFER)
    assert (type(as_array), as_array.typecode, list(as_array)) == (
        array.array,
        element.typecode,
        flat,
    )
    assert (view.format, view.shape, view.tolist()) == (element.format, (2, 3), rows)
    view[0, 0] = 0  # a result may be written to

    for value, shape in (vector, (6,)), (matrix, (2, 3)):
        result = unpack_value(value, Kind.NUMPY)
        assert (result.dtype, result.shape) == (numpy.dtype(element.name), shape)
        assert result.dtype.isnative
        assert result.flags.owndata and result.flags.writeable and result.flags.c_contiguous
        assert result.ravel().tolist() == flat


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_arrays_without_elements(shape: tuple[int, ...]) -> None:
    value = named(compute_pb2.ELEMENT_TYPE_FLOAT64, shape, b"")
    assert unpack_value(value, Kind.NUMPY).shape == shape
    expected: list[Any] = [[]] * shape[0] if len(shape) == 2 else []
    assert unpack_value(value, Kind.LIST) == expected
    buffer = unpack_value(value, Kind.BUFFER)
    assert buffer == (array.array("d") if len(shape) == 1 else expected)


def test_a_boolean_is_true_whatever_the_byte() -> None:
    value = named(compute_pb2.ELEMENT_TYPE_BOOL, (2,), b"\x07\x00")
    assert unpack_value(value, Kind.LIST) == [True, False]
    assert unpack_value(value, Kind.NUMPY).view(numpy.uint8).tolist() == [1, 0]


def test_one_result_comes_bare_and_several_with_names() -> None:
    one = compute_pb2.NamedValue(name="result", int_value=5)
    two = compute_pb2.NamedValue(name="other", string_value="a")
    assert unpack_results([one], Kind.LIST) == 5
    assert unpack_results([one, two], Kind.LIST) == Results(result=5, other="a")
    assert unpack_results([], Kind.LIST) == Results()


@pytest.mark.parametrize(
    "value",
    [
        compute_pb2.NamedValue(name="y"),
        named(0, (1,), bytes(8)),
        named(compute_pb2.ELEMENT_TYPE_STRING, (1,), b"a"),
        named(99, (1,), bytes(8)),
        named(compute_pb2.ELEMENT_TYPE_INT64, (), bytes(8)),
        named(compute_pb2.ELEMENT_TYPE_INT64, (1, 1, 1), bytes(8)),
    ],
    ids=["nothing", "no type", "strings", "newer type", "no dimensions", "three dimensions"],
)
@pytest.mark.parametrize("kind", Kind)
def test_a_type_of_a_newer_server_is_a_violation(value: compute_pb2.NamedValue, kind: Kind) -> None:
    with pytest.raises(ProtocolViolation, match="update offgil"):
        unpack_value(value, kind)


@pytest.mark.parametrize("kind", Kind)
def test_bytes_that_are_not_the_shape_are_a_violation(kind: Kind) -> None:
    for shape in ((1,), (3,), (2, 2), (0,), (2**62, 2**62)):
        with pytest.raises(ProtocolViolation, match="16 bytes"):
            unpack_value(named(compute_pb2.ELEMENT_TYPE_INT64, shape, bytes(16)), kind)


def test_a_result_that_comes_twice_is_a_violation() -> None:
    twice = [compute_pb2.NamedValue(name="y", int_value=5)] * 2
    with pytest.raises(ProtocolViolation, match="twice"):
        unpack_results(twice, Kind.LIST)
