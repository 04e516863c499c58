"""Turns a gRPC error into an `OffgilError`: the one place that reads status details."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from offgil._exceptions import (
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    FieldViolation,
    InvalidArgument,
    KernelFailed,
    MessageTooLarge,
    NotFound,
    OffgilError,
    OutOfRange,
    Overloaded,
    ProtocolViolation,
    RetryableError,
    Unauthenticated,
    Unimplemented,
)

__all__ = [
    "HEALTH_UNKNOWN",
    "Outcome",
    "class_of_error",
    "error_of_status",
    "is_unavailable",
    "outcome",
    "status_code",
    "translate",
]

DOMAIN = "offgil"
STATUS_DETAILS = "grpc-status-details-bin"
REQUEST_ID = "x-request-id"

# Codes that gRPC and proxies use for faults of their own; the reason of an offgil server decides.
CLASS_OF_REASON: Mapping[tuple[str, str], type[OffgilError]] = {
    ("RESOURCE_EXHAUSTED", "OVERLOADED"): Overloaded,
    ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE"): MessageTooLarge,
    ("INTERNAL", "KERNEL_PANICKED"): KernelFailed,
    ("INTERNAL", "KERNEL_FAILED"): KernelFailed,
    ("INTERNAL", "INTERNAL"): KernelFailed,
}
CLASS_OF_CODE: Mapping[str, type[OffgilError]] = {
    "CANCELLED": Cancelled,
    "INVALID_ARGUMENT": InvalidArgument,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "NOT_FOUND": NotFound,
    "OUT_OF_RANGE": OutOfRange,
    "UNIMPLEMENTED": Unimplemented,
    "UNAVAILABLE": ConnectionFailed,
    "UNAUTHENTICATED": Unauthenticated,
}

# How gRPC says that its own limit of a message was crossed, on either side: "Sent message larger
# than max (…)". Too long metadata reads otherwise, and sending a smaller body would not help.
LOCAL_LIMIT = "larger than max"
# How gRPC says that a call never had a connection: by its load balancing or its resolver. What it
# says of a call that lost its connection has no common form.
NOT_REACHED = (
    "connections to all backends failing",
    "failed to connect to all addresses",
    "errors resolving ",
    "DNS resolution failed",
    "empty address list",
)

# The server was not reached, or not in time: the answer of a health check is no.
HEALTH_UNKNOWN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class _FinishedCall(Protocol):
    """What `grpc.aio.AioRpcError` and the errors of the sync API have in common."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def initial_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...
    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...


@dataclass(slots=True)
class _Details:
    """The parts of `google.rpc.Status.details` that the contract promises."""

    reason: str | None = None
    metadata: Mapping[str, str] | None = None
    fields: tuple[FieldViolation, ...] = ()
    retry_after: float | None = None


def status_code(error: grpc.RpcError) -> grpc.StatusCode:
    """Returns the code of an error; the annotations of gRPC hide that each has one."""
    call: Any = error
    code: grpc.StatusCode = call.code()
    return code


class Outcome(enum.Enum):
    """What became of an attempt that ended with UNAVAILABLE."""

    NOT_REACHED = enum.auto()
    LOST = enum.auto()
    REFUSED = enum.auto()


def is_unavailable(error: grpc.RpcError) -> bool:
    """Returns whether the server was not reached, or lost, so that a retry may find it."""
    return status_code(error) is grpc.StatusCode.UNAVAILABLE


def outcome(error: grpc.RpcError) -> Outcome:
    """Returns what an UNAVAILABLE error says about the connection of its attempt."""
    call: _FinishedCall = error  # type: ignore[assignment] # every raised RpcError is also a Call
    if _as_dict(call.trailing_metadata()):  # a peer has sent it; gRPC itself adds none
        return Outcome.REFUSED
    if (call.details() or "").startswith(NOT_REACHED):
        return Outcome.NOT_REACHED
    return Outcome.LOST


def class_of_error(code: str, reason: str | None, message: str = "") -> type[OffgilError]:
    """Returns the class for a code, the reason of an offgil server, and the message."""
    if code == "RESOURCE_EXHAUSTED" and reason is None and LOCAL_LIMIT in message:
        return MessageTooLarge
    by_code = CLASS_OF_CODE.get(code, OffgilError)
    return by_code if reason is None else CLASS_OF_REASON.get((code, reason), by_code)


def error_of_status(serialized: bytes) -> OffgilError:
    """Returns the offgil error that stands for a serialized `google.rpc.Status`.

    Raises:
        ProtocolViolation: It is none.
    """
    try:
        status = status_pb2.Status.FromString(serialized)
    except DecodeError as fault:
        raise ProtocolViolation("the status of an outcome cannot be decoded") from fault
    known = status.code in code_pb2.Code.values()
    code = code_pb2.Code.Name(status.code) if known else "UNKNOWN"
    return _error(code, status.message, None, _read_details(serialized))


def translate(error: grpc.RpcError) -> OffgilError:
    """Returns the offgil error that stands for a gRPC error; raise it ``from`` that error."""
    call: _FinishedCall = error  # type: ignore[assignment] # every raised RpcError is also a Call
    code = call.code().name
    message = call.details() or code
    initial, trailing = _as_dict(call.initial_metadata()), _as_dict(call.trailing_metadata())
    details = _read_details(trailing.get(STATUS_DETAILS))
    request_id = trailing.get(REQUEST_ID) or initial.get(REQUEST_ID)
    return _error(code, message, request_id if isinstance(request_id, str) else None, details)


def _error(code: str, message: str, request_id: str | None, details: _Details) -> OffgilError:
    error_class = class_of_error(code, details.reason, message)
    known: dict[str, Any] = {
        "code": code,
        "reason": details.reason,
        "request_id": request_id,
        "fields": details.fields,
        "metadata": details.metadata,
    }
    if issubclass(error_class, RetryableError) and details.retry_after is not None:
        known["retry_after"] = details.retry_after
    return error_class(message, **known)


def _as_dict(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str | bytes]:
    # Not dict(metadata): the Metadata of grpc.aio has keys(), but is no mapping in every version.
    return {key: value for key, value in metadata or ()}


def _read_details(serialized: str | bytes | None) -> _Details:
    found = _Details()
    if not isinstance(serialized, bytes):
        return found
    try:
        status = status_pb2.Status.FromString(serialized)
        for part in status.details:
            _read_part(part, found)
    except DecodeError:
        # Something between here and the server garbled the details; code and message still hold.
        return _Details()
    return found


def _read_part(part: Any, found: _Details) -> None:
    if part.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
        info = error_details_pb2.ErrorInfo.FromString(part.value)
        if info.domain == DOMAIN:
            found.reason = info.reason
            found.metadata = dict(info.metadata)
    elif part.Is(error_details_pb2.BadRequest.DESCRIPTOR):
        bad = error_details_pb2.BadRequest.FromString(part.value)
        found.fields = tuple(
            FieldViolation(violation.field, violation.description)
            for violation in bad.field_violations
        )
    elif part.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
        retry = error_details_pb2.RetryInfo.FromString(part.value)
        found.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
