"""The types of elements: how the contract, `array`, buffers and NumPy call each of them."""

from __future__ import annotations

import array
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from offgil._proto.offgil.v1 import compute_pb2

__all__ = [
    "BOOL",
    "ELEMENTS",
    "ELEMENT_OF",
    "FLOAT64",
    "INT64",
    "KIND_OF_FORMAT",
    "Element",
    "element_name",
]


@dataclass(frozen=True, slots=True)
class Element:
    """A type of elements that arrays may have.

    Attributes:
        number: Its value of the contract's ``ElementType``.
        name: Its name in the catalogue, which is also that of NumPy's dtype.
        typecode: That of an `array.array` which holds such elements; a boolean is one byte.
        format: That of a memoryview of such elements.
        size: Bytes of an element.
    """

    number: compute_pb2.ElementType.ValueType
    name: str
    typecode: str
    format: str
    size: int

    def to_bytes(self, numbers: array.array[int] | array.array[float]) -> bytes:
        """Returns the elements of an array of this typecode, little-endian."""
        if sys.byteorder == "big":
            numbers = numbers[:]
            numbers.byteswap()
        return numbers.tobytes()

    def from_bytes(self, data: bytes) -> array.array[int] | array.array[float]:
        """Returns little-endian elements as an array of this typecode."""
        numbers: array.array[int] | array.array[float] = array.array(self.typecode, data)
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers


BOOL = Element(compute_pb2.ELEMENT_TYPE_BOOL, "bool", "B", "?", 1)
UINT8 = Element(compute_pb2.ELEMENT_TYPE_UINT8, "uint8", "B", "B", 1)
INT32 = Element(compute_pb2.ELEMENT_TYPE_INT32, "int32", "i", "i", 4)
INT64 = Element(compute_pb2.ELEMENT_TYPE_INT64, "int64", "q", "q", 8)
FLOAT32 = Element(compute_pb2.ELEMENT_TYPE_FLOAT32, "float32", "f", "f", 4)
FLOAT64 = Element(compute_pb2.ELEMENT_TYPE_FLOAT64, "float64", "d", "d", 8)

ELEMENTS: Mapping[int, Element] = {
    element.number: element for element in (BOOL, UINT8, INT32, INT64, FLOAT32, FLOAT64)
}

# By kind (that of a NumPy dtype) and bytes of an element. What the contract lacks becomes the next
# wider type; uint64 has none, so its elements are checked.
ELEMENT_OF: Mapping[tuple[str, int], Element] = {
    ("b", 1): BOOL,
    ("i", 1): INT32,
    ("i", 2): INT32,
    ("i", 4): INT32,
    ("i", 8): INT64,
    ("u", 1): UINT8,
    ("u", 2): INT32,
    ("u", 4): INT64,
    ("u", 8): INT64,
    ("f", 2): FLOAT32,
    ("f", 4): FLOAT32,
    ("f", 8): FLOAT64,
    ("f", 12): FLOAT64,
    ("f", 16): FLOAT64,
}

# The kind by the format of a buffer, whose size depends on the byte order that is written before.
KIND_OF_FORMAT: Mapping[str, str] = {
    "?": "b",
    "c": "u",
    **dict.fromkeys("bhilqn", "i"),
    **dict.fromkeys("BHILQN", "u"),
    **dict.fromkeys("efd", "f"),
}


def element_name(number: int) -> str:
    """Returns the name of a type of elements in the catalogue."""
    try:
        name = compute_pb2.ElementType.Name(compute_pb2.ElementType.ValueType(number))
    except ValueError:
        return "unknown"  # a newer server may have types that this client was not built with
    return name.removeprefix("ELEMENT_TYPE_").lower()
