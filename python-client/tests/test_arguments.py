"""Any value that stands for a scalar, a vector or a matrix goes out packed."""

from __future__ import annotations

import array
import ctypes
import enum
import struct
from collections import deque
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from offgil import InvalidArgument
from offgil._arguments import Kind, pack_argument
from offgil._proto.offgil.v1 import compute_pb2


class Statistic(enum.Enum):
    MEAN = "mean"


class Level(enum.IntEnum):
    HIGH = 3


class Text(enum.StrEnum):
    A = "a"


class Convertible:
    """What pandas and polars give: an object that NumPy can turn into an array."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:  # noqa: D105
        return numpy.array([1.5, 2.5])


def pack(value: Any) -> tuple[compute_pb2.NamedValue, Kind]:
    named = compute_pb2.NamedValue(name="x")
    kind = pack_argument(named, value)
    return named, kind


def packed_array(value: Any) -> tuple[str, list[int], bytes]:
    packed = pack(value)[0].array
    name = compute_pb2.ElementType.Name(packed.element).removeprefix("ELEMENT_TYPE_").lower()
    return name, list(packed.shape), packed.data


def view_of(values: Any) -> memoryview:
    return memoryview(values)


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        (True, "bool_value", True),
        (3, "int_value", 3),
        (-(2**63), "int_value", -(2**63)),
        (0.5, "float_value", 0.5),
        ("mean", "string_value", "mean"),
        ("", "string_value", ""),
        (Statistic.MEAN, "string_value", "mean"),
        (Text.A, "string_value", "a"),
        (Level.HIGH, "int_value", 3),
        (Decimal("0.5"), "float_value", 0.5),
        (Fraction(1, 2), "float_value", 0.5),
        (numpy.bool_(True), "bool_value", True),
        (numpy.int8(-3), "int_value", -3),
        (numpy.uint64(2**63 - 1), "int_value", 2**63 - 1),
        (numpy.float16(0.5), "float_value", 0.5),
        (numpy.float32(0.5), "float_value", 0.5),
        (numpy.longdouble("0.5"), "float_value", 0.5),
        (numpy.str_("mean"), "string_value", "mean"),
        (numpy.array(3, dtype=">i4"), "int_value", 3),
        (numpy.array("mean"), "string_value", "mean"),
        (memoryview(ctypes.c_int64(7)).cast("B").cast("q", ()), "int_value", 7),
    ],
)
def test_scalars(value: Any, field: str, expected: Any) -> None:
    named, kind = pack(value)
    assert named.WhichOneof("value") == field
    assert getattr(named, field) == expected
    assert kind is Kind.LIST


@pytest.mark.parametrize(
    ("value", "element", "code"),
    [
        ([1, 2], "int64", "q"),
        ((1, 2), "int64", "q"),
        (range(1, 3), "int64", "q"),
        (iter([1, 2]), "int64", "q"),
        (deque([1, 2]), "int64", "q"),
        ([True, 2], "int64", "q"),
        ([numpy.int16(1), 2], "int64", "q"),
        ([1, 2.0], "float64", "d"),
        ([1.0, Decimal(2)], "float64", "d"),
        ([numpy.float32(1), 2], "float64", "d"),
        ([2**70 // 2**70, 2.0], "float64", "d"),
    ],
)
def test_lists_of_numbers(value: Any, element: str, code: str) -> None:
    assert packed_array(value) == (element, [2], struct.pack(f"<2{code}", 1, 2))


def test_a_list_of_floats_may_hold_an_integer_beyond_int64() -> None:
    assert packed_array([2**70, 0.5]) == ("float64", [2], struct.pack("<2d", 2.0**70, 0.5))


@pytest.mark.parametrize("true", [True, numpy.True_])
def test_a_list_of_booleans_only(true: Any) -> None:
    assert packed_array([true, False]) == ("bool", [2], b"\x01\x00")


def test_an_empty_list_is_a_vector() -> None:
    assert packed_array([]) == ("int64", [0], b"")


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 2], [3, 4]],
        ((1, 2), (3, 4)),
        [range(1, 3), array.array("b", [3, 4])],
        iter([iter([1, 2]), iter([3, 4])]),
    ],
)
def test_lists_of_rows_are_a_matrix(rows: Any) -> None:
    assert packed_array(rows) == ("int64", [2, 2], struct.pack("<4q", 1, 2, 3, 4))
    assert packed_array([[], []]) == ("int64", [2, 0], b"")


def test_rows_of_numpy_are_an_array_of_numpy() -> None:
    named, kind = pack([numpy.array([1.0, 2.0]), [3, 4]])
    assert kind is Kind.NUMPY
    assert named.array.shape == [2, 2]
    assert named.array.data == struct.pack("<4d", 1, 2, 3, 4)


ORDERS: tuple[Literal["<", ">"], ...] = ("<", ">")


@pytest.mark.parametrize(
    ("dtype", "element"),
    [
        ("bool", "bool"),
        ("int8", "int32"),
        ("int16", "int32"),
        ("int32", "int32"),
        ("int64", "int64"),
        ("uint8", "uint8"),
        ("uint16", "int32"),
        ("uint32", "int64"),
        ("uint64", "int64"),
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("longdouble", "float64"),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed"])
def test_every_dtype_and_layout_of_numpy(
    dtype: str, element: str, order: Literal["<", ">"], layout: str
) -> None:
    matrix = numpy.array([[0, 1, 1], [1, 0, 1]], dtype=numpy.dtype(dtype).newbyteorder(order))
    if layout == "F":
        matrix = numpy.asfortranarray(matrix)
    elif layout == "strided":
        matrix = numpy.repeat(numpy.repeat(matrix, 2, axis=0), 3, axis=1)[::2, ::3]
    elif layout == "reversed":
        matrix = matrix[::-1, ::-1][::-1, ::-1]
    expected = matrix.astype(numpy.dtype(element).newbyteorder("<"), order="C").tobytes("C")
    assert packed_array(matrix) == (element, [2, 3], expected)
    assert packed_array(matrix[1]) == (element, [3], expected[len(expected) // 2 :])
    assert pack(matrix)[1] is Kind.NUMPY


@given(npst.arrays(npst.floating_dtypes(sizes=(16, 32, 64)), npst.array_shapes(max_dims=2)))
def test_arrays_of_floats_keep_their_values(values: Any) -> None:
    element, shape, data = packed_array(values)
    sent = numpy.frombuffer(data, dtype=numpy.dtype(element).newbyteorder("<")).reshape(shape)
    numpy.testing.assert_array_equal(sent, values)


def test_what_numpy_can_convert_is_converted() -> None:
    assert packed_array(Convertible()) == ("float64", [2], struct.pack("<2d", 1.5, 2.5))
    assert pack(Convertible())[1] is Kind.NUMPY
    unmasked = numpy.ma.masked_array([1, 2], mask=[False, False])
    assert packed_array(unmasked)[2] == struct.pack("<2q", 1, 2)


@pytest.mark.parametrize(
    ("code", "element"),
    [
        *((code, "int32") for code in "bhHi"),
        *((code, "int64") for code in "IqQ"),
        ("B", "uint8"),
        ("f", "float32"),
        ("d", "float64"),
    ],
)
def test_every_typecode_of_array(code: str, element: str) -> None:
    numbers: array.array[Any] = array.array(code, [1, 2, 100])
    name, shape, data = packed_array(numbers)
    assert (name, shape) == (element, [3])
    assert numpy.frombuffer(data, dtype=element).tolist() == [1, 2, 100]
    assert pack(numbers)[1] is Kind.BUFFER


def test_other_buffers() -> None:
    assert packed_array(b"\x01\xff") == ("uint8", [2], b"\x01\xff")
    assert packed_array(memoryview(b"\x01\x00").cast("?")) == ("bool", [2], b"\x01\x00")
    assert packed_array(memoryview(b"ab").cast("c")) == ("uint8", [2], b"ab")
    matrix = memoryview(array.array("d", range(6))).cast("B").cast("d", (2, 3))
    assert packed_array(matrix) == ("float64", [2, 3], struct.pack("<6d", *range(6)))
    backwards = memoryview(array.array("q", range(6)))[::-2]
    assert packed_array(backwards) == ("int64", [3], struct.pack("<3q", 5, 3, 1))
    big = (ctypes.c_int32.__ctype_be__ * 2)(1, -2)
    assert packed_array(big) == ("int32", [2], struct.pack("<2i", 1, -2))
    row = ctypes.c_double * 2
    nested = (row * 2)(row(1, 2), row(3, 4))
    assert packed_array(nested) == ("float64", [2, 2], struct.pack("<4d", 1, 2, 3, 4))
    half = view_of(numpy.array([1, 0.5], dtype=">f2"))
    assert packed_array(half) == ("float32", [2], struct.pack("<2f", 1, 0.5))


TOO_LARGE = numpy.zeros((2, 3), dtype="uint64")
TOO_LARGE[1, 2] = 2**63


@pytest.mark.parametrize(
    ("value", "field", "kind"),
    [
        (2**63, "x", "int_parsing_size"),
        ([0, 2**63], "x[1]", "int_parsing_size"),
        ([[0, 1], [2**63, 1]], "x[1][0]", "int_parsing_size"),
        (TOO_LARGE, "x[1][2]", "int_parsing_size"),
        (TOO_LARGE.T, "x[2][1]", "int_parsing_size"),
        (TOO_LARGE[1], "x[2]", "int_parsing_size"),
        (view_of(TOO_LARGE), "x[1][2]", "int_parsing_size"),
        (array.array("Q", [0, 2**63]), "x[1]", "int_parsing_size"),
        (numpy.uint64(2**63), "x", "int_parsing_size"),
        ([0.5, 10**400], "x[1]", "finite_number"),
        ([1, None], "x[1]", "float_type"),
        ([0.5, "2"], "x[1]", "float_type"),
        ([1, [2]], "x[1]", "float_type"),
        ([[1, "2"]], "x[0][1]", "float_type"),
        ([[[1]]], "x[0][0]", "float_type"),
        ([[1], 2], "x[1]", "list_type"),
        ([[1, 2], [3]], "x[1]", "value_error"),
        ([[1], [], [1]], "x[1]", "value_error"),
        ([numpy.array([1, 2]), [3]], "x[1]", "value_error"),
        (None, "x", "value_error"),
        (object(), "x", "value_error"),
        ({"a": 1}, "x", "value_error"),
        (1j, "x", "value_error"),
        ("\ud800", "x", "string_unicode"),
        (numpy.array(1j), "x", "float_type"),
        (numpy.array([1j]), "x", "float_type"),
        (numpy.array(["1"]), "x", "float_type"),
        (numpy.array([None]), "x", "float_type"),
        (numpy.array(["2020-01-01"], dtype="datetime64[D]"), "x", "float_type"),
        (numpy.zeros((1, 1, 1)), "x", "list_type"),
        (numpy.ma.masked_array([1, 2], mask=[True, False]), "x", "value_error"),
        (memoryview(bytes(8)).cast("B", (2, 2, 2)), "x", "list_type"),
        (view_of(numpy.array([1j])), "x", "float_type"),
    ],
    ids=str,
)
def test_names_what_is_wrong(value: Any, field: str, kind: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        pack(value)
    assert [violation.field for violation in caught.value.fields] == [field]
    assert caught.value.type == kind
    assert caught.value.reason == "INVALID_ARGUMENT"


def test_what_does_not_become_an_array_is_a_wrong_argument() -> None:
    class OnDevice:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise TypeError("it is in the memory of a device")

    with pytest.raises(InvalidArgument, match="memory of a device"):
        pack(OnDevice())


@given(st.lists(st.lists(st.floats(allow_nan=False), min_size=3, max_size=3), min_size=1))
def test_lists_of_any_rows_are_packed_row_by_row(rows: list[list[float]]) -> None:
    element, shape, data = packed_array(rows)
    flat = [number for row in rows for number in row]
    assert (element, shape) == ("float64", [len(rows), 3])
    assert data == struct.pack(f"<{len(flat)}d", *flat)
