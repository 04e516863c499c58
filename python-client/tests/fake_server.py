"""A gRPC server in this process that answers by the reference, or as a test tells it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any, NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from offgil import OffgilError, RetryableError, Unimplemented
from offgil._fake_kernels import FakeKernel
from offgil._proto.offgil.v1 import compute_pb2, compute_pb2_grpc
from offgil._reference import BUILT_IN, process_packed, respond, run_json


class FakeServer(compute_pb2_grpc.ComputeServiceServicer):
    """The service, with handles for tests.

    Attributes:
        failures: Raised by the next calls, one each, before they are looked at.
        calls: The RPCs that arrived, with their metadata.
        hold: Cleared: calls wait until it is set.
        cancelled: Set when a waiting call was cancelled by its caller.
        omit_end: Whether streams break off before their end marker.
        keep_open: Whether number streams wait after their results, for their caller to leave.
        left: Set when the caller has left such a stream.
        declined: The kernels that are too slow for a batch.
        kernels: The catalogue.
        invoke: Answers `Invoke` in the place of these kernels.
        costs: What calls cost in microseconds, by RPC and stage; told in the trailers.
        tells_cost_early: Whether streams tell it before their answer too.
    """

    def __init__(self) -> None:
        self.failures: list[OffgilError] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.hold = threading.Event()
        self.hold.set()
        self.arrived = threading.Event()
        self.cancelled = threading.Event()
        self.omit_end = False
        self.keep_open = False
        self.left = threading.Event()
        self.declined: set[str] = set()
        self.kernels: dict[str, FakeKernel] = dict(BUILT_IN)
        self.invoke: Callable[[Any], compute_pb2.InvokeResponse] | None = None
        self.costs: dict[str, dict[str, int]] = {}
        self.tells_cost_early = False
        self.health = health.HealthServicer()
        self.set_serving(True)
        self._server: grpc.Server | None = None
        self.port = 0

    @property
    def target(self) -> str:
        return f"dns:///127.0.0.1:{self.port}"

    def set_serving(self, serving: bool) -> None:
        status = health_pb2.HealthCheckResponse
        self.health.set("", status.SERVING if serving else status.NOT_SERVING)

    def start(self, port: int = 0) -> None:
        server = grpc.server(
            futures.ThreadPoolExecutor(8),
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 2**26)],
        )
        compute_pb2_grpc.add_ComputeServiceServicer_to_server(self, server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        self.port = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        self._server = server

    def stop(self) -> None:
        self.hold.set()
        self.left.set()
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def ProcessNumbers(self, request: Any, context: Any) -> Any:
        return self._answer("ProcessNumbers", request, context)

    def SumSquares(self, request: Any, context: Any) -> Any:
        return self._answer("SumSquares", request, context)

    def BatchSumSquares(self, request: Any, context: Any) -> Any:
        return self._answer("BatchSumSquares", request, context)

    def Invoke(self, request: Any, context: Any) -> Any:
        if self.invoke is None:
            return self._answer("Invoke", request, context)
        self._begin("Invoke", context)
        return self.invoke(request)

    def InvokeBatch(self, request: Any, context: Any) -> Any:
        self._begin("InvokeBatch", context)
        return compute_pb2.InvokeBatchResponse(outcomes=map(self._outcome, request.calls))

    def InvokeJson(self, request: Any, context: Any) -> Any:
        return self._answer("InvokeJson", request, context)

    def InvokeStruct(self, request: Any, context: Any) -> Any:
        abort(context, Unimplemented("for people, not for clients", reason="UNIMPLEMENTED"))

    def InvokeInference(self, request: Any, context: Any) -> Any:
        return self._answer("InvokeInference", request, context)

    def ListKernels(self, request: Any, context: Any) -> Any:
        return self._answer("ListKernels", request, context)

    def ProcessNumbersStream(self, request_iterator: Any, context: Any) -> Iterator[Any]:
        self._begin("ProcessNumbersStream", context)
        context.add_callback(lambda: self.left.set() if self.keep_open else None)
        rounds, count = 1000, 0
        for message in request_iterator:
            kind = message.WhichOneof("message")
            if kind == "header":
                rounds = message.header.rounds
            elif kind == "packed_numbers":
                count += len(message.packed_numbers) // 8
                data = process_packed(message.packed_numbers, rounds)
                yield compute_pb2.ProcessNumbersStreamResponse(packed_results=data)
            elif self.keep_open:
                self.left.wait(20)
            elif not self.omit_end:
                end = compute_pb2.ProcessNumbersStreamEnd(count=count)
                yield compute_pb2.ProcessNumbersStreamResponse(end=end)

    def InvokeJsonStream(self, request_iterator: Any, context: Any) -> Iterator[Any]:
        self._begin("InvokeJsonStream", context)
        messages = list(request_iterator)
        header, body = messages[0].header, b"".join(message.body for message in messages)
        is_lax = header.mode == compute_pb2.JSON_MODE_LAX
        try:
            answer = run_json(header.kernel, body, is_lax, self.kernels)
        except OffgilError as error:
            abort(context, error)
        if self.tells_cost_early:
            context.send_initial_metadata(self._cost("InvokeJsonStream"))
        half = len(answer) // 2
        yield compute_pb2.InvokeJsonStreamResponse(body=answer[:half])
        if self.omit_end:
            return
        yield compute_pb2.InvokeJsonStreamResponse(body=answer[half:])
        yield compute_pb2.InvokeJsonStreamResponse(end=compute_pb2.InvokeJsonStreamEnd())

    def _outcome(self, call: Any) -> compute_pb2.InvokeOutcome:
        if call.kernel in self.declined:
            return compute_pb2.InvokeOutcome(declined=True)
        try:
            response: Any = respond("Invoke", call, self.kernels)
            return compute_pb2.InvokeOutcome(response=response)
        except OffgilError as error:
            return compute_pb2.InvokeOutcome(status=status_of(error).SerializeToString())

    def _answer(self, method: str, request: Any, context: Any) -> Any:
        self._begin(method, context)
        try:
            return respond(method, request, self.kernels)
        except OffgilError as error:
            abort(context, error)

    def _cost(self, method: str) -> tuple[tuple[str, str], ...]:
        spent = self.costs.get(method, {})
        return tuple((f"offgil-{stage}-us", str(micros)) for stage, micros in spent.items())

    def _begin(self, method: str, context: Any) -> None:
        context.add_callback(lambda: None if self.hold.is_set() else self.cancelled.set())
        self.calls.append((method, dict(context.invocation_metadata())))
        self.arrived.set()
        context.set_trailing_metadata(self._cost(method))
        self.hold.wait(20)
        if self.failures:
            abort(context, self.failures.pop(0))


def free_port() -> int:
    """Returns a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def status_of(error: OffgilError) -> status_pb2.Status:
    """Returns an error with its details, as the real server sends it."""
    code = getattr(grpc.StatusCode, error.code)
    status = status_pb2.Status(code=code.value[0], message=error.message)
    if error.reason is not None:
        info = error_details_pb2.ErrorInfo(reason=error.reason, domain="offgil")
        info.metadata.update(error.metadata)
        status.details.add().Pack(info)
    if error.fields:
        bad = error_details_pb2.BadRequest()
        for violation in error.fields:
            bad.field_violations.add(field=violation.field, description=violation.description)
        status.details.add().Pack(bad)
    if isinstance(error, RetryableError):
        delay = Duration()
        delay.FromMilliseconds(round(error.retry_after * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def abort(context: Any, error: OffgilError) -> NoReturn:
    """Ends a call with an error and its details, as the real server does."""
    status = status_of(error)
    context.set_trailing_metadata(
        (
            *(context.trailing_metadata() or ()),
            ("grpc-status-details-bin", status.SerializeToString()),
            ("x-request-id", "r-1"),
        )
    )
    context.abort(getattr(grpc.StatusCode, error.code), error.message)
    raise AssertionError("abort raises")
