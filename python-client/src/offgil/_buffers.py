"""Arrays that are buffers become the contract's `Array`: those of NumPy, `array`, and any other.

NumPy is never imported here before its caller has: who passes a NumPy array has imported it.
"""

from __future__ import annotations

import array
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from offgil._arrays import INT64_MAX, check_int, invalid
from offgil._elements import ELEMENT_OF, KIND_OF_FORMAT, Element
from offgil._proto.offgil.v1 import compute_pb2

__all__ = ["element_path", "fill", "pack_buffer", "pack_numpy"]

MAX_DIMENSIONS = 2
# The typecodes of `array` by kind and size; 16-bit floats have none.
TYPECODES: Mapping[tuple[str, int], str] = {
    **{("i", array.array(code).itemsize): code for code in "bhiq"},
    **{("u", array.array(code).itemsize): code for code in "BHIQ"},
    ("b", 1): "B",
    ("f", 4): "f",
    ("f", 8): "d",
}


def pack_numpy(packed: compute_pb2.Array, values: Any, field: str) -> None:
    """Packs a NumPy array of one or two dimensions, whatever its memory looks like.

    Args:
        packed: What is filled.
        values: The array.
        field: What an error calls it.

    Raises:
        InvalidArgument: It has another number of dimensions, no numbers, or one does not fit.
    """
    import numpy  # already imported by the caller

    dtype = values.dtype
    element = ELEMENT_OF.get((dtype.kind, dtype.itemsize))
    if element is None:
        invalid(field, "float_type", f"an array of numbers is needed, not of {dtype}")
    _check_dimensions(values.ndim, field)
    if isinstance(values, numpy.ma.MaskedArray) and numpy.ma.is_masked(values):
        invalid(field, "value_error", "an element that is masked has no value; fill it first")
    values = numpy.asarray(values)
    if dtype.kind == "u" and dtype.itemsize == 8 and values.size and values.max() > INT64_MAX:
        flat = values.ravel()
        index = int((flat > INT64_MAX).argmax())
        check_int(int(flat[index]), element_path(field, index, values.shape))
    # Not astype alone: it would keep the order of a Fortran array.
    little = numpy.dtype(element.name).newbyteorder("<")
    fill(packed, element, values.shape, values.astype(little, copy=False).tobytes("C"))


def pack_buffer(packed: compute_pb2.Array, view: memoryview, field: str) -> None:
    """Packs a buffer of one or two dimensions.

    Raises:
        InvalidArgument: It has another number of dimensions, no numbers, or one does not fit.
    """
    kind = KIND_OF_FORMAT.get(view.format.lstrip("@=<>!"), "")
    element = ELEMENT_OF.get((kind, view.itemsize))
    if element is None:
        message = f"a buffer of numbers is needed, not of format {view.format!r}"
        invalid(field, "float_type", message)
    _check_dimensions(view.ndim, field)
    order = "big" if view.format[0] in ">!" else "little"
    if view.format[0] not in "<>!":
        order = sys.byteorder
    data, shape = view.tobytes(), view.shape or ()
    if order == "little" and TYPECODES.get((kind, view.itemsize)) == element.typecode:
        fill(packed, element, shape, data)
        return
    numbers = _native(kind, view.itemsize, order, data)
    try:
        converted = array.array(element.typecode, numbers)
    except OverflowError:
        index = next(i for i, number in enumerate(numbers) if number > INT64_MAX)
        check_int(int(numbers[index]), element_path(field, index, shape))
        raise
    fill(packed, element, shape, element.to_bytes(converted))


def fill(packed: compute_pb2.Array, element: Element, shape: Sequence[int], data: bytes) -> None:
    """Sets the contract's form of an array, in place: to copy a message is to copy its data."""
    packed.element = element.number
    packed.shape.extend(shape)
    packed.data = data


def element_path(field: str, index: int, shape: Sequence[int]) -> str:
    """Returns the path of an element, such as ``x[1][2]``, by its position in row-major order."""
    positions: list[int] = []
    for length in reversed(shape):
        index, position = divmod(index, length)
        positions.append(position)
    return field + "".join(f"[{position}]" for position in reversed(positions))


def _check_dimensions(count: int, field: str) -> None:
    if not 1 <= count <= MAX_DIMENSIONS:
        message = f"an array of one or two dimensions is needed, not of {count}"
        invalid(field, "list_type", message)


def _native(kind: str, size: int, order: str, data: bytes) -> Sequence[Any]:
    typecode = TYPECODES.get((kind, size))
    if typecode is None:  # only the 16-bit float, since `array` has none
        mark = "<" if order == "little" else ">"
        return struct.unpack(f"{mark}{len(data) // size}e", data)
    numbers: array.array[Any] = array.array(typecode, data)
    if order != sys.byteorder:
        numbers.byteswap()
    return numbers
