"""Numbers in and out: any array the caller has becomes packed little-endian int64, and back.

The result has the kind of the argument:

* list, tuple or any other iterable of ints → list
* `array.array` of integers → `array.array` of typecode ``q``
* NumPy array of integers → NumPy array of int64 with the same shape
* bytes, bytearray, or a memoryview of bytes: already packed little-endian int64 → bytes
* any other buffer of integers → memoryview of format ``q`` with the same shape

NumPy is never imported here: who passes a NumPy array has imported it.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, NoReturn

from offgil._exceptions import FieldViolation, InvalidArgument

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "Numbers",
    "Packed",
    "as_bytes",
    "check_int",
    "invalid",
    "pack",
    "unpack",
]

# What `pack` accepts. Buffers have no common type before Python 3.12, hence Any.
Numbers = Any

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
ITEM_SIZE = 8
BYTE_FORMATS = frozenset("Bbc")
INTEGER_FORMATS = frozenset("bBhHiIlLqQnN")


class Packed(NamedTuple):
    """Numbers as the contract carries them, and the way back to the caller's kind.

    Attributes:
        data: Little-endian int64, 8 bytes each, as a buffer of bytes; the caller's own if possible.
        restore: Turns packed results, a buffer, into the kind of the argument.
        allocate: Returns a buffer for the results that `restore` may keep.
    """

    data: bytes | memoryview
    restore: Callable[[Any], Any]
    allocate: Callable[[], Any]

    @property
    def length(self) -> int:
        """How many numbers there are."""
        return len(self.data) // ITEM_SIZE


def pack(numbers: Numbers, field: str = "numbers") -> Packed:
    """Packs numbers.

    Args:
        numbers: The numbers, in any of the kinds that the module lists.
        field: What an error calls them.

    Returns:
        The packed numbers and the way back.

    Raises:
        InvalidArgument: They are no numbers, or one is no integer or does not fit int64.
    """
    if _is_numpy(numbers):
        return _pack_numpy(numbers, field)
    if isinstance(numbers, array.array):
        return _packed(_pack_view(memoryview(numbers), field), unpack)
    try:
        view = memoryview(numbers)
    except TypeError:
        return _pack_iterable(numbers, field)
    if view.format in BYTE_FORMATS:
        return _packed(_packed_bytes(view, field), bytes)
    shape = view.shape or ()
    return _packed(_pack_view(view, field), lambda data: _reshape(data, shape))


def as_bytes(buffer: Any) -> memoryview:
    """Returns a view of a buffer as bytes; a contiguous one."""
    view = memoryview(buffer)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def unpack(data: Any) -> array.array[int]:
    """Returns packed numbers, a buffer, as an `array.array` of typecode ``q``."""
    numbers = array.array("q")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def check_int(value: object, field: str) -> int:
    """Returns an integer that fits int64.

    Raises:
        InvalidArgument: It is no integer, or does not fit.
    """
    try:
        number = value.__index__()  # type: ignore[attr-defined] # the point of the try
    except AttributeError:
        invalid(field, "int_type", f"an integer is needed, not {type(value).__name__}")
    if not INT64_MIN <= number <= INT64_MAX:
        invalid(field, "int_parsing_size", f"must be from {INT64_MIN} to {INT64_MAX}")
    return int(number)


def invalid(field: str, kind: str, description: str) -> NoReturn:
    """Raises the error that the server would answer for this field.

    Raises:
        InvalidArgument: Always.
    """
    raise InvalidArgument(
        f"{field}: {description}",
        reason="INVALID_ARGUMENT",
        fields=(FieldViolation(field, description),),
        metadata={"type": kind},
    )


def _is_numpy(numbers: Numbers) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(numbers, numpy.ndarray)


def _pack_numpy(numbers: Any, field: str) -> Packed:
    import numpy  # already imported by the caller, see _is_numpy

    if numbers.dtype.kind not in "iub":
        invalid(field, "int_type", f"an integer array is needed, not {numbers.dtype}")
    if numbers.dtype == numpy.uint64 and numbers.size and numbers.max() > INT64_MAX:
        index = int((numbers.ravel() > INT64_MAX).argmax())
        check_int(int(numbers.ravel()[index]), f"{field}[{index}]")
    if isinstance(numbers, numpy.ma.MaskedArray) and numpy.ma.is_masked(numbers):
        invalid(field, "value_error", "an element that is masked has no value; fill it first")
    shape = numbers.shape
    data = numpy.ascontiguousarray(numbers, dtype="<i8").reshape(-1).view(numpy.uint8)

    def restore(results: Any) -> Any:
        if not isinstance(results, numpy.ndarray):
            # A copy, because the caller may write to a result but not to the bytes of a message.
            results = numpy.frombuffer(results, dtype=numpy.uint8).copy()
        return results.view("<i8").astype(numpy.int64, copy=False).reshape(shape)

    return Packed(memoryview(data.data), restore, lambda: numpy.empty_like(data))


def _packed(data: bytes | memoryview, restore: Callable[[Any], Any]) -> Packed:
    return Packed(data, restore, lambda: bytearray(len(data)))


def _packed_bytes(view: memoryview, field: str) -> bytes | memoryview:
    if view.nbytes % ITEM_SIZE:
        invalid(
            field, "value_error", f"packed int64 needs a multiple of 8 bytes, got {view.nbytes}"
        )
    return _contiguous(view)


def _contiguous(view: memoryview) -> bytes | memoryview:
    # A view of nothing cannot be cast.
    return as_bytes(view) if view.c_contiguous and view.nbytes else view.tobytes()


def _pack_view(view: memoryview, field: str) -> bytes | memoryview:
    code = view.format.lstrip("@=<>!")
    if code not in INTEGER_FORMATS:
        invalid(field, "int_type", f"a buffer of integers is needed, not of format {view.format!r}")
    order: Literal["little", "big"] = sys.byteorder
    if view.format[0] in "<>!":
        order = "little" if view.format[0] == "<" else "big"
    size, signed = view.itemsize, code.islower()
    if order == "little" and size == ITEM_SIZE and signed:
        return _contiguous(view)
    data = view.tobytes()
    starts = range(0, len(data), size)
    items = [int.from_bytes(data[start : start + size], order, signed=signed) for start in starts]
    return _pack_iterable(items, field).data


def _pack_iterable(numbers: Iterable[object], field: str) -> Packed:
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        invalid(field, "list_type", f"an array is needed, not {type(numbers).__name__}")
    items = numbers if isinstance(numbers, list | tuple) else list(numbers)
    try:
        packed = array.array("q", items)
    except (TypeError, OverflowError):
        packed = array.array("q", (check_int(x, f"{field}[{i}]") for i, x in enumerate(items)))
    if sys.byteorder == "big":
        packed.byteswap()
    return _packed(packed.tobytes(), lambda data: unpack(data).tolist())


def _reshape(data: bytes, shape: tuple[int, ...]) -> memoryview:
    flat = memoryview(unpack(data))
    return flat if len(shape) <= 1 else flat.cast("B").cast("q", shape)
