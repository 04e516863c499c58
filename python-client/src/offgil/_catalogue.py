"""The catalogue: what `list_kernels` returns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from offgil._elements import element_name
from offgil._proto.offgil.v1 import compute_pb2

__all__ = ["FLOATS", "Kernel", "Parameter", "Result", "json_value", "kernels_from_proto"]

FLOATS = frozenset({"float32", "float64"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a kernel.

    Attributes:
        name: The name, unique in the kernel.
        documentation: What it means, with its unit.
        element: The type of the value or of each element, such as ``int64``.
        rank: The number of dimensions: 0 is a scalar, 1 a vector, 2 a matrix.
        required: Whether it may not be left out.
        default: The value that is used when it is left out.
        minimum: The least value that is allowed, if there is one.
        maximum: The greatest value that is allowed, if there is one.
        choices: The strings that are allowed. Empty: there is no such restriction.
        variadic: Whether this stands for any number of further arguments of its type, whose names
            the caller chooses.
    """

    name: str
    documentation: str
    element: str
    rank: int
    required: bool = True
    default: Any = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: tuple[str, ...] = ()
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A result of a kernel.

    Attributes:
        name: The name, unique in the kernel.
        documentation: What it means, with its unit.
        element: The type of the value or of each element, such as ``int64``.
        rank: The number of dimensions: 0 is a scalar, 1 a vector, 2 a matrix.
    """

    name: str
    documentation: str
    element: str
    rank: int


@dataclass(frozen=True, slots=True)
class Kernel:
    """A pure compute function that the server runs.

    Attributes:
        name: The name, unique in the catalogue.
        documentation: Markdown, whose first line is a summary.
        parameters: What the kernel takes, in order.
        results: What the kernel gives back, in order.
        example: The arguments of a call that succeeds, in their JSON form.
    """

    name: str
    documentation: str
    parameters: tuple[Parameter, ...]
    results: tuple[Result, ...]
    example: Mapping[str, Any] | None = field(default=None, hash=False)


def kernels_from_proto(response: compute_pb2.ListKernelsResponse) -> tuple[Kernel, ...]:
    """Returns the kernels of a `ListKernels` response.

    Raises:
        ValueError: They are not what the contract promises.
    """
    _check_names(description.name for description in response.kernels)
    return tuple(_kernel(description) for description in response.kernels)


def json_value(value: Any) -> Any:
    """Returns a value of the catalogue in its JSON form: floats that are no numbers as strings."""
    if isinstance(value, list):
        return [json_value(item) for item in value]
    if not isinstance(value, float) or math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _kernel(description: compute_pb2.KernelDescription) -> Kernel:
    example = json.loads(description.example_json) if description.example_json else None
    if not isinstance(example, dict | None):
        raise ValueError(f"the example of {description.name} is no JSON object")
    _check_names(parameter.name for parameter in description.parameters)
    _check_names(result.name for result in description.results)
    return Kernel(
        name=description.name,
        documentation=description.documentation,
        parameters=tuple(_parameter(parameter) for parameter in description.parameters),
        results=tuple(_result(result) for result in description.results),
        example=example,
    )


def _parameter(parameter: compute_pb2.ParameterDescription) -> Parameter:
    element = element_name(parameter.type.element)

    def value(field: str) -> Any:
        present = parameter.HasField(field)  # type: ignore[arg-type] # three literal names below
        return _python_value(json.loads(getattr(parameter, field)), element) if present else None

    return Parameter(
        name=parameter.name,
        documentation=parameter.documentation,
        element=element,
        rank=parameter.type.rank,
        required=not (parameter.HasField("default_json") or parameter.variadic),
        default=value("default_json"),
        minimum=value("minimum_json"),
        maximum=value("maximum_json"),
        choices=tuple(parameter.choices),
        variadic=parameter.variadic,
    )


def _result(result: compute_pb2.ResultDescription) -> Result:
    element = element_name(result.type.element)
    return Result(result.name, result.documentation, element, result.type.rank)


def _python_value(value: Any, element: str) -> Any:
    if isinstance(value, list):
        return [_python_value(item, element) for item in value]
    if element not in FLOATS or value is None:
        return value
    return float(value)  # also of "NaN" and "Infinity"


def _check_names(names: Iterable[str]) -> None:
    # They become names of Python functions, parameters and attributes.
    seen: set[str] = set()
    for name in names:
        if not name.isidentifier() or name in seen:
            raise ValueError(f"the name {name!r} is no identifier, or used twice")
        seen.add(name)
