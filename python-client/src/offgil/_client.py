"""The synchronous client: the names and results of `AsyncClient`, without asyncio."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from grpc_health.v1 import health_pb2

from offgil import _calls
from offgil._arrays import Numbers, pack
from offgil._base_client import BaseClient
from offgil._calls import DEFAULT_ROUNDS, UnaryCall
from offgil._catalogue import Kernel
from offgil._connection import Connection
from offgil._cost import read_cost, report_failure
from offgil._exceptions import ConnectionFailed, OffgilError
from offgil._inference import InferenceBody, invoke_inference
from offgil._kernels import KernelNamespace
from offgil._retry import RetrySchedule
from offgil._stream import run_exchange
from offgil._streams import AnyExchange, ArrayExchange, JsonExchange, NumberExchange, is_bulk
from offgil._trace import with_trace
from offgil._translate import (
    HEALTH_UNKNOWN,
    is_unavailable,
    outcome,
    status_code,
    translate,
)

if TYPE_CHECKING:
    from offgil._proto.offgil.v1.compute_pb2_grpc import ComputeServiceStub

__all__ = ["Client"]

T = TypeVar("T")
POLL_INTERVAL = 0.05


class Client(BaseClient[Connection]):
    """Calls an offgil server from code without asyncio; may be shared by threads.

    Example:
        >>> with Client("dns:///127.0.0.1:50051") as client:
        ...     client.process_numbers([1, 2, 3])

    Deadlines, retries and errors are those of `AsyncClient`.
    """

    _connection_class = Connection
    _namespace_class = KernelNamespace

    @property
    def stub(self) -> ComputeServiceStub:
        """The generated stub on this client's channel: raw gRPC errors, no retries."""
        return self._connection.compute

    def process_numbers(self, xs: Numbers, rounds: int = DEFAULT_ROUNDS) -> Any:
        """Applies f to each number, `rounds` times; see `AsyncClient.process_numbers`."""
        packed = pack(xs)
        if not is_bulk(packed, rounds):
            return self._invoke(_calls.process_numbers(packed, rounds))
        exchange = ArrayExchange(packed, rounds)
        for _ in self._exchange(exchange, exchange.pieces):
            pass
        return packed.restore(exchange.results)

    def sum_squares(self, a: int, b: int) -> int:
        """Returns a² + b², exactly, or raises `OutOfRange`."""
        return self._invoke(_calls.sum_squares(a, b))

    def batch_sum_squares(self, pairs: Iterable[tuple[int, int]]) -> list[int | OffgilError]:
        """Returns a² + b² or an error, not raised, for each pair."""
        return self._invoke(_calls.batch_sum_squares(pairs))

    def process_numbers_stream(
        self, chunks: Iterable[Numbers], rounds: int = DEFAULT_ROUNDS
    ) -> Iterator[Any]:
        """Streams chunks in and results out; see `AsyncClient.process_numbers_stream`."""
        return self._exchange(NumberExchange(rounds), chunks)

    def invoke_json(self, kernel: str, body: bytes, *, lax: bool = False) -> bytes:
        """Runs a kernel, JSON in, JSON out; see `AsyncClient.invoke_json`."""
        return self._invoke(_calls.invoke_json(kernel, body, lax))

    def invoke_json_stream(
        self, kernel: str, chunks: Iterable[bytes], *, lax: bool = False
    ) -> Iterator[bytes]:
        """Streams JSON text in and out; see `AsyncClient.invoke_json_stream`."""
        return map(bytes, self._exchange(JsonExchange(kernel, lax), chunks))

    def invoke_inference(
        self, model: str, body: bytes, *, version: str = "", header_bytes: int | None = None
    ) -> InferenceBody:
        """Runs a kernel by the inference protocol; see `AsyncClient.invoke_inference`."""
        return self._invoke(invoke_inference(model, body, version, header_bytes))

    def run(self, kernel: str, /, **arguments: Any) -> Any:
        """Runs a kernel with these arguments; see `AsyncClient.run`."""
        return self._invoke(_calls.run(kernel, arguments))

    def list_kernels(self) -> tuple[Kernel, ...]:
        """Returns the kernels that the server runs."""
        kernels = self._invoke(_calls.list_kernels())
        self._catalogue.remember(kernels)
        return kernels

    def check_health(self) -> bool:
        """Returns whether the server can be reached and serves; asks once, without retries."""
        timeout = min(self._options.timeout, self._options.connect_timeout)
        try:
            request = health_pb2.HealthCheckRequest()
            response = self._connection.health.Check(request, timeout=timeout)
        except grpc.RpcError as error:
            if status_code(error) in HEALTH_UNKNOWN:
                return False
            raise translate(error) from error
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)

    def wait_until_ready(self, timeout: float = 10.0) -> None:
        """Returns as soon as the server serves.

        Raises:
            ConnectionFailed: It does not within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self.check_health():
            if time.monotonic() >= deadline:
                raise ConnectionFailed(f"{self.target} does not serve after {timeout} s")
            time.sleep(POLL_INTERVAL)

    def close(self) -> None:
        """Closes the channel and cancels the calls on it."""
        if self._owns_connection:
            self._connection.close()

    def __enter__(self) -> Client:
        """Returns the client."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the client."""
        self.close()

    def _invoke(self, call: UnaryCall[T]) -> T:
        self._connection.check_open()
        schedule = RetrySchedule(self._options)
        metadata = with_trace(self._options.sent_metadata)
        on_cost = self._options.on_cost
        while True:
            timeout = schedule.attempt_timeout()
            try:
                if on_cost is None:
                    response = self._connection.begin(
                        call.method, call.request, timeout=timeout, metadata=metadata
                    )
                else:
                    response, rpc = self._connection.begin_with_call(
                        call.method, call.request, timeout=timeout, metadata=metadata
                    )
                    on_cost(read_cost(rpc.trailing_metadata()))
                return call.read(response)
            except grpc.RpcError as error:
                report_failure(on_cost, error)
                delay = schedule.next_delay(outcome(error)) if is_unavailable(error) else None
                if delay is None:
                    raise translate(error) from error
            time.sleep(delay)

    def _exchange(self, exchange: AnyExchange, chunks: Iterable[Any]) -> Iterator[Any]:
        # Here, because the stream may be read where its trace is no longer the current one.
        metadata = with_trace(self._options.sent_metadata)

        def open_call(requests: Iterator[Any], timeout: float) -> Any:
            return self._connection.begin_stream(
                exchange.method, requests, timeout=timeout, metadata=metadata
            )

        self._connection.check_open()
        return run_exchange(open_call, exchange, chunks, self._options)
