"""Results of a kernel: what the contract carries becomes Python values in the caller's kind.

* scalars → bool, int, float, str
* arrays, if an argument was an array of NumPy → arrays of NumPy, which own their memory
* else, if an argument was a buffer → vectors as `array.array` (booleans as bytes), matrices as
  memoryviews with a shape
* else → lists, and lists of lists

One copy is made of each array: a caller may write to a result, but not to the bytes of a message.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from offgil._arguments import Kind
from offgil._elements import BOOL, ELEMENTS, Element
from offgil._exceptions import ProtocolViolation
from offgil._proto.offgil.v1 import compute_pb2
from offgil._results import Results

__all__ = ["unpack_results", "unpack_value"]

SCALARS = frozenset({"bool_value", "int_value", "float_value", "string_value"})


def unpack_results(results: Iterable[compute_pb2.NamedValue], kind: Kind) -> Any:
    """Returns the only result, or `Results` of several.

    Raises:
        ProtocolViolation: A result is malformed, of a type that is not known here, or a repetition.
    """
    values: dict[str, Any] = {}
    for result in results:
        if result.name in values:
            raise ProtocolViolation(f"the result {result.name!r} came twice")
        values[result.name] = unpack_value(result, kind)
    return next(iter(values.values())) if len(values) == 1 else Results(**values)


def unpack_value(named: compute_pb2.NamedValue, kind: Kind) -> Any:
    """Returns the value of `named`, arrays in this kind.

    Raises:
        ProtocolViolation: It is malformed, or of a type that is not known here.
    """
    field = named.WhichOneof("value")
    if field in SCALARS:
        return getattr(named, field)
    if field != "array":
        raise _unknown(named.name)
    element = ELEMENTS.get(named.array.element)
    shape = tuple(named.array.shape)
    if element is None or len(shape) not in (1, 2):
        raise _unknown(named.name)
    data = named.array.data
    if math.prod(shape) * element.size != len(data):
        raise ProtocolViolation(f"{named.name!r} has {len(data)} bytes, which is not its shape")
    if kind is Kind.NUMPY:
        return _as_numpy(element, shape, data)
    return (
        _as_buffer(element, shape, data) if kind is Kind.BUFFER else _as_list(element, shape, data)
    )


def _unknown(name: str) -> ProtocolViolation:
    return ProtocolViolation(
        f"{name!r} has a type that this version of the package does not know; update offgil"
    )


def _as_numpy(element: Element, shape: tuple[int, ...], data: bytes) -> Any:
    import numpy  # already imported by the caller, whose argument was one of its arrays

    # As bytes, booleans that are neither 0 nor 1 become true.
    wire = numpy.uint8 if element is BOOL else numpy.dtype(element.name).newbyteorder("<")
    return numpy.frombuffer(data, dtype=wire).reshape(shape).astype(element.name)


def _as_buffer(element: Element, shape: tuple[int, ...], data: bytes) -> Any:
    numbers = element.from_bytes(data)
    if len(shape) == 1:
        return numbers
    if not data:  # a memoryview cannot have a dimension without elements
        return _as_list(element, shape, data)
    return memoryview(numbers).cast("B").cast(element.format, shape)  # type: ignore[call-overload]


def _as_list(element: Element, shape: tuple[int, ...], data: bytes) -> list[Any]:
    flat = [*map(bool, data)] if element is BOOL else element.from_bytes(data).tolist()
    if len(shape) == 1:
        return flat
    rows, columns = shape
    return [flat[row * columns : (row + 1) * columns] for row in range(rows)]
