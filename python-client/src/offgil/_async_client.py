"""The asynchronous client."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import grpc.aio
from grpc_health.v1 import health_pb2

from offgil import _calls
from offgil._arrays import Numbers, Packed, check_int, pack
from offgil._async_connection import AsyncConnection, in_time, settle_in_time
from offgil._async_stream import as_bytes_objects, run_exchange
from offgil._base_client import BaseClient
from offgil._batching import Batching
from offgil._calls import DEFAULT_ROUNDS, UnaryCall
from offgil._catalogue import Kernel
from offgil._cost import OnCost, read_cost, report_failure
from offgil._exceptions import ConnectionFailed, DeadlineExceeded, OffgilError
from offgil._inference import InferenceBody, invoke_inference
from offgil._kernels import AsyncKernelNamespace
from offgil._retry import RetrySchedule
from offgil._streams import AnyExchange, ArrayExchange, JsonExchange, NumberExchange, is_bulk
from offgil._trace import is_sampled, with_trace
from offgil._translate import HEALTH_UNKNOWN, is_unavailable, outcome, translate

if TYPE_CHECKING:
    from offgil._proto.offgil.v1.compute_pb2_grpc import ComputeServiceAsyncStub

__all__ = ["AsyncClient"]

T = TypeVar("T")
POLL_INTERVAL = 0.05


class AsyncClient(BaseClient[AsyncConnection]):
    """Calls an offgil server from asyncio code.

    Example:
        >>> async with AsyncClient("dns:///127.0.0.1:50051") as client:
        ...     await client.process_numbers([1, 2, 3])

    A client may be shared by all tasks of one event loop. Every call has a deadline, and raises an
    `OffgilError` if it fails. A call that cannot reach the server is tried again for
    `connect_timeout` seconds, which is safe because kernels have no side effects; a streaming call
    only as long as it has not taken a chunk from its caller.
    """

    _connection_class = AsyncConnection
    _namespace_class = AsyncKernelNamespace
    _batching: Batching | None = None

    @property
    def stub(self) -> ComputeServiceAsyncStub:
        """The generated stub on this client's channel: raw gRPC errors, no retries."""
        return self._connection.compute

    async def process_numbers(self, xs: Numbers, rounds: int = DEFAULT_ROUNDS) -> Any:
        """Applies f(v) = ((v + 1) * 2) rem 1000000007 to each number, `rounds` times.

        Args:
            xs: The numbers: a list, an `array.array`, any buffer, or a NumPy array, of integers.
            rounds: How often f is applied.

        Returns:
            One result for each number, in the kind of `xs`.
        """
        packed = pack(xs)
        if is_bulk(packed, rounds):
            return await self._process_array(ArrayExchange(packed, rounds), packed)
        return await self._invoke(_calls.process_numbers(packed, rounds))

    async def sum_squares(self, a: int, b: int) -> int:
        """Returns a² + b², exactly, or raises `OutOfRange`.

        Calls that come while others are in flight go to the server together, see the option
        ``batching``.
        """
        pair = check_int(a, "a"), check_int(b, "b")
        batching = self._batching_of_calls()
        if batching is None:
            return await self._invoke(_calls.sum_squares(*pair))
        return await batching.sum_squares(pair)

    async def batch_sum_squares(self, pairs: Iterable[tuple[int, int]]) -> list[int | OffgilError]:
        """Returns a² + b² or an error, not raised, for each pair."""
        return await self._invoke(_calls.batch_sum_squares(pairs))

    def process_numbers_stream(
        self, chunks: AsyncIterable[Numbers] | Iterable[Numbers], rounds: int = DEFAULT_ROUNDS
    ) -> AsyncGenerator[Any, None]:
        """Does what `process_numbers` does for a dataset of any length, in bounded memory.

        Args:
            chunks: The chunks; 1 MiB each, or 131072 numbers, is a good size.
            rounds: How often f is applied.

        Returns:
            A chunk of results for each chunk, of the same kind. It raises `ProtocolViolation` if
            the results are incomplete, so use them only when it has come to its end.
        """
        return self._exchange(NumberExchange(rounds), chunks)

    async def invoke_json(self, kernel: str, body: bytes, *, lax: bool = False) -> bytes:
        """Runs a kernel: a JSON object of arguments in, a JSON object of results out.

        Args:
            kernel: The name of the kernel.
            body: The arguments.
            lax: Whether arguments are read as web frameworks do: unknown members are ignored, and
                an integer may also be ``3.0``, ``true`` or ``"3"``.

        Returns:
            The results.
        """
        return await self._invoke(_calls.invoke_json(kernel, body, lax))

    def invoke_json_stream(
        self, kernel: str, chunks: AsyncIterable[bytes] | Iterable[bytes], *, lax: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Does what `invoke_json` does, with the JSON text cut into chunks on both ways.

        The chunks are forwarded while they arrive. The first chunk of the answer comes, or the
        error is raised, when the whole input is valid and computed.
        """
        return as_bytes_objects(self._forward_json(kernel, chunks, lax=lax))

    def _forward_json(
        self,
        kernel: str,
        chunks: AsyncIterable[bytes | Sequence[bytes]] | Iterable[bytes | Sequence[bytes]],
        *,
        lax: bool,
        on_start: OnCost | None = None,
    ) -> AsyncGenerator[memoryview, None]:
        """Does what `invoke_json_stream` does, with fewer copies: for the routes of the package.

        A chunk may come in parts, and the answer is a view of the messages. `on_start` is called
        before its first chunk with what the call has cost until then.
        """
        return self._exchange(JsonExchange(kernel, lax), chunks, on_start)

    async def invoke_inference(
        self, model: str, body: bytes, *, version: str = "", header_bytes: int | None = None
    ) -> InferenceBody:
        """Runs a kernel with a request of the REST form of the Open Inference Protocol.

        Args:
            model: The name of the kernel.
            body: A JSON object, and behind it the binary data of its tensors if there are any.
            version: The version of the model: ``"1"``, or empty for the only one.
            header_bytes: The length of the JSON object, if binary data follow.

        Returns:
            The response in the same form.
        """
        return await self._invoke(invoke_inference(model, body, version, header_bytes))

    async def run(self, kernel: str, /, **arguments: Any) -> Any:
        """Runs a kernel with these arguments.

        Args:
            kernel: The name of the kernel.
            **arguments: Its arguments: a number, text or boolean for a scalar; a list, an
                `array.array`, any buffer or a NumPy array for a vector or a matrix.

        Returns:
            The result, or `Results` of several. Arrays are those of NumPy if an argument was one,
            else `array.array` (a matrix: memoryview) if an argument was a buffer, else lists.
        """
        call = _calls.run(kernel, arguments)
        batching = self._batching_of_calls()
        if batching is None:
            return await self._invoke(call)
        return await batching.run(kernel, call)

    async def list_kernels(self) -> tuple[Kernel, ...]:
        """Returns the kernels that the server runs."""
        kernels = await self._invoke(_calls.list_kernels())
        self._catalogue.remember(kernels)
        return kernels

    async def check_health(self) -> bool:
        """Returns whether the server can be reached and serves; asks once, without retries."""
        timeout = min(self._options.timeout, self._options.connect_timeout)
        rpc = self._connection.health.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        try:
            response = await settle_in_time(rpc, timeout)
        except DeadlineExceeded:
            return False
        except grpc.aio.AioRpcError as error:
            if error.code() in HEALTH_UNKNOWN:
                return False
            raise translate(error) from error
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)

    async def wait_until_ready(self, timeout: float = 10.0) -> None:
        """Returns as soon as the server serves.

        Raises:
            ConnectionFailed: It does not within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not await self.check_health():
            if time.monotonic() >= deadline:
                raise ConnectionFailed(f"{self.target} does not serve after {timeout} s")
            await asyncio.sleep(POLL_INTERVAL)

    async def close(self) -> None:
        """Closes the channel and cancels the calls on it."""
        if self._owns_connection:
            await self._connection.close()

    async def __aenter__(self) -> AsyncClient:
        """Returns the client."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the client."""
        await self.close()

    async def _invoke(self, call: UnaryCall[T]) -> T:
        self._connection.check_open()
        return await self._attempt(call, self._options.on_cost)

    async def _attempt(self, call: UnaryCall[T], on_cost: OnCost | None = None) -> T:
        """Makes a call for a caller that found this client open."""
        schedule = RetrySchedule(self._options)
        metadata = with_trace(self._options.sent_metadata)
        while True:
            timeout = schedule.attempt_timeout()
            rpc = self._connection.begin(
                call.method,
                call.request,
                timeout=timeout,
                metadata=metadata,
            )
            try:
                response = await settle_in_time(rpc, timeout)
                if on_cost is not None:
                    on_cost(read_cost(await rpc.trailing_metadata()))
                return call.read(response)
            except grpc.aio.AioRpcError as error:
                report_failure(on_cost, error)
                delay = schedule.next_delay(outcome(error)) if is_unavailable(error) else None
                if delay is None:
                    raise translate(error) from error
            await asyncio.sleep(delay)

    def _batching_of_calls(self) -> Batching | None:
        # A call that is traced goes by itself, since several traces have no room in one RPC.
        if not self._options.batching or is_sampled():
            return None
        self._connection.check_usable()
        if self._batching is None:
            alone = functools.partial(self._attempt, on_cost=self._options.on_cost)
            self._batching = Batching(alone, self._attempt, self._options.timeout)
        return self._batching

    async def _process_array(self, exchange: ArrayExchange, packed: Packed) -> Any:
        async with in_time(self._options.timeout):
            async with aclosing(self._exchange(exchange, exchange.pieces)) as answers:
                async for _ in answers:
                    pass
        return packed.restore(exchange.results)

    def _exchange(
        self,
        exchange: AnyExchange,
        chunks: AsyncIterable[Any] | Iterable[Any],
        on_start: OnCost | None = None,
    ) -> AsyncGenerator[Any, None]:
        # Here, because the stream may be read where its trace is no longer the current one.
        metadata = with_trace(self._options.sent_metadata)

        def open_call(timeout: float) -> Any:
            return self._connection.begin_stream(
                exchange.method, timeout=timeout, metadata=metadata
            )

        self._connection.check_open()
        return run_exchange(open_call, exchange, chunks, self._options, on_start)
