"""The OpenAPI document describes every type that a kernel can have."""

from __future__ import annotations

from typing import Any

from offgil import Kernel, Parameter, Result
from offgil.fastapi._openapi import KERNEL_MARK, with_kernels

NO_NUMBER = {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}
FLOAT = {"anyOf": [{"type": "number", "format": "double"}, NO_NUMBER]}


def described(kernel: Kernel) -> dict[str, Any]:
    """Returns the operation of a kernel."""
    document = {"paths": {"/kernels/{name}": {"post": {KERNEL_MARK: True}}}}
    operation: dict[str, Any] = with_kernels(document, [kernel])["paths"]["/kernels/k"]["post"]
    return operation


def body(kernel: Kernel) -> dict[str, Any]:
    """Returns the description of a kernel's body."""
    content: dict[str, Any] = described(kernel)["requestBody"]["content"]["application/json"]
    return content


def test_arrays_are_nested_and_floats_may_be_no_numbers() -> None:
    parameters = (
        Parameter("m", "A matrix.", "float64", 2),
        Parameter("flags", "Truths.", "bool", 1),
    )
    kernel = Kernel("k", "Does it.", parameters, (Result("y", "A float.", "float64", 0),))
    properties = body(kernel)["schema"]["properties"]
    row = {"type": "array", "items": FLOAT}
    assert properties["m"] == {"type": "array", "items": row, "description": "A matrix."}
    assert properties["flags"]["items"] == {"type": "boolean"}
    results = described(kernel)["responses"]["200"]["content"]["application/json"]["schema"]
    assert results["properties"]["y"] == {**FLOAT, "description": "A float."}


def test_bounds_defaults_choices_and_examples_are_told() -> None:
    parameters = (
        Parameter("alpha", "A.", "float64", 0, False, 0.3, 0.0, 1.0),
        Parameter("how", "H.", "string", 0, False, "mean", choices=("mean", "sum")),
    )
    kernel = Kernel("k", "Does it.", parameters, (), {"alpha": 0.5})
    properties = body(kernel)["schema"]["properties"]
    alpha = {"type": "number", "format": "double", "minimum": 0.0, "maximum": 1.0, "default": 0.3}
    assert properties["alpha"] == {**alpha, "description": "A."}
    assert properties["how"]["enum"] == ["mean", "sum"]
    assert body(kernel)["schema"]["required"] == []
    assert body(kernel)["example"] == {"alpha": 0.5}


def test_a_variadic_parameter_allows_any_name() -> None:
    parameters = (Parameter("series", "Series.", "float64", 1, variadic=True),)
    schema = body(Kernel("k", "Does it.", parameters, ()))["schema"]
    assert schema["properties"] == {}
    assert schema["additionalProperties"]["items"] == FLOAT
