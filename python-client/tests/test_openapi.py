"""The OpenAPI document has a schema for each type that kernels have."""

from __future__ import annotations

import math
from typing import Any

import pytest

from offgil import Kernel, Parameter, Result
from offgil.fastapi._openapi import KERNEL_MARK, with_kernels

TEMPLATE: dict[str, Any] = {
    "operationId": "run",
    "parameters": [{"name": "name", "in": "path"}],
    "responses": {"404": {}, "413": {}, "422": {"description": "wrong"}, "500": {}},
    KERNEL_MARK: True,
}
DOCUMENT = {"paths": {"/kernels/{name}": {"post": TEMPLATE}, "/other": {"get": {}}}}
NOT_FINITE = ["NaN", "Infinity", "-Infinity"]
DOUBLE = {"type": "number", "format": "double"}


def operation(*parameters: Parameter, **options: Any) -> dict[str, Any]:
    results = (Result("y", "The result.", "float64", 2), Result("n", "How many.", "int64", 0))
    kernel = Kernel("k", "Does it.\n\nWith care.", parameters, results, **options)
    document = with_kernels(DOCUMENT, [kernel])
    assert KERNEL_MARK in TEMPLATE, "the document is left as it was"
    found: dict[str, Any] = document["paths"]["/kernels/k"]["post"]
    return found


def arguments(*parameters: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = body(operation(*parameters))["schema"]
    return schema


def body(described: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = described["requestBody"]["content"]["application/json"]
    return content


def schema_of(element: str, rank: int = 0, **options: Any) -> Any:
    parameter = Parameter("x", "It.", element, rank, **options)
    schema = arguments(parameter)["properties"]["x"]
    assert schema.pop("description") == "It."
    return schema


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("bool", {"type": "boolean"}),
        ("uint8", {"type": "integer", "minimum": 0, "maximum": 255}),
        (
            "int32",
            {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
        ),
        (
            "int64",
            {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
        ),
        ("float64", {"anyOf": [DOUBLE, {"type": "string", "enum": NOT_FINITE}]}),
        ("string", {"type": "string"}),
        ("unknown", {}),
    ],
)
def test_each_type_of_element_has_its_schema(element: str, expected: dict[str, Any]) -> None:
    assert schema_of(element) == expected
    vector = {"type": "array", "items": expected}
    assert schema_of(element, 1) == vector
    assert schema_of(element, 2) == {"type": "array", "items": vector}


def test_a_short_float_has_its_own_format() -> None:
    assert schema_of("float32")["anyOf"][0] == {"type": "number", "format": "float"}


def test_bounds_are_those_of_the_elements() -> None:
    assert schema_of("int64", 2, minimum=0, maximum=9)["items"]["items"] == {
        "type": "integer",
        "format": "int64",
        "minimum": 0,
        "maximum": 9,
    }


@pytest.mark.parametrize(
    ("minimum", "maximum", "others"),
    [
        (0.0, None, ["Infinity"]),
        (None, 1.0, ["-Infinity"]),
        (float("-inf"), None, ["Infinity", "-Infinity"]),
    ],
)
def test_a_bounded_float_is_no_nan(
    minimum: float | None, maximum: float | None, others: list[str]
) -> None:
    number, strings = schema_of("float64", minimum=minimum, maximum=maximum)["anyOf"]
    assert strings["enum"] == others
    bounds = {"minimum": minimum, "maximum": maximum}
    finite = {key: x for key, x in bounds.items() if x is not None and math.isfinite(x)}
    assert number == {**DOUBLE, **finite}


def test_a_float_bounded_on_both_sides_is_a_number_alone() -> None:
    schema = schema_of("float64", minimum=0.0, maximum=1.0, required=False, default=0.3)
    assert schema == {**DOUBLE, "minimum": 0.0, "maximum": 1.0, "default": 0.3}


def test_choices_are_an_enum() -> None:
    schema = schema_of("string", choices=("mean", "sum"), required=False, default="sum")
    assert schema == {"type": "string", "enum": ["mean", "sum"], "default": "sum"}


def test_nothing_but_the_parameters_is_allowed() -> None:
    schema = arguments(
        Parameter("x", "It.", "int64", 1),
        Parameter("w", "Weight.", "int64", 0, required=False, default=1),
    )
    assert (schema["required"], schema["additionalProperties"]) == (["x"], False)


def test_a_variadic_parameter_is_what_further_members_are() -> None:
    schema = arguments(
        Parameter("expression", "What to do.", "string", 0),
        Parameter("vectors", "The operands.", "bool", 1, required=False, variadic=True),
    )
    assert list(schema["properties"]) == schema["required"] == ["expression"]
    further = schema["additionalProperties"]
    assert further == {
        "type": "array",
        "items": {"type": "boolean"},
        "description": "The operands.",
    }


def test_the_example_of_the_kernel_is_that_of_its_body() -> None:
    assert body(operation(example={"x": [1, 2]}))["example"] == {"x": [1, 2]}
    assert "example" not in body(operation())


def test_results_are_all_there() -> None:
    schema = operation()["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["y", "n"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["y"]["items"]["items"]["anyOf"][1]["enum"] == NOT_FINITE


def test_tells_what_can_be_wrong() -> None:
    described = operation(
        Parameter("x", "It.", "float64", 2),
        Parameter("how", "How.", "string", 0, False, "sum", choices=("mean", "sum")),
        Parameter("w", "Weight.", "int64", 0, False, 1, minimum=1, maximum=9),
        Parameter("v", "More.", "bool", 1, variadic=True),
    )
    assert described["responses"].keys() == {"200", "413", "422", "500"}
    lines = described["responses"]["422"]["description"].splitlines()
    assert lines[2:] == [
        "* the body: `json_invalid`, `model_attributes_type`, `repeated`, `out_of_range`",
        "* `x`: `missing`, `list_type`, `float_type`, `finite_number`, `value_error`",
        "* `how`: `string_type`, `literal_error`, `value_error` (one of `mean`, `sum`)",
        "* `w`: `int_type`, `int_from_float`, `greater_than_equal`, `less_than_equal`, "
        "`value_error` (from 1 to 9)",
        "* any other member: `list_type`, `bool_type`, `value_error`",
    ]


def test_the_operation_is_the_kernels_own() -> None:
    described = operation()
    assert (described["summary"], described["description"]) == ("Does it.", "With care.")
    assert described["operationId"] == "run_k"
    assert "parameters" not in described
