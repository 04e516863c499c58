"""The JSON schemas of what a kernel takes and gives back."""

from __future__ import annotations

import math
from typing import Any

from offgil._catalogue import Kernel, Parameter, Result, json_value

__all__ = ["arguments_schema", "results_schema"]

INTEGERS: dict[str, tuple[str | None, int, int]] = {
    "uint8": (None, 0, 2**8 - 1),
    "int32": ("int32", -(2**31), 2**31 - 1),
    "int64": ("int64", -(2**63), 2**63 - 1),
}
# Their range is left to the format: what is rounded to the greatest float is more than that.
FLOATS = {"float32": "float", "float64": "double"}


def arguments_schema(kernel: Kernel) -> dict[str, Any]:
    """Returns the schema of the arguments: an object, without members that nobody asked for."""
    fixed = [x for x in kernel.parameters if not x.variadic]
    further: bool | dict[str, Any] = False
    for parameter in kernel.parameters:
        if parameter.variadic:
            further = _argument_schema(parameter)
    return {
        "type": "object",
        "title": f"{kernel.name} arguments",
        "properties": {x.name: _argument_schema(x) for x in fixed},
        "required": [x.name for x in fixed if x.required],
        "additionalProperties": further,
    }


def results_schema(kernel: Kernel) -> dict[str, Any]:
    """Returns the schema of the results: an object with every result."""
    results = {x.name: _nested(_element_schema(x), x) for x in kernel.results}
    return {
        "type": "object",
        "title": f"{kernel.name} results",
        "properties": results,
        "required": list(results),
        "additionalProperties": False,
    }


def _argument_schema(parameter: Parameter) -> dict[str, Any]:
    if parameter.choices:
        element: dict[str, Any] = {"type": "string", "enum": list(parameter.choices)}
    else:
        element = _element_schema(parameter, parameter.minimum, parameter.maximum)
    schema = _nested(element, parameter)
    if not (parameter.required or parameter.variadic):
        schema["default"] = json_value(parameter.default)
    return schema


def _element_schema(
    value: Parameter | Result,
    minimum: float | None = None,
    maximum: float | None = None,
) -> dict[str, Any]:
    if value.element in FLOATS:
        return _float_schema(value.element, minimum, maximum)
    if value.element in INTEGERS:
        form, least, greatest = INTEGERS[value.element]
        schema: dict[str, Any] = {"type": "integer"}
        if form is not None:
            schema["format"] = form
        schema["minimum"] = least if minimum is None else minimum
        schema["maximum"] = greatest if maximum is None else maximum
        return schema
    types = {"bool": "boolean", "string": "string"}
    # A newer server may have types that this package does not know.
    return {"type": types[value.element]} if value.element in types else {}


def _float_schema(element: str, minimum: float | None, maximum: float | None) -> dict[str, Any]:
    # JSON has no numbers for these. A bound refuses NaN, and the infinity beyond it.
    others = ["NaN"] if minimum is None and maximum is None else []
    others += ["Infinity"] if maximum in (None, math.inf) else []
    others += ["-Infinity"] if minimum in (None, -math.inf) else []
    number: dict[str, Any] = {"type": "number", "format": FLOATS[element]}
    if minimum is not None and math.isfinite(minimum):
        number["minimum"] = minimum
    if maximum is not None and math.isfinite(maximum):
        number["maximum"] = maximum
    return {"anyOf": [number, {"type": "string", "enum": others}]} if others else number


def _nested(element: dict[str, Any], value: Parameter | Result) -> dict[str, Any]:
    schema = element
    for _ in range(value.rank):
        schema = {"type": "array", "items": schema}
    return {**schema, "description": value.documentation}
