"""The REST form of the Open Inference Protocol v2: kernels as models, for its existing clients.

The body of an inference passes through as bytes, like those of `_passthrough`. What the server
knows of its models comes from the catalogue.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offgil._async_client import AsyncClient
from offgil._catalogue import Kernel
from offgil._exceptions import InvalidArgument, MessageTooLarge, NotFound, Unimplemented
from offgil._options import MAX_MESSAGE_BYTES
from offgil.fastapi import _inference_models as models
from offgil.fastapi._body import IncomingBody
from offgil.fastapi._dependency import get_client
from offgil.fastapi._disconnect import cancel_on_disconnect
from offgil.fastapi._errors import error_responses
from offgil.fastapi._inference_route import InferenceRoute
from offgil.fastapi._timing import ServerTiming

__all__ = ["create_inference_router"]

HEADER_LENGTH = "Inference-Header-Content-Length"
# A message has room for the name of the model too.
MAX_BODY_BYTES = MAX_MESSAGE_BYTES - 4096
LONGEST_LENGTH = 10  # digits of an unsigned 32-bit integer
BINARY, JSON = "application/octet-stream", "application/json"
VERSION_PARAMETER = {
    "name": "version",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The one version is 1.",
}
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": models.InferenceError, "description": "There is no such model or version."}
}
LOST: dict[int | str, dict[str, Any]] = {
    503: {
        "model": models.InferenceError,
        "description": "The compute server cannot be reached or drains.",
    }
}
INFER_REQUEST = {
    "required": True,
    "content": {
        JSON: {"schema": models.INFERENCE_REQUEST},
        BINARY: {"schema": {"type": "string", "format": "binary"}},
    },
}
INFER_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The outputs.",
        "content": {
            JSON: {"schema": models.INFERENCE_RESPONSE},
            BINARY: {"schema": {"type": "string", "format": "binary"}},
        },
        "headers": {
            HEADER_LENGTH: {
                "schema": {"type": "integer"},
                "description": "The length of the JSON object, if binary outputs follow.",
            }
        },
    },
    **UNKNOWN,
    **error_responses(models.InferenceError),
    415: {"model": models.InferenceError, "description": "The body is compressed."},
}


def create_inference_router() -> APIRouter:
    """Returns a router with the paths of the protocol."""
    router = APIRouter(route_class=InferenceRoute, tags=["inference"])

    def add(path: str, endpoint: Any, **options: Any) -> None:
        options.setdefault("methods", ["GET"])
        router.add_api_route(path, endpoint, **options)

    def add_of_model(path: str, endpoint: Any, **options: Any) -> None:
        add(f"/v2/models/{{name}}{path}", endpoint, **options)
        extra = {"parameters": [VERSION_PARAMETER], **options.pop("openapi_extra", {})}
        versioned = f"/v2/models/{{name}}/versions/{{version}}{path}"
        add(versioned, endpoint, openapi_extra=extra, **options)

    add("/v2", show_server, response_model=models.ServerMetadata)
    add("/v2/health/live", tell_live, response_model=models.Live)
    not_ready = {503: {"model": models.Ready, "description": "It does not."}}
    add("/v2/health/ready", tell_ready, response_model=models.Ready, responses=not_ready)
    add("/v2/models/stats", refuse_statistics, include_in_schema=False)
    add_of_model("/stats", refuse_statistics, include_in_schema=False)
    known = {**UNKNOWN, **LOST}
    add_of_model("", show_model, response_model=models.ModelMetadata, responses=known)
    add_of_model("/config", show_configuration, response_model=models.ModelConfig, responses=known)
    add_of_model("/ready", tell_model_ready, response_model=models.ModelReady, responses=known)
    add_of_model(
        "/infer",
        infer,
        methods=["POST"],
        responses=INFER_RESPONSES,
        response_class=Response,
        openapi_extra={"requestBody": INFER_REQUEST},
    )
    add(
        "/v2/repository/index",
        list_models,
        methods=["POST"],
        response_model=list[models.ModelIndex],
        responses=LOST,
    )
    return router


async def _version(request: Request) -> str:
    version: str = request.path_params.get("version", "")
    return version


Compute = Annotated[AsyncClient, Depends(get_client)]
Version = Annotated[str, Depends(_version)]


async def show_server() -> models.ServerMetadata:
    """Tells what this server is."""
    return models.ServerMetadata()


async def tell_live() -> models.Live:
    """Answers 200 for as long as the app itself works."""
    return models.Live(live=True)


async def tell_ready(compute: Compute) -> Response:
    """Answers 200 if the compute server serves, else 503."""
    is_ready = await compute.check_health()
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


async def tell_model_ready(name: str, version: Version, compute: Compute) -> models.ModelReady:
    """Answers 200 if the model can be called, else 503."""
    await _find(compute, name, version)
    if await compute.check_health():
        return models.ModelReady(name=name, ready=True)
    raise HTTPException(503, "the compute server does not serve")


async def show_model(name: str, version: Version, compute: Compute) -> models.ModelMetadata:
    """Tells what a model takes and gives back."""
    return models.metadata_of(await _find(compute, name, version))


async def show_configuration(name: str, version: Version, compute: Compute) -> models.ModelConfig:
    """Tells what a model takes and gives back, in the form of Triton."""
    return models.configuration_of(await _find(compute, name, version))


async def list_models(compute: Compute) -> list[models.ModelIndex]:
    """Lists the models."""
    return [models.ModelIndex(name=kernel.name) for kernel in await compute.list_kernels()]


async def refuse_statistics() -> None:
    """Refers to gRPC: only the server knows the numbers, and it tells them there."""
    raise Unimplemented(
        "statistics are served over gRPC, by inference.GRPCInferenceService/ModelStatistics"
    )


async def infer(request: Request, name: str, version: Version, compute: Compute) -> Response:
    """Runs a model: JSON, or JSON and binary tensors behind it, in and out."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        message = f"a body of Content-Encoding {encoding[:32]} is not read; send it as it is"
        raise HTTPException(415, message, {"Accept-Encoding": "identity"})
    header_bytes = _header_length(request)
    body = IncomingBody(request)
    if not await body.collect(MAX_BODY_BYTES):
        raise MessageTooLarge(f"the body is over the limit of {MAX_BODY_BYTES} bytes")
    timing = ServerTiming()
    call = timing.observed(compute).invoke_inference(
        name, body.prefix, version=version, header_bytes=header_bytes
    )
    answer = await cancel_on_disconnect(request, call)
    response = Response(answer.body, media_type=JSON if answer.header_bytes is None else BINARY)
    if answer.header_bytes is not None:
        response.headers[HEADER_LENGTH] = str(answer.header_bytes)
    timing.write_to(response)
    return response


def _header_length(request: Request) -> int | None:
    text = request.headers.get(HEADER_LENGTH)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_LENGTH):
        raise InvalidArgument(f"{HEADER_LENGTH} must be the length of the JSON object in bytes")
    return int(text)


async def _find(compute: AsyncClient, name: str, version: str) -> Kernel:
    kernels = await compute.list_kernels()
    for kernel in kernels:
        if kernel.name == name:
            if version in ("", models.VERSION):
                return kernel
            only = f"only {models.VERSION!r}"
            raise NotFound(f"model {name!r} has no version {version[:16]!r}, {only}")
    known = ", ".join(kernel.name for kernel in kernels)
    raise NotFound(f"there is no model {name[:64]!r}; this server has {known}")
