"""The routes that compute."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from offgil._async_client import AsyncClient
from offgil._catalogue import Kernel
from offgil.fastapi._catalogue import remember_catalogue
from offgil.fastapi._dependency import OffgilDep
from offgil.fastapi._direct import DirectAnswer, direct_route
from offgil.fastapi._disconnect import cancel_on_disconnect
from offgil.fastapi._errors import ERROR_RESPONSES
from offgil.fastapi._inference import create_inference_router
from offgil.fastapi._models import (
    ErrorDetail,
    Int64,
    KernelModel,
    ProcessNumbersBody,
    ProcessNumbersResult,
    SumSquaresResult,
)
from offgil.fastapi._openapi import KERNEL_MARK, json_body
from offgil.fastapi._passthrough import CLIENT_SCOPE_KEY, PassThrough
from offgil.fastapi._route import OffgilRoute

__all__ = ["add_compute_routes", "create_router"]


def create_router(*, direct: bool = False) -> APIRouter:
    """Returns a router with the routes that compute; include it under any prefix.

    Args:
        direct: Whether requests that are written as programs write them are answered without
            FastAPI's machinery, which takes it longer than a tiny call takes the server. Not for
            an app that includes the router with dependencies, such as one that authorizes: they
            would not run.
    """
    router = APIRouter()
    add_compute_routes(router, direct=direct)
    router.include_router(create_inference_router())
    return router


def add_compute_routes(router: APIRouter, *, direct: bool) -> None:
    """Adds the routes that run kernels."""

    def add(
        path: str,
        endpoint: Callable[..., Any],
        plainly: DirectAnswer | None = None,
        responses: Mapping[int | str, dict[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        route_class = direct_route(plainly) if direct and plainly is not None else OffgilRoute
        router.add_api_route(
            path,
            endpoint,
            tags=["compute"],
            responses={**ERROR_RESPONSES, **(responses or {})},
            route_class_override=route_class,
            **options,
        )

    add(
        "/process-numbers-rust",
        process_numbers,
        process_numbers,
        methods=["POST"],
        response_model=ProcessNumbersResult,
        responses={400: {"model": ErrorDetail, "description": "The body is no text."}},
        openapi_extra={"requestBody": json_body(ProcessNumbersBody.model_json_schema())},
    )
    add(
        "/sum-squares-rust",
        sum_squares,
        sum_plain_squares,
        methods=["GET"],
        response_model=SumSquaresResult,
    )
    add(
        "/kernels/{name}",
        run_kernel,
        run_named_kernel,
        methods=["POST"],
        response_model=dict[str, Any],
        responses={
            404: {"model": ErrorDetail, "description": "There is no kernel of that name."},
            415: {"model": ErrorDetail, "description": "The body is not JSON."},
        },
        openapi_extra={"requestBody": json_body({"type": "object"}), KERNEL_MARK: True},
    )
    add("/kernels", list_kernels, methods=["GET"], response_model=list[KernelModel])


async def process_numbers(request: Request, compute: OffgilDep) -> Response:
    """Applies f(v) = ((v + 1) · 2) rem 1 000 000 007 to each number, `rounds` times, in Rust."""
    return await _process_numbers.answer(request, compute)


async def process_numbers_typed(
    payload: ProcessNumbersBody, request: Request
) -> ProcessNumbersResult:
    """Does the same for a body that pydantic accepts and Rust does not; never mounted."""
    compute = request.scope[CLIENT_SCOPE_KEY]
    call = compute.process_numbers(payload.numbers, rounds=payload.rounds)
    results = await cancel_on_disconnect(request, call)
    return ProcessNumbersResult(original_count=len(payload.numbers), processed_result=results)


_process_numbers = PassThrough("process_numbers", lax=True, typed=process_numbers_typed)


async def sum_squares(
    request: Request,
    compute: OffgilDep,
    a: Annotated[Int64, Query(description="The first number.")] = 5,
    b: Annotated[Int64, Query(description="The second number.")] = 10,
) -> SumSquaresResult:
    """Returns a² + b², exactly, computed in Rust."""
    result = await cancel_on_disconnect(request, compute.sum_squares(a, b))
    return SumSquaresResult(a=a, b=b, sum_of_squares=result)


# Integers of int64 without leading zeros, as programs write them.
PLAIN_PAIR = re.compile(rb"a=(0|-?[1-9][0-9]{0,17})&b=(0|-?[1-9][0-9]{0,17})")


async def sum_plain_squares(request: Request, compute: AsyncClient) -> Response | None:
    """Does the same for a query that is no more than ``a=5&b=10``."""
    plain = PLAIN_PAIR.fullmatch(request.scope["query_string"])
    if plain is None:
        return None
    a, b = int(plain[1]), int(plain[2])
    result = await cancel_on_disconnect(request, compute.sum_squares(a, b))
    text = f'{{"a":{a},"b":{b},"sum_of_squares":{result}}}'
    return Response(text, media_type="application/json")


async def run_kernel(name: str, request: Request, compute: OffgilDep) -> Response:
    """Runs any kernel of the catalogue: a JSON object of arguments in, one of results out."""
    return await PassThrough(name, lax=False).answer(request, compute)


async def run_named_kernel(request: Request, compute: AsyncClient) -> Response:
    """Does the same for the name in the path."""
    return await run_kernel(request.path_params["name"], request, compute)


async def list_kernels(request: Request, compute: OffgilDep) -> tuple[Kernel, ...]:
    """Lists the kernels that the server runs."""
    kernels = await compute.list_kernels()
    remember_catalogue(request.app, kernels)
    return kernels
