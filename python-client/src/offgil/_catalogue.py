"""The catalogue: what `list_kernels` returns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from offgil._proto.offgil.v1 import compute_pb2

__all__ = ["Kernel", "Parameter", "Result", "kernels_from_proto"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a kernel.

    Attributes:
        name: The name, unique in the kernel.
        documentation: What it means, with its unit.
        element: The type of the value or of each element, such as ``int64``.
        rank: The number of dimensions: 0 is a scalar, 1 a vector.
        required: Whether it may not be left out.
        default: The value that is used when it is left out.
        minimum: The least value that is allowed, if there is one.
        maximum: The greatest value that is allowed, if there is one.
        choices: The strings that are allowed; empty if there is no such restriction.
        variadic: Whether it stands for any number of arguments, whose names the caller chooses.
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
        rank: The number of dimensions: 0 is a scalar, 1 a vector.
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
        example: The arguments of a call that succeeds, if the kernel has an example.
    """

    name: str
    documentation: str
    parameters: tuple[Parameter, ...]
    results: tuple[Result, ...]
    example: Mapping[str, Any] | None = field(default=None, hash=False)


def kernels_from_proto(response: compute_pb2.ListKernelsResponse) -> tuple[Kernel, ...]:
    """Returns the kernels of a `ListKernels` response."""
    return tuple(_kernel(description) for description in response.kernels)


def _kernel(description: compute_pb2.KernelDescription) -> Kernel:
    return Kernel(
        name=description.name,
        documentation=description.documentation,
        parameters=tuple(_parameter(parameter) for parameter in description.parameters),
        results=tuple(
            Result(result.name, result.documentation, _element(result.type), result.type.rank)
            for result in description.results
        ),
        example=json.loads(description.example_json) if description.example_json else None,
    )


def _parameter(parameter: compute_pb2.ParameterDescription) -> Parameter:
    def value(field: str) -> Any:
        present = parameter.HasField(field)  # type: ignore[arg-type] # three literal names below
        return json.loads(getattr(parameter, field)) if present else None

    return Parameter(
        name=parameter.name,
        documentation=parameter.documentation,
        element=_element(parameter.type),
        rank=parameter.type.rank,
        required=not parameter.HasField("default_json"),
        default=value("default_json"),
        minimum=value("minimum_json"),
        maximum=value("maximum_json"),
        choices=tuple(parameter.choices),
        variadic=parameter.variadic,
    )


def _element(value_type: compute_pb2.ValueType) -> str:
    try:
        name = compute_pb2.ElementType.Name(value_type.element)
    except ValueError:
        return "unknown"  # a newer server may have types that this client was not built with
    return name.removeprefix("ELEMENT_TYPE_").lower()
