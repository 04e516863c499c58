"""The kernels in the OpenAPI document: a path with a schema for each."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

from offgil._arrays import INT64_MAX, INT64_MIN
from offgil._catalogue import Kernel, Parameter, Result, json_value

__all__ = ["KERNEL_MARK", "json_body", "with_kernels"]

# Marks the operation with the path parameter {name} that runs any kernel.
KERNEL_MARK = "x-offgil-kernel"
SCALARS: dict[str, dict[str, Any]] = {
    "int64": {"type": "integer", "format": "int64", "minimum": INT64_MIN, "maximum": INT64_MAX},
}


def json_body(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the OpenAPI description of a required JSON body."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def with_kernels(document: dict[str, Any], kernels: Iterable[Kernel]) -> dict[str, Any]:
    """Returns the document with a path for each kernel beside every path that runs any kernel."""
    described = copy.deepcopy(document)
    for path, item in document.get("paths", {}).items():
        operation = item.get("post", {})
        if KERNEL_MARK not in operation:
            continue
        for kernel in kernels:
            described["paths"][path.replace("{name}", kernel.name)] = {
                "post": _operation(operation, kernel)
            }
    return described


def _operation(template: dict[str, Any], kernel: Kernel) -> dict[str, Any]:
    operation = copy.deepcopy(template)
    del operation[KERNEL_MARK]
    summary, _, rest = kernel.documentation.partition("\n")
    parameters = [x for x in operation.pop("parameters", []) if x.get("name") != "name"]
    if parameters:
        operation["parameters"] = parameters
    operation["summary"] = summary
    operation["description"] = rest.strip() or summary
    operation["operationId"] = f"{template.get('operationId', 'run_kernel')}_{kernel.name}"
    operation["requestBody"] = json_body(
        {
            "type": "object",
            "title": f"{kernel.name} arguments",
            "properties": {x.name: _parameter_schema(x) for x in kernel.parameters},
            "required": [x.name for x in kernel.parameters if x.required],
            "additionalProperties": False,
        }
    )
    operation.setdefault("responses", {})["200"] = {
        "description": "The results.",
        "content": {"application/json": {"schema": _results_schema(kernel)}},
    }
    return operation


def _results_schema(kernel: Kernel) -> dict[str, Any]:
    return {
        "type": "object",
        "title": f"{kernel.name} results",
        "properties": {x.name: _schema(x) for x in kernel.results},
        "required": [x.name for x in kernel.results],
    }


def _parameter_schema(parameter: Parameter) -> dict[str, Any]:
    schema = _schema(parameter)
    scalar = schema
    while "items" in scalar:
        scalar = scalar["items"]
    if parameter.minimum is not None and math.isfinite(parameter.minimum):
        scalar["minimum"] = parameter.minimum
    if parameter.maximum is not None and math.isfinite(parameter.maximum):
        scalar["maximum"] = parameter.maximum
    if not parameter.required:
        schema["default"] = json_value(parameter.default)
    return schema


def _schema(value: Parameter | Result) -> dict[str, Any]:
    schema = dict(SCALARS.get(value.element, {}))
    for _ in range(value.rank):
        schema = {"type": "array", "items": schema}
    schema["description"] = value.documentation
    return schema
