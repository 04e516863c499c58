"""The REST form of the Open Inference Protocol as a call, without its transport."""

from __future__ import annotations

from dataclasses import dataclass

from offgil._arrays import check_int, invalid
from offgil._calls import UINT32_MAX, UnaryCall
from offgil._proto.offgil.v1 import compute_pb2

__all__ = ["InferenceBody", "invoke_inference"]


@dataclass(frozen=True, slots=True)
class InferenceBody:
    """A body in the REST form of the Open Inference Protocol.

    Attributes:
        body: A JSON object, and behind it the binary data of its tensors if there are any.
        header_bytes: The length of the JSON object, if binary data follow; in HTTP it is the header
            ``Inference-Header-Content-Length``.
    """

    body: bytes
    header_bytes: int | None = None


def invoke_inference(
    model: str, body: bytes, version: str, header_bytes: int | None
) -> UnaryCall[InferenceBody]:
    """Prepares `InvokeInference`."""
    request = compute_pb2.InvokeInferenceRequest(model=model, version=version, body=body)
    if header_bytes is not None:
        request.header_bytes = _check_length(header_bytes)

    def decode(response: compute_pb2.InvokeInferenceResponse) -> InferenceBody:
        is_binary = response.HasField("header_bytes")
        return InferenceBody(response.body, response.header_bytes if is_binary else None)

    return UnaryCall("InvokeInference", request, decode)


def _check_length(header_bytes: int) -> int:
    length = check_int(header_bytes, "header_bytes")
    if not 0 <= length <= UINT32_MAX:
        kind = "greater_than_equal" if length < 0 else "less_than_equal"
        invalid("header_bytes", kind, f"must be from 0 to {UINT32_MAX}")
    return length
