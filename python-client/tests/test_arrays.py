"""Numbers go out packed and come back in the caller's kind."""

from __future__ import annotations

import array
import struct
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offgil import InvalidArgument
from offgil._arrays import INT64_MAX, INT64_MIN, pack

int64s = st.integers(INT64_MIN, INT64_MAX)


@given(st.lists(int64s))
def test_packs_lists_as_little_endian_int64(numbers: list[int]) -> None:
    packed = pack(numbers)
    assert packed.data == struct.pack(f"<{len(numbers)}q", *numbers)
    assert packed.length == len(numbers)
    assert packed.restore(packed.data) == numbers


@given(st.lists(int64s))
def test_gives_back_the_kind_it_was_given(numbers: list[int]) -> None:
    data = struct.pack(f"<{len(numbers)}q", *numbers)
    as_array = array.array("q", numbers)
    for given_numbers, expected in [
        (tuple(numbers), numbers),
        (iter(numbers), numbers),
        (as_array, as_array),
        (memoryview(as_array), memoryview(as_array)),
        (data, data),
        (bytearray(data), data),
    ]:
        packed = pack(given_numbers)
        restored = packed.restore(packed.data)
        assert packed.data == data
        assert type(restored) is type(expected)
        assert restored == expected


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", ">i4", "uint32", ">i8", "<i8", "bool"])
def test_converts_every_integer_dtype(dtype: str) -> None:
    numbers = numpy.array([[0, 1, 1], [1, 0, 1]], dtype=dtype)
    packed = pack(numbers)
    restored = packed.restore(packed.data)
    assert packed.data == struct.pack("<6q", 0, 1, 1, 1, 0, 1)
    assert restored.dtype == numpy.int64
    assert restored.shape == (2, 3)
    restored[0, 0] = 5  # a result may be written to


def test_copies_what_is_not_contiguous_in_order() -> None:
    numbers = numpy.arange(12).reshape(3, 4)[:, ::-2]
    assert pack(numbers).data == struct.pack("<6q", 3, 1, 7, 5, 11, 9)
    assert pack(memoryview(array.array("q", range(6)))[::-2]).data == struct.pack("<3q", 5, 3, 1)


@pytest.mark.parametrize("code", "bBhHiIlLqQ")
def test_converts_every_integer_typecode(code: str) -> None:
    packed = pack(array.array(code, [1, 2, 100]))
    assert packed.data == struct.pack("<3q", 1, 2, 100)


def test_keeps_the_shape_of_a_buffer() -> None:
    view = memoryview(array.array("q", range(6))).cast("B").cast("q", (2, 3))
    packed = pack(view)
    assert packed.restore(packed.data).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("numbers", "field", "kind"),
    [
        ([1, "2"], "numbers[1]", "int_type"),
        ([1, 2.0], "numbers[1]", "int_type"),
        ([None], "numbers[0]", "int_type"),
        ([[1]], "numbers[0]", "int_type"),
        ([0, 0, 2**63], "numbers[2]", "int_parsing_size"),
        ([-(2**63) - 1], "numbers[0]", "int_parsing_size"),
        (numpy.array([1, 2**63], dtype="uint64"), "numbers[1]", "int_parsing_size"),
        (array.array("Q", [2**63]), "numbers[0]", "int_parsing_size"),
        (numpy.array([1.0]), "numbers", "int_type"),
        (array.array("d", [1.0]), "numbers", "int_type"),
        (memoryview(array.array("f", [1.0])), "numbers", "int_type"),
        (b"1234567", "numbers", "value_error"),
        ("123", "numbers", "list_type"),
        (5, "numbers", "list_type"),
        (None, "numbers", "list_type"),
    ],
)
def test_names_the_element_that_is_wrong(numbers: Any, field: str, kind: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        pack(numbers)
    assert [violation.field for violation in caught.value.fields] == [field]
    assert caught.value.type == kind
