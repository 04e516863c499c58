"""The REST form of the Open Inference Protocol in pure Python, for fakes."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable
from typing import Any

from offgil._arrays import invalid
from offgil._exceptions import InvalidArgument, NotFound
from offgil._proto.offgil.v1 import compute_pb2

__all__ = ["run_inference"]

VERSIONS = ("", "1")
# The name in the protocol and the code of `struct`, for each type of element.
DATATYPES = {
    compute_pb2.ELEMENT_TYPE_BOOL: ("BOOL", "?"),
    compute_pb2.ELEMENT_TYPE_UINT8: ("UINT8", "B"),
    compute_pb2.ELEMENT_TYPE_INT32: ("INT32", "i"),
    compute_pb2.ELEMENT_TYPE_INT64: ("INT64", "q"),
    compute_pb2.ELEMENT_TYPE_FLOAT32: ("FP32", "f"),
    compute_pb2.ELEMENT_TYPE_FLOAT64: ("FP64", "d"),
}
CODES = dict(DATATYPES.values())


def run_inference(
    request: compute_pb2.InvokeInferenceRequest,
    kernels: Iterable[compute_pb2.KernelDescription],
    run_json: Callable[[str, bytes, bool], bytes],
) -> compute_pb2.InvokeInferenceResponse:
    """Runs a kernel as `InvokeInference` does, by way of its JSON form."""
    known = {kernel.name: kernel for kernel in kernels}
    if request.model not in known or request.version not in VERSIONS:
        raise NotFound(f"there is no kernel {request.model!r}", reason="KERNEL_NOT_FOUND")
    kernel = known[request.model]
    length = request.header_bytes if request.HasField("header_bytes") else len(request.body)
    header = _parse(request.body[:length])
    arguments = _arguments(kernel, header, request.body[length:])
    results = json.loads(run_json(kernel.name, json.dumps(arguments).encode(), False))
    return _response(kernel, header, results)


def _parse(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except ValueError as fault:
        message = f"the body is no JSON: {fault}"
        raise InvalidArgument(message, metadata={"type": "json_invalid"}) from fault
    if not isinstance(header, dict):
        invalid("", "model_attributes_type", "the body must be a JSON object")
    return header


def _arguments(
    kernel: compute_pb2.KernelDescription, header: dict[str, Any], binary: bytes
) -> dict[str, Any]:
    types = {x.name: x.type for x in kernel.parameters}
    given = header.get("parameters", {}).items()
    arguments = {name: x for name, x in given if name in types and types[name].rank == 0}
    for tensor in header.get("inputs", []):
        name, size = tensor["name"], tensor.get("parameters", {}).get("binary_data_size")
        data = tensor.get("data", [])
        if size is not None:
            code = CODES[tensor["datatype"]]
            data = [x for (x,) in struct.iter_unpack(f"<{code}", binary[:size])]
            binary = binary[size:]
        if math.prod(tensor["shape"]) != len(data):
            invalid(
                name, "shape", f"the shape {tensor['shape']} does not have {len(data)} elements"
            )
        is_scalar = name in types and types[name].rank == 0 and len(data) == 1
        arguments[name] = data[0] if is_scalar else data
    return arguments


def _response(
    kernel: compute_pb2.KernelDescription, header: dict[str, Any], results: dict[str, Any]
) -> compute_pb2.InvokeInferenceResponse:
    asked = header.get("outputs") or [{"name": result.name} for result in kernel.results]
    types = {result.name: result.type for result in kernel.results}
    by_default = header.get("parameters", {}).get("binary_data_output", False)
    outputs, binary = [], b""
    for output in asked:
        name = output["name"]
        if name not in types:
            invalid("outputs[0].name", "extra_forbidden", f"there is no output {name!r}")
        datatype, code = DATATYPES[types[name].element]
        data = results[name] if types[name].rank else [results[name]]
        written: dict[str, Any] = {"name": name, "datatype": datatype, "shape": [len(data)]}
        if output.get("parameters", {}).get("binary_data", by_default):
            packed = struct.pack(f"<{len(data)}{code}", *data)
            written["parameters"] = {"binary_data_size": len(packed)}
            binary += packed
        else:
            written["data"] = data
        outputs.append(written)
    answer = {"model_name": kernel.name, "model_version": "1", "outputs": outputs}
    answer |= {"id": header["id"]} if "id" in header else {}
    text = json.dumps(answer, separators=(",", ":")).encode()
    response = compute_pb2.InvokeInferenceResponse(body=text + binary)
    if any("data" not in output for output in outputs):
        response.header_bytes = len(text)
    return response
