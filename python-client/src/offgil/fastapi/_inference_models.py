"""The JSON bodies of the Open Inference Protocol, for the OpenAPI document.

A *model* of the protocol is a kernel; its one version is ``"1"``.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from offgil._catalogue import Kernel, Parameter, Result
from offgil._version import __version__

__all__ = [
    "INFERENCE_REQUEST",
    "INFERENCE_RESPONSE",
    "VERSION",
    "InferenceError",
    "Live",
    "ModelConfig",
    "ModelIndex",
    "ModelMetadata",
    "ModelReady",
    "Ready",
    "ServerMetadata",
    "configuration_of",
    "metadata_of",
]

NAME = "offgil"
VERSION = "1"
# What the protocol calls any number of further inputs is not fixed; so does the gRPC service.
VARIADIC = "*"
DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "int32": "INT32",
    "int64": "INT64",
    "float32": "FP32",
    "float64": "FP64",
    "string": "BYTES",
}


class Body(BaseModel):
    """A body of the protocol."""

    # The protocol has fields of the name model_….
    model_config = ConfigDict(protected_namespaces=())


class InferenceError(Body):
    """Why there is no result."""

    error: str


class Live(Body):
    """Whether the app works."""

    live: bool


class Ready(Body):
    """Whether the compute server serves."""

    ready: bool


class ModelReady(Body):
    """Whether a model can be called."""

    name: str
    ready: bool


class ServerMetadata(Body):
    """What this server is."""

    name: str = NAME
    version: str = __version__
    extensions: list[str] = [
        "binary_tensor_data",
        "model_configuration",
        "model_repository",
        "parameters",
    ]


class TensorMetadata(Body):
    """An input or output of a model."""

    name: str
    datatype: str
    shape: list[int] = Field(description="The length of each dimension; -1 is any length.")


class ModelMetadata(Body):
    """What a model takes and gives back."""

    name: str
    versions: list[str] = [VERSION]
    platform: str = NAME
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class InputConfig(Body):
    """An input of a model."""

    name: str
    data_type: str
    dims: list[int] = Field(description="The length of each dimension; -1 is any length.")
    optional: bool


class OutputConfig(Body):
    """An output of a model."""

    name: str
    data_type: str
    dims: list[int] = Field(description="The length of each dimension; -1 is any length.")


class ModelConfig(Body):
    """What a model takes and gives back, in the form of Triton."""

    name: str
    platform: str = NAME
    backend: str = NAME
    max_batch_size: int = 0
    input: list[InputConfig]
    output: list[OutputConfig]


class ModelIndex(Body):
    """A model that there is."""

    name: str
    version: str = VERSION
    state: str = "READY"
    reason: str = ""


def metadata_of(kernel: Kernel) -> ModelMetadata:
    """Returns the metadata of a kernel."""

    def tensor(value: Parameter | Result) -> TensorMetadata:
        return TensorMetadata(name=_name(value), datatype=_datatype(value), shape=_shape(value))

    return ModelMetadata(
        name=kernel.name,
        inputs=[tensor(parameter) for parameter in kernel.parameters],
        outputs=[tensor(result) for result in kernel.results],
    )


def configuration_of(kernel: Kernel) -> ModelConfig:
    """Returns the configuration of a kernel."""
    return ModelConfig(
        name=kernel.name,
        input=[
            InputConfig(
                name=_name(parameter),
                data_type=_data_type(parameter),
                dims=_shape(parameter),
                optional=not parameter.required or parameter.variadic,
            )
            for parameter in kernel.parameters
        ],
        output=[
            OutputConfig(name=result.name, data_type=_data_type(result), dims=_shape(result))
            for result in kernel.results
        ],
    )


def _name(value: Parameter | Result) -> str:
    return VARIADIC if isinstance(value, Parameter) and value.variadic else value.name


def _datatype(value: Parameter | Result) -> str:
    # A newer server may have types that this package does not know.
    return DATATYPES.get(value.element, value.element.upper())


def _data_type(value: Parameter | Result) -> str:
    return "TYPE_STRING" if value.element == "string" else f"TYPE_{_datatype(value)}"


def _shape(value: Parameter | Result) -> list[int]:
    return [-1] * value.rank or [1]


def _tensor(required: list[str], **properties: Any) -> dict[str, Any]:
    known = {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": 2},
        "datatype": {"type": "string", "enum": list(DATATYPES.values())},
        "data": {
            "type": "array",
            "description": "The elements, flat or nested as the shape. Left out: they are binary.",
        },
    }
    return {"type": "object", "properties": {**known, **properties}, "required": required}


SIZE = {
    "type": "object",
    "properties": {"binary_data_size": {"type": "integer", "minimum": 0}},
}
WISH = {"type": "object", "properties": {"binary_data": {"type": "boolean"}}}
INFERENCE_REQUEST: dict[str, Any] = {
    "type": "object",
    "title": "Inference request",
    "properties": {
        "id": {"type": "string", "description": "Comes back in the response."},
        "parameters": {
            "type": "object",
            "description": "Scalar arguments, by name; binary_data_output: true asks for "
            "binary outputs.",
        },
        "inputs": {
            "type": "array",
            "items": _tensor(["name", "shape", "datatype"], parameters=SIZE),
        },
        "outputs": {
            "type": "array",
            "description": "The outputs that are wanted, in order; all if none is named.",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "parameters": WISH},
                "required": ["name"],
            },
        },
    },
}
INFERENCE_RESPONSE: dict[str, Any] = {
    "type": "object",
    "title": "Inference response",
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {
            "type": "array",
            "items": _tensor(["name", "shape", "datatype"], parameters=SIZE),
        },
    },
    "required": ["model_name", "model_version", "outputs"],
}
