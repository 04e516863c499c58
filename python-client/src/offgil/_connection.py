"""The channel of a synchronous `Client`: created on first use, bound to that process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2_grpc

from offgil._exceptions import Cancelled
from offgil._memory import keep_freed_memory
from offgil._options import ClientOptions, channel_arguments, path_of
from offgil._proto.offgil.v1 import compute_pb2_grpc

if TYPE_CHECKING:
    from offgil._proto.offgil.v1.compute_pb2_grpc import ComputeServiceStub

__all__ = ["Connection"]


class Connection:
    """A channel and its stubs. Clients that `with_options` derives share one."""

    def __init__(self, target: str, options: ClientOptions, max_message_bytes: int) -> None:
        """Creates a connection; nothing is opened before the first call."""
        self.target = target
        self._arguments = channel_arguments(target, options, max_message_bytes)
        self._tls = options.tls_to(target)
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._compute: ComputeServiceStub | None = None
        self._health: Any = None
        self._streams: dict[str, Any] = {}
        self._is_closed = False

    @property
    def compute(self) -> ComputeServiceStub:
        """The stub of `ComputeService`."""
        channel = self._open()
        if self._compute is None:
            self._compute = compute_pb2_grpc.ComputeServiceStub(channel)
        return self._compute

    @property
    def health(self) -> Any:
        """The stub of `grpc.health.v1.Health`."""
        channel = self._open()
        if self._health is None:
            self._health = health_pb2_grpc.HealthStub(channel)
        return self._health

    def begin(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Begins an RPC of `ComputeService`, for a call that found this connection open.

        A unary RPC is also waited for, as the stubs of gRPC do.

        Raises:
            Cancelled: The connection was closed since then, such as between two attempts.
        """
        with self._cancelled_if_closed():
            return getattr(self.compute, method)(*arguments, **options)

    def begin_with_call(self, method: str, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        """Does the same for a unary RPC; returns its response and the RPC."""
        with self._cancelled_if_closed():
            response, rpc = getattr(self.compute, method).with_call(*arguments, **options)
            return response, rpc

    def begin_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Begins a streaming RPC of `ComputeService` whose messages are bytes; see `begin`."""
        with self._cancelled_if_closed():
            channel = self._open()
            if method not in self._streams:
                keep_freed_memory()
                self._streams[method] = channel.stream_stream(path_of(method))
            return self._streams[method](*arguments, **options)

    def check_open(self) -> None:
        """Raises `RuntimeError` if the connection is closed."""
        if self._is_closed:
            raise RuntimeError("this Client is closed")

    def close(self) -> None:
        """Closes the channel and cancels its calls; may be called again."""
        with self._lock:
            self._is_closed = True
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    @contextmanager
    def _cancelled_if_closed(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, ValueError) as fault:  # ValueError: gRPC's, of a closed channel
            if not self._is_closed:
                raise
            raise Cancelled("the call was cancelled because its client was closed") from fault

    def _open(self) -> grpc.Channel:
        if os.getpid() != self._process:
            raise RuntimeError(
                "this Client was created before a fork, and gRPC does not survive one: "
                "create the client in the process that uses it"
            )
        with self._lock:
            self.check_open()
            if self._channel is None:
                if self._tls is None:
                    self._channel = grpc.insecure_channel(self.target, options=self._arguments)
                else:
                    credentials = self._tls.channel_credentials()
                    self._channel = grpc.secure_channel(
                        self.target, credentials, options=self._arguments
                    )
            return self._channel
