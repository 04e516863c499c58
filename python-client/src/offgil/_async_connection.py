"""The channel of an `AsyncClient`: created on first use, bound to that event loop and process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import grpc.aio
from grpc_health.v1 import health_pb2_grpc

from offgil._exceptions import Cancelled, DeadlineExceeded
from offgil._memory import keep_freed_memory
from offgil._options import ClientOptions, channel_arguments, path_of
from offgil._proto.offgil.v1 import compute_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from offgil._proto.offgil.v1.compute_pb2_grpc import ComputeServiceAsyncStub

__all__ = ["AsyncConnection", "in_time", "settle", "settle_in_time"]

T = TypeVar("T")
# How many seconds after its deadline gRPC is no longer trusted to end a call.
OVERDUE = 0.25


class AsyncConnection:
    """A channel and its stubs. Clients that `with_options` derives share one."""

    def __init__(self, target: str, options: ClientOptions, max_message_bytes: int) -> None:
        """Creates a connection; nothing is opened before the first call."""
        self.target = target
        self._arguments = channel_arguments(target, options, max_message_bytes)
        self._tls = options.tls_to(target)
        self._process = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: grpc.aio.Channel | None = None
        self._compute: ComputeServiceAsyncStub | None = None
        self._health: Any = None
        self._streams: dict[str, Any] = {}
        self._is_closed = False

    @property
    def compute(self) -> ComputeServiceAsyncStub:
        """The stub of `ComputeService`, for use in the running event loop."""
        channel = self._open()
        if self._compute is None:
            self._compute = compute_pb2_grpc.ComputeServiceStub(channel)
        return self._compute

    @property
    def health(self) -> Any:
        """The stub of `grpc.health.v1.Health`, for use in the running event loop."""
        channel = self._open()
        if self._health is None:
            self._health = health_pb2_grpc.HealthStub(channel)
        return self._health

    def begin(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Begins an RPC of `ComputeService`, for a call that found this connection open.

        Raises:
            Cancelled: The connection was closed since then, such as between two attempts.
        """
        self._check_not_cancelled()
        return getattr(self.compute, method)(*arguments, **options)

    def begin_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Begins a streaming RPC of `ComputeService` whose messages are bytes; see `begin`."""
        self._check_not_cancelled()
        channel = self._open()
        if method not in self._streams:
            keep_freed_memory()
            self._streams[method] = channel.stream_stream(path_of(method))
        return self._streams[method](*arguments, **options)

    def check_open(self) -> None:
        """Raises `RuntimeError` if the connection is closed."""
        if self._is_closed:
            raise RuntimeError("this AsyncClient is closed")

    def check_usable(self) -> None:
        """Raises `RuntimeError` if the connection is closed, or of another loop or process."""
        self._open()

    async def close(self) -> None:
        """Closes the channel and cancels its calls; may be called again."""
        self._is_closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _check_not_cancelled(self) -> None:
        if self._is_closed:
            raise Cancelled("the call was cancelled because its client was closed")

    def _open(self) -> grpc.aio.Channel:
        self.check_open()
        if os.getpid() != self._process:
            raise RuntimeError(
                "this AsyncClient was created before a fork, and gRPC does not survive one: "
                "create the client in the process that uses it"
            )
        loop = asyncio.get_running_loop()
        if self._channel is None:
            if self._tls is None:
                self._channel = grpc.aio.insecure_channel(self.target, options=self._arguments)
            else:
                credentials = self._tls.channel_credentials()
                self._channel = grpc.aio.secure_channel(
                    self.target, credentials, options=self._arguments
                )
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError(
                "this AsyncClient belongs to another event loop: create one client for each loop, "
                "or use the synchronous Client"
            )
        return self._channel


async def settle(rpc: Any, step: Awaitable[T]) -> T:
    """Waits for a step of an RPC; cancels the RPC if the waiting task is cancelled.

    gRPC replaces the `CancelledError` of a task by one of its own, without the message by which
    anyio knows its cancellations (https://github.com/grpc/grpc/issues/43502). So the step runs in a
    task of its own, behind a shield.

    Raises:
        Cancelled: The RPC was cancelled although this task was not, since the client was closed.
    """
    inner = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(inner)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if inner.cancelled() and task is not None and not task.cancelling():
            raise Cancelled("the call was cancelled because its client was closed") from None
        rpc.cancel()
        raise


async def settle_in_time(rpc: Any, timeout: float) -> Any:
    """Waits for the answer of a unary RPC, and not much longer than its deadline.

    It does what `settle` and `in_time` do, without a task and a context of its own: for a tiny call
    those take longer than its computation.

    Raises:
        Cancelled: The RPC was cancelled although this task was not, since the client was closed.
        DeadlineExceeded: The deadline has passed.
    """
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[bool] = loop.create_future()
    timer = loop.call_later(timeout + OVERDUE, _resolve, finished, False)
    rpc.add_done_callback(lambda _: _resolve(finished, True))
    try:
        is_done = await finished
    except asyncio.CancelledError:
        _cancel_unary(rpc)
        raise
    finally:
        timer.cancel()
    if not is_done:
        _cancel_unary(rpc)
        raise DeadlineExceeded("the server did not take the request in time")
    try:
        return await rpc  # is there already, so this task cannot be cancelled here
    except asyncio.CancelledError:
        raise Cancelled("the call was cancelled because its client was closed") from None


def _cancel_unary(rpc: Any) -> None:
    """Cancels a unary RPC, but not the task in which gRPC waits for its answer.

    `rpc.cancel` cancels that task too, upon which gRPC never frees what the RPC holds, the request
    among it; see https://github.com/grpc/grpc/issues/43360. Without it, the task ends by itself as
    soon as the RPC has.
    """
    core = getattr(rpc, "_cython_call", None)  # gRPC's own; it has no public name
    if core is None:
        rpc.cancel()
    else:
        core.cancel("the caller cancelled the call")


def _resolve(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)


@asynccontextmanager
async def in_time(timeout: float) -> AsyncIterator[None]:
    """Bounds how long the body waits for RPCs to not much longer than their deadline.

    While the socket takes no more bytes, gRPC does not end an RPC that waits to write its message,
    not even at the deadline; that lasts until keepalive finds the server dead.

    Raises:
        DeadlineExceeded: The deadline has passed.
    """
    try:
        async with asyncio.timeout(timeout + OVERDUE) as limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DeadlineExceeded("the server did not take the request in time") from error
