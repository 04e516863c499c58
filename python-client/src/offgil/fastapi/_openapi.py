"""The kernels in the OpenAPI document: a path with a schema for each."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from offgil._catalogue import Kernel
from offgil.fastapi._faults import describe_faults
from offgil.fastapi._schemas import arguments_schema, results_schema

__all__ = ["KERNEL_MARK", "json_body", "with_kernels"]

# Marks the operation with the path parameter {name} that runs any kernel.
KERNEL_MARK = "x-offgil-kernel"


def json_body(schema: dict[str, Any], example: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns the OpenAPI description of a required JSON body."""
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"required": True, "content": {"application/json": content}}


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
    operation["requestBody"] = json_body(arguments_schema(kernel), kernel.example)
    responses = operation.setdefault("responses", {})
    responses["200"] = {
        "description": "The results.",
        "content": {"application/json": {"schema": results_schema(kernel)}},
    }
    # The path names a kernel that there is.
    responses.pop("404", None)
    if "422" in responses:
        responses["422"]["description"] = describe_faults(kernel)
    return operation
