"""Errors as HTTP answers: one table, used by the dependency and by the exception handler."""

from __future__ import annotations

import math
import re
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse

from offgil import _exceptions as errors
from offgil._exceptions import OffgilError
from offgil.fastapi._models import ErrorDetail, Faults

__all__ = [
    "ERROR_RESPONSES",
    "add_exception_handlers",
    "error_responses",
    "exception_handlers",
    "handles_itself",
    "to_http_exception",
    "without_input",
]

# The first class that matches decides.
STATUS: tuple[tuple[type[OffgilError], int], ...] = (
    (errors.InvalidArgument, 422),
    (errors.OutOfRange, 422),
    (errors.NotFound, 404),
    (errors.Unimplemented, 501),
    (errors.MessageTooLarge, 413),
    (errors.Overloaded, 503),
    (errors.ConnectionFailed, 503),
    (errors.SidecarError, 503),
    (errors.DeadlineExceeded, 504),
    (errors.KernelFailed, 500),
    (errors.Unauthenticated, 502),
    (errors.ProtocolViolation, 502),
    (errors.Cancelled, 503),
    (OffgilError, 502),
)


def error_responses(
    error: type[BaseModel], faults: type[BaseModel] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Returns the OpenAPI responses of what can go wrong with a call of a kernel.

    Args:
        error: The body of an answer.
        faults: The body of a 422, if it is another one.
    """
    return {
        413: {
            "model": error,
            "description": "The body, the result, or the memory that the call would take is over "
            "the limit of the server.",
        },
        422: {
            "model": faults or error,
            "description": "An argument is wrong, or the result does not fit.",
        },
        500: {"model": error, "description": "A defect in the kernel."},
        503: {
            "model": error,
            "description": "Overloaded, or the compute server cannot be reached; try again.",
            "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
        },
        504: {"model": error, "description": "The deadline passed."},
    }


ERROR_RESPONSES = error_responses(ErrorDetail, Faults)

# numbers[7] → numbers, 7 and pairs[7].a → pairs, 7, a. The name before the first index is a key of
# the caller's JSON, which may hold dots and digits.
INDEX = re.compile(r"\[([0-9]{1,19})\](?=$|[\[.])")
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


def to_http_exception(error: OffgilError, method: str = "POST") -> HTTPException:
    """Returns the HTTP answer for an error.

    Args:
        error: The error of a call.
        method: The method of the request, which tells whether an argument was in the body or the
            query.
    """
    status = next(status for error_class, status in STATUS if isinstance(error, error_class))
    headers = None
    if isinstance(error, errors.RetryableError):
        headers = {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    detail: Any = error.message
    if isinstance(error, errors.ConnectionFailed) and error.reason is None:
        # The message is gRPC's own, with addresses that are nobody's business.
        detail = "the compute server cannot be reached"
    if status == 422:
        detail = _faults(error, "body" if method in BODY_METHODS else "query")
    return HTTPException(status, detail, headers)


def handles_itself(connection: HTTPConnection, error: OffgilError) -> bool:
    """Returns whether the app has registered a handler of its own for this kind of error."""
    handlers = getattr(connection.app, "exception_handlers", {})
    classes = (cls for cls in type(error).__mro__ if issubclass(cls, OffgilError))
    return any(cls in handlers for cls in classes)


async def answer_error(request: Request, error: Exception) -> JSONResponse:
    """Answers an `OffgilError`; the exception handler for apps that prefer one."""
    if not isinstance(error, OffgilError):
        raise error
    answer = to_http_exception(error, request.method)
    return JSONResponse({"detail": answer.detail}, answer.status_code, headers=answer.headers)


exception_handlers: dict[int | type[Exception], Any] = {OffgilError: answer_error}
"""For ``FastAPI(exception_handlers=…)``."""


def add_exception_handlers(app: FastAPI) -> None:
    """Makes the app answer every `OffgilError`, also those of routes without `OffgilDep`."""
    app.add_exception_handler(OffgilError, answer_error)


def without_input(error: RequestValidationError) -> RequestValidationError:
    """Returns the error with type, loc and msg alone.

    FastAPI echoes the input, without limit, and fails if it cannot be written as JSON (NaN).
    """
    return RequestValidationError(
        [
            {"type": fault["type"], "loc": fault["loc"], "msg": fault["msg"]}
            for fault in error.errors()
        ]
    )


def _faults(error: OffgilError, where: str) -> list[dict[str, Any]]:
    default = "out_of_range" if isinstance(error, errors.OutOfRange) else "value_error"
    kind = error.metadata.get("type", default)
    if not error.fields:
        return [{"type": kind, "loc": [where], "msg": error.message}]
    return [
        {"type": kind, "loc": [where, *_location(violation.field)], "msg": violation.description}
        for violation in error.fields
    ]


def _location(path: str) -> list[str | int]:
    first, *rest = INDEX.split(path)
    location: list[str | int] = [first] if first else []
    for index, name in zip(rest[::2], rest[1::2], strict=True):
        location.append(int(index))
        location += [name.removeprefix(".")] if name else []
    return location
