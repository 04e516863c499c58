"""Arguments of a kernel: any value that stands for a scalar, a vector or a matrix goes out packed.

* bool, int, float, str, an enum of these, a NumPy scalar, anything with ``__index__`` or
  ``__float__``, an array without dimensions → scalar
* list, tuple or other iterable of numbers → vector: of booleans if all are, of int64 if all are
  integers, else of float64; a list of such lists → matrix
* NumPy array, or what converts itself to one; `array.array`; any other buffer, bytes included →
  vector or matrix of the same type, or of the next wider one of the contract
"""

from __future__ import annotations

import array
import enum
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from offgil._arrays import check_int, invalid
from offgil._buffers import element_path, fill, pack_buffer, pack_numpy
from offgil._elements import BOOL, FLOAT64, INT64, Element
from offgil._proto.offgil.v1 import compute_pb2

__all__ = ["Kind", "pack_argument"]


class Kind(enum.IntEnum):
    """What kind of arrays a caller uses; of several arguments, the greatest decides."""

    LIST = 0
    BUFFER = 1
    NUMPY = 2


def pack_argument(named: compute_pb2.NamedValue, value: Any) -> Kind:
    """Sets the value of `named`, whose name is that of the argument; returns the value's kind.

    Raises:
        InvalidArgument: It is neither a scalar nor an array of numbers, or one does not fit.
    """
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool | int | float | str):
        _pack_scalar(named, value)
        return Kind.LIST
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(type(value), "__array__"):
        return _pack_numpy(named, _as_numpy(numpy, value, named.name))
    try:
        view = memoryview(value)
    except (TypeError, BufferError):
        return _pack_object(named, value)
    if view.ndim == 0:
        return _pack_object(named, view[()])
    pack_buffer(named.array, view, named.name)
    return Kind.BUFFER


def _pack_scalar(named: compute_pb2.NamedValue, value: bool | int | float | str) -> None:
    if isinstance(value, bool):
        named.bool_value = value
    elif isinstance(value, int):
        named.int_value = check_int(value, named.name)
    elif isinstance(value, float):
        named.float_value = value
    else:
        try:
            named.string_value = value
        except ValueError:  # a lone surrogate
            invalid(named.name, "string_unicode", "a text that UTF-8 can hold is needed")


def _pack_numpy(named: compute_pb2.NamedValue, values: Any) -> Kind:
    if values.ndim:
        pack_numpy(named.array, values, named.name)
        return Kind.NUMPY
    if values.dtype.kind not in "biufU":
        invalid(named.name, "float_type", f"a number is needed, not {values.dtype}")
    scalar = values.item()
    # The long double is no float of Python, not even as an item.
    _pack_scalar(named, float(values) if values.dtype.kind == "f" else scalar)
    return Kind.LIST


def _pack_object(named: compute_pb2.NamedValue, value: Any) -> Kind:
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return _pack_iterable(named, value)
    for method, convert in (("__index__", int), ("__float__", float)):
        if hasattr(value, method):
            _pack_scalar(named, convert(value))
            return Kind.LIST
    invalid(named.name, "value_error", f"a number or array is needed, not {type(value).__name__}")


def _pack_iterable(named: compute_pb2.NamedValue, values: Iterable[Any]) -> Kind:
    items = values if isinstance(values, list | tuple) else list(values)
    if items and _is_row(items[0]):
        return _pack_matrix(named, items)
    element, data = _pack_numbers(items, lambda index: f"{named.name}[{index}]")
    fill(named.array, element, (len(items),), data)
    return Kind.LIST


def _pack_matrix(named: compute_pb2.NamedValue, items: Sequence[Any]) -> Kind:
    rows: list[Any] = []
    for index, row in enumerate(items):
        field = f"{named.name}[{index}]"
        if not _is_row(row):
            invalid(field, "list_type", f"a row is needed, not {type(row).__name__}")
        rows.append(row if hasattr(row, "__len__") else list(row))
        if len(rows[index]) != len(rows[0]):
            message = f"the row has {len(rows[index])} elements, the first one {len(rows[0])}"
            invalid(field, "value_error", message)
    numpy = sys.modules.get("numpy")
    if numpy is not None and any(isinstance(row, numpy.ndarray) for row in rows):
        return _pack_numpy(named, _as_numpy(numpy, rows, named.name))
    shape = (len(rows), len(rows[0]))
    numbers = list(itertools.chain.from_iterable(rows))
    element, data = _pack_numbers(numbers, lambda index: element_path(named.name, index, shape))
    fill(named.array, element, shape, data)
    return Kind.LIST


def _pack_numbers(items: Sequence[Any], path: Callable[[int], str]) -> tuple[Element, bytes]:
    numpy = sys.modules.get("numpy")
    # NumPy's boolean has no __index__, so it would else become a float.
    booleans = bool if numpy is None else (bool, numpy.bool_)
    if items and isinstance(items[0], booleans) and all(isinstance(x, booleans) for x in items):
        return BOOL, bytes(map(bool, items))
    try:
        return INT64, INT64.to_bytes(array.array("q", items))
    except (TypeError, OverflowError):
        if all(hasattr(item, "__index__") for item in items):
            for index, item in enumerate(items):
                check_int(item, path(index))
    try:
        return FLOAT64, FLOAT64.to_bytes(array.array("d", items))
    except (TypeError, ValueError, OverflowError):
        for index, item in enumerate(items):
            _check_number(item, path(index))
        raise


def _check_number(item: Any, field: str) -> None:
    try:
        array.array("d", [item])
    except OverflowError:
        invalid(field, "finite_number", "must fit a 64-bit float")
    except (TypeError, ValueError):
        invalid(field, "float_type", f"a number is needed, not {type(item).__name__}")


def _as_numpy(numpy: Any, value: Any, field: str) -> Any:
    try:
        return numpy.asanyarray(value)  # any: an array with a mask must keep it
    except (TypeError, ValueError) as fault:
        invalid(field, "list_type", f"cannot become an array: {fault}")


def _is_row(value: Any) -> bool:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return False
    return bool(getattr(value, "ndim", 1))
