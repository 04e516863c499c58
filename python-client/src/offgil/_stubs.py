"""Writes the kernels of a server as types, for type checkers: what ``offgil stubs`` prints."""

from __future__ import annotations

import inspect
import json
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from offgil._catalogue import Kernel, Parameter, Result
from offgil._results import python_name
from offgil._signatures import FAMILIES, describe, python_arguments
from offgil._version import __version__

__all__ = ["Arrays", "write_stubs"]

# What the arrays of the results are, which those of the arguments decide at run time.
Arrays = Literal["numpy", "list"]

WIDTH = 100
HEADER = '''"""The kernels of an offgil server, for type checkers.

`offgil stubs` {version} wrote this file; write it again when the kernels change. Use it so:

    if TYPE_CHECKING:
        from kernels import AsyncKernels

    kernels: "AsyncKernels" = client.kernels  # of a Client: Kernels

The results are typed for arguments that are {arguments}.
"""'''
ARGUMENTS: Mapping[Arrays, str] = {
    "numpy": "arrays of NumPy; `--arrays list` is for lists",
    "list": "lists; `--arrays numpy` is for arrays of NumPy",
}
# The arrays that a parameter takes: its elements may be narrower.
NUMPY_OF_FAMILY: Mapping[type, str] = {
    bool: "NDArray[np.bool_]",
    int: "NDArray[np.integer[Any]]",
    float: "NDArray[np.floating[Any] | np.integer[Any]]",
}
NESTING: Mapping[str, str] = {"Vector": "{}[{}]", "Matrix": "{0}[{0}[{1}]]"}
SHAPES = ("", *NESTING)
# Methods of tuple, which a result of that name takes the place of.
TUPLE_METHODS = frozenset({"count", "index"})


def write_stubs(kernels: Iterable[Kernel], arrays: Arrays) -> str:
    """Returns a module with the protocols ``Kernels`` and ``AsyncKernels``.

    Args:
        kernels: The kernels of a server.
        arrays: What the arrays of the results are.
    """
    kernels = tuple(kernels)
    header = HEADER.format(version=__version__, arguments=ARGUMENTS[arrays])
    aliases = _aliases(kernels, arrays)
    imports = _imports(kernels, arrays)
    several = [kernel for kernel in kernels if len(kernel.results) > 1]
    blocks = [
        *(_results_class(kernel, arrays) for kernel in several),
        _protocol("Kernels", "def", "of a `Client`", kernels, arrays),
        _protocol("AsyncKernels", "async def", "of an `AsyncClient`", kernels, arrays),
    ]
    top = "\n\n".join(part for part in (header, imports, aliases) if part)
    return "\n\n\n".join([top, *blocks]) + "\n"


def _imports(kernels: Sequence[Kernel], arrays: Arrays) -> str:
    takes_arrays = any(_is_array(value) for kernel in kernels for value in kernel.parameters)
    gives_arrays = any(_is_array(value) for kernel in kernels for value in kernel.results)
    uses_numpy = (takes_arrays or gives_arrays) and arrays == "numpy"
    names = ["Any"] if takes_arrays and uses_numpy else []
    names += ["Literal"] if any(x.choices for kernel in kernels for x in kernel.parameters) else []
    names += ["NamedTuple"] if any(len(kernel.results) > 1 for kernel in kernels) else []
    names += ["Protocol"]
    names += ["TypeAlias"] if takes_arrays else []
    lines = ["from __future__ import annotations", ""]
    lines += ["from collections.abc import Sequence"] if takes_arrays else []
    lines += [f"from typing import {', '.join(names)}"]
    lines += ["", "import numpy as np", "from numpy.typing import NDArray"] if uses_numpy else []
    return "\n".join(lines)


def _aliases(kernels: Sequence[Kernel], arrays: Arrays) -> str:
    used = {
        (family, SHAPES[parameter.rank])
        for kernel in kernels
        for parameter in kernel.parameters
        if (family := FAMILIES.get(parameter.element)) and _is_array(parameter)
    }
    lines = []
    for family, shape in sorted(used, key=lambda alias: (alias[0].__name__, alias[1])):
        taken = NESTING[shape].format("Sequence", family.__name__)
        if arrays == "numpy":
            taken = f"{NUMPY_OF_FAMILY[family]} | {taken}"
        lines.append(f"{family.__name__.capitalize()}{shape}: TypeAlias = {taken}")
    return "\n".join(lines)


def _results_class(kernel: Kernel, arrays: Arrays) -> str:
    lines = [f"class {_class_name(kernel)}(NamedTuple):"]
    lines += [f'    """What `{kernel.name}` returns; an `offgil.Results` at run time."""', ""]
    for result in kernel.results:
        # Its type is the result's, whatever the base class says.
        ignored = "  # type: ignore[assignment]" if result.name in TUPLE_METHODS else ""
        lines.append(f"    {python_name(result.name)}: {_result_type(result, arrays)}{ignored}")
    return "\n".join(lines)


def _protocol(
    name: str, keyword: str, owner: str, kernels: Sequence[Kernel], arrays: Arrays
) -> str:
    parts = [f'class {name}(Protocol):\n    """The `kernels` {owner}."""']
    parts += [_method(kernel, keyword, arrays) for kernel in kernels]
    return "\n\n".join(parts)


def _method(kernel: Kernel, keyword: str, arrays: Arrays) -> str:
    result = _class_name(kernel)
    if len(kernel.results) == 1:
        result = _result_type(kernel.results[0], arrays)
    elif not kernel.results:
        result = "tuple[()]"
    start = f"{keyword} {python_name(kernel.name)}("
    arguments = ["self", *_arguments(kernel)]
    line = f"{start}{', '.join(arguments)}) -> {result}:"
    if len(line) > WIDTH - 4:
        inner = "".join(f"    {argument},\n" for argument in arguments)
        line = f"{start}\n{inner}) -> {result}:"
    return textwrap.indent(f"{line}\n{textwrap.indent(_docstring(kernel), ' ' * 4)}", " " * 4)


def _arguments(kernel: Kernel) -> Iterator[str]:
    has_star = False
    for parameter, kind in python_arguments(kernel):
        name = python_name(parameter.name)
        annotation = _parameter_type(parameter)
        if kind is inspect.Parameter.VAR_KEYWORD:
            yield f"**{name}: {annotation}"
            continue
        if kind is inspect.Parameter.KEYWORD_ONLY and not has_star:
            has_star = True
            yield "*"
        default = "" if parameter.required else f" = {_literal(parameter.default)}"
        yield f"{name}: {annotation}{default}"


def _parameter_type(parameter: Parameter) -> str:
    family = FAMILIES.get(parameter.element)
    if family is None or parameter.rank >= len(SHAPES):
        return "object"
    if parameter.rank:
        return family.__name__.capitalize() + SHAPES[parameter.rank]
    if parameter.choices:
        return f"Literal[{', '.join(map(_literal, parameter.choices))}]"
    return family.__name__


def _result_type(result: Result, arrays: Arrays) -> str:
    family = FAMILIES.get(result.element)
    if family is None or result.rank >= len(SHAPES):
        return "object"
    if not result.rank:
        return family.__name__
    if arrays == "numpy":
        return f"NDArray[np.{'bool_' if family is bool else result.element}]"
    return NESTING[SHAPES[result.rank]].format("list", family.__name__)


def _is_array(value: Parameter | Result) -> bool:
    return value.element in FAMILIES and 0 < value.rank < len(SHAPES)


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # in double quotes, as formatters have them
    if isinstance(value, float) and not math.isfinite(value):
        return "..."
    return repr(value) if isinstance(value, bool | int | float) else "..."


def _class_name(kernel: Kernel) -> str:
    return "".join(word.capitalize() for word in kernel.name.split("_")) + "Results"


def _docstring(kernel: Kernel) -> str:
    text = describe(kernel).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if not text:
        return "..."
    return f'"""{text}\n"""' if "\n" in text or text.endswith('"') else f'"""{text}"""'
