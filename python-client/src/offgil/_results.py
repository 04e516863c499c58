"""The results of a kernel that has several."""

from __future__ import annotations

import difflib
import keyword
import reprlib
import sys
from typing import Any, NamedTuple, NoReturn

__all__ = ["Results", "python_name"]

LONGEST = 6  # elements of an array that a repr shows


class Results(tuple[Any, ...]):
    """What a kernel with several results gives back: a tuple with a name for each.

    Example:
        >>> results = await client.run("sort", x=[3.0, 1.0])
        >>> results.values
        [1.0, 3.0]
        >>> values, permutation = results

    Unlike those of other named tuples, the names are data, so they may be any, ``count`` included;
    one that is a keyword of Python is an attribute with an underscore after it. Results are equal
    if their names and values are, arrays element by element.
    """

    # Where it is public; signatures show it.
    __module__ = "offgil"

    def __new__(cls, /, **values: Any) -> Results:
        """Creates results by their names, in order."""
        results = super().__new__(cls, values.values())
        # In the instance, where a name comes before a method of tuple.
        results.__dict__.update(values)
        return results

    def _asdict(self) -> dict[str, Any]:
        """Returns the results by their names, in order."""
        return dict(self.__dict__)

    def __getattr__(self, name: str) -> Any:
        """Returns the result whose name is a keyword, such as ``lambda_``."""
        original = name.removesuffix("_")
        if original in self.__dict__ and python_name(original) == name:
            return self.__dict__[original]
        near = difflib.get_close_matches(name, self.__dict__) or list(self.__dict__)
        raise AttributeError(
            f"there is no result {name!r}, but {', '.join(near) or 'none at all'}",
            name=name,
            obj=self,
        )

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        """Raises `AttributeError`: the names and values must stay together."""
        raise AttributeError(f"results cannot be changed, {name!r} neither")

    def __delattr__(self, name: str) -> NoReturn:
        """Raises `AttributeError`."""
        raise AttributeError(f"results cannot be changed, {name!r} neither")

    def __repr__(self) -> str:
        """Returns the names and values, long arrays shortened."""
        return f"Results({', '.join(f'{name}={_short(x)}' for name, x in self.__dict__.items())})"

    def __eq__(self, other: object) -> bool:
        """Returns whether names and values are equal; a plain tuple has only values."""
        if not isinstance(other, tuple) or len(self) != len(other):
            return False
        if isinstance(other, Results) and list(self.__dict__) != list(other.__dict__):
            return False
        return all(_is_equal(mine, theirs) for mine, theirs in zip(self, other, strict=True))

    def __ne__(self, other: object) -> bool:
        """Returns whether a name or a value differs."""
        return not self == other

    __hash__ = tuple.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        """Returns how to make the same results of what pickle can carry."""
        return _restore, (list(self.__dict__), [_freeze(value) for value in self])


def python_name(name: str) -> str:
    """Returns how Python code may call what has this name: ``lambda`` becomes ``lambda_``."""
    return f"{name}_" if keyword.iskeyword(name) or name == "self" else name


class _FrozenView(NamedTuple):
    """A memoryview, which itself cannot be pickled."""

    format: str
    shape: tuple[int, ...]
    data: bytes


def _freeze(value: Any) -> Any:
    if not isinstance(value, memoryview):
        return value
    return _FrozenView(value.format, value.shape or (), value.tobytes())


def _restore(names: list[str], values: list[Any]) -> Results:
    thawed = [
        memoryview(bytearray(x.data)).cast(x.format, x.shape)  # type: ignore[call-overload]
        if isinstance(x, _FrozenView)
        else x
        for x in values
    ]
    return Results(**dict(zip(names, thawed, strict=True)))


def _is_equal(mine: Any, theirs: Any) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(mine, numpy.ndarray) | isinstance(theirs, numpy.ndarray):
        return bool(numpy.array_equal(mine, theirs))
    return bool(mine == theirs)


def _short(value: Any) -> str:
    if isinstance(value, memoryview):
        shape = "×".join(map(str, value.shape or ()))
        return f"<memoryview of {shape} elements of format {value.format!r}>"
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        with numpy.printoptions(threshold=LONGEST, edgeitems=LONGEST // 2):
            return repr(value)
    shortened = reprlib.Repr()
    shortened.maxlist = shortened.maxarray = LONGEST
    shortened.maxstring = 80
    return shortened.repr(value)
